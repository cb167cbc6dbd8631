"""A Kafka record as the Kafka door hands it on: bytes and where they stood; and the names that are made of its position."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from stringx.model import Position, Trigger

#: Longer topic names are named by their hash, so that an identity made of a position always fits its field.
_LONGEST_TOPIC = 80


@dataclass(frozen=True)
class KafkaRecord:
    topic: str
    #: None where the client cannot know it
    topic_id: str | None
    partition: int
    offset: int
    #: milliseconds since the epoch; -1 where the record carries none
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    #: why the client could not read the headers; they are empty then
    headers_error: str | None = None

    @property
    def position(self) -> Position:
        return Position(
            topic=self.topic, topic_id=self.topic_id, partition=self.partition, offset=self.offset, timestamp_ms=self.timestamp_ms
        )

    @cached_property
    def identity(self) -> str:
        """The id of a trigger that brought none. The dedup key: never change its form.

        With the topic's id, the timestamp and the payload's hash it tells the records of a topic made anew from those of
        the one before, which had the same offsets.
        """
        payload = hashlib.sha256(self.value or b"").hexdigest()[:16]
        return f"{_short(self.topic)}:{self.topic_id or ''}:{self.partition}:{self.offset}:{self.timestamp_ms}:{payload}"

    @cached_property
    def position_key(self) -> str:
        """32 hexadecimal characters: what the record's dead letter, and the events about it, are known by."""
        return hashlib.sha256(self.identity.encode()).hexdigest()[:32]

    @property
    def size_bytes(self) -> int:
        """Of key and value."""
        return len(self.key or b"") + len(self.value or b"")

    @property
    def default_source(self) -> str:
        """The source of a trigger that named none."""
        return f"kafka:{_short(self.topic)}"


@dataclass(frozen=True)
class Legible:
    """What can be read of any record, even of one that is refused: what its sender is answered with."""

    id: str | None = None
    source: str | None = None
    table: str | None = None
    workspace: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None

    @classmethod
    def of(cls, trigger: Trigger) -> Legible:
        return cls(
            id=trigger.id,
            source=trigger.source,
            table=trigger.table,
            workspace=trigger.workspace,
            correlation_id=trigger.correlation_id,
            traceparent=trigger.traceparent,
            tracestate=trigger.tracestate,
        )


def _short(topic: str) -> str:
    return topic if len(topic) <= _LONGEST_TOPIC else hashlib.sha256(topic.encode()).hexdigest()[:32]
