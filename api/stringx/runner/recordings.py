"""A generation's recordings: which runs can be replayed, which are still to be proven, and which stay with dbt and why.

Not thread-safe: the pool's thread calls, under the pool's lock.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from stringx.model import Engine, RunRequest
from stringx.runner.distrust import DistrustedGates
from stringx.runner.kept import Kept
from stringx.runner.messages import Done
from stringx.runner.recording import Recording, Unprepared
from stringx.runner.slice_sql import shape

#: A run that stays with dbt is recorded again after this time: its table may have been broken, or its rows may have changed in between.
RECORD_AGAIN_SECONDS = 600.0
#: Recordings of which the proof failed, until that time is kept.
HOPEFUL_PROOFS = 3

#: A gate version by its fingerprint, and the shape of its slice. The generation stands for the project, the profile, and all that
#: dbt keeps from parsing.
Key = tuple[str, tuple[str, ...]]


def key_of(request: RunRequest) -> Key | None:
    """None: dbt is to run it."""
    gate = request.gate
    # What names one gate and brings another is refused by dbt's worker.
    if (request.engine or gate.engine) is not Engine.PREPARED or gate.fingerprint != request.gate_fingerprint:
        return None
    return request.gate_fingerprint, shape(request.slice, gate.slice_columns)


@dataclass(eq=False)
class Recorded:
    """A recording that the runner has."""

    number: int
    key: Key
    recording: Recording
    proven: bool = False


@dataclass
class _Entry:
    recorded: Recorded | None = None
    #: a worker records it
    recording: bool = False
    unprepared: tuple[Unprepared, ...] = ()
    failed_proofs: int = 0
    #: on the clock of `time.monotonic`
    not_before: float = 0.0


class Recordings:
    """By gate version and shape of slice."""

    def __init__(self) -> None:
        self._entries: Kept[Key, _Entry] = Kept()
        self._numbers = itertools.count(1)
        #: gate versions that are not replayed any more
        self.distrusted = DistrustedGates()

    def proven(self, key: Key) -> Recorded | None:
        """What a run is replayed by; None where dbt is to run it."""
        entry = self._entries.use(key)
        if entry is None or entry.recorded is None or not entry.recorded.proven or key[0] in self.distrusted:
            return None
        return entry.recorded

    def unprepared(self, key: Key) -> tuple[Unprepared, ...]:
        """Why its runs stay with dbt, as far as that is known."""
        entry = self._entries.get(key)
        return entry.unprepared if entry else ()

    def begin(self, key: Key, now: float) -> bool:
        """Whether a run with dbt that begins now is to be recorded; if so, `recorded` or `abandoned` must follow."""
        entry = self._entry(key)
        if entry.recording or entry.recorded is not None or now < entry.not_before or key[0] in self.distrusted:
            return False
        entry.recording = True
        return True

    def abandoned(self, key: Key) -> None:
        """The run that was to be recorded came to no end."""
        self._entry(key).recording = False

    def recorded(self, key: Key, done: Done, now: float) -> Recorded | None:
        """Takes what was recorded; it is to be proven."""
        entry = self._entry(key)
        entry.recording = False
        entry.unprepared = done.unprepared
        entry.recorded = None
        if done.recording is None:
            entry.not_before = now + RECORD_AGAIN_SECONDS
        else:
            entry.recorded = Recorded(next(self._numbers), key, done.recording)
        return entry.recorded

    def prove(self, recorded: Recorded) -> None:
        """A replay said what dbt had said."""
        recorded.proven = True
        self._entry(recorded.key).failed_proofs = 0

    def refute(self, recorded: Recorded, reason: str, now: float) -> None:
        """A replay for its proof did not: the rows may have changed in between, so that a few others may be tried at once."""
        entry = self._entry(recorded.key)
        entry.failed_proofs += 1
        if entry.failed_proofs >= HOPEFUL_PROOFS:
            entry.failed_proofs = 0
            entry.not_before = now + RECORD_AGAIN_SECONDS
            entry.unprepared = tuple(Unprepared(test=test.test, reason=reason) for test in recorded.recording.tests)
        self.forget(recorded)

    def forget(self, recorded: Recorded) -> None:
        """It no longer fits: record the next run anew."""
        entry = self._entry(recorded.key)
        if entry.recorded is recorded:
            entry.recorded = None

    def _entry(self, key: Key) -> _Entry:
        entry = self._entries.use(key) or _Entry()
        self._entries.keep(key, entry)
        return entry
