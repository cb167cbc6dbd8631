"""A generation: one version of the dbt project, parsed and warm, and the workers forked from it. Itself it is forked from the nursery.

It tells the pool what happens; when the pool hangs up or dies, it stops its workers and ends. It keeps one thread, and no session
in the target database: both would not survive being forked.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait

from stringx.runner import messages
from stringx.runner.children import Children, shown
from stringx.runner.environment import put_in_place
from stringx.runner.worker import CannotParse, WarmProject


class Generation:
    """Forks, signals and reaps workers as the pool asks."""

    def __init__(self, pool: Connection, project: WarmProject, stop_grace_seconds: float) -> None:
        self._pool = pool
        self._project = project
        self._stop_grace_seconds = stop_grace_seconds
        self._workers = Children()  # those that answer a question are among them

    def serve(self) -> None:
        """Blocks until the pool has it leave, or is gone."""
        while True:
            ready = wait([self._pool, self._workers.woken])
            self._reap()
            if self._pool in ready:
                try:
                    message = messages.receive(self._pool)
                except (EOFError, OSError):
                    message = messages.Leave()
                if isinstance(message, messages.Leave):
                    self._stop_all()
                    return
                self._obey(message)

    def _obey(self, message: messages.Message) -> None:
        if isinstance(message, messages.Fork):
            fork = message
            self._workers.fork(fork.worker, fork.role, lambda: self._project.work(fork), without=[self._pool])
        elif isinstance(message, messages.Inquire):
            inquire = message
            self._workers.fork(inquire.number, "inquiry", lambda: self._project.answer(inquire), without=[self._pool])
        elif isinstance(message, messages.Interrupt):
            self._workers.interrupt(message.number)
        elif isinstance(message, messages.Kill):
            self._workers.kill(message.number)
        else:
            raise TypeError(f"a generation was sent {message.kind}")

    def _reap(self) -> None:
        for worker, status in self._workers.reap():
            with suppress(OSError):  # the pool is gone: the loop will see it
                messages.send(self._pool, messages.WorkerGone(worker=worker, status=status))

    def _stop_all(self) -> None:
        """Interrupts the workers, so that dbt cancels its queries, kills those that do not end, and ends their sessions."""
        for worker in self._workers.numbers:
            self._workers.interrupt(worker)
        deadline = time.monotonic() + self._stop_grace_seconds
        while self._workers.numbers and time.monotonic() < deadline:
            wait([self._workers.woken], max(0.0, deadline - time.monotonic()))
            self._reap()
        if not self._workers.numbers:
            return
        for worker in self._workers.numbers:
            self._workers.kill(worker)
        while self._workers.numbers:
            wait([self._workers.woken])
            self._reap()
        self._project.end_own_sessions()


def live(pool: Connection) -> None:
    """The whole life of a generation, in a process that was forked for it. `pool` tells first what it is to be."""
    with suppress(_PoolGone):
        _live(pool)


def _live(pool: Connection) -> None:
    try:
        start = messages.receive(pool)
    except (EOFError, OSError) as error:
        raise _PoolGone from error
    if not isinstance(start, messages.Start):
        raise TypeError(f"a generation was first sent {start.kind}")
    _tell(pool, messages.GenerationHello(pid=os.getpid()))
    put_in_place(start.environment)
    try:
        start.folder.mkdir()
        os.chdir(start.folder)  # so that `pwdx` tells whose process it is, and of which target
        project = WarmProject(start, os.environ)
    except CannotParse as error:
        _tell(pool, messages.Failed(message=str(error), fingerprint=error.fingerprint))
        return
    except Exception as error:  # dbt may raise anything
        _tell(pool, messages.Failed(message=shown(f"{type(error).__name__}: {error}"), fingerprint=None))
        raise
    _tell(pool, messages.Ready(fingerprint=project.project.fingerprint))
    Generation(pool, project, start.stop_grace_seconds).serve()


class _PoolGone(Exception):
    """Whom a generation is for has died."""


def _tell(pool: Connection, message: messages.Message) -> None:
    try:
        messages.send(pool, message)
    except OSError as error:
        raise _PoolGone from error
