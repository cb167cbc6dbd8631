"""What this process knows of one replica of a runner: whether it answers, what it serves, how many workers are free."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from stringx.model import RunnerStatus
from stringx.runner.port import RunnerPort


@dataclass(frozen=True)
class Share:
    """Workers that are free for any of some targets."""

    targets: tuple[str, ...]
    runs: int


@dataclass(frozen=True)
class Room:
    """What a replica could take now."""

    boot: str
    shares: tuple[Share, ...]


class Replica:
    """Shared by the threads that feed it, collect from it and listen to its heart."""

    def __init__(self, runner: str, port: RunnerPort) -> None:
        #: the runner's name, as gates call it
        self.runner = runner
        self.port = port
        self.address = port.address
        #: set when there may be something to feed it
        self.fed = threading.Event()
        #: set when its heartbeat should look: a cancellation was asked for, or it did not answer
        self.roused = threading.Event()
        #: set when its name no longer leads to it: it is fed no more, and let go when it no longer answers
        self.leaving = threading.Event()
        #: set when it was let go: its threads end
        self.gone = threading.Event()
        self._lock = threading.Lock()
        self._status: RunnerStatus | None = None
        #: free workers by the targets that share them: each target has its own, or one number stands for all
        self._free: dict[tuple[str, ...], int] = {}
        #: of `_free`, those for which it refused a run for want of a worker, and has not yet said that it has one again
        self._crowded: frozenset[tuple[str, ...]] = frozenset()
        #: targets that this boot refused although it named them
        self._refused: frozenset[str] = frozenset()

    def room(self) -> Room | None:
        """None while it does not answer, has no free worker or is leaving."""
        with self._lock:
            if self._status is None or self.leaving.is_set():
                return None
            shares = tuple(
                Share(served, free)
                for targets, free in self._free.items()
                if free > 0 and (served := tuple(target for target in targets if target not in self._refused))
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

    def heard(self, status: RunnerStatus) -> None:
        """It answers: its own count of free workers is the truth, ours in between is an estimate."""
        with self._lock:
            if self._status is None or self._status.boot != status.boot:
                self._refused = frozenset()
            self._status = status
            # A runner that has workers per target says so: one target's backlog must not keep another's from them.
            each: dict[tuple[str, ...], int] = {
                (target,): free for target, free in status.free_by_target.items() if target in status.targets
            }
            self._free = each or {status.targets: status.free}
            self._crowded = frozenset(targets for targets in self._crowded if self._free.get(targets) == 0)
            some = any(free > 0 for free in self._free.values())
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

    def took(self, runs: Mapping[str, int]) -> None:
        """It was given as many runs for each of some targets."""
        with self._lock:
            for target, count in runs.items():
                for targets in self._sharing(target):
                    self._free[targets] -= count

    def freed(self, runs: Mapping[str, int]) -> None:
        """It reported as many runs for each of some targets, so that their workers are free."""
        with self._lock:
            for target, count in runs.items():
                for targets in self._sharing(target):
                    self._free[targets] = max(self._free[targets], 0) + count
                    self._crowded -= {targets}
        self.fed.set()

    def full(self, target: str) -> None:
        """It refused a run for want of a worker: somebody else has it, so that only its heartbeat tells when one is free."""
        with self._lock:
            for targets in self._sharing(target):
                self._free[targets] = 0
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
