"""Fetches finished reports from one replica of a runner and settles each; only then the replica may forget it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy.exc import DBAPIError

from stringx import logs
from stringx.dispatch.context import Context, Pause, logs_of
from stringx.dispatch.replica import Replica
from stringx.dispatch.settlement import Settled, Settlement, lose, settle, settle_unreadable, settle_unstorable, storable_message
from stringx.errors import DatabaseUnavailable, RunnerUnavailable, Unstorable
from stringx.model import RUN_ID, LostAttempt, Report, ReportBatch, UnreadableReport
from stringx.store import runs
from stringx.store.database import savepoint, storing
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
                    acknowledged = self._take(batch)
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

    def _take(self, batch: ReportBatch) -> int:
        """How many reports, and attempts without one, the replica may forget."""
        reports = batch.reports
        self._lose(batch.lost)
        # What has a report has left its worker: the next run need not wait until this one is settled.
        unknown = self._replica.reported(reports)
        settled = self._settle(reports)
        # A run waits in the queue while another of its gate and slice is leased.
        self._replica.fed.set()
        # What does not say of which run it is cannot be named to the replica: it is kept, and comes again.
        finished: list[Held] = [(one.run, one.attempt) for one in (*reports, *batch.lost) if RUN_ID.fullmatch(one.run)]
        if finished:
            # After the commits: a report that is never acknowledged comes again, one acknowledged too early is lost.
            self._replica.port.acknowledge(self._context.installation, finished)
            if others := [one.run for one in settled if one.run is not None and one.run.id in unknown]:
                self._replica.freed(run.gate.target for run in others)
        self.settled.set()
        return len(finished)

    def _lose(self, lost: Sequence[LostAttempt]) -> None:
        """Queues runs again whose attempts will have no report."""
        if not lost:
            return
        reasons = {(one.run, one.attempt): storable_message(one.reason) for one in lost}
        with self._context.transaction() as connection:
            found = runs.locked_attempts(connection, list(reasons))
            for run in found:
                lose(connection, self._context.settings, run, reasons[run.id, run.attempt])
        for run in found:
            with logs_of(run):
                log.warning("run lost", address=self._replica.address, reason=reasons[run.id, run.attempt])
        self._replica.freed([run.gate.target for run in found])

    def _settle(self, reports: tuple[Report | UnreadableReport, ...]) -> list[Settled]:
        """All in one transaction, or where one of them is at fault each in its own."""
        readable = [report for report in reports if isinstance(report, Report)]
        if readable and len(readable) == len(reports):
            with suppress(Unstorable):
                with self._context.transaction() as connection, storing():
                    settled = settle(connection, self._context.settings, readable)
                for report, one in zip(reports, settled, strict=True):
                    self._tell(report, one)
                return settled
        return [self._settle_alone(report) for report in reports]

    def _settle_alone(self, report: Report | UnreadableReport) -> Settled:
        settings = self._context.settings
        with self._context.transaction() as connection:
            if isinstance(report, UnreadableReport):
                settled = settle_unreadable(connection, settings, report)
            else:
                try:
                    with savepoint(connection):
                        (settled,) = settle(connection, settings, [report])
                except Unstorable as error:
                    reason = _reason(error.__cause__ or error)
                    log.error("report not storable", run=report.run, attempt=report.attempt, error=reason)
                    settled = settle_unstorable(connection, settings, report, reason)
        self._tell(report, settled)
        return settled

    def _tell(self, report: Report | UnreadableReport, settled: Settled) -> None:
        run = settled.run
        known = {} if run is None else {"correlation_id": run.correlation_id, "traceparent": run.traceparent}
        level = log.info if settled.settlement in (Settlement.JUDGED, Settlement.REPEATED) else log.warning
        with logs.bound(run=report.run, attempt=report.attempt, **known):
            level("report taken", address=self._replica.address, settlement=settled.settlement)


def _reason(error: BaseException) -> str:
    """One line without the statement and its values, which hold what the report holds."""
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    lines = text.strip().splitlines()
    return storable_message(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)
