"""A generation: one version of the dbt project, parsed and warm, and the workers forked from it. `python -m stringx.runner.generation`.

It is started by the pool and tells it what happens; when the pool hangs up or dies, it stops its workers and ends. It keeps one
thread, and no session in the target database: both would not survive being forked.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Client, Connection, wait
from pathlib import Path

from stringx.runner import messages
from stringx.runner.environment import without_secrets
from stringx.runner.evaluation import MAX_MESSAGE
from stringx.runner.samples import clean
from stringx.runner.worker import CannotParse, WarmProject

_SIGNALS = {"interrupt": signal.SIGINT, "kill": signal.SIGKILL}


class Generation:
    """Forks, signals and reaps workers as the pool asks."""

    def __init__(self, pool: Connection, project: WarmProject, stop_grace_seconds: float) -> None:
        self._pool = pool
        self._project = project
        self._stop_grace_seconds = stop_grace_seconds
        self._workers: dict[int, int] = {}  # number → pid, of those not yet reaped; those that answer a question are among them
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._wake.fileno())

    def serve(self) -> None:
        """Blocks until the pool hangs up."""
        while True:
            ready = wait([self._pool, self._woken])
            self._reap()
            if self._pool in ready:
                try:
                    self._obey(messages.receive(self._pool))
                except (EOFError, OSError):
                    self._stop_all()
                    return

    def _obey(self, message: messages.Message) -> None:
        if isinstance(message, messages.Fork):
            self._fork(message)
        elif isinstance(message, messages.Inquire):
            self._inquire(message)
        elif isinstance(message, messages.Signal):
            if message.worker in self._workers:  # not yet reaped, so its pid is still its own
                os.kill(self._workers[message.worker], _SIGNALS[message.signal])
        else:
            raise TypeError(f"a generation was sent {message.kind}")

    def _fork(self, fork: messages.Fork) -> None:
        self._in_a_process(fork.worker, fork.role, lambda: self._project.work(fork))

    def _inquire(self, inquire: messages.Inquire) -> None:
        self._in_a_process(inquire.number, "inquiry", lambda: self._project.answer(inquire))

    def _in_a_process(self, number: int, name: str, work: Callable[[], None]) -> None:
        pid = os.fork()
        if pid:
            self._workers[number] = pid
            return
        status = 1
        try:
            self._forget_the_parent()
            _name_process(name)
            work()
            status = 0
        except BaseException:  # noqa: BLE001  # the parent's code must not run on in this process, whatever happened
            _log_exception()
        finally:
            os._exit(status)

    def _forget_the_parent(self) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._pool.close()
        self._woken.close()
        self._wake.close()

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        for worker, pid in list(self._workers.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._workers[worker]
                with suppress(OSError):  # the pool is gone: the loop will see it
                    messages.send(self._pool, messages.WorkerGone(worker=worker, status=os.waitstatus_to_exitcode(status)))

    def _stop_all(self) -> None:
        """Interrupts the workers, so that dbt cancels its queries, kills those that do not end, and ends their sessions."""
        for pid in self._workers.values():
            os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + self._stop_grace_seconds
        while self._workers and time.monotonic() < deadline:
            wait([self._woken], max(0.0, deadline - time.monotonic()))
            self._reap()
        killed = bool(self._workers)
        for worker, pid in list(self._workers.items()):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            del self._workers[worker]
        if killed:
            self._project.end_own_sessions()


def _name_process(name: str) -> None:
    """As `ps -o comm` and `top` show it; the command line of all workers is the generation's. 15 characters, and only on Linux."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(f"stringx {name}")


def _log_exception() -> None:
    sys.stderr.write(f"{_shown(traceback.format_exc())}\n")


def _shown(text: str) -> str:
    """As it may be told and logged."""
    return clean(without_secrets(text), MAX_MESSAGE)


def main() -> None:
    start = messages.Start.model_validate_json(sys.stdin.buffer.read())
    with Client(start.socket, family="AF_UNIX", authkey=bytes.fromhex(start.key)) as pool:
        messages.send(pool, messages.GenerationHello(generation=start.generation))
        try:
            project = WarmProject(start, os.environ)
        except CannotParse as error:
            messages.send(pool, messages.Failed(message=str(error), fingerprint=error.fingerprint))
            return
        except Exception as error:  # noqa: BLE001  # dbt may raise anything; what is raised on is printed as it is
            messages.send(pool, messages.Failed(message=_shown(f"{type(error).__name__}: {error}"), fingerprint=None))
            _log_exception()
            sys.exit(1)
        messages.send(pool, messages.Ready(fingerprint=project.project.fingerprint))
        Generation(pool, project, start.stop_grace_seconds).serve()
    if "duckdb" in sys.modules:
        gc.unfreeze()  # what was frozen for the workers: its library logs as leaked what is not freed at the end


if __name__ == "__main__":
    main()
