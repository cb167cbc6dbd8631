"""Keeps parts running: what ends by itself is started again, later and later, and it is said; at the end all are stopped in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from stringx.embedded.child import ChildFailed

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
#: A part that ran this long has recovered: its next end counts as its first.
STEADY_SECONDS = 60.0


class Part(Protocol):
    """A process, or a server with its own way to start."""

    def start(self) -> None: ...
    def close(self) -> None: ...
    def join(self, timeout_seconds: float) -> bool: ...
    def terminate(self) -> None: ...
    @property
    def running(self) -> bool: ...
    #: how it ended and where it said why, for people
    @property
    def end(self) -> str: ...


class Stage(IntEnum):
    """Parts of a later stage need those of the earlier ones; they are stopped first."""

    SERVER = 0
    RUNNER = 1
    BACKEND = 2


@dataclass
class _Watched:
    part: Part
    stage: Stage
    started_at: float
    failures: int = 0
    #: when it is started again; None while it runs
    due_at: float | None = None
    restarted: Callable[[], None] | None = None


class Supervisor:
    """All calls from one thread, which must live as long as the parts: the kernel ends them with the thread that started them."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._watched: dict[str, _Watched] = {}

    def start(self, name: str, part: Part, stage: Stage, *, restarted: Callable[[], None] | None = None) -> None:
        """Starts a part and watches it from now on; `restarted` is called each time after it was started again."""
        self._watched[name] = _Watched(part, stage, self._clock(), restarted=restarted)
        part.start()

    def check(self) -> None:
        """Starts again what ended, once its pause is over; call it often."""
        for name, watched in self._watched.items():
            now = self._clock()
            if watched.due_at is None:
                if not watched.part.running:
                    # What the dead one leaves, a killed server's workers, would keep its port and take work that nobody waits for.
                    watched.part.terminate()
                    self._ended(name, watched, now, f"has ended by itself ({watched.part.end})")
            elif now >= watched.due_at:
                self._start_again(name, watched)

    def restart(self, name: str) -> None:
        """Stops a part and starts it again at once."""
        watched = self._watched[name]
        _stop([watched.part], 10.0)
        watched.part.start()
        watched.started_at, watched.due_at = self._clock(), None

    def failures(self, name: str) -> int:
        """How often in a row it ended by itself."""
        return self._watched[name].failures

    def stop(self, grace_seconds: float) -> None:
        """Stops all parts, the last stage first; what does not end within the grace of its stage is killed."""
        for stage in sorted(Stage, reverse=True):
            _stop([watched.part for watched in self._watched.values() if watched.stage is stage], grace_seconds)
        self._watched.clear()

    def _ended(self, name: str, watched: _Watched, now: float, what: str) -> None:
        if now - watched.started_at > STEADY_SECONDS:
            watched.failures = 0
        pause = min(FIRST_PAUSE_SECONDS * 2**watched.failures, LONGEST_PAUSE_SECONDS)
        watched.failures += 1
        watched.due_at = now + pause
        self._say(f"{name} {what}; it is started again in {pause:g} s")

    def _start_again(self, name: str, watched: _Watched) -> None:
        try:
            watched.part.start()
        except ChildFailed as error:
            self._ended(name, watched, self._clock(), f"did not start: {error}")
            return
        watched.started_at, watched.due_at = self._clock(), None
        self._say(f"{name} is started again")
        if watched.restarted:
            watched.restarted()


def _stop(parts: list[Part], grace_seconds: float) -> None:
    for part in parts:
        part.close()
    deadline = time.monotonic() + grace_seconds
    for part in parts:
        if not part.join(max(deadline - time.monotonic(), 0.0)):
            part.terminate()
