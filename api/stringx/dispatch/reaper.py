"""Queues again what nobody holds, and ends what nobody can serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from stringx import logs
from stringx.dispatch.context import Context, logs_of
from stringx.dispatch.replica import Replica
from stringx.dispatch.settlement import lose
from stringx.dispatch.unserved import Unserved
from stringx.errors import DatabaseUnavailable
from stringx.store import dispatchers, runner_replicas, runs

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
        self._unserved = Unserved(context, replicas)
        self._inline_targets = sorted(inline_targets)

    def run(self) -> None:
        # At first, and whenever this process or the database stood still, the heartbeats get a whole lease to renew what
        # ran out meanwhile: the runners may well hold all of it.
        while not self._context.stopped.is_set():
            try:
                self._wait_a_lease()
                self._reap_until_standstill()
            except DatabaseUnavailable as error:
                log.warning("reaper failed", error=str(error))
                self._context.stopped.wait(self._context.beat_seconds)

    def _wait_a_lease(self) -> None:
        waited = 0.0
        while not self._context.stopped.is_set() and waited < self._context.settings.lease_seconds:
            self._register()
            self._context.stopped.wait(self._context.beat_seconds)
            # However long it really was: a standstill gives the heartbeats no time.
            waited += self._context.beat_seconds

    def _reap_until_standstill(self) -> None:
        self._unserved.forget()
        before = time.monotonic()
        while not self._context.stopped.is_set():
            self._register()
            # Looked at last of all: a process can be stopped anywhere.
            if time.monotonic() - before >= self._context.settings.lease_seconds:
                return
            while self._reap() == BATCH:
                pass
            self._unserved.end()
            before = time.monotonic()
            self._context.stopped.wait(self._context.beat_seconds)

    def _register(self) -> None:
        with self._context.transaction() as connection:
            dispatchers.register(
                connection,
                self._context.dispatcher,
                runners=sorted(self._context.settings.runners),
                inline_targets=self._inline_targets,
            )
            runner_replicas.forget_unasked(connection, self._context.settings.lease_seconds)

    def _reap(self) -> int:
        """How many leases had run out, of at most a batch."""
        seconds = self._context.settings.lease_seconds
        with self._context.transaction() as connection:
            expired = runs.locked_expired(connection, BATCH)
            for run in expired:
                lose(connection, self._context.settings, run, f"no runner said for {seconds:g} s that it has it")
        for run in expired:
            with logs_of(run):
                log.warning("run lost", address=run.address, reason="lease ran out")
        return len(expired)
