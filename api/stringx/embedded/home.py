"""The folder of `stringx up` (STRINGX_HOME): one `up` and one broker at a time, its tokens and records, and how it is emptied."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from stringx.embedded.child import clean_up
from stringx.embedded.postgres import EmbeddedPostgres
from stringx.errors import ConfigurationError

#: What `up` makes below its home, and so what `--fresh` may delete: nothing else in that folder is ours.
_OURS = ("addresses.json", "tokens", "postgres", "broker", "runner", "inline", "docs", "processes")


class Home:
    """Holds the locks of one home, of which the broker's folder has its own; the kernel releases them when the process ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()
        self._lock: int | None = None
        self._broker_lock: int | None = None

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
        """Takes the home, but for the broker's folder, for this `up`; False where another one has it."""
        self._lock = self._locked("up.lock")
        return self._lock is not None

    def acquire_broker(self) -> bool:
        """Takes the broker's folder for this process; False where another `up` or `scripts/kafka` has it."""
        self._broker_lock = self._locked("broker.lock")
        if self._broker_lock is None:
            return False
        (self.broker / "address").unlink(missing_ok=True)
        os.ftruncate(self._broker_lock, 0)
        os.write(self._broker_lock, str(os.getpid()).encode())
        return True

    def broker_holder(self) -> str:
        """The pid of the process that took the broker's folder last."""
        return (self.folder / "broker.lock").read_text()

    def _locked(self, name: str) -> int | None:
        if self.folder.exists() and not self.folder.is_dir():
            raise ConfigurationError(f"STRINGX_HOME, or --home, is {self.folder}, a file: name a folder")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            problem = f"{self.folder}, which cannot be written to ({error.strerror})"
            raise ConfigurationError(f"STRINGX_HOME, or --home, is {problem}: name a folder of yours") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def release(self) -> None:
        for lock in (self._lock, self._broker_lock):
            if lock is not None:
                os.close(lock)
        self._lock = self._broker_lock = None

    def end_leftovers(self) -> None:
        """Ends what a killed `up` left running in the folders whose locks are held, so that its ports and data are free."""
        if self._broker_lock is not None:
            for record in self.broker.glob("*/*.pid"):
                clean_up(record, signal.SIGTERM)
        if self._lock is None:
            return
        for record in self.processes.glob("*.pid"):
            clean_up(record, signal.SIGTERM)
        for record in self.postgres.glob("*.pid"):
            clean_up(record, signal.SIGINT)

    def empty(self) -> None:
        """Deletes all that an earlier `up` kept here; call it holding both locks, with nothing running."""
        EmbeddedPostgres(self.postgres).remove()
        for name in _OURS:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                with suppress(FileNotFoundError):
                    path.unlink()
