"""What cannot be taken: kept as a dead letter, published on the dead letters' topic, and answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from stringx.acks.events import acknowledgement_record, event_id
from stringx.errors import Refusal, Unstorable
from stringx.model import Acknowledgement, Door
from stringx.settings import Settings
from stringx.store import dead_letters, outbox
from stringx.triggers.record import KafkaRecord, Legible


@dataclass(frozen=True)
class RefusedRecord:
    """A Kafka record that is not taken, and what could be read of it."""

    record: KafkaRecord
    legible: Legible


def refuse(connection: Connection, settings: Settings, refused: RefusedRecord, refusal: Refusal) -> None:
    """Keeps a dead letter, has it published on the dead letters' topic, and answers the sender where an id could be read.

    Doing so again for the same record changes nothing.
    """
    record, legible = refused.record, refused.legible
    limit = settings.dead_letter_bytes
    kept = dead_letters.KeptRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        position_key=record.position_key,
        key=_cut(record.key, limit),
        value=_cut(record.value, limit),
        value_bytes=len(record.value) if record.value is not None else None,
        headers=_first_headers(record.headers, limit),
    )
    if not dead_letters.add(connection, Door.KAFKA, kept, refusal):
        return
    letter = outbox.NewRecord(
        id=f"{record.position_key}-dead-letter",
        topic=settings.kafka_dead_letters_topic,
        key=kept.key,
        headers=[*kept.headers, *_dead_letter_headers(record, refusal)],
        value=kept.value,
    )
    outbox.add(connection, [letter])
    if refusal.event_id is None:
        return
    told = Acknowledgement(
        state="refused",
        trigger_id=refusal.event_id,
        trigger_source=refusal.event_source,
        workspace=legible.workspace,
        table=legible.table,
        message=str(refusal),
        correlation_id=legible.correlation_id,
        traceparent=legible.traceparent,
        tracestate=legible.tracestate,
    )
    outbox.add(connection, [answer(settings, told, event_id(record.position_key, "refused"), trigger_id=None)])


def answer(settings: Settings, told: Acknowledgement, event: str, *, trigger_id: str | None) -> outbox.NewRecord:
    """The record by which a sender is told what became of a trigger that gets no verdict."""
    record = acknowledgement_record(settings, told, event)
    return outbox.NewRecord(event, settings.kafka_verdicts_topic, record.key, record.headers, record.value, trigger_id=trigger_id)


def _cut(raw: bytes | None, limit: int) -> bytes | None:
    return raw if raw is None else raw[:limit]


def _first_headers(headers: Sequence[tuple[str, bytes | None]], limit: int) -> list[tuple[str, bytes | None]]:
    """As many of the headers, from the first, as have no more than `limit` bytes together."""
    kept: list[tuple[str, bytes | None]] = []
    size = 0
    for name, value in headers:
        size += len(name) + len(value or b"")
        if size > limit:
            break
        kept.append((name, value))
    return kept


def _dead_letter_headers(record: KafkaRecord, refusal: Refusal) -> list[tuple[str, str]]:
    """Our own headers on a dead letter, all of them text; they come last, so that a letter that dies again tells of its last death."""
    told = {
        "dlq.topic": record.topic,
        "dlq.topic_id": record.topic_id,
        "dlq.partition": str(record.partition),
        "dlq.offset": str(record.offset),
        "dlq.stage": "store" if isinstance(refusal, Unstorable) else "inbox",
        "dlq.error_class": type(refusal).__name__,
        "dlq.code": refusal.code,
        "dlq.field": refusal.field,
        "dlq.message": str(refusal)[:2000],
        "dlq.value_bytes": str(len(record.value)) if record.value is not None else None,
        "dlq.time": datetime.now(UTC).isoformat(),
    }
    return [(name, text) for name, text in told.items() if text is not None]
