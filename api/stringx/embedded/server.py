"""A program of others that runs as a child of ours: how it ends is the child's, and where it listens is settled here."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection

from stringx.embedded.child import POLL_SECONDS, Child, ChildFailed
from stringx.embedded.ports import any_free, wait_until_free


class Server:
    """Base of the servers of `stringx up`; each has a `start` of its own."""

    def __init__(self) -> None:
        self._child: Child | None = None

    def close(self) -> None:
        """Asks it to stop in order; does not wait."""
        if self._child:
            self._child.close()

    def join(self, timeout_seconds: float) -> bool:
        return self._child is None or self._child.join(timeout_seconds)

    def terminate(self) -> None:
        """Kills it; its next start recovers what it has on disk."""
        if self._child:
            self._child.terminate()

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def end(self) -> str:
        return self._child.end if self._child else ""

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None


class ServerOnPort(Server, ABC):
    """One that is told its port, and may find it taken between the choice and its start."""

    #: as people call it
    name: str
    #: words in its log which say that the next try may succeed
    busy: Collection[str]

    def __init__(self, port: int | None) -> None:
        """`port` None: any free one."""
        super().__init__()
        self.port = port

    def _start_on_port(self, run: Callable[[int], Child], timeout_seconds: float) -> None:
        """Has `run` start it, on its port or on a free one, until it answers; ChildFailed where it does not."""
        deadline = time.monotonic() + timeout_seconds
        moved, words = self.port is None, ""
        while True:
            port = any_free() if moved or self.port is None else self.port
            wait_until_free(port, timeout_seconds)
            child = self._child = run(port)
            self.port = port
            if _answers(child, self._asking(), deadline):
                return
            words = child.last_words() or words
            child.stop(1.0)
            if time.monotonic() > deadline or not any(reason in words for reason in self.busy):
                raise ChildFailed(f"{self.name} does not start; {child.log} ends with:\n{words}")
            time.sleep(POLL_SECONDS * 10)  # nobody tells when a port, or what a killed server left, is free

    @abstractmethod
    def _asking(self) -> Callable[[], bool]:
        """What asks once, at the present port, whether it answers."""


def _answers(child: Child, ask: Callable[[], bool], deadline: float) -> bool:
    """Waits for an answer; False where the process ended or the time is over."""
    while child.running and time.monotonic() < deadline:
        if ask():
            return child.running
        time.sleep(POLL_SECONDS)  # a server does not tell its starter that it listens: it is asked, as its clients will
    return False
