"""The inbox: a trigger is accepted exactly once, and queued as a run, or joined to a queued one; what cannot be taken is kept
as a dead letter and answered. All of it in its caller's transaction; only after that has committed may a door go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection

from stringx.acks.events import acknowledgement_record, event_id
from stringx.errors import Conflict, Invalid, Refusal, Unstorable
from stringx.gates import slices
from stringx.model import Acknowledgement, Door, GateVersion, Slice, Timings, Trigger
from stringx.settings import Settings
from stringx.store import dead_letters, gates, outbox, triggers
from stringx.store.database import savepoint
from stringx.triggers.record import KafkaRecord, Legible


@dataclass(frozen=True)
class Accepted:
    """What became of a trigger."""

    #: the id of its row, and of `GET /v1/triggers/{id}`
    trigger: str
    run: str | None
    state: Literal["accepted", "unmatched"]
    #: it had been accepted before; the fields are those of that time
    duplicate: bool


@dataclass(frozen=True)
class RefusedRecord:
    """A Kafka record that is not taken, and what could be read of it."""

    record: KafkaRecord
    legible: Legible


@dataclass(frozen=True)
class Delivery:
    """A Kafka record and what the door made of it."""

    record: KafkaRecord
    legible: Legible
    parsed: Trigger | Refusal


def accept(connection: Connection, settings: Settings, trigger: Trigger) -> Accepted:
    """Accepts one trigger, or raises a Refusal and writes nothing: Conflict for a known id with another content, Invalid for
    a slice or a `reply_to` that the gate does not allow. Safe for one id from several processes at one time."""
    plan = _plan(connection, trigger, {})
    triggers.lock(connection, plan.locks)
    try:
        with savepoint(connection):
            return _store(connection, settings, plan)
    except Refusal as refusal:
        _identify(refusal, trigger)
        raise


def take(connection: Connection, settings: Settings, deliveries: Sequence[Delivery]) -> list[Accepted | Refusal]:
    """Accepts or refuses each of a batch of Kafka records; the answers are in their order."""
    versions: dict[tuple[str, str], GateVersion | None] = {}
    plans = [_plan(connection, delivery.parsed, versions) if isinstance(delivery.parsed, Trigger) else None for delivery in deliveries]
    triggers.lock(connection, (wanted for plan in plans if plan is not None for wanted in plan.locks))
    pairs = list(zip(deliveries, plans, strict=True))
    try:
        with savepoint(connection):
            return [_take_one(connection, settings, delivery, plan) for delivery, plan in pairs]
    except Unstorable:
        # Each alone, so that the one that the database cannot hold does not stand in its neighbours' way.
        return [_take_alone(connection, settings, delivery, plan) for delivery, plan in pairs]


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
    outbox.add(
        connection,
        event_id=f"{record.position_key}-dead-letter",
        topic=settings.kafka_dead_letters_topic,
        key=kept.key,
        headers=[*kept.headers, *_dead_letter_headers(record, refusal)],
        value=kept.value,
    )
    if refusal.event_id is None:
        return
    answer = Acknowledgement(
        state="refused",
        trigger_id=refusal.event_id,
        trigger_source=refusal.event_source,
        workspace=legible.workspace,
        table=legible.table,
        message=str(refusal),
        correlation_id=legible.correlation_id,
        traceparent=legible.traceparent,
    )
    _answer(connection, settings, answer, event_id(record.position_key, "refused"), trigger_id=None)


@dataclass(frozen=True)
class _Plan:
    """What will become of a trigger if it is new."""

    trigger: Trigger
    #: None: no gate
    version: GateVersion | None
    #: the slice in its canonical form, or why the gate does not take the trigger
    bound: Slice | Refusal
    locks: tuple[tuple[int, int], ...]


def _plan(connection: Connection, trigger: Trigger, versions: dict[tuple[str, str], GateVersion | None]) -> _Plan:
    """Finds the gate (`versions` remembers them within one batch) and binds the slice; a refusal waits for its turn, since a
    repeated delivery is answered as the first one was, whatever the gate says by now."""
    # Tables are compared in lower case, and stored so.
    trigger = trigger.model_copy(update={"table": trigger.table.lower()})
    key = (trigger.workspace, trigger.table)
    if key not in versions:
        versions[key] = gates.current(connection, *key)
    version = versions[key]
    identity = triggers.identity_lock(trigger)
    if version is None:
        return _Plan(trigger, None, trigger.slice, (identity,))
    try:
        if trigger.reply_to is not None and trigger.reply_to not in version.gate.reply_to:
            raise Invalid("the gate of this table does not allow this topic: add it to the gate's reply_to", field="reply_to")
        bound = slices.bind(trigger.slice, version.gate)
    except Refusal as refusal:
        return _Plan(trigger, version, refusal, (identity,))
    return _Plan(trigger, version, bound, (identity, triggers.slice_lock(version, bound)))


def _store(connection: Connection, settings: Settings, plan: _Plan) -> Accepted:
    """Call it with the plan's locks held. A Refusal is raised before anything is written."""
    trigger, version = plan.trigger, plan.version
    known = triggers.find(connection, trigger)
    if known is not None:
        if known.content_fingerprint != trigger.content_fingerprint:
            raise Conflict(
                f"this id was accepted from this source with another content (trigger {known.id}): a new trigger needs an id of its own",
                field="id",
            )
        return Accepted(trigger=known.id, run=known.run, state=known.state, duplicate=True)
    if isinstance(plan.bound, Refusal):
        raise plan.bound
    if version is None:
        stored = triggers.add(connection, trigger, None)
        _answer(connection, settings, _unmatched(trigger, stored.received_at), event_id(stored.id, "unmatched"), trigger_id=stored.id)
        return Accepted(trigger=stored.id, run=None, state="unmatched", duplicate=False)
    priority = trigger.priority if trigger.priority is not None else version.gate.priority
    run = triggers.join_run(connection, version, plan.bound, priority) or triggers.queue_run(
        connection, version, plan.bound, priority, correlation_id=trigger.correlation_id, traceparent=trigger.traceparent
    )
    stored = triggers.add(connection, trigger, run)
    return Accepted(trigger=stored.id, run=run, state="accepted", duplicate=False)


