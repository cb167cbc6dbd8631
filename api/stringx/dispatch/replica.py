"""What this process knows of one replica of a runner: whether it answers, what it serves, how many runs it may be given."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from stringx.model import Report, RunnerStatus, UnreadableReport
from stringx.runner.port import RunnerPort
from stringx.store.runner_projects import RunnerProject

#: A worker is given runs ahead, so that it need not wait for the next one: as many as it executes in about this time, as its
#: runner's last runs went. Where runs are long that is none: the wait is nothing beside them, and a run that is ahead can neither
#: be overtaken by a more urgent one nor be taken by another replica.
AHEAD_SECONDS = 0.25
#: At most so many, for each worker.
MOST_AHEAD = 40
#: Of so many last runs the longest counts.
LAST_RUNS = 16
#: A submission that has no answer after so long is nothing that runs elsewhere should wait for.
SLOW_SECONDS = 1.0


@dataclass(frozen=True)
class Share:
    """Runs that may be given for any of some targets."""

    targets: tuple[str, ...]
    runs: int


@dataclass(frozen=True)
class Room:
    """What a replica could take now."""

    boot: str
    shares: tuple[Share, ...]

    @property
    def targets(self) -> frozenset[str]:
        """Those for which there is any."""
        return frozenset(target for share in self.shares for target in share.targets)

    def without(self, targets: frozenset[str]) -> Room | None:
        """For other targets than these; None where that is nothing."""
        kept = ((tuple(target for target in share.targets if target not in targets), share.runs) for share in self.shares)
        shares = tuple(Share(served, runs) for served, runs in kept if served)
        return Room(self.boot, shares) if shares else None


class Replica:
    """Shared by the threads that feed it, collect from it and listen to its heart."""

    def __init__(self, runner: str, port: RunnerPort) -> None:
        #: the runner's name, as gates call it
        self.runner = runner
        self.port = port
        self.address = port.address
        #: set when there may be something to feed it
        self.fed = threading.Event()
        #: when it was last fed there was nothing more to be had: that it has room again is no reason to look
        self.drained = False
        #: the dbt projects that it has in charge, by target, as it said last
        self.projects: Mapping[str, RunnerProject] = {}
        #: since when it owes the answer to a submission, by the monotonic clock
        self._submitting_since: float | None = None
        #: set when its heartbeat should look: a cancellation was asked for, or it did not answer
        self.roused = threading.Event()
        #: set when its name no longer leads to it: it is fed no more, and let go when it no longer answers
        self.leaving = threading.Event()
        #: set when it was let go: its threads end
        self.gone = threading.Event()
        self._lock = threading.Lock()
        self._status: RunnerStatus | None = None
        #: free workers by the targets that share them: each target has its own, or one number stands for all;
        #: below zero, the runs that wait for one
        self._free: dict[tuple[str, ...], int] = {}
        #: the targets of the runs that it was given
        self._given: dict[str, str] = {}
        #: what its status, asked for last, may not tell: runs that it was given since, and the targets of those that left their workers
        self._given_since: set[str] = set()
        self._left_since: dict[str, str] = {}
        #: how long the last runs of its present boot took
        self._seconds: deque[float] = deque(maxlen=LAST_RUNS)
        #: of `_free`, those for which it refused a run for want of a worker, and has not yet said that it has one again
        self._crowded: frozenset[tuple[str, ...]] = frozenset()
        #: targets that this boot refused although it named them
        self._refused: frozenset[str] = frozenset()

    def room(self) -> Room | None:
        """None while it does not answer, is leaving, or has neither a free worker nor one that is soon free."""
        with self._lock:
            if self._status is None or self.leaving.is_set():
                return None
            shares = tuple(
                Share(served, room)
                for targets, free in self._free.items()
                if (room := free + self._ahead(targets)) > 0
                and (served := tuple(target for target in targets if target not in self._refused))
            )
            return Room(self._status.boot, shares) if shares else None

    @property
    def targets(self) -> tuple[str, ...] | None:
        """The targets that it serves; None while it does not answer."""
        with self._lock:
            return None if self._status is None else self._targets()

    @property
    def crowded(self) -> bool:
        """Whether it is worth asking soon: its workers were busy with the runs of others."""
        with self._lock:
            return bool(self._crowded)

    @property
    def slow(self) -> bool:
        """Whether the thread that feeds it hangs in a submission."""
        since = self._submitting_since
        return since is not None and time.monotonic() - since > SLOW_SECONDS

    @contextmanager
    def submitting(self) -> Iterator[None]:
        """While runs are handed over to it."""
        self._submitting_since = time.monotonic()
        try:
            yield
        finally:
            self._submitting_since = None

    def asks(self) -> None:
        """It is asked for its status from now on; `heard` follows with the answer."""
        with self._lock:
            self._given_since, self._left_since = set(), {}

    def heard(self, status: RunnerStatus) -> None:
        """It answers: its own count of free workers is the truth of that moment, and what has changed since is ours to count."""
        with self._lock:
            if self._status is None or self._status.boot != status.boot:
                self._refused = frozenset()
                # A new boot has its project to parse before it is as fast as the last one was.
                self._seconds.clear()
            self._status = status
            # A runner that has workers per target says so: one target's backlog must not keep another's from them.
            each: dict[tuple[str, ...], int] = {
                (target,): free - status.queued_by_target.get(target, 0)
                for target, free in status.free_by_target.items()
                if target in status.targets
            }
            self._free = each or {status.targets: status.free - sum(status.queued_by_target.values())}
            held = {run for run, _ in status.held}
            on_the_way = {run: target for run, target in self._given.items() if run in self._given_since - held}
            self._count(on_the_way.values(), -1)
            self._count([target for run, target in self._left_since.items() if run in held], 1)
            self._given = {run: target for run, target in self._given.items() if run in held} | on_the_way
            self._crowded = frozenset(targets for targets in self._crowded if self._free.get(targets, 1) <= 0)
            some = any(free + self._ahead(targets) > 0 for targets, free in self._free.items())
        if some:
            self.fed.set()

    def silent(self) -> bool:
        """It does not answer. True when it did until now."""
        with self._lock:
            answered = self._status is not None
            self._status = None
        if answered:
            self.roused.set()
        return answered

    def took(self, runs: Mapping[str, str]) -> None:
        """It was given these runs, each for its target."""
        with self._lock:
            self._given |= runs
            self._given_since |= runs.keys()
            self._count(runs.values(), -1)

    def reported(self, reports: Iterable[Report | UnreadableReport]) -> set[str]:
        """Runs have left their workers; returns those of which we do not know the target, since another process gave them."""
        unknown = set()
        with self._lock:
            for report in reports:
                target = self._given.pop(report.run, None)
                if target is None:
                    unknown.add(report.run)
                else:
                    self._left_since[report.run] = target
                    self._free_one(target)
                if isinstance(report, Report):
                    self._seconds.append((report.finished_at - report.started_at).total_seconds())
        if not self.drained:
            self.fed.set()
        return unknown

    def freed(self, targets: Iterable[str]) -> None:
        """Workers for these targets are free, one for each that is named."""
        with self._lock:
            for target in targets:
                self._free_one(target)
        self.fed.set()

    def full(self, run: str, target: str) -> None:
        """It refused a run for want of a worker: somebody else has it, so that only its heartbeat tells when one is free."""
        with self._lock:
            self._given.pop(run, None)
            for targets in self._sharing(target):
                self._free[targets] = min(self._free[targets], -self._ahead(targets))
                self._crowded |= {targets}
        self.roused.set()

    def refused(self, target: str) -> None:
        """It does not know a target that it named."""
        with self._lock:
            self._refused |= {target}

    def _targets(self) -> tuple[str, ...]:
        return () if self._status is None else tuple(target for target in self._status.targets if target not in self._refused)

    def _sharing(self, target: str) -> list[tuple[str, ...]]:
        return [targets for targets in self._free if target in targets]

    def _count(self, targets: Iterable[str], change: int) -> None:
        """Adds `change` to the free workers, once for each of the targets."""
        for target in targets:
            for sharing in self._sharing(target):
                self._free[sharing] += change

    def _free_one(self, target: str) -> None:
        for targets in self._sharing(target):
            if targets in self._crowded:
                # After a refusal our own count says nothing; that this one has room is certain.
                self._free[targets] = max(self._free[targets], -self._ahead(targets))
                self._crowded -= {targets}
            self._free[targets] += 1

    def _ahead(self, targets: tuple[str, ...]) -> int:
        """Runs that may wait there for a worker."""
        if self._status is None or not self._seconds:
            return 0
        workers = self._status.workers * len(targets) // max(1, len(self._status.targets))
        each = min(MOST_AHEAD, int(AHEAD_SECONDS / max(0.001, *self._seconds)))
        # Half of its queue: the rest is for other dispatchers.
        return min(workers * each, (self._status.queue + 1) // 2)
