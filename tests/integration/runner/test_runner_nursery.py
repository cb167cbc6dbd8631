"""The nursery, from which dbt's processes are forked: one for all targets, and nothing is lost where it dies."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest
import yaml
from runner_lab import INSTALLATION, TOKEN, Bench, Lab, generations, name, processes, rule, wait_for

import stringx.runner.generations
from stringx.model import ReportStatus
from stringx.runner.environment import packed
from stringx.runner.generation import live
from stringx.runner.messages import Start, send

ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% for k in range(99999) %}{% endfor %}{% endfor %}{% endfor %} select 1"


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def killed_nursery(bench: Bench) -> int:
    """Kills the nursery of a runner that shares it with nobody, when it has forked a generation; the generation's pid."""
    (generation,) = generations(bench.runner.boot[:8])
    nursery = parent(generation)
    assert name(nursery) == "stringx nursery"
    os.kill(nursery, signal.SIGKILL)
    wait_for(lambda: parent(generation) != nursery, "the generation is nobody's child any more")
    return generation


def quick(bench: Bench) -> Any:
    return bench.gate(rule("quick", "not_null", column="amount"))


def executing(bench: Bench, lab: Lab) -> Any:
    """A request whose query takes for ever, and has begun."""
    request = bench.request(bench.gate(rule("slow", "slow", arguments={"seconds": 600})))
    bench.runner.submit(INSTALLATION, [request])
    wait_for(lambda: lab.busy_sessions(bench.runner), "the query runs")
    return request


def change(project: Path) -> None:
    (project / "macros" / "more.sql").write_text("{% macro more() %}{% endmacro %}")


def test_a_killed_nursery_takes_nothing_with_it_and_a_changed_project_has_a_new_one(make_runner: Any, project: Path, lab: Lab) -> None:
    bench: Bench = make_runner(own_nursery=True, dbt_project_dir=project, workers=2)
    request = executing(bench, lab)
    first, generation = bench.runner.status(INSTALLATION).fingerprints, killed_nursery(bench)
    assert bench.evaluate(quick(bench)).results[0].failures == 10
    change(project)
    wait_for(lambda: bench.runner.status(INSTALLATION).fingerprints != first, "the changed project is in charge")
    assert bench.evaluate(quick(bench)).results[0].failures == 10
    assert bench.runner.cancel(INSTALLATION, request.run), "it goes on all the time"
    report = bench.report(request.run)
    assert (report.status, report.project_fingerprint) == (ReportStatus.CANCELLED, first["demo"])
    wait_for(lambda: not Path(f"/proc/{generation}").exists(), "what was replaced ends, though its parent is gone")
    assert name(parent(bench.generation)) == "stringx nursery"


