"""Triggers accepted exactly once, queued as runs or joined to queued ones; alone, or a batch of Kafka records at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from stringx.acks.events import event_id
from stringx.errors import Conflict, Invalid, Refusal, Unstorable
from stringx.gates import slices
from stringx.inbox.refusal import RefusedRecord, answer, refuse
from stringx.model import Acknowledgement, Engine, GateVersion, Position, Slice, Timings, Trigger
from stringx.settings import Settings
from stringx.store import gates, outbox, triggers
from stringx.store.database import now, savepoint, storing
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
class Taken:
    """What became of a batch of records."""

    #: in the order of the records
    outcomes: list[Accepted | Refusal]
    #: by partition, the offset that was to come next
    expected: Mapping[int, int]


@dataclass(frozen=True)
class Delivery:
    """A Kafka record and what the door made of it."""

    record: KafkaRecord
    legible: Legible
    parsed: Trigger | Refusal


def accept(connection: Connection, settings: Settings, trigger: Trigger) -> Accepted:
    """Accepts one trigger, or raises a Refusal, and its caller's transaction is to be rolled back: Conflict for a known id with
    another content, Invalid for a slice or a `reply_to` that the gate does not allow. Safe for one id from several processes at one
    time."""
    [plan] = _plans(connection, [trigger])
    try:
        with storing():
            [outcome] = _accept_all(connection, settings, [plan]).outcomes
    except Unstorable as refusal:
        outcome = refusal
    if isinstance(outcome, Refusal):
        _identify(outcome, trigger)
        raise outcome
    return outcome


def take(connection: Connection, settings: Settings, deliveries: Sequence[Delivery]) -> Taken:
    """Accepts or refuses each of a batch of Kafka records of one topic, in as many statements as for one, and notes how far the door
    has come.

    Raises Unstorable where the database cannot hold one of them: then `take_each`, in another transaction.
    """
    tried = _tried(connection, deliveries)
    with storing():
        return _take_together(connection, settings, tried, _positions(deliveries))


def take_each(connection: Connection, settings: Settings, deliveries: Sequence[Delivery]) -> Taken:
    """`take`, each alone: one that the database cannot hold is refused, and the others are taken."""
    outcomes = [_take_alone(connection, settings, delivery, plan) for delivery, plan in _tried(connection, deliveries)]
    return Taken(outcomes, triggers.add(connection, [], {}, _positions(deliveries)))


def _positions(deliveries: Iterable[Delivery]) -> list[Position]:
    return [delivery.record.position for delivery in deliveries]


def _tried(connection: Connection, deliveries: Sequence[Delivery]) -> list[tuple[Delivery, _Plan | Refusal]]:
    """With what will become of each, and the locks for it held."""
    plans = iter(_plans(connection, [delivery.parsed for delivery in deliveries if isinstance(delivery.parsed, Trigger)]))
    return [(delivery, next(plans) if isinstance(delivery.parsed, Trigger) else delivery.parsed) for delivery in deliveries]


@dataclass(frozen=True)
class _Plan:
    """What will become of a trigger if it is new."""

    trigger: Trigger
    #: None: no gate
    version: GateVersion | None
    #: the slice in its canonical form, or why the gate does not take the trigger
    bound: Slice | Refusal

    @property
    def run_key(self) -> triggers.RunKey | None:
        """Of the run that it asks for; None where it asks for none."""
        if self.version is None or isinstance(self.bound, Refusal):
            return None
        return self.version.id, self.bound.key, self.trigger.engine or self.version.gate.engine


def _plans(connection: Connection, new: Iterable[Trigger]) -> list[_Plan]:
    """What will become of triggers; nobody else decides it of any of them until the transaction ends."""
    # Tables are compared in lower case, and stored so.
    lowered = [trigger.model_copy(update={"table": trigger.table.lower()}) for trigger in new]
    if not lowered:
        return []
    locks = [lock(trigger) for trigger in lowered for lock in (triggers.identity_lock, triggers.slice_lock)]
    versions = gates.current_of(connection, {(trigger.workspace, trigger.table) for trigger in lowered}, locks=locks)
    return [_plan(trigger, versions.get((trigger.workspace, trigger.table))) for trigger in lowered]


def _plan(trigger: Trigger, version: GateVersion | None) -> _Plan:
    """Binds the slice; a refusal waits for its turn, since a repeated delivery is answered as the first one was, whatever the
    gate says by now."""
    if version is None:
        return _Plan(trigger, None, trigger.slice)
    try:
        if trigger.reply_to is not None and trigger.reply_to not in version.gate.reply_to:
            raise Invalid("the gate of this table does not allow this topic: add it to the gate's reply_to", field="reply_to")
        if trigger.engine is Engine.PREPARED and version.gate.engine is Engine.DBT:
            raise Invalid("the gate of this table has dbt execute each run: leave it out, or change the gate's engine", field="engine")
        bound = slices.bind(trigger.slice, version.gate)
    except Refusal as refusal:
        return _Plan(trigger, version, refusal)
    return _Plan(trigger, version, bound)


def _accept_all(connection: Connection, settings: Settings, plans: Sequence[_Plan], taken: Sequence[Position] = ()) -> Taken:
    """A trigger may stand in the list twice."""
    known = triggers.known(connection, [plan.trigger for plan in plans], _wanted_runs(plans))
    outcomes: list[Accepted | Refusal | None] = []
    new: dict[triggers.Identity, _Plan] = {}
    for plan in plans:
        identity = triggers.identity(plan.trigger)
        stored, earlier = known.triggers.get(identity), new.get(identity)
        if stored is not None:
            same = plan.trigger.has_content(stored.content_fingerprint)
            outcomes.append(_accepted(stored, duplicate=True) if same else _conflict())
        elif earlier is not None:
            outcomes.append(None if earlier.trigger.content_fingerprint == plan.trigger.content_fingerprint else _conflict())
        elif isinstance(plan.bound, Refusal):
            outcomes.append(plan.bound)
        else:
            new[identity] = plan
            outcomes.append(None)
    added, expected = _add(connection, settings, new, known.queued, taken)
    told: set[triggers.Identity] = set()
    for index, plan in enumerate(plans):
        if outcomes[index] is None:
            identity = triggers.identity(plan.trigger)
            outcomes[index] = _accepted(added[identity], duplicate=identity in told)
            told.add(identity)
    return Taken([outcome for outcome in outcomes if outcome is not None], expected)


def _add(
    connection: Connection,
    settings: Settings,
    new: Mapping[triggers.Identity, _Plan],
    joinable: Mapping[triggers.RunKey, tuple[str, int]],
    taken: Sequence[Position],
) -> tuple[dict[triggers.Identity, triggers.StoredTrigger], Mapping[int, int]]:
    """Stores new triggers with their runs, which are new too or are `joinable`; answers those without a gate. With them, what was
    `taken`; returns also what was to come next."""
    wanted = _wanted_runs(new.values())
    queued = {uuid.uuid4().hex: want for key, want in wanted.items() if key not in joinable}
    runs = {want.key: run for run, want in queued.items()}
    raised: dict[str, int] = {}
    for key in wanted.keys() & joinable.keys():
        runs[key], priority = joinable[key]
        if priority < wanted[key].priority:
            raised[runs[key]] = wanted[key].priority
    triggers.raise_priority(connection, raised)
    added = {}
    for identity, plan in new.items():
        run = runs[plan.run_key] if plan.run_key is not None else None
        added[identity] = triggers.StoredTrigger(
            uuid.uuid4().hex, plan.trigger.content_fingerprint, "accepted" if run is not None else "unmatched", run
        )
    expected = triggers.add(connection, [(plan.trigger, added[identity]) for identity, plan in new.items()], queued, taken)
    unmatched = [(plan.trigger, added[identity]) for identity, plan in new.items() if plan.run_key is None]
    if unmatched:
        received_at = now(connection)
        why = gates.absences(connection, dict.fromkeys((trigger.workspace, trigger.table) for trigger, _ in unmatched))
        answers = []
        for trigger, stored in unmatched:
            told = _unmatched(trigger, received_at, why[trigger.workspace, trigger.table])
            answers.append(answer(settings, told, event_id(stored.id, "unmatched"), trigger_id=stored.id))
        outbox.add(connection, answers)
    return added, expected


def _wanted_runs(plans: Iterable[_Plan]) -> dict[triggers.RunKey, triggers.WantedRun]:
    """One run for all triggers of one gate version, slice and engine, as urgent as the most urgent of them."""
    wanted: dict[triggers.RunKey, triggers.WantedRun] = {}
    for plan in plans:
        if plan.version is None or isinstance(plan.bound, Refusal):
            continue
        trigger = plan.trigger
        priority = trigger.priority if trigger.priority is not None else plan.version.gate.priority
        engine = trigger.engine or plan.version.gate.engine
        want = triggers.WantedRun(plan.version, plan.bound, priority, engine, trigger.correlation_id, trigger.traceparent)
        first = wanted.setdefault(want.key, want)
        if first.priority < priority:
            wanted[want.key] = replace(first, priority=priority)
    return wanted


def _accepted(stored: triggers.StoredTrigger, *, duplicate: bool) -> Accepted:
    return Accepted(trigger=stored.id, run=stored.run, state=stored.state, duplicate=duplicate)


def _conflict() -> Conflict:
    return Conflict("this id was accepted from this source with another content: a new trigger needs an id of its own", field="id")


def _take_together(
    connection: Connection, settings: Settings, tried: Sequence[tuple[Delivery, _Plan | Refusal]], positions: Sequence[Position] = ()
) -> Taken:
    taken = _accept_all(connection, settings, [plan for _, plan in tried if isinstance(plan, _Plan)], positions)
    accepted = iter(taken.outcomes)
    outcomes = [next(accepted) if isinstance(plan, _Plan) else plan for _, plan in tried]
    for (delivery, plan), outcome in zip(tried, outcomes, strict=True):
        if isinstance(outcome, Refusal):
            if isinstance(plan, _Plan):
                _identify(outcome, plan.trigger)
            refuse(connection, settings, RefusedRecord(delivery.record, delivery.legible), outcome)
    return Taken(outcomes, taken.expected)


def _take_alone(connection: Connection, settings: Settings, delivery: Delivery, plan: _Plan | Refusal) -> Accepted | Refusal:
    try:
        with savepoint(connection):
            return _take_together(connection, settings, [(delivery, plan)]).outcomes[0]
    except Unstorable as refusal:
        if isinstance(plan, _Plan):
            _identify(refusal, plan.trigger)
        refuse(connection, settings, RefusedRecord(delivery.record, delivery.legible), refusal)
        return refusal


def _identify(refusal: Refusal, trigger: Trigger) -> None:
    refusal.event_id, refusal.event_source = trigger.id, trigger.source


def _unmatched(trigger: Trigger, received_at: datetime, why: str) -> Acknowledgement:
    return Acknowledgement(
        state="unmatched",
        trigger_id=trigger.id,
        trigger_source=trigger.source,
        workspace=trigger.workspace,
        table=trigger.table,
        slice=trigger.slice,
        content_fingerprint=trigger.content_fingerprint,
        message=f"nothing was checked: {why}",
        timings=Timings(received_at=received_at),
        correlation_id=trigger.correlation_id,
        traceparent=trigger.traceparent,
        tracestate=trigger.tracestate,
        metadata=trigger.metadata,
    )
