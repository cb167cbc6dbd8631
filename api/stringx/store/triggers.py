"""Accepted triggers, and the runs that they are queued as."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, insert, select, text, update

from stringx.model import GateVersion, Mode, Slice, Trigger
from stringx.store.database import IDENTITY_LOCK, RUNS_CHANNEL, SLICE_LOCK, notify
from stringx.store.tables import runs, triggers

#: Where inline runs go: no runner may be called so.
INLINE = "inline"


@dataclass(frozen=True)
class StoredTrigger:
    """What is kept of an accepted trigger, as far as a repeated delivery needs it."""

    id: str
    content_fingerprint: str
    state: Literal["accepted", "unmatched"]
    run: str | None
    received_at: datetime


def identity_lock(trigger: Trigger) -> tuple[int, int]:
    """Held by whoever decides whether this trigger is new."""
    return IDENTITY_LOCK, _lock_key(trigger.workspace, trigger.source, trigger.id)


def slice_lock(version: GateVersion, bound: Slice) -> tuple[int, int]:
    """Held by whoever decides whether a queued run of this gate version and slice is there to be joined."""
    return SLICE_LOCK, _lock_key(str(version.id), bound.key)


def lock(connection: Connection, locks: Iterable[tuple[int, int]]) -> None:
    """Takes advisory locks until the end of the transaction; always in one order, so that no two callers wait for each other.

    Call it once in a transaction, before its first write.
    """
    ordered = sorted(set(locks))
    connection.execute(
        text("select pg_advisory_xact_lock(class, key) from unnest(cast(:classes as int[]), cast(:keys as int[])) as wanted(class, key)"),
        {"classes": [kind for kind, _ in ordered], "keys": [key for _, key in ordered]},
    )


def _lock_key(*parts: str) -> int:
    """32 bits: two triggers that share them wait for each other, and nothing worse."""
    digest = hashlib.sha256("\x00".join(parts).encode()).digest()
    return int.from_bytes(digest[:4], signed=True)


def find(connection: Connection, trigger: Trigger) -> StoredTrigger | None:
    """The stored trigger with the same workspace, source and id."""
    row = connection.execute(
        select(triggers.c.id, triggers.c.content_fingerprint, triggers.c.state, triggers.c.run_id, triggers.c.received_at).where(
            triggers.c.workspace == trigger.workspace, triggers.c.source == trigger.source, triggers.c.event_id == trigger.id
        )
    ).one_or_none()
    return StoredTrigger(row.id, row.content_fingerprint, row.state, row.run_id, row.received_at) if row else None


def add(connection: Connection, trigger: Trigger, run: str | None) -> StoredTrigger:
    """Stores a trigger: `accepted` with its run, `unmatched` without."""
    row_id = uuid.uuid4().hex
    state: Literal["accepted", "unmatched"] = "accepted" if run is not None else "unmatched"
    received_at: datetime = connection.execute(
        insert(triggers)
        .values(
            id=row_id,
            workspace=trigger.workspace,
            source=trigger.source,
            event_id=trigger.id,
            content_fingerprint=trigger.content_fingerprint,
            door=trigger.door,
            table_name=trigger.table.lower(),
            slice=trigger.slice.as_json(),
            reply_to=trigger.reply_to,
            priority=trigger.priority,
            metadata=trigger.metadata,
            position=trigger.position.as_json() if trigger.position is not None else None,
            correlation_id=trigger.correlation_id,
            traceparent=trigger.traceparent,
            state=state,
            run_id=run,
        )
        .returning(triggers.c.received_at)
    ).scalar_one()
    return StoredTrigger(row_id, trigger.content_fingerprint, state, run, received_at)


def join_run(connection: Connection, version: GateVersion, bound: Slice, priority: int) -> str | None:
    """A queued run of this gate version and slice, raised to `priority`; it stays queued until the transaction ends.

    None where there is none, or where a dispatcher is just taking it: what it evaluates may be older than the trigger.
    """
    run = connection.execute(
        select(runs.c.id, runs.c.priority)
        .where(runs.c.version_id == version.id, runs.c.slice_key == bound.key, runs.c.state == "queued")
        .order_by(runs.c.seq)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if run is None:
        return None
    if run.priority < priority:
        connection.execute(update(runs).where(runs.c.id == run.id).values(priority=priority))
    # A dispatcher that looks for work while the run is locked passes it over.
    notify(connection, RUNS_CHANNEL)
    return str(run.id)


def queue_run(
    connection: Connection, version: GateVersion, bound: Slice, priority: int, *, correlation_id: str | None, traceparent: str | None
) -> str:
    """Queues a new run of a gate version on a bound slice, and wakes the dispatchers."""
    gate = version.gate
    run_id = uuid.uuid4().hex
    connection.execute(
        insert(runs).values(
            id=run_id,
            workspace=gate.workspace,
            table_name=gate.table.lower(),
            version_id=version.id,
            slice=bound.as_json(),
            slice_key=bound.key,
            mode=gate.mode,
            runner=INLINE if gate.mode is Mode.INLINE else gate.runner,
            target=gate.target,
            engine=gate.engine,
            priority=priority,
            correlation_id=correlation_id,
            traceparent=traceparent,
        )
    )
    notify(connection, RUNS_CHANNEL)
    return run_id
