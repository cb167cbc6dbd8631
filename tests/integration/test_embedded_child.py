"""Processes that `stringx up` starts do not outlive it, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from stringx.embedded import child as child_module
from stringx.embedded.child import Child, clean_up, identity
from stringx.embedded.ports import HOST, any_free, is_free
from stringx.embedded.supervisor import Stage, Supervisor

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(1000)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(1000)",
]


def wait_for(condition: Callable[[], object], timeout_seconds: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


def started(folder: Path, command: list[str]) -> Child:
    child = Child("sleeper", command, folder=folder)
    child.start()
    wait_for(lambda: "here" in child.last_words())
    return child


def test_a_child_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    child = started(tmp_path, SLEEPER)
    assert child.running
    assert not child.join(0.0)
    child.close()
    assert child.join(30.0)
    assert child.exit_code == -signal.SIGTERM
    assert list(tmp_path.glob("*.pid")) == []


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    child = started(tmp_path, STUBBORN)
    child.stop(0.1)
    assert child.exit_code == -signal.SIGKILL


def test_a_child_ends_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import pathlib, time
from stringx.embedded.child import Child
child = Child("sleeper", {SLEEPER!r}, folder=pathlib.Path({str(tmp_path)!r}))
child.start()
time.sleep(1000)
"""
    starter = subprocess.Popen([sys.executable, "-c", program])
    log = tmp_path / "sleeper.log"
    wait_for(lambda: log.exists() and "here" in log.read_text())
    pid = json.loads((tmp_path / "sleeper.pid").read_text())["pid"]
    assert identity(pid) is not None
    starter.kill()
    starter.wait()
    wait_for(lambda: identity(pid) is None)


def test_a_runner_whose_master_is_killed_leaves_no_worker_that_takes_runs(tmp_path: Path) -> None:
    port = any_free()
    environment = {
        **os.environ,
        "STRINGX_HOME": str(tmp_path / "home"),
        "STRINGX_RUNNER_TOKEN": "a-token",
        "STRINGX_RUNNER_PORT": str(port),
    }
    child = Child("runner", [sys.executable, "-m", "stringx", "runner"], folder=tmp_path, environment=environment)
    said: list[str] = []
    supervisor = Supervisor(said.append)

    def serves() -> bool:
        try:
            return httpx2.get(f"http://{HOST}:{port}/livez", trust_env=False).is_success
        except httpx2.TransportError:
            return False

    def started_again() -> bool:
        supervisor.check()
        return child.running

    supervisor.start("runner", child, Stage.RUNNER)
    try:
        wait_for(serves)
        master = child.pid
        assert master is not None
        os.kill(master, signal.SIGKILL)
        wait_for(lambda: not child.running)
        supervisor.check()
        assert is_free(port)
        with pytest.raises(ProcessLookupError):
            os.killpg(master, 0)
        assert said == [f"runner has ended by itself (killed by SIGKILL; its log is {child.log}); it is started again in 0.5 s"]
        wait_for(started_again)
        wait_for(serves)
    finally:
        supervisor.stop(30.0)


def test_the_next_start_ends_what_the_last_one_left(tmp_path: Path) -> None:
    left = started(tmp_path, STUBBORN)
    assert left.pid is not None
    record = json.loads((tmp_path / "sleeper.pid").read_text())
    assert record == {"pid": left.pid, "identity": identity(left.pid)}
    (tmp_path / "sleeper.pid").write_text(json.dumps(record))
    clean_up(tmp_path / "sleeper.pid", signal.SIGTERM, grace_seconds=0.1)
    assert left.join(30.0)
    assert left.exit_code == -signal.SIGKILL


def test_a_process_that_has_the_pid_of_a_recorded_one_is_left_alone(tmp_path: Path) -> None:
    record = tmp_path / "other.pid"
    record.write_text(json.dumps({"pid": os.getpid(), "identity": "another life"}))
    clean_up(record, signal.SIGTERM)
    assert not record.exists()


def test_a_record_that_was_cut_off_is_no_obstacle(tmp_path: Path) -> None:
    record = tmp_path / "other.pid"
    record.write_text('{"pid": 12')
    clean_up(record, signal.SIGTERM)
    started(tmp_path, SLEEPER).stop(30.0)


def test_a_child_starts_with_no_signals_blocked_or_ignored(tmp_path: Path) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        child = Child("status", ["cat", "/proc/self/status"], folder=tmp_path)
        child.start()
        assert child.join(30.0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    lines = dict(line.split(":\t", 1) for line in child.last_words(100).splitlines() if ":\t" in line)
    assert int(lines["SigBlk"], 16) == 0
    assert int(lines["SigIgn"], 16) & (1 << (signal.SIGPIPE - 1)) == 0


def test_a_long_log_is_set_aside_at_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "LOG_BYTES", 100)
    log = tmp_path / "sleeper.log"
    log.write_text("x" * 101)
    started(tmp_path, SLEEPER).stop(30.0)
    assert log.read_text() == "here\n"
    assert (tmp_path / "sleeper.log.1").read_text() == "x" * 101


def test_the_script_that_ties_children_needs_nothing_of_ours() -> None:
    assert "stringx" not in Path(child_module.tether.__file__).read_text().split('"""')[2]
