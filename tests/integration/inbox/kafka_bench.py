"""What the tests of the Kafka door share: a door, a producer, and a look at what was stored."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Producer
from inbox_samples import gate
from sqlalchemy import Engine, Row, select

from stringx.gates.files import GateFile
from stringx.settings import Settings
from stringx.store import gates, tables
from stringx.store.database import connect, transaction
from stringx.triggers.kafka import KafkaDoor

Header = tuple[str, bytes | None]
GOOD = b'{"table": "raw.flights"}'


@dataclass
class Bench:
    """One database with a gate of `raw.flights`, one triggers' topic, and the doors that were started on them."""

    settings: Settings
    engine: Engine
    producer: Producer = field(init=False)
    doors: list[KafkaDoor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.producer = Producer({"bootstrap.servers": self.settings.kafka_bootstrap, "message.max.bytes": 8_000_000})
        with transaction(self.engine) as connection:
            gates.apply(connection, [GateFile(gate(), "default/raw.flights.yaml")])

    def start_door(self, settings: Settings | None = None, **options: Any) -> KafkaDoor:
        door = KafkaDoor(settings or self.settings, self.engine, **options)
        door.start()
        self.doors.append(door)
        return door

    def stop(self) -> None:
        for door in self.doors:
            door.close()
        for door in self.doors:
            assert door.join(30)
        self.engine.dispose()

    def send(self, value: bytes | None, *, key: bytes | None = None, headers: Sequence[Header] = (), partition: int = 0) -> int:
        """Publishes a record on the triggers' topic; its offset."""
        offsets: list[int] = []

        def delivered(error: object, message: Any) -> None:
            assert error is None
            offsets.append(message.offset())

        self.producer.produce(
            self.settings.kafka_triggers_topic, value, key=key, headers=list(headers), partition=partition, on_delivery=delivered
        )
        assert self.producer.flush(60) == 0
        return offsets[0]

    def rows(self, table: Any, *order: Any) -> Sequence[Row[Any]]:
        with transaction(self.engine) as connection:
            return connection.execute(select(table).order_by(*order)).all()

    def triggers(self) -> Sequence[Row[Any]]:
        return self.rows(tables.triggers, tables.triggers.c.seq)

    def dead_letters(self) -> Sequence[Row[Any]]:
        return self.rows(tables.dead_letters, tables.dead_letters.c.id)

    def taken(self, number: int) -> Sequence[Row[Any]]:
        """The triggers, once there are so many."""
        eventually(lambda: len(self.triggers()) >= number)
        found = self.triggers()
        assert len(found) == number
        return found


def open_bench(settings: Settings) -> Bench:
    return Bench(settings, connect(settings))


def eventually(condition: Callable[[], Any], *, seconds: float = 60.0) -> Any:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def numbered(number: int) -> bytes:
    return json.dumps({"table": "raw.flights", "id": f"n{number}", "source": "tests"}).encode()


def events(log: Sequence[Any], name: str) -> list[Any]:
    return [event for event in log if event["event"] == name]
