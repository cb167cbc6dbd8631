"""Fetches finished reports from one replica of a runner and settles each; only then the replica may forget it."""

from __future__ import annotations

import threading
import time

from sqlalchemy.exc import DBAPIError

from stringx import logs
from stringx.dispatch.context import Context, Pause
from stringx.dispatch.replica import Replica
from stringx.dispatch.settlement import Settlement, settle, settle_unreadable, settle_unstorable, storable_message
from stringx.errors import DatabaseUnavailable, RunnerUnavailable, Unavailable
from stringx.model import Report, UnreadableReport
from stringx.store.runs import Held

#: How long one request waits for a report to come.
POLL_SECONDS = 20.0
#: A runner that stops answers at once and has nothing: it is not asked again and again.
EARLY_SECONDS = 0.1

log = logs.get(__name__)


class Collector:
    """A loop for a thread of its own: long poll, settle, acknowledge."""

    def __init__(self, context: Context, replica: Replica) -> None:
        self._context = context
        self._replica = replica
        self._pause = Pause(context.stopped)
        #: held while reports are settled: who holds it knows that nothing is half done
        self.settling = threading.Lock()
        #: set each time that a batch was settled and acknowledged
        self.settled = threading.Event()

    def run(self) -> None:
        while not self._ended():
            asked_at = time.monotonic()
            try:
                batch = self._replica.port.reports(self._context.installation, POLL_SECONDS)
                with self.settling:
                    # A poll may come back after everything stopped; what it brings is not acknowledged, and so comes again.
                    if self._ended():
                        return
                    self._take(batch.reports)
            except DatabaseUnavailable as error:
                log.warning("settle failed", address=self._replica.address, error=str(error))
                self._pause.wait()
            except RunnerUnavailable:
                # The heartbeat says once that it does not answer.
                self._pause.wait()
            else:
                if batch.reports or time.monotonic() - asked_at > EARLY_SECONDS:
                    self._pause.reset()
                else:
                    self._pause.wait()

    def _ended(self) -> bool:
        return self._context.stopped.is_set() or self._replica.gone.is_set()

    def _take(self, reports: tuple[Report | UnreadableReport, ...]) -> None:
        finished: list[Held] = []
        for report in reports:
            self._settle(report)
            finished.append((report.run, report.attempt))
        if finished:
            # After the commits: a report that is never acknowledged comes again, one acknowledged too early is lost.
            self._replica.port.acknowledge(self._context.installation, finished)
            self._replica.freed(len(finished))
        self.settled.set()

    def _settle(self, report: Report | UnreadableReport) -> None:
        settings = self._context.settings
        if isinstance(report, UnreadableReport):
            with self._context.transaction() as connection:
                settlement = settle_unreadable(connection, settings, report)
        else:
            try:
                with self._context.transaction() as connection:
                    settlement = settle(connection, settings, report)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001  # nothing goes on in silence: the report is kept and its run is `errored`
                reason = _reason(error)
                log.error("report not storable", run=report.run, attempt=report.attempt, error=reason)
                with self._context.transaction() as connection:
                    settlement = settle_unstorable(connection, settings, report, reason)
        level = log.info if settlement in (Settlement.JUDGED, Settlement.REPEATED) else log.warning
        level("report taken", run=report.run, attempt=report.attempt, address=self._replica.address, settlement=settlement)


def _reason(error: Exception) -> str:
    """One line without the statement and its values, which hold what the report holds."""
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    lines = text.strip().splitlines()
    return storable_message(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)
