"""The nursery's process: has imported dbt, and forks generations. `python -m stringx.runner.nursery_process`.

It has done nothing else with dbt, keeps one thread, and reads no settings: what it forks is as if it had just imported dbt itself.
It ends when the runner hangs up or dies; its generations hear that of their own.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
from contextlib import suppress
from multiprocessing.connection import Connection, wait

from stringx.runner import generation, messages
from stringx.runner.children import Children, name_process


class NurseryProcess:
    """Forks, kills and reaps generations as the runner asks."""

    def __init__(self, runner: socket.socket) -> None:
        self._socket = runner
        self._runner = Connection(os.dup(runner.fileno()))
        self._generations = Children(leaders=True)
        #: to their pools; what is said there of a generation that has ended is said here
        self._pools: dict[int, Connection] = {}

    def serve(self) -> None:
        """Blocks until the runner hangs up."""
        while True:
            ready = wait([self._runner, self._generations.woken])
            for number, status in self._generations.reap():
                self._gone(number, _how(status))
            if self._runner in ready:
                try:
                    self._obey(messages.receive(self._runner))
                except (EOFError, OSError):
                    return

    def _obey(self, message: messages.Message) -> None:
        if isinstance(message, messages.ForkGeneration):
            self._fork(message.number, self._receive_connection())
        elif isinstance(message, messages.Kill):
            self._generations.kill(message.number)
        else:
            raise TypeError(f"the nursery was sent {message.kind}")

    def _fork(self, number: int, pool: Connection) -> None:
        others = list(self._pools.values())
        self._pools[number] = pool
        try:
            self._generations.fork(number, "gen", lambda: generation.live(pool), without=[self._socket, self._runner, *others])
        except OSError as error:  # out of memory or processes
            self._gone(number, str(error))

    def _receive_connection(self) -> Connection:
        """That of a generation to its pool, which follows the message."""
        _, descriptors, _, _ = socket.recv_fds(self._socket, 1, 1)
        if not descriptors:
            raise EOFError
        os.set_inheritable(descriptors[0], False)
        return Connection(descriptors[0])

    def _gone(self, number: int, how: str) -> None:
        with self._pools.pop(number) as pool, suppress(OSError):  # the pool is gone, too
            messages.send(pool, messages.GenerationGone(how=how))


def _how(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


def main() -> None:
    name_process("nursery")
    runner = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:  # noqa: PTH123  # a file descriptor is what is wanted
        os.dup2(nothing.fileno(), 0)
    # What dbt imports by the profile, and each target without another adapter needs.
    importlib.import_module("dbt.adapters.postgres")
    gc.collect()
    gc.freeze()  # so that the pages of what was imported stay shared
    NurseryProcess(runner).serve()


if __name__ == "__main__":
    main()
