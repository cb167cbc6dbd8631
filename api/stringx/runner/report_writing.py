"""What a finished run has that can wait a moment: its line in the log, and its report on the disk, unless it is acknowledged before.

In a thread of its own, for whoever waits for a verdict has no use for either.
"""

from __future__ import annotations

import threading
from collections import deque

from stringx import logs
from stringx.model import Report
from stringx.runner.background import Background
from stringx.runner.reports import ReportShelf

#: So long at least, and about twice as long at most where the disk keeps up, a report is in memory alone. Most are acknowledged
#: before, and never written.
MEMORY_SECONDS = 0.1
#: Pause before another try to write what the disk did not take.
AGAIN_SECONDS = 5.0

log = logs.get(__name__)


class ReportWriting(Background):
    """Logs a run, and writes what stays on the shelf, a moment after `finished` was called; and all when it is closed."""

    def __init__(self, shelf: ReportShelf, *, again_seconds: float = AGAIN_SECONDS) -> None:
        super().__init__("report writing", self._write)
        self._shelf = shelf
        self._again_seconds = again_seconds
        self._woken = threading.Event()
        self._unlogged: deque[Report] = deque()

    def finished(self, report: Report) -> None:
        """A report was put on the shelf. Never blocks."""
        self._unlogged.append(report)
        self._woken.set()

    def close(self) -> None:
        super().close()
        self._woken.set()

    def _write(self) -> None:
        last = False
        while not last:
            self._woken.wait()
            # Cleared before looking: what is put from now on sets it again, and has its own moment.
            self._woken.clear()
            places = self._shelf.unwritten()
            last = self.closed.wait(MEMORY_SECONDS)
            while self._unlogged:
                _log(self._unlogged.popleft())
            try:
                self._shelf.write(self._shelf.unwritten() if last else places)
            except OSError as error:
                log.error("reports not written: they are lost if this process ends before they are acknowledged", error=str(error))
                self.closed.wait(self._again_seconds)
                self._woken.set()


def _log(report: Report) -> None:
    finished_at = report.finished_at.isoformat()
    log.info("run finished", run=report.run, attempt=report.attempt, status=report.status, results=len(report.results), at=finished_at)
