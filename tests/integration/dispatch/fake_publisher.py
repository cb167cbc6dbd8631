"""A Kafka that is a list, with its outages and refusals."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from stringx.acks.outbox import Delivery
from stringx.errors import KafkaUnavailable
from stringx.store.outbox import OutboxRecord


class FakeKafka:
    def __init__(self) -> None:
        #: every record that arrived, repeats too
        self.records: list[OutboxRecord] = []
        #: topics whose records are refused for good
        self.refused_topics: set[str] = set()
        self.down = False
        #: True: records arrive, and their delivery is never reported
        self.swallows_deliveries = False
        self.producers = 0

    @contextmanager
    def publisher(self) -> Iterator[_Producer]:
        if self.down:
            raise KafkaUnavailable("Kafka: no broker")
        self.producers += 1
        yield _Producer(self)

    def ids(self) -> list[str]:
        return [record.id for record in self.records]


class _Producer:
    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka
        self._deliveries: list[Delivery] = []

    def send(self, record: OutboxRecord) -> None:
        if self._kafka.down:
            raise KafkaUnavailable("Kafka: no broker")
        if record.topic in self._kafka.refused_topics:
            self._deliveries.append(Delivery(record.id, "UNKNOWN_TOPIC: no such topic"))
            return
        self._kafka.records.append(record)
        if not self._kafka.swallows_deliveries:
            self._deliveries.append(Delivery(record.id))

    def deliveries(self, timeout_seconds: float) -> Sequence[Delivery]:
        if self._kafka.down:
            raise KafkaUnavailable("Kafka: no broker")
        if not self._deliveries:
            threading.Event().wait(min(timeout_seconds, 0.01))
        decided, self._deliveries = self._deliveries, []
        return decided
