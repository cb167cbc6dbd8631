"""Writes reports that are not acknowledged yet to the disk, in a thread of its own: whoever waits for a verdict does not wait for it."""

from __future__ import annotations

import threading

from stringx import logs
from stringx.runner.background import Background
from stringx.runner.reports import ReportShelf

#: About so long a report is in memory alone, where the disk keeps up. Most are acknowledged before, and never written.
MEMORY_SECONDS = 0.1
#: Pause before another try to write what the disk did not take.
AGAIN_SECONDS = 5.0

log = logs.get(__name__)


class ReportWriting(Background):
    """Writes what is on the shelf a moment after `more` was called, and once more when it is closed."""

    def __init__(self, shelf: ReportShelf, *, again_seconds: float = AGAIN_SECONDS) -> None:
        super().__init__("report writing", self._write)
        self._shelf = shelf
        self._again_seconds = again_seconds
        self._woken = threading.Event()

    def more(self) -> None:
        """Something was put on the shelf. Never blocks."""
        self._woken.set()

    def close(self) -> None:
        super().close()
        self._woken.set()

    def _write(self) -> None:
        last = False
        while not last:
            self._woken.wait()
            self.closed.wait(MEMORY_SECONDS)
            # Cleared before looking: what is put meanwhile sets it again.
            self._woken.clear()
            last = self.closed.is_set()
            try:
                self._shelf.write()
            except OSError as error:
                log.error("reports not written: they are lost if this process ends before they are acknowledged", error=str(error))
                self.closed.wait(self._again_seconds)
                self._woken.set()
