"""Runs of dbt that are stopped, and processes that die: the query in the database ends too, and the next run is right."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from runner_lab import INSTALLATION, PROJECT, Bench, Lab, end, processes, rule, wait_for

from stringx.model import DbtStatus, ReportStatus
from stringx.runner.nursery import Nursery
from stringx.runner.service import Runner
from stringx.settings import Settings


@pytest.fixture(scope="module")
def bench(in_the_lab: Callable[[], pytest.MonkeyPatch], tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Iterator[Bench]:
    """A runner with one worker, which these tests hurt one after the other."""
    folder = tmp_path_factory.mktemp("runner")
    patch = in_the_lab()
    settings = Settings(home=folder, dbt_project_dir=PROJECT, stop_grace_seconds=1.5, worker_max_runs=3, runner_replay_workers=0)
    runner = Runner(settings, targets=["demo"], workers=1, state_dir=folder, address="here", nursery=nursery)
    runner.start()
    yield Bench(runner)
    end(runner)
    patch.undo()


@pytest.fixture(autouse=True)
def _the_next_run_is_right(bench: Bench, lab: Lab) -> Iterator[None]:
    yield
    wait_for(lambda: lab.busy_sessions(bench.runner) == 0, "no query is left in the database")
    (result,) = bench.evaluate(bench.gate(rule("next", "not_null", column="amount"))).results
    assert (result.status, result.failures) == (DbtStatus.FAIL, 10)
    assert bench.runner.status(INSTALLATION).held == ()


def slow(bench: Bench, **fields: Any) -> Any:
    """A request whose query takes for ever."""
    gate = bench.gate(rule("quick", "not_null", column="amount"), rule("slow", "slow", arguments={"seconds": 600}))
    return bench.request(gate, **fields)


def started(bench: Bench, lab: Lab, request: Any) -> int:
    """Submits a slow request; the pid of the worker that executes it."""
    bench.runner.submit(INSTALLATION, [request])
    wait_for(lambda: lab.busy_sessions(bench.runner), "the query runs")
    (worker,) = processes(bench.generation)
    return worker


def test_a_run_beyond_its_time_is_stopped_with_its_query_and_what_had_finished_is_kept(bench: Bench) -> None:
    bench.evaluate(bench.gate(rule("warm", "not_null", column="id")))
    report = bench.evaluate(slow(bench).gate, timeout_seconds=3)
    assert report.status is ReportStatus.TIMED_OUT
    assert report.message == "stopped at its time limit of 3 s"
    assert [(result.rule, result.status, result.failures) for result in report.results] == [("quick", DbtStatus.FAIL, 10)]


def test_a_worker_that_does_not_stop_is_killed_and_its_sessions_are_ended(bench: Bench, lab: Lab) -> None:
    request = slow(bench, timeout_seconds=4)
    os.kill(started(bench, lab, request), signal.SIGSTOP)  # from now on it answers to SIGKILL alone
    report = bench.report(request.run)
    assert report.status is ReportStatus.TIMED_OUT
    assert report.message == "stopped at its time limit of 4 s; it did not end when it was asked to, and was killed"


def test_a_run_can_be_cancelled_while_it_waits_and_while_it_executes(bench: Bench, lab: Lab) -> None:
    executing, waiting = slow(bench), slow(bench)
    started(bench, lab, executing)
    bench.runner.submit(INSTALLATION, [waiting])
    assert bench.runner.state(INSTALLATION, executing.run) == (1, "executing")
    assert bench.runner.state(INSTALLATION, waiting.run) == (1, "queued")
    assert not bench.runner.cancel("another-installation", waiting.run)
    assert bench.runner.cancel(INSTALLATION, waiting.run)
    report = bench.report(waiting.run)
    assert (report.status, report.message) == (ReportStatus.CANCELLED, "cancelled before it began")
    assert bench.runner.cancel(INSTALLATION, executing.run)
    report = bench.report(executing.run)
    assert (report.status, report.message) == (ReportStatus.CANCELLED, "cancelled")
    assert not bench.runner.cancel(INSTALLATION, executing.run), "it was acknowledged, and is no longer here"


def test_a_run_is_stopped_at_once_while_its_rows_are_counted(bench: Bench, lab: Lab) -> None:
    request = bench.request(bench.gate(rule("quick", "not_null", column="amount"), table="raw.slow_to_count"))
    started(bench, lab, request)
    assert bench.runner.cancel(INSTALLATION, request.run)
    report = bench.report(request.run)
    assert (report.status, report.message, report.rows, report.results) == (ReportStatus.CANCELLED, "cancelled", None, ())


def test_a_newer_attempt_takes_the_place_of_the_older_one(bench: Bench, lab: Lab) -> None:
    first = slow(bench)
    started(bench, lab, first)
    second = bench.request(bench.gate(rule("fast", "not_null", column="amount")), run=first.run, attempt=2)
    assert bench.runner.submit(INSTALLATION, [second]).accepted == ((first.run, 2),)
    assert bench.runner.status(INSTALLATION).held == ((first.run, 2),)
    # Somebody who has slept meanwhile: nobody waits for that attempt.
    submission = bench.runner.submit(INSTALLATION, [first])
    assert (submission.accepted, submission.refused) == ((), ())
    report = bench.report(first.run)
    assert (report.attempt, report.status) == (2, ReportStatus.COMPLETED)


def test_a_run_whose_worker_dies_is_lost_and_said_to_be_no_longer_held(bench: Bench, lab: Lab) -> None:
    os.kill(started(bench, lab, slow(bench)), signal.SIGKILL)
    batch = bench.runner.reports(INSTALLATION, 10)
    assert ([(one.attempt, one.reason) for one in batch.lost], batch.reports, batch.held) == ([(1, "its worker died")], (), ())
    bench.runner.acknowledge(INSTALLATION, [(one.run, one.attempt) for one in batch.lost])
    assert bench.runner.reports(INSTALLATION, 0).lost == ()


def test_a_generation_that_dies_takes_its_workers_with_it_and_is_replaced(bench: Bench, lab: Lab) -> None:
    worker = started(bench, lab, slow(bench))
    os.kill(bench.generation, signal.SIGKILL)
    wait_for(lambda: bench.runner.status(INSTALLATION).held == (), "the attempt is lost")
    wait_for(lambda: not Path(f"/proc/{worker}").exists(), "no worker outlives its generation")


def test_a_worker_is_replaced_after_as_many_runs_as_the_settings_say(bench: Bench) -> None:
    gate = bench.gate(rule("quick", "not_null", column="amount"))
    workers = set()
    for _ in range(4):
        assert bench.evaluate(gate).results[0].failures == 10
        workers |= set(processes(bench.generation))
    assert len(workers) > 1


def test_closing_lets_short_runs_end_stops_long_ones_and_leaves_nothing_behind(make_runner: Any, lab: Lab) -> None:
    bench = make_runner(workers=2, stop_grace_seconds=8)
    short = bench.request(bench.gate(rule("short", "slow_once", arguments={"seconds": 1})))
    queued = bench.request(bench.gate(rule("queued", "not_null", column="id")))
    bench.runner.submit(INSTALLATION, [short, slow(bench), queued])
    wait_for(lambda: lab.busy_sessions(bench.runner) == 2, "two execute")
    pids = [bench.generation, *processes(bench.generation)]
    assert len(pids) == 4, "dbt's process, its two workers, and the one for replays"
    bench.runner.close()
    assert bench.runner.join(20)
    batch = bench.runner.reports(INSTALLATION, 0)
    assert [(report.run, report.status) for report in batch.reports] == [(short.run, ReportStatus.COMPLETED)]
    assert batch.held == ((short.run, 1),)
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
    wait_for(lambda: lab.busy_sessions(bench.runner) == 0, "no query is left")
