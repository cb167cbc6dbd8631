"""Queues again what nobody holds, and ends what nobody can serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from sqlalchemy import Connection

from stringx import logs
from stringx.dispatch.context import Context
from stringx.dispatch.replica import Replica
from stringx.dispatch.settlement import conclude_without_report, lose
from stringx.errors import DatabaseUnavailable
from stringx.model import VerdictName
from stringx.store import dispatchers, runs
from stringx.store.runs import Run

#: Runs that are looked at in one transaction.
BATCH = 100

log = logs.get(__name__)


class Reaper:
    """A loop for a thread of its own.

    `replicas` gives what is known of the runners outside this process, by their names; `inline_targets` are what this
    process's own workers serve.
    """

    def __init__(self, context: Context, replicas: Callable[[], dict[str, list[Replica]]], inline_targets: Collection[str]) -> None:
        self._context = context
        self._replicas = replicas
        self._inline_targets = sorted(inline_targets)

    def run(self) -> None:
        # At first, and whenever this process or the database stood still, the heartbeats get a whole lease to renew what
        # ran out meanwhile: the runners may well hold all of it.
        while not self._context.stopped.is_set():
            try:
                self._register()
                if not self._context.stopped.wait(self._context.settings.lease_seconds):
                    self._reap_until_standstill()
            except DatabaseUnavailable as error:
                log.warning("reaper failed", error=str(error))
                self._context.stopped.wait(self._context.beat_seconds)

    def _reap_until_standstill(self) -> None:
        before = time.monotonic()
        while time.monotonic() - before < self._context.settings.lease_seconds and not self._context.stopped.is_set():
            before = time.monotonic()
            self._register()
            while self._reap() == BATCH:
                pass
            self._end_unserved()
            self._context.stopped.wait(self._context.beat_seconds)

    def _register(self) -> None:
        with self._context.transaction() as connection:
            dispatchers.register(
                connection,
                self._context.dispatcher,
                runners=sorted(self._context.settings.runners),
                inline_targets=self._inline_targets,
            )

    def _reap(self) -> int:
        """How many leases had run out, of at most a batch."""
        seconds = self._context.settings.lease_seconds
        with self._context.transaction() as connection:
            expired = runs.locked_expired(connection, BATCH)
            for run in expired:
                lose(connection, self._context.settings, run, f"no runner said for {seconds:g} s that it has it")
        if expired:
            log.warning("runs lost", runs=[run.id for run in expired], reason="lease ran out")
        return len(expired)

    def _end_unserved(self) -> None:
        """A run waits for a runner that is down; one that asks for what no runner has would wait for ever."""
        # A process or a replica that is just being started again is waited for.
        grace = 2 * self._context.settings.lease_seconds
        with self._context.transaction() as connection:
            unserved = dispatchers.locked_unserved(connection, waiting_seconds=grace, limit=BATCH)
            for run in unserved:
                where = f"inline on target {run.gate.target!r}" if run.mode == "inline" else f"by a runner named {run.gate.runner!r}"
                self._end(connection, run, f"no dispatcher can have it run {where}")
            for name, replicas in self._replicas().items():
                targets = [replica.targets for replica in replicas]
                if not targets or None in targets:
                    continue
                served = sorted({target for each in targets for target in each or ()})
                for run in dispatchers.locked_for_other_targets(
                    connection, runner=name, targets=served, waiting_seconds=grace, limit=BATCH
                ):
                    known = ", ".join(served) or "none"
                    self._end(connection, run, f"no replica of runner {name!r} has target {run.gate.target!r} (targets: {known})")

    def _end(self, connection: Connection, run: Run, message: str) -> None:
        log.warning("run unserved", run=run.id, reason=message)
        conclude_without_report(connection, self._context.settings, run, VerdictName.ERRORED, message)
