"""Ends queued runs that ask for what nobody serves, and would wait for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection

from stringx import logs
from stringx.dispatch.context import Context, logs_of
from stringx.dispatch.replica import Replica
from stringx.dispatch.settlement import conclude_without_report
from stringx.model import VerdictName
from stringx.settings import INLINE_RUNNER
from stringx.store import dispatchers
from stringx.store.dispatchers import Wanted

#: What nobody has served for as many leases is given up: a process or a replica that is started again is back by then.
GRACE_LEASES = 4
#: Runs that are ended in one transaction.
BATCH = 100

log = logs.get(__name__)


class Unserved:
    """What is missing, and since when: by this process's own eyes, so that time in which nobody looked does not count.

    How long a run has waited says nothing: after a night without a backend every run is old, and every runner is just starting.
    """

    def __init__(self, context: Context, replicas: Callable[[], dict[str, list[Replica]]]) -> None:
        self._context = context
        self._replicas = replicas
        #: by the monotonic clock
        self._since: dict[Wanted, float] = {}

    def forget(self) -> None:
        """This process, or the database, stood still: what was missing before may be there."""
        self._since.clear()

    def end(self) -> None:
        """Looks once, and ends the runs for what has been missing too long. Raises DatabaseUnavailable."""
        lease = self._context.settings.lease_seconds
        with self._context.transaction() as connection:
            missing = self._missing(connection, lease)
            now = time.monotonic()
            self._since = {wanted: self._since.get(wanted, now) for wanted in missing}
            for wanted, message in missing.items():
                if now - self._since[wanted] >= GRACE_LEASES * lease:
                    self._give_up(connection, wanted, message)

    def _missing(self, connection: Connection, lease: float) -> dict[Wanted, str]:
        """What queued runs want and nobody serves now, with the words for it."""
        replicas = self._replicas()
        missing: dict[Wanted, str] = {}
        for wanted, served in dispatchers.wanted(connection, seen_within_seconds=lease).items():
            if not served:
                where = f"inline on target {wanted.target!r}" if wanted.runner == INLINE_RUNNER else f"by a runner named {wanted.runner!r}"
                missing[wanted] = f"no dispatcher can have it run {where}"
                continue
            targets = [replica.targets for replica in replicas.get(wanted.runner, [])]
            # A runner that is down is waited for, and so is one of which a replica is.
            if not targets or None in targets:
                continue
            known = sorted({target for each in targets for target in each or ()})
            if wanted.target not in known:
                have = ", ".join(known) or "none"
                missing[wanted] = f"no replica of runner {wanted.runner!r} has target {wanted.target!r} (targets: {have})"
        return missing

    def _give_up(self, connection: Connection, wanted: Wanted, message: str) -> None:
        for run in dispatchers.locked_wanting(connection, wanted, BATCH):
            with logs_of(run):
                log.warning("run unserved", reason=message)
            conclude_without_report(connection, self._context.settings, run, VerdictName.ERRORED, message)
