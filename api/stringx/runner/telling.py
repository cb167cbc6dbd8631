"""What a pool has to tell of its runs. It is found out under the pool's lock and told without it: who is told calls the pool, too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from stringx.model import Engine, Report, ReportStatus
from stringx.runner import messages
from stringx.runner.crew import Ticket
from stringx.runner.recording import Unprepared


class Receiver(Protocol):
    """Whom the pool tells; called by its thread, without its lock."""

    def finished(self, ticket: Ticket, report: Report) -> None: ...

    def lost(self, ticket: Ticket, reason: str) -> None:
        """There will be no report: the attempt is over."""

    def broke(self) -> None:
        """The pool has failed by a fault of ours, and has told all else: it executes nothing any more."""


class Telling:
    """What is still to be told, in its order."""

    def __init__(self, receiver: Receiver, boot: str) -> None:
        """`boot`: the runner's."""
        self._receiver = receiver
        self._boot = boot
        self._untold: deque[Callable[[], None]] = deque()

    def finished(
        self,
        ticket: Ticket,
        status: ReportStatus,
        message: str | None,
        *,
        started_at: datetime | None = None,
        engine: Engine = Engine.DBT,
        fingerprint: str | None = None,
        done: messages.Done | None = None,
        unprepared: tuple[Unprepared, ...] = (),
    ) -> None:
        """An attempt has ended now. `started_at`: None where it never began. `fingerprint`: of the project."""
        now = datetime.now(UTC)
        report = Report(
            run=ticket.request.run,
            attempt=ticket.request.attempt,
            boot=self._boot,
            status=status,
            message=message,
            engine=engine,
            gate_fingerprint=done.gate_fingerprint if done else ticket.request.gate.fingerprint,
            project_fingerprint=fingerprint,
            started_at=min(started_at or now, now),
            finished_at=now,
            rows=done.rows if done else None,
            has_rows=done is not None and done.has_rows,
            results=done.results if done else (),
            unprepared=tuple((one.test, one.reason) for one in unprepared),
        )
        self._untold.append(lambda: self._receiver.finished(ticket, report))

    def lost(self, ticket: Ticket, reason: str) -> None:
        self._untold.append(lambda: self._receiver.lost(ticket, reason))

    def tell(self) -> None:
        """Calls the receiver. For one thread, without the pool's lock."""
        while self._untold:
            self._untold.popleft()()
