"""Keeps what happens again and again from being told each time."""

from __future__ import annotations

import time
from collections.abc import Hashable


class Pace:
    """Lets one thing of each kind through in so many seconds."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._last: dict[Hashable, float] = {}

    def may(self, kind: Hashable) -> bool:
        now = time.monotonic()
        if now - self._last.get(kind, -self._seconds) < self._seconds:
            return False
        self._last[kind] = now
        return True
