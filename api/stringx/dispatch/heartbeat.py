"""Keeps the leases of what one replica of a runner holds, notes what it says of itself, and tells it which runs to cancel."""

from __future__ import annotations

import time

from sqlalchemy import func, select

from stringx import logs
from stringx.dispatch.context import TICK_SECONDS, Context, Pause, logs_of
from stringx.dispatch.replica import Replica
from stringx.dispatch.settlement import lose
from stringx.errors import DatabaseUnavailable, RunnerUnavailable, Unstorable
from stringx.model import RunnerStatus
from stringx.settings import INLINE_RUNNER
from stringx.store import runner_projects, runner_replicas, runs
from stringx.store.database import storing

log = logs.get(__name__)


class Heartbeat:
    """A loop for a thread of its own: ask for the status, renew what the present boot holds, queue again what it lost."""

    def __init__(self, context: Context, replica: Replica) -> None:
        self._context = context
        self._replica = replica
        self._pause = Pause(context.stopped)
        self._asked_at: float | None = None
        #: when it was last noted that the replica does not answer; None since it answers
        self._missed_at: float | None = None

    def run(self) -> None:
        while not (self._context.stopped.is_set() or self._replica.gone.is_set()):
            try:
                if self._due_in() <= 0:
                    self._asked_at = time.monotonic()
                    self._beat()
                self._cancel()
                self._pause.reset()
            except DatabaseUnavailable as error:
                log.warning("heartbeat failed", address=self._replica.address, error=str(error))
                self._pause.wait()
            except RunnerUnavailable as error:
                self._miss(error)
            self._replica.roused.wait(max(0.0, self._due_in()))
            self._replica.roused.clear()
        # An inline runner ends with this process; a replica elsewhere goes on without it.
        if self._replica.gone.is_set() or self._replica.runner == INLINE_RUNNER:
            self._forget()

    def _due_in(self) -> float:
        """Seconds until the replica is asked again: sooner while it does not answer, or was found to be full."""
        if self._asked_at is None:
            return 0.0
        beat = self._context.beat_seconds
        soon = self._replica.targets is None or self._replica.crowded
        return self._asked_at + (min(TICK_SECONDS, beat) if soon else beat) - time.monotonic()

    def _beat(self) -> None:
        with self._context.transaction() as connection:
            asked_at = connection.execute(select(func.now())).scalar_one()
        self._replica.asks()
        status = self._replica.port.status(self._context.installation)
        if self._replica.targets is None:
            log.info("runner answers", runner=self._replica.runner, address=self._replica.address, boot=status.boot, targets=status.targets)
        with self._context.transaction() as connection:
            address, boot = self._replica.address, status.boot
            runs.renew(connection, address=address, boot=boot, held=status.held, lease_seconds=self._context.settings.lease_seconds)
            # What this boot holds has just been made its own; of what is left it neither executes nor reports anything.
            # A run that was leased after the question was asked may be on its way to it.
            lost = runs.locked_of_other_boots(connection, address=address, boot=boot, asked_at=asked_at)
            for run in lost:
                lose(connection, self._context.settings, run, f"the runner was started anew and does not have it (boot {run.boot})")
        for run in lost:
            with logs_of(run):
                log.warning("run lost", address=address, boot=boot, reason="runner started anew")
        self._replica.heard(status)
        self._note(status)

    def _note(self, status: RunnerStatus) -> None:
        """Tells the other processes, and learns from them how new its dbt projects are. Apart from the leases: nothing that a runner
        says of itself must keep them from being renewed."""
        self._missed_at = None
        runner, address = self._replica.runner, self._replica.address
        try:
            with self._context.transaction() as connection, storing():
                runner_replicas.answered(connection, runner, address, status)
                projects = runner_projects.in_charge(connection, runner, address)
            self._replica.projects = projects
        except Unstorable as error:
            log.error("runner's status not storable", address=address, error=str(error.__cause__ or error))

    def _cancel(self) -> None:
        with self._context.transaction() as connection:
            asked = runs.cancels_asked(connection, self._replica.address)
        for run in asked:
            self._replica.port.cancel(self._context.installation, run)

    def _miss(self, error: RunnerUnavailable) -> None:
        if self._replica.silent():
            log.warning("runner does not answer", runner=self._replica.runner, address=self._replica.address, error=str(error))
        if self._replica.leaving.is_set():
            self._replica.gone.set()
            return
        now = time.monotonic()
        if self._missed_at is not None and now < self._missed_at + self._context.beat_seconds:
            return
        try:
            with self._context.transaction() as connection:
                runner_replicas.missed(connection, self._replica.runner, self._replica.address, str(error))
            self._missed_at = now
        except DatabaseUnavailable as unavailable:
            log.warning("heartbeat failed", address=self._replica.address, error=str(unavailable))

    def _forget(self) -> None:
        try:
            with self._context.transaction() as connection:
                runner_replicas.forget(connection, self._replica.runner, self._replica.address)
        except DatabaseUnavailable as error:
            log.warning("runner not forgotten yet", address=self._replica.address, error=str(error))
