"""The folder of `stringx up` (STRINGX_HOME): one `up` at a time, its tokens and records, and how it is emptied."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from stringx.embedded.child import clean_up
from stringx.embedded.postgres import EmbeddedPostgres

#: What `up` makes below its home, and so what `--fresh` may delete: nothing else in that folder is ours.
_OURS = ("addresses.json", "tokens", "postgres", "broker", "runner", "inline", "docs", "processes")


class Home:
    """Holds the lock of one home; the kernel releases it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()
        self._lock: int | None = None

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def broker(self) -> Path:
        return self.folder / "broker"

    @property
    def processes(self) -> Path:
        """Logs and pids of the processes of StringX itself."""
        return self.folder / "processes"

    def acquire(self) -> bool:
        """Takes the home for this process; False where another one has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def end_leftovers(self) -> None:
        """Ends what a killed `up` left running, so that its ports and data are free."""
        for record in self.processes.glob("*.pid"):
            clean_up(record, signal.SIGTERM)
        for record in self.broker.glob("*/*.pid"):
            clean_up(record, signal.SIGTERM)
        for record in self.postgres.glob("*.pid"):
            clean_up(record, signal.SIGINT)

    def empty(self) -> None:
        """Deletes all that an earlier `up` kept here; call it holding the lock, with nothing running."""
        EmbeddedPostgres(self.postgres).remove()
        for name in _OURS:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                with suppress(FileNotFoundError):
                    path.unlink()
