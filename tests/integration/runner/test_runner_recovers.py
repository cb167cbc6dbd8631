"""How `stringx runner` comes back when a part of it dies: what is submitted afterwards is executed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from runner_lab import INSTALLATION, PROJECT, TOKEN, Bench, generations, rule, wait_for

from stringx.embedded.ports import any_free
from stringx.errors import RunnerUnavailable
from stringx.model import Report, RunnerStatus, RunRequest
from stringx.runner.client import HttpRunner

#: The real command, whose pool hears nonsense from a worker once: when its first run is done.
BREAKS_ONCE = """
import sys
from pathlib import Path
from stringx.__main__ import main
from stringx.runner import messages

receive, broken = messages.receive, Path("broken")

def receive_nonsense(connection):
    message = receive(connection)
    if isinstance(message, messages.Done) and not broken.exists():
        broken.touch()
        raise TypeError("nonsense")
    return message

messages.receive = receive_nonsense
sys.argv = ["stringx", "runner"]
main()
"""


@contextmanager
def started(command: list[str], in_the_lab: Callable[[], pytest.MonkeyPatch], folder: Path) -> Iterator[HttpRunner]:
    """A runner as a process of its own, which has a project in charge; at the end it must stop in order."""
    patch, port = in_the_lab(), any_free()
    settings = {"RUNNER_PORT": port, "RUNNER_WORKERS": 1, "HOME": folder / "home", "DBT_PROJECT_DIR": PROJECT, "STOP_GRACE_SECONDS": 2}
    for name, value in settings.items():
        patch.setenv(f"STRINGX_{name}", str(value))
    client = HttpRunner(f"http://127.0.0.1:{port}", TOKEN)
    with subprocess.Popen([sys.executable, *command], cwd=folder) as process:
        try:
            wait_for(lambda: serves(client), "it serves")
            yield client
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
            client.close()
            patch.undo()


def status(client: HttpRunner) -> RunnerStatus | None:
    """None where it does not answer."""
    try:
        return client.status(INSTALLATION)
    except RunnerUnavailable:
        return None


def serves(client: HttpRunner) -> bool:
    """It answers, and has a worker for the next run."""
    known = status(client)
    return known is not None and known.free > 0


def request(bench: Bench) -> RunRequest:
    return bench.request(bench.gate(rule("a", "not_null", column="amount")))


def judged(client: HttpRunner, run: RunRequest) -> Report:
    """Its report; where an attempt is lost, that of the next one, as the backend would have it."""
    while True:
        assert client.submit(INSTALLATION, [run]).accepted == ((run.run, run.attempt),)
        wait_for(lambda: not client.status(INSTALLATION).held or client.reports(INSTALLATION, 1).reports, "the attempt is over")
        for report in client.reports(INSTALLATION, 0).reports:
            client.acknowledge(INSTALLATION, [(report.run, report.attempt)])
            assert isinstance(report, Report)
            return report
        assert run.attempt < 5
        run = run.model_copy(update={"attempt": run.attempt + 1})


def test_a_run_after_the_death_of_dbts_process_is_executed_by_the_next_one(
    in_the_lab: Callable[[], pytest.MonkeyPatch], tmp_path: Path, bench: Bench
) -> None:
    with started(["-m", "stringx", "runner"], in_the_lab, tmp_path) as client:
        first = judged(client, request(bench))
        (killed,) = generations(str(tmp_path))
        os.kill(killed, signal.SIGKILL)
        second = judged(client, request(bench))  # its first attempt may go to the dying one, and is lost with it
        assert killed not in generations(str(tmp_path))
    assert [result.failures for result in (*first.results, *second.results)] == [10, 10]
    assert first.boot == second.boot, "the runner itself has not died"


def test_a_runner_whose_pool_has_failed_is_replaced_and_executes_the_run_again(
    in_the_lab: Callable[[], pytest.MonkeyPatch], tmp_path: Path, bench: Bench
) -> None:
    with started(["-c", BREAKS_ONCE], in_the_lab, tmp_path) as client:
        before = status(client)
        assert before is not None
        run = request(bench)
        client.submit(INSTALLATION, [run])
        wait_for(lambda: (now := status(client)) and now.boot != before.boot, "another process has taken over")
        assert (tmp_path / "broken").exists()
        wait_for(lambda: serves(client), "it serves")
        again = status(client)
        assert again is not None
        assert again.held == (), "it does not have what was lost with the first"
        report = judged(client, run.model_copy(update={"attempt": 2}))
        assert (report.attempt, report.results[0].failures) == (2, 10)
        assert report.boot == again.boot != before.boot
        assert len(generations(str(tmp_path))) == 1, "the first one's dbt process has ended"