def _take_one(connection: Connection, settings: Settings, delivery: Delivery, plan: _Plan | None) -> Accepted | Refusal:
    refused = RefusedRecord(delivery.record, delivery.legible)
    if isinstance(delivery.parsed, Refusal):
        refuse(connection, settings, refused, delivery.parsed)
        return delivery.parsed
    assert plan is not None  # noqa: S101  # every trigger has one
    try:
        return _store(connection, settings, plan)
    except Refusal as refusal:
        _identify(refusal, delivery.parsed)
        refuse(connection, settings, refused, refusal)
        return refusal


def _take_alone(connection: Connection, settings: Settings, delivery: Delivery, plan: _Plan | None) -> Accepted | Refusal:
    try:
        with savepoint(connection):
            return _take_one(connection, settings, delivery, plan)
    except Unstorable as refusal:
        if isinstance(delivery.parsed, Trigger):
            _identify(refusal, delivery.parsed)
        refuse(connection, settings, RefusedRecord(delivery.record, delivery.legible), refusal)
        return refusal


def _identify(refusal: Refusal, trigger: Trigger) -> None:
    refusal.event_id, refusal.event_source = trigger.id, trigger.source


def _answer(connection: Connection, settings: Settings, answer: Acknowledgement, event: str, *, trigger_id: str | None) -> None:
    record = acknowledgement_record(settings, answer, event)
    outbox.add(
        connection,
        event_id=event,
        topic=settings.kafka_verdicts_topic,
        key=record.key,
        headers=record.headers,
        value=record.value,
        trigger_id=trigger_id,
    )


def _unmatched(trigger: Trigger, received_at: datetime) -> Acknowledgement:
    return Acknowledgement(
        state="unmatched",
        trigger_id=trigger.id,
        trigger_source=trigger.source,
        workspace=trigger.workspace,
        table=trigger.table,
        slice=trigger.slice,
        message=f"no gate for {trigger.table} in workspace {trigger.workspace}: nothing was checked",
        timings=Timings(received_at=received_at),
        correlation_id=trigger.correlation_id,
        traceparent=trigger.traceparent,
        metadata=trigger.metadata,
    )


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
