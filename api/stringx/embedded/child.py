"""A process that `stringx up` started: it dies with its starter, and what a killed starter left behind is found and ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stringx.embedded import tether
from stringx.errors import StringXError

POLL_SECONDS = 0.02
#: A log that is longer at a start is set aside, in place of the one set aside before.
LOG_BYTES = 10_000_000
#: How long killed processes are waited for; where nobody reaps they stay as zombies, which hold nothing.
GROUP_SECONDS = 5.0


class ChildFailed(StringXError):
    """A process that was started does not come up; the message ends with what it said last."""


@dataclass(frozen=True)
class User:
    """Whom a process runs as."""

    uid: int
    gid: int


class Child:
    """One process in a session of its own, its output appended to a log file, its pid recorded beside it.

    Start it from a thread that lives as long as it should: the kernel ends it with the *thread* that started it.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        user: User | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        working_folder: Path | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = folder / f"{name}.log"
        self.environment = environment
        self.stop_signal = stop_signal
        self._record = folder / f"{name}.pid"
        self._user = user or User(os.geteuid(), os.getegid())
        self._working_folder = working_folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process, after ending one that an earlier starter left behind."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        clean_up(self._record, self.stop_signal)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.rename(self.log.with_suffix(".log.1"))
        wrapped = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), str(int(self.stop_signal))]
        wrapped += [str(self._user.uid), str(self._user.gid), *self.command]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                wrapped,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=None if self.environment is None else dict(self.environment),
                cwd=self._working_folder,
                start_new_session=True,  # Ctrl-C on the terminal is for the starter, which stops its children in order
            )
        self._record.write_text(json.dumps({"pid": self._process.pid, "identity": identity(self._process.pid)}))

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and before it was started."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """Asks the process to stop; does not wait."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(self.stop_signal)

    def join(self, timeout_seconds: float) -> bool:
        """Waits for the end; False where it still runs after that time."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return False
        self._record.unlink(missing_ok=True)
        return True

    @property
    def end(self) -> str:
        """How it ended and where it said why, for people; empty while it runs."""
        code = self.exit_code
        if code is None:
            return ""
        return f"{f'killed by {signal.Signals(-code).name}' if code < 0 else f'exit code {code}'}; its log is {self.log}"

    def terminate(self) -> None:
        """Kills the process with all of its group, also where it has ended and left some of that, and waits for their end."""
        if self._process is None:
            return
        _kill_group(self._process.pid)
        self._process.wait()
        deadline = time.monotonic() + GROUP_SECONDS
        while _kill_group(self._process.pid) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)  # they are no children of ours: the kernel tells us nothing of their end
        self._record.unlink(missing_ok=True)

    def stop(self, grace_seconds: float) -> None:
        """`close`, `join`, and `terminate` where that did not help."""
        self.close()
        if not self.join(grace_seconds):
            self.terminate()

    def last_words(self, lines: int = 15) -> str:
        """The end of the log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _kill_group(group: int) -> bool:
    """False where none is left in it. No process is given the id of a group that still has one."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS: a group of zombies
        return False
    return True


def identity(pid: int) -> str | None:
    """What tells this process from a later one with the same pid; None where there is no such process (a zombie is none)."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if fields[0] == "Z" else f"{boot} {fields[19]}"
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607
    return shown.stdout.strip() or None


def clean_up(record: Path, stop_signal: signal.Signals, grace_seconds: float = 10.0) -> None:
    """Ends the process that `record` names where it still lives, first with `stop_signal`, then by killing its session."""
    try:
        known = json.loads(record.read_text())
    except (FileNotFoundError, json.JSONDecodeError):  # the second: killed while it was written
        return
    pid = known["pid"]
    if known["identity"] is not None and identity(pid) == known["identity"]:
        with suppress(ProcessLookupError):
            os.kill(pid, stop_signal)
            if not _gone(pid, known["identity"], grace_seconds):
                os.killpg(pid, signal.SIGKILL)
                _gone(pid, known["identity"], grace_seconds)
    record.unlink(missing_ok=True)


def _gone(pid: int, was: str, timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while identity(pid) == was:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)  # it may be no child of ours, and of others the kernel tells us nothing
    return True
