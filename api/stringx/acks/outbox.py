"""Drains the outbox to Kafka, in the order in which records were added, one drainer at a time in the whole installation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, Engine

from stringx import logs
from stringx.errors import KafkaUnavailable, Unavailable
from stringx.settings import Settings
from stringx.store import outbox
from stringx.store.database import OUTBOX_LOCK, alone
from stringx.store.outbox import OutboxRecord

#: Records that are with the producer at one time, at most.
BATCH = 500
#: Who does not drain tries this often to take over; who does looks this often even when nobody told it to.
TICK_SECONDS = 1.0
#: How long one wait for delivery reports is; new records join those under way after it, at the latest.
POLL_SECONDS = 0.05
#: How long a process that stops waits for the delivery of what it has sent.
FLUSH_SECONDS = 3.0

log = logs.get(__name__)


@dataclass(frozen=True)
class Delivery:
    """The outcome of one record: delivered where `refused` is None; else Kafka will never take it as it is, and says why."""

    id: str
    refused: str | None = None


class Publisher(Protocol):
    """A producer that keeps the order of records of one key, and repeats none of its own accord."""

    def send(self, record: OutboxRecord) -> None:
        """Hands a record over; does not block. Raises KafkaUnavailable where it cannot take it now."""

    def deliveries(self, timeout_seconds: float) -> Sequence[Delivery]:
        """What was decided since the last call, waiting for the first up to `timeout_seconds`.

        Raises KafkaUnavailable where records were given up that Kafka may or may not have: they are to be sent again by a
        new publisher.
        """


PublisherFactory = Callable[[], AbstractContextManager[Publisher]]


class Drain:
    """A loop for a thread of its own; `more` set makes it look for new records."""

    def __init__(self, settings: Settings, engine: Engine, publisher: PublisherFactory, stopped: threading.Event) -> None:
        self.more = threading.Event()
        self._settings = settings
        self._engine = engine
        self._publisher = publisher
        self._stopped = stopped

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                with alone(self._engine, OUTBOX_LOCK) as connection:
                    if connection is not None:
                        with self._publisher() as publisher:
                            self._publish(connection, publisher)
            except Unavailable as error:
                # Nothing is lost: what was not reported as delivered is still in the outbox.
                log.warning("outbox waits", error=str(error), kafka=isinstance(error, KafkaUnavailable))
            self._stopped.wait(TICK_SECONDS)

    def _publish(self, connection: Connection, publisher: Publisher) -> None:
        under_way: set[str] = set()
        looked_at = -TICK_SECONDS
        full = True
        while not self._stopped.is_set():
            if full or self.more.is_set() or time.monotonic() - looked_at >= TICK_SECONDS:
                # Cleared before looking: what is added while we look sets it again.
                self.more.clear()
                looked_at = time.monotonic()
                records = outbox.unpublished(connection, BATCH)
                for record in records:
                    if record.id not in under_way:
                        publisher.send(record)
                        under_way.add(record.id)
            if under_way:
                decided = _note(connection, publisher.deliveries(POLL_SECONDS))
                under_way -= decided
                full = len(records) == BATCH and bool(decided)
            else:
                self.more.wait(TICK_SECONDS)
                full = False
        deadline = time.monotonic() + FLUSH_SECONDS
        while under_way and (left := deadline - time.monotonic()) > 0:
            under_way -= _note(connection, publisher.deliveries(left))


def _note(connection: Connection, deliveries: Sequence[Delivery]) -> set[str]:
    """Writes down what became of records; returns their ids."""
    delivered = [delivery.id for delivery in deliveries if delivery.refused is None]
    if delivered:
        outbox.mark_published(connection, delivered)
        log.info("published", records=len(delivered))
    for delivery in deliveries:
        if delivery.refused is not None:
            outbox.mark_failed(connection, delivery.id, delivery.refused)
            log.warning("record refused by Kafka", record=delivery.id, error=delivery.refused)
    return {delivery.id for delivery in deliveries}
