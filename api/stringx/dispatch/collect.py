"""Fetches finished reports from one replica of a runner and settles each; only then the replica may forget it."""

from __future__ import annotations

import threading
import time
from collections import Counter

from sqlalchemy.exc import DBAPIError

from stringx import logs
from stringx.dispatch.context import Context, Pause
from stringx.dispatch.replica import Replica
from stringx.dispatch.settlement import Settlement, settle, settle_unreadable, settle_unstorable, storable_message
from stringx.errors import DatabaseUnavailable, RunnerUnavailable, Unstorable
from stringx.model import RUN_ID, Report, UnreadableReport
from stringx.store import runs
from stringx.store.database import savepoint
from stringx.store.runs import Held, Label

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
                    acknowledged = self._take(batch.reports)
            except DatabaseUnavailable as error:
                log.warning("settle failed", address=self._replica.address, error=str(error))
                self._pause.wait()
            except RunnerUnavailable:
                # The heartbeat says once that it does not answer.
                self._pause.wait()
            else:
                if acknowledged or time.monotonic() - asked_at > EARLY_SECONDS:
                    self._pause.reset()
                else:
                    self._pause.wait()

    def _ended(self) -> bool:
        return self._context.stopped.is_set() or self._replica.gone.is_set()

    def _take(self, reports: tuple[Report | UnreadableReport, ...]) -> int:
        """How many reports the replica may forget."""
        labels = self._labels(reports)
        for report in reports:
            label = labels.get(report.run)
            known = {} if label is None else {"correlation_id": label.correlation_id, "traceparent": label.traceparent}
            with logs.bound(run=report.run, attempt=report.attempt, **known):
                self._settle(report)
        # What does not say of which run it is cannot be named to the replica: it is kept, and comes again.
        finished: list[Held] = [(report.run, report.attempt) for report in reports if RUN_ID.fullmatch(report.run)]
        if finished:
            # After the commits: a report that is never acknowledged comes again, one acknowledged too early is lost.
            self._replica.port.acknowledge(self._context.installation, finished)
            self._replica.freed(Counter(labels[run].target for run, _ in finished if run in labels))
        self.settled.set()
        return len(finished)

    def _labels(self, reports: tuple[Report | UnreadableReport, ...]) -> dict[str, Label]:
        wanted = [report.run for report in reports if RUN_ID.fullmatch(report.run)]
        if not wanted:
            return {}
        with self._context.transaction() as connection:
            return runs.labels(connection, wanted)

    def _settle(self, report: Report | UnreadableReport) -> None:
        settings = self._context.settings
        if isinstance(report, UnreadableReport):
            with self._context.transaction() as connection:
                settlement = settle_unreadable(connection, settings, report)
        else:
            with self._context.transaction() as connection:
                try:
                    with savepoint(connection):
                        settlement = settle(connection, settings, report)
                except Unstorable as error:
                    reason = _reason(error.__cause__ or error)
                    log.error("report not storable", error=reason)
                    settlement = settle_unstorable(connection, settings, report, reason)
        level = log.info if settlement in (Settlement.JUDGED, Settlement.REPEATED) else log.warning
        level("report taken", address=self._replica.address, settlement=settlement)


def _reason(error: BaseException) -> str:
    """One line without the statement and its values, which hold what the report holds."""
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    lines = text.strip().splitlines()
    return storable_message(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)
