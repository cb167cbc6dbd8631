"""Brings queued runs to one replica of a runner, as many as it has workers free, and a few ahead where its runs are short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from stringx import logs
from stringx.dispatch.context import TICK_SECONDS, Context, Pause, logs_of
from stringx.dispatch.preference import left_to, newer_at
from stringx.dispatch.replica import Replica, Room, Share
from stringx.dispatch.settlement import hand_back, refuse, storable_message
from stringx.errors import DatabaseUnavailable, RunnerBusy, RunnerRefused, RunnerUnavailable, RunnerUnreachable
from stringx.model import RunRequest, Submission
from stringx.store import runs
from stringx.store.runs import Held, Run

#: A run that a replica had no worker for is not claimed again before; longest, in seconds.
BUSY_SECONDS = 0.5
LONGEST_BUSY_SECONDS = 5.0

log = logs.get(__name__)


class Feeder:
    """A loop for a thread of its own: claim, submit, and hand back what the replica did not take."""

    def __init__(self, context: Context, replica: Replica, peers: Callable[[], Iterable[Replica]]) -> None:
        """`peers`: the other replicas of the same runner, as far as this process knows them."""
        self._context = context
        self._replica = replica
        self._peers = peers
        self._pause = Pause(context.stopped)

    def run(self) -> None:
        while not (self._context.closing.is_set() or self._replica.gone.is_set()):
            self._replica.fed.wait(TICK_SECONDS)
            # Cleared before looking: what is queued while we look sets it again.
            self._replica.fed.clear()
            try:
                while self._feed():
                    self._pause.reset()
            except DatabaseUnavailable as error:
                log.warning("claim failed", address=self._replica.address, error=str(error))
                self._pause.wait()

    def _feed(self) -> bool:
        """One batch. False when there is nothing to do until something changes."""
        room = self._room()
        if room is None or self._context.closing.is_set():
            self._replica.drained = False
            return False
        claimed = self._claim(room)
        # Less than there was room for was all that there is: what is queued, or settled, from now on says so.
        self._replica.drained = len(claimed) < sum(share.runs for share in room.shares)
        if claimed:
            self._submit(room, claimed)
        return not self._replica.drained

    def _room(self) -> Room | None:
        """What the replica could take now, but for what it leaves to those with a newer project."""
        room = self._replica.room()
        if room is None or not (left := left_to(self._peers(), self._replica)):
            return room
        for newer in left:
            # What this replica was to look for may be there for the other, which nobody else need have told.
            newer.fed.set()
        return room.without(frozenset().union(*left.values()))

    def _claim(self, room: Room) -> list[Run]:
        while True:
            try:
                with self._context.transaction() as connection:
                    # All or none: what is leased and then not submitted would stand still until its lease runs out. And never by a
                    # statement that commits itself: the server may still do that when this process has been killed.
                    return [run for share in room.shares for run in self._claim_share(connection, room.boot, share)]
            except IntegrityError as error:
                # Another dispatcher leased the same gate and slice between our look and our update: what it took is no
                # longer there to be claimed, so that each further try is about other runs.
                if "uq_runs_one_leased" not in str(error.orig):
                    raise

    def _claim_share(self, connection: Connection, boot: str, share: Share) -> list[Run]:
        return runs.claim(
            connection,
            runner=self._replica.runner,
            targets=share.targets,
            limit=share.runs,
            address=self._replica.address,
            boot=boot,
            dispatcher=self._context.dispatcher,
            lease_seconds=self._context.settings.lease_seconds,
        )

    def _submit(self, room: Room, claimed: list[Run]) -> None:
        self._replica.took({run.id: run.gate.target for run in claimed})
        for peer in self._peers():
            if newer_at(self._replica, than=peer):
                # It has left these to this replica, which may have no room for more.
                peer.fed.set()
        with self._replica.submitting():
            self._send(room, claimed)

    def _send(self, room: Room, claimed: list[Run]) -> None:
        try:
            submission = self._replica.port.submit(self._context.installation, [_request(run) for run in claimed])
        except RunnerBusy as error:
            for run in claimed:
                self._replica.full(run.id, run.gate.target)
            self._hand_back(claimed, f"busy: {error}", min(max(error.retry_after_seconds, 0.0), LONGEST_BUSY_SECONDS))
        except RunnerRefused as error:
            if len(claimed) == 1:
                self._end(claimed[0], f"the runner refused it: {error}")
                return
            # One of them is at fault, or all of them together are too large.
            for run in claimed:
                self._send(room, [run])
        except RunnerUnreachable as error:
            self._replica.silent()
            self._hand_back(claimed, f"not reached: {error}", 0)
        except RunnerUnavailable as error:
            # It may have taken them: the lease stays, its heartbeat says whether it did, and if not the lease runs out.
            log.warning("no answer to a submission", address=self._replica.address, runs=[run.id for run in claimed], error=str(error))
            self._replica.silent()
        else:
            self._note(room, submission, {run.id: run for run in claimed})

    def _note(self, room: Room, submission: Submission, claimed: dict[str, Run]) -> None:
        if submission.boot != room.boot and submission.accepted:
            self._store(lambda: self._move(submission.boot, submission.accepted))
        for refused in submission.refused:
            run = claimed.get(refused.run)
            if run is None or run.attempt != refused.attempt:
                continue
            if refused.code == "busy":
                self._replica.full(run.id, run.gate.target)
                self._hand_back([run], f"busy: {refused.reason}", BUSY_SECONDS)
            else:
                self._replica.refused(run.gate.target)
                self._hand_back([run], f"target unknown: {refused.reason}", 0)

    def _move(self, boot: str, taken: Sequence[Held]) -> None:
        with self._context.transaction() as connection:
            runs.moved(connection, address=self._replica.address, boot=boot, taken=taken)

    def _hand_back(self, claimed: Sequence[Run], message: str, after_seconds: float) -> None:
        held = [(run.id, run.attempt) for run in claimed]

        def store() -> None:
            with self._context.transaction() as connection:
                for run in runs.locked_attempts(connection, held):
                    hand_back(connection, self._context.settings, run, message, after_seconds)

        for run in claimed:
            with logs_of(run):
                log.info("run handed back", address=self._replica.address, reason=message)
        self._store(store)

    def _end(self, run: Run, message: str) -> None:
        def store() -> None:
            with self._context.transaction() as connection:
                for leased in runs.locked_attempts(connection, [(run.id, run.attempt)]):
                    refuse(connection, self._context.settings, leased, storable_message(message))

        with logs_of(run):
            log.warning("run refused", address=self._replica.address, reason=message)
        self._store(store)
        self._replica.freed([run.gate.target])

    def _store(self, store: Callable[[], None]) -> None:
        """Tries until the database takes it; a process that stops leaves it to the lease."""
        while True:
            try:
                return store()
            except DatabaseUnavailable as error:
                if self._context.stopped.is_set():
                    return None
                log.warning("hand back failed", address=self._replica.address, error=str(error))
                self._pause.wait()


def _request(run: Run) -> RunRequest:
    return RunRequest(
        run=run.id,
        attempt=run.attempt,
        gate=run.gate,
        gate_version=run.gate_version,
        gate_fingerprint=run.gate.fingerprint,
        slice=run.slice,
        engine=None if run.engine is run.gate.engine else run.engine,
        timeout_seconds=run.gate.timeout_seconds,
        correlation_id=run.correlation_id,
        traceparent=run.traceparent,
    )
