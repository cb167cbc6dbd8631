"""What every part of a dispatcher shares, and how each of them waits."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from stringx import logs
from stringx.settings import Settings
from stringx.store.database import transaction
from stringx.store.runs import Run

#: Who looks for work looks this often even when nobody told it to; a NOTIFY comes long before.
TICK_SECONDS = 1.0


@dataclass(frozen=True)
class Context:
    """One dispatcher process: its settings, its database, and who it is."""

    settings: Settings
    engine: Engine
    #: of this process; stands in the attempts that it made
    dispatcher: str
    #: who this backend is to the runners
    installation: str
    #: no new run is claimed
    closing: threading.Event = field(default_factory=threading.Event)
    #: every loop ends
    stopped: threading.Event = field(default_factory=threading.Event)

    def transaction(self) -> AbstractContextManager[Connection]:
        """BEGIN … COMMIT; raises DatabaseUnavailable."""
        return transaction(self.engine)

    @property
    def beat_seconds(self) -> float:
        """How often a lease is renewed."""
        return self.settings.lease_seconds / 3


def logs_of(run: Run) -> AbstractContextManager[None]:
    """Lines that are logged within are of this run, and found by what its trigger was sent with."""
    return logs.bound(run=run.id, attempt=run.attempt, correlation_id=run.correlation_id, traceparent=run.traceparent)


class Pause:
    """Waits longer after each failure in a row, with jitter, so that many processes do not come back as one."""

    def __init__(self, stopped: threading.Event, longest_seconds: float = 2.0) -> None:
        self._stopped = stopped
        self._longest = longest_seconds
        self._failures = 0

    def wait(self) -> None:
        """Blocks for the next pause, or until everything stops."""
        seconds = min(self._longest, 0.05 * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        self._stopped.wait(seconds * random.uniform(0.5, 1.0))

    def reset(self) -> None:
        self._failures = 0


class Threads:
    """The threads of a process; one that ends by an error ends them all, and the error is raised to whoever joins."""

    def __init__(self, on_failure: Callable[[], None]) -> None:
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._failure: Exception | None = None

    def start(self, name: str, run: Callable[[], None]) -> None:
        # Daemons: a thread that hangs in a call must not keep a process from ending.
        thread = threading.Thread(target=self._guarded, args=(run,), name=name, daemon=True)
        with self._lock:
            self._threads = [known for known in self._threads if known.is_alive()]
            self._threads.append(thread)
            thread.start()

    def join(self, names: tuple[str, ...], deadline: float) -> bool:
        """Waits for the threads whose names begin so, until `deadline` by the monotonic clock; False where some still run."""
        with self._lock:
            wanted = [thread for thread in self._threads if thread.name.startswith(names)]
        for thread in wanted:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in wanted)

    def raise_failure(self) -> None:
        """Raises the error that ended a thread, if one did."""
        if self._failure is not None:
            raise self._failure

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001  # kept, and raised by `raise_failure` in the thread that joins
            self._failure = self._failure or error
            self._on_failure()
