"""Looks whether the dbt project has changed on disk, and says so once it has come to rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stringx.runner.background import Background
from stringx.runner.project_copy import project_signature

LOOK_SECONDS = 2.0


class ProjectWatch(Background):
    """Calls `changed` after a change that was followed by one look without a further change: not in the middle of a `git pull`."""

    def __init__(self, project: Path, profiles: Path, changed: Callable[[], None], *, look_seconds: float = LOOK_SECONDS) -> None:
        super().__init__("project watch", self._watch)
        self._project = project
        self._profiles = profiles
        self._changed = changed
        self._look_seconds = look_seconds
        self._known = self._look()

    def _watch(self) -> None:
        restless: str | None = None
        while not self.closed.wait(self._look_seconds):
            now = self._look()
            if now == self._known:
                restless = None
            elif now == restless:
                self._known, restless = now, None
                self._changed()
            else:
                restless = now

    def _look(self) -> str:
        try:
            return project_signature(self._project, self._profiles)
        except OSError as error:  # unreadable is a state as any other: parsing it tells
            return str(error)
