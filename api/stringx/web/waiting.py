"""Requests that wait for a verdict: any number of them on one connection that listens, capped, and sure not to miss any.

A notification only wakes a waiter; what it then believes is the database, which it also asks on its own now and then.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stringx import logs
from stringx.errors import DatabaseUnavailable
from stringx.model import TriggerAnswer
from stringx.settings import Settings
from stringx.store import views
from stringx.store.database import VERDICTS_CHANNEL, transaction
from stringx.store.listener import Listener

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logs.get(__name__)

#: A waiter asks the database at least this often, so that a lost notification costs time and never the answer.
RECHECK_SECONDS = 5.0
#: How long the listener rests after the database did not answer.
RECONNECT_SECONDS = 1.0


class VerdictWaiters:
    """Lets up to `settings.api_waiters` threads wait at one time.

    The listening thread starts with the first of them, so after any fork of the server; it ends with the process or by `close`.
    """

    def __init__(self, settings: Settings, engine: Engine, *, recheck_seconds: float = RECHECK_SECONDS) -> None:
        self._settings = settings
        self._engine = engine
        self._recheck_seconds = recheck_seconds
        self._free = threading.BoundedSemaphore(settings.api_waiters) if settings.api_waiters else None
        self._lock = threading.Lock()
        #: by run, the events of the requests that wait for it
        self._events: defaultdict[str, set[threading.Event]] = defaultdict(set)
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def wait(self, trigger: TriggerAnswer, seconds: float) -> TriggerAnswer:
        """The trigger as it stands once it is settled, or after `seconds`, or at once where too many wait already."""
        if trigger.settled or trigger.run is None or self._free is None or not self._free.acquire(blocking=False):
            return trigger
        try:
            deadline = time.monotonic() + seconds
            with self._woken_by(trigger.run) as woken:
                while True:
                    # Asked after the event is in place: a verdict stored before that is seen here, a later one wakes us.
                    trigger = self._present(trigger)
                    left = deadline - time.monotonic()
                    if trigger.settled or left <= 0 or self._closed.is_set():
                        return trigger
                    woken.wait(min(left, self._recheck_seconds))
                    woken.clear()
        finally:
            self._free.release()

    def _present(self, trigger: TriggerAnswer) -> TriggerAnswer:
        """The trigger as it stands, or as it was last seen while the database does not answer: it is taken, which a 503 would deny."""
        try:
            with transaction(self._engine) as connection:
                return views.trigger(connection, trigger.trigger)
        except DatabaseUnavailable:
            return trigger

    def close(self) -> None:
        """Lets every waiter answer what it has, and ends the listening thread; does not block."""
        self._closed.set()
        self._wake_all()
        with self._lock:
            if self._listener is not None:
                self._listener.wake()

    def join(self, timeout_seconds: float) -> bool:
        """Whether the listening thread has ended within `timeout_seconds`."""
        if self._thread is not None:
            self._thread.join(timeout_seconds)
            return not self._thread.is_alive()
        return True

    @contextmanager
    def _woken_by(self, run: str) -> Iterator[threading.Event]:
        event = threading.Event()
        with self._lock:
            self._events[run].add(event)
            if self._thread is None and not self._closed.is_set():
                self._listener = Listener(self._settings, VERDICTS_CHANNEL)
                self._thread = threading.Thread(target=self._listen, args=(self._listener,), name="verdicts", daemon=True)
                self._thread.start()
        try:
            yield event
        finally:
            with self._lock:
                self._events[run].discard(event)
                if not self._events[run]:
                    del self._events[run]

    def _listen(self, listener: Listener) -> None:
        connected = True
        while not self._closed.is_set():
            try:
                sent = listener.wait(60)
            except DatabaseUnavailable as error:
                if connected:
                    log.warning("verdicts are not listened for", error=str(error))
                connected = False
                self._closed.wait(RECONNECT_SECONDS)
                continue
            if not connected:
                connected = True
                log.info("verdicts are listened for again")
            if sent:
                self._wake({notification.payload for notification in sent})
            else:  # just connected, or nothing for long: whatever was sent before is not known
                self._wake_all()
        with self._lock:
            self._listener = None
            listener.close()

    def _wake(self, runs: set[str]) -> None:
        with self._lock:
            for run in runs & self._events.keys():
                for event in self._events[run]:
                    event.set()

    def _wake_all(self) -> None:
        with self._lock:
            runs = set(self._events)
        self._wake(runs)
