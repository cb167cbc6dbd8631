"""Has the disk take finished reports, in a thread of its own: whoever waits for a verdict does not wait for the disk.

Nothing rests on it but time: of a report that a power failure takes, the backend hears nothing, and has the run executed again.
"""

from __future__ import annotations

import threading

from stringx import logs
from stringx.runner.background import Background
from stringx.runner.reports import ReportShelf

#: Reports of so long are synced together, and the disk is the verdicts' until then.
GATHER_SECONDS = 0.1

log = logs.get(__name__)


class Syncing(Background):
    """Syncs what was put on the shelf until `more` was called; once more when it is closed."""

    def __init__(self, shelf: ReportShelf) -> None:
        super().__init__("report sync", self._sync)
        self._shelf = shelf
        self._woken = threading.Event()

    def more(self) -> None:
        """Something was put on the shelf. Never blocks."""
        self._woken.set()

    def close(self) -> None:
        super().close()
        self._woken.set()

    def _sync(self) -> None:
        last = False
        while not last:
            self._woken.wait()
            self.closed.wait(GATHER_SECONDS)
            # Cleared before looking: what is put meanwhile sets it again.
            self._woken.clear()
            last = self.closed.is_set()
            try:
                self._shelf.sync()
            except OSError as error:
                log.error("reports not synced: they may be lost when the power fails", error=str(error))