def test_a_project_that_is_never_parsed_is_given_up_without_a_nursery_too(
    make_runner: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = project / "models" / "endless.sql"
    endless.write_text(ENDLESS)
    bench: Bench = make_runner(own_nursery=True, dbt_project_dir=project)
    wait_for(lambda: generations(bench.runner.boot[:8]), "it is being parsed")
    generation = killed_nursery(bench)
    endless.unlink()
    monkeypatch.setattr(stringx.runner.generations, "PARSE_SECONDS", 0.0)
    request = bench.request(quick(bench))
    bench.runner.submit(INSTALLATION, [request])
    wait_for(lambda: bench.runner.status(INSTALLATION).errors, "it is given up")
    monkeypatch.undo()
    wait_for(lambda: not Path(f"/proc/{generation}").exists(), "it is killed")
    assert bench.report(request.run).status in (ReportStatus.COMPLETED, ReportStatus.ERRORED)
    wait_for(lambda: bench.runner.ready, "the mended project is in charge")


def test_what_a_killed_generation_without_a_nursery_leaves_ends_and_is_replaced(make_runner: Any, lab: Lab) -> None:
    bench: Bench = make_runner(own_nursery=True, runner_replay_workers=0)
    executing(bench, lab)
    generation = killed_nursery(bench)
    (worker,) = processes(generation)
    os.kill(generation, signal.SIGKILL)
    wait_for(lambda: bench.runner.status(INSTALLATION).held == (), "the attempt is lost")
    assert bench.evaluate(quick(bench)).results[0].failures == 10
    wait_for(lambda: not Path(f"/proc/{worker}").exists(), "no worker outlives it")


def test_a_project_that_is_being_parsed_does_not_need_the_nursery(make_runner: Any) -> None:
    bench: Bench = make_runner(own_nursery=True)
    wait_for(lambda: generations(bench.runner.boot[:8]), "it is being parsed")
    generation = killed_nursery(bench)
    wait_for(lambda: bench.runner.ready, "it is in charge")
    assert bench.generation == generation


@pytest.mark.parametrize(("program", "reason"), [("/nowhere", "No such file or directory"), (shutil.which("false"), "the nursery")])
def test_a_nursery_that_cannot_be_started_is_told_and_tried_again(
    make_runner: Any, monkeypatch: pytest.MonkeyPatch, program: str, reason: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", program)
        bench: Bench = make_runner(own_nursery=True)
        wait_for(lambda: bench.runner.status(INSTALLATION).errors, "it is told")
        error = bench.runner.status(INSTALLATION).errors["demo"]
        assert error.startswith("dbt's process cannot be started")
        assert reason in error
    wait_for(lambda: bench.runner.ready, "it is tried again")


def test_a_generation_that_dies_while_it_parses_is_told_with_how_it_ended(make_runner: Any, project: Path) -> None:
    endless = project / "models" / "endless.sql"
    endless.write_text(ENDLESS)
    bench: Bench = make_runner(dbt_project_dir=project)
    wait_for(lambda: generations(bench.runner.boot[:8]), "it is being parsed")
    endless.unlink()
    os.kill(bench.generation, signal.SIGKILL)
    wait_for(lambda: bench.runner.status(INSTALLATION).errors, "it is told")
    error = bench.runner.status(INSTALLATION).errors["demo"]
    assert error.startswith("dbt's process ended before it had parsed the project (SIGKILL)")
    wait_for(lambda: bench.runner.ready, "the next one is in charge")


def test_a_run_waits_while_one_generation_after_another_is_killed(make_runner: Any) -> None:
    bench: Bench = make_runner(workers=2, runner_replay_workers=2)
    assert bench.evaluate(quick(bench)).results[0].failures == 10
    killed = [bench.generation]
    os.kill(killed[0], signal.SIGKILL)
    wait_for(lambda: not bench.runner.ready, "its death is known")
    request = bench.request(quick(bench))
    bench.runner.submit(INSTALLATION, [request])
    for _ in range(2):
        wait_for(lambda: set(generations(bench.runner.boot[:8])) - set(killed), "the next one parses")
        (parsing,) = set(generations(bench.runner.boot[:8])) - set(killed)
        os.kill(parsing, signal.SIGKILL)
        killed.append(parsing)
    report = bench.report(request.run)
    assert (report.status, report.results[0].failures) == (ReportStatus.COMPLETED, 10)


def test_a_generation_whose_pool_has_died_ends_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    pool, theirs = Pipe()
    environment = packed({})
    start = Start(
        socket="s",
        key="",
        generation=1,
        project=Path("p"),
        profiles=Path("p"),
        target="t",
        environment=environment,
        folder=Path("f"),
        session_prefix="s",
        stop_grace_seconds=1,
    )
    send(pool, start)
    pool.close()
    live(theirs)
    assert capfd.readouterr().err == ""


def test_all_targets_share_a_nursery_and_no_process_has_a_secret_of_ours(make_runner: Any, project: Path) -> None:
    profiles = yaml.safe_load((project / "profiles.yml").read_text())
    profiles["stringx"]["outputs"]["other"] = profiles["stringx"]["outputs"]["demo"]
    (project / "profiles.yml").write_text(yaml.safe_dump(profiles))
    bench: Bench = make_runner(own_nursery=True, targets=("demo", "other"), dbt_project_dir=project)
    assert os.environ["STRINGX_RUNNER_TOKEN"] == TOKEN
    wait_for(lambda: bench.runner.ready, "both targets have a project")
    both = generations(bench.runner.boot[:8])
    (nursery,) = {parent(generation) for generation in both}
    assert sorted(processes(nursery)) == sorted(both)
    assert len(both) == 2
    wait_for(lambda: all(len(processes(generation)) == 2 for generation in both), "each has its workers")
    assert all(os.getsid(worker) == generation for generation in both for worker in processes(generation)), "and leads them"
    workers = [worker for generation in both for worker in processes(generation)]
    for pid in (nursery, *both, *workers):
        assert TOKEN not in Path(f"/proc/{pid}/environ").read_text()
    bench.runner.close()
    assert bench.runner.join(20)
    assert [pid for pid in (nursery, *both, *workers) if Path(f"/proc/{pid}").exists()] == []
