"""Removes reports that nobody acknowledges: the backend that they are for is gone, and rows of the data may be in them."""

from __future__ import annotations

import time

from stringx import logs
from stringx.runner.background import Background
from stringx.runner.reports import ReportShelf

LOOK_SECONDS = 3600.0
_DAY_SECONDS = 86_400.0

log = logs.get(__name__)


class Retention(Background):
    """Looks at its start, and then every now and then, for reports that finished more than `keep_days` ago; 0 keeps them for ever."""

    def __init__(self, shelf: ReportShelf, keep_days: float, *, look_seconds: float = LOOK_SECONDS) -> None:
        super().__init__("retention", self._keep_looking)
        self._shelf = shelf
        self._keep_days = keep_days
        self._look_seconds = look_seconds

    def _keep_looking(self) -> None:
        while self._keep_days:
            try:
                removed = self._shelf.expire(time.time() - self._keep_days * _DAY_SECONDS)
            except OSError as error:
                log.error("old reports not removed", error=str(error))
            else:
                for installation, count in removed.items():
                    log.warning("reports removed that nobody acknowledged", installation=installation, count=count, days=self._keep_days)
            if self.closed.wait(self._look_seconds):
                return
