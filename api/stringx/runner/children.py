"""The processes that a process of one thread forks: named, stopped and reaped.

Only their parent can signal them without ever hitting a later process of the same id, and only as long as it has not reaped them.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from stringx.runner.environment import without_secrets
from stringx.runner.evaluation import MAX_MESSAGE
from stringx.runner.samples import clean


class Closable(Protocol):
    def close(self) -> None: ...


class Children:
    """By the numbers that their parent gives them. One per process."""

    def __init__(self, *, leaders: bool = False) -> None:
        """`leaders`: each leads a session and a group of its own, in which nobody outlives it."""
        self._leaders = leaders
        self._pids: dict[int, int] = {}  # of those not yet reaped
        #: readable when one has ended: `reap` then tells
        self.woken, self._wake = socket.socketpair()
        for end in (self.woken, self._wake):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._wake.fileno())

    @property
    def numbers(self) -> list[int]:
        """Of those not yet reaped."""
        return list(self._pids)

    def fork(self, number: int, name: str, work: Callable[[], None], *, without: Iterable[Closable]) -> None:
        """Has `work` done in a new process, which ends with it. `without`: what the parent alone is to have open.

        OSError where no process can be forked.
        """
        pid = os.fork()
        if pid:
            self._pids[number] = pid
            return
        status = 1
        try:
            self._become(name, without)
            work()
            sys.stdout.flush()
            status = 0
        except BaseException:  # noqa: BLE001  # the parent's code must not run on in this process, whatever happened
            sys.stderr.write(f"{shown(traceback.format_exc())}\n")
        finally:
            os._exit(status)

    def interrupt(self, number: int) -> None:
        """Nothing where it was reaped."""
        if number in self._pids:
            os.kill(self._pids[number], signal.SIGINT)

    def kill(self, number: int) -> None:
        """Ends it at once, with its group where it leads one. Nothing where it was reaped."""
        if number in self._pids:
            os.kill(self._pids[number], signal.SIGKILL)  # also where it does not lead a group yet
            self._kill_group(self._pids[number])

    def reap(self) -> list[tuple[int, int]]:
        """Who has ended since it was last asked: their numbers, with the exit code or minus the signal."""
        with suppress(BlockingIOError):
            while self.woken.recv(4096):
                pass
        reaped = []
        for number, pid in list(self._pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._kill_group(pid)  # at once: nobody is given the id of a group that still has a process
                del self._pids[number]
                reaped.append((number, os.waitstatus_to_exitcode(status)))
        return reaped

    def _kill_group(self, pid: int) -> None:
        if self._leaders:
            with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
                os.killpg(pid, signal.SIGKILL)

    def _become(self, name: str, without: Iterable[Closable]) -> None:
        """In the child: nothing of what it is forked from is left but what it is to share."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for parents in (*without, self.woken, self._wake):
            parents.close()
        if self._leaders:
            os.setsid()
        name_process(name)


def name_process(name: str) -> None:
    """As `ps -o comm` and `top` show it; the command line stays the one that was started. 15 characters, and only on Linux."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(f"stringx {name}")


def shown(text: str) -> str:
    """As it may be told and logged."""
    return clean(without_secrets(text), MAX_MESSAGE)
