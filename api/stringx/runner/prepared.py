"""What of a generation's runs is replayed instead of run by dbt, and how that is held against dbt: first for proof, then by samples.

Not thread-safe: the pool's thread calls, under the pool's lock.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from stringx import logs
from stringx.model import DbtStatus, DistrustedGate, ReportStatus, RunRequest
from stringx.runner.messages import Done, Role
from stringx.runner.recording import Unprepared
from stringx.runner.recordings import Key, Recorded, Recordings

log = logs.get(__name__)

#: Runs that wait to be compared; a run beyond them is not.
WAITING_COMPARISONS = 20

#: Statuses of a test that came to no judgement, each as the reason why its run stays with dbt.
_UNJUDGED = {
    DbtStatus.ERROR: "it errored in this run: only what dbt has judged is replayed",
    DbtStatus.SKIPPED: "dbt skipped it in this run: only what dbt has judged is replayed",
}


@dataclass(frozen=True)
class Outcome:
    """What both engines must agree on: all but times, samples and the text of the SQL."""

    results: tuple[tuple[Any, ...], ...]
    rows: int | None

    def agrees(self, other: Outcome) -> bool:
        return self.results == other.results and (self.rows == other.rows or None in (self.rows, other.rows))

    @property
    def judged(self) -> bool:
        """Whether every test came to a judgement."""
        return all(result[5] not in _UNJUDGED for result in self.results)

    def difference(self, other: Outcome) -> str:
        """Of this one, a replay's, from dbt's."""
        for own, its in zip(self.results, other.results, strict=False):
            if own != its:
                return f"{own[2]}: a replay gave {own[5]} with {own[6]} failures where dbt gave {its[5]} with {its[6]}"
        if len(self.results) != len(other.results):
            return f"a replay gave {len(self.results)} results, dbt {len(other.results)}"
        return f"a replay counted {self.rows} rows, dbt {other.rows}"


def outcome(done: Done) -> Outcome:
    return Outcome(
        tuple(
            (one.rule, one.select, one.test, one.sliced, one.severity, one.status, one.failures, one.message, one.rows)
            for one in done.results
        ),
        done.rows,
    )


@dataclass(eq=False)
class Comparison:
    """A run of which both engines are to say the same. Nobody waits for its report."""

    request: RunRequest
    recorded: Recorded
    #: what dbt said; None: it is to be asked
    reference: Outcome | None = None
    #: what a replay said before dbt was asked; None: this is the proof of a new recording
    replayed: Outcome | None = None
    #: dbt was asked before, and could not judge
    repeated: bool = False

    @property
    def role(self) -> Role:
        """Who is to execute its next step."""
        return "dbt" if self.reference is None else "replay"


class Prepared:
    """The recordings of one generation, and the comparisons that are due."""

    def __init__(self, check_share: float) -> None:
        """`check_share`: of the replayed runs that are repeated with dbt, 0 to 1."""
        self.recordings = Recordings()
        self._check_share = check_share
        self._comparisons: deque[Comparison] = deque()

    def replays(self, key: Key | None) -> Recorded | None:
        """By what such a run is replayed; None: dbt runs it."""
        return None if key is None else self.recordings.proven(key)

    def records(self, key: Key | None, now: float) -> bool:
        """Whether such a run, which dbt begins now, is to be recorded; then `ran` must follow."""
        return key is not None and self.recordings.begin(key, now)

    def unprepared(self, key: Key | None, done: Done | None) -> tuple[Unprepared, ...]:
        """Why such a run was dbt's, as far as that is known: what keeps all such runs with it, and what it could not judge in this one."""
        if key is None:
            return ()
        known = self.recordings.unprepared(key)
        told = {one.test for one in known}
        unjudged = [one for one in (done.results if done else ()) if one.status in _UNJUDGED and one.test not in told]
        return (*known, *(Unprepared(test=one.test, reason=_UNJUDGED[one.status]) for one in unjudged))

    def ran(self, key: Key, request: RunRequest, done: Done | None, now: float) -> None:
        """A run that was to be recorded has ended; `done` is None where it came to no end. Where dbt could not judge, nothing follows."""
        if done is None or (done.recording is None and not done.unprepared):
            self.recordings.abandoned(key)
            return
        recorded = self.recordings.recorded(key, done, now)
        if recorded is not None and not self._compare(Comparison(request, recorded, reference=outcome(done))):
            self.recordings.forget(recorded)

    def replayed(self, request: RunRequest, recorded: Recorded, done: Done) -> None:
        """A run was replayed to its end."""
        if random.random() < self._check_share:
            self._compare(Comparison(request, recorded, replayed=outcome(done)))

    def next_comparison(self, role: Role) -> Comparison | None:
        """Whose next step a worker of this kind is to execute; `compared` must follow."""
        for comparison in self._comparisons:
            if comparison.role == role:
                self._comparisons.remove(comparison)
                return comparison
        return None

    def compared(self, comparison: Comparison, done: Done | None, now: float, *, why_not: str = "") -> None:
        """A step has been executed; `done` is None where it came to no end, `why_not` says why where the replay itself would not."""
        recorded = comparison.recorded
        if done is None or done.status is not ReportStatus.COMPLETED:
            if comparison.replayed is None:
                if why_not:
                    self.recordings.refute(recorded, why_not, now)
                else:
                    self.recordings.forget(recorded)
            return
        found = outcome(done)
        if comparison.reference is None:
            comparison.reference = found
            # Where they differ the rows may have changed in between: a replay after dbt tells.
            if comparison.replayed is not None and not comparison.replayed.agrees(found):
                self._compare(comparison)
        elif found.agrees(comparison.reference):
            self.recordings.prove(recorded)
        elif comparison.replayed is None:
            self.recordings.refute(recorded, found.difference(comparison.reference), now)
        elif found.agrees(comparison.replayed):  # else the rows change all the time, and nothing is said
            if not comparison.reference.judged and not comparison.repeated:
                # Its connection may have failed, or somebody locked the database, just then. One that says so twice is believed.
                self._compare(Comparison(comparison.request, recorded, replayed=found, repeated=True))
                return
            gate, reason = comparison.request.gate, found.difference(comparison.reference)
            log.error("replays of a gate differ from dbt, which runs it from now on", gate=f"{gate.workspace}/{gate.table}", reason=reason)
            self.recordings.distrusted.add(
                DistrustedGate(workspace=gate.workspace, table=gate.table, gate_fingerprint=recorded.key[0], reason=reason)
            )

    def _compare(self, comparison: Comparison) -> bool:
        """False where too many wait already."""
        if len(self._comparisons) >= WAITING_COMPARISONS:
            return False
        self._comparisons.append(comparison)
        return True
