"""What this process knows of one replica of a runner: whether it answers, what it serves, how many workers are free."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from stringx.model import RunnerStatus
from stringx.runner.port import RunnerPort


@dataclass(frozen=True)
class Room:
    """What a replica could take now."""

    boot: str
    targets: tuple[str, ...]
    runs: int


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
        self._free = 0
        #: targets that this boot refused although it named them
        self._refused: frozenset[str] = frozenset()

    def room(self) -> Room | None:
        """None while it does not answer, has no free worker or is leaving."""
        with self._lock:
            if self._status is None or self._free <= 0 or self.leaving.is_set():
                return None
            return Room(self._status.boot, self._targets(), self._free)

    @property
    def targets(self) -> tuple[str, ...] | None:
        """The targets that it serves; None while it does not answer."""
        with self._lock:
            return None if self._status is None else self._targets()

    def heard(self, status: RunnerStatus) -> None:
        """It answers: its own count of free workers is the truth, ours in between is an estimate."""
        with self._lock:
            if self._status is None or self._status.boot != status.boot:
                self._refused = frozenset()
            self._status = status
            self._free = status.free
        if status.free > 0:
            self.fed.set()

    def silent(self) -> bool:
        """It does not answer. True when it did until now."""
        with self._lock:
            answered = self._status is not None
            self._status = None
        if answered:
            self.roused.set()
        return answered

    def took(self, runs: int) -> None:
        with self._lock:
            self._free -= runs

    def freed(self, runs: int) -> None:
        """It reported as many runs, so that their workers are free."""
        with self._lock:
            self._free = max(self._free, 0) + runs
        self.fed.set()

    def full(self) -> None:
        """It refused a run for want of a worker."""
        with self._lock:
            self._free = 0

    def refused(self, target: str) -> None:
        """It does not know a target that it named."""
        with self._lock:
            self._refused |= {target}

    def _targets(self) -> tuple[str, ...]:
        return () if self._status is None else tuple(target for target in self._status.targets if target not in self._refused)
