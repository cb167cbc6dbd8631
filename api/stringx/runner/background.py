"""What goes on beside the requests, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Background:
    """Runs what it is given, which ends soon after `closed` is set."""

    def __init__(self, name: str, run: Callable[[], None], *, daemon: bool = True) -> None:
        """`daemon` False: the process does not end before it, for it has something to end in turn."""
        self.closed = threading.Event()
        self._thread = threading.Thread(target=run, name=name, daemon=daemon)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Never blocks."""
        self.closed.set()

    def join(self, timeout_seconds: float) -> bool:
        """Waits for its end; False where it still runs after that time."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()
