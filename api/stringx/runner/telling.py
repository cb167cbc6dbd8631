"""What a pool has to tell of its runs. It is found out under the pool's lock and told without it: who is told calls the pool, too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from stringx.model import Report
from stringx.runner.crew import Ticket


class Receiver(Protocol):
    """Whom the pool tells; called by its thread, without its lock."""

    def finished(self, ticket: Ticket, report: Report) -> None: ...

    def lost(self, ticket: Ticket, reason: str) -> None:
        """There will be no report: the attempt is over."""

    def broke(self) -> None:
        """The pool has failed by a fault of ours, and has told all else: it executes nothing any more."""


class Telling:
    """What is still to be told, in its order."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._untold: deque[Callable[[], None]] = deque()

    def finished(self, ticket: Ticket, report: Report) -> None:
        self._untold.append(lambda: self._receiver.finished(ticket, report))

    def lost(self, ticket: Ticket, reason: str) -> None:
        self._untold.append(lambda: self._receiver.lost(ticket, reason))

    def tell(self) -> None:
        """Calls the receiver. For one thread, without the pool's lock."""
        while self._untold:
            self._untold.popleft()()
