"""Accepted triggers, and the runs that they are queued as."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from stringx.model import Engine, GateVersion, Mode, Position, Slice, Trigger
from stringx.settings import INLINE_RUNNER
from stringx.store import positions
from stringx.store.database import IDENTITY_LOCK, RUNS_CHANNEL, SLICE_LOCK, sql

#: Workspace, source and id: by these a trigger is accepted once.
Identity = tuple[str, str, str]
#: Gate version, slice and engine: by these a queued run is joined.
RunKey = tuple[int, str, Engine]


@dataclass(frozen=True)
class StoredTrigger:
    """What is kept of an accepted trigger, as far as a repeated delivery needs it."""

    id: str
    content_fingerprint: str
    state: Literal["accepted", "unmatched"]
    run: str | None


@dataclass(frozen=True)
class WantedRun:
    """A run that triggers ask for."""

    version: GateVersion
    #: in its canonical form
    bound: Slice
    priority: int
    #: the gate's, or the one that the triggers ask for
    engine: Engine
    #: of the first of the triggers
    correlation_id: str | None
    traceparent: str | None

    @property
    def key(self) -> RunKey:
        return self.version.id, self.bound.key, self.engine


def identity(trigger: Trigger) -> Identity:
    return trigger.workspace, trigger.source, trigger.id


def identity_lock(trigger: Trigger) -> tuple[int, int]:
    """Held by whoever decides whether this trigger is new."""
    return IDENTITY_LOCK, _lock_key(*identity(trigger))


def slice_lock(trigger: Trigger) -> tuple[int, int]:
    """Held by whoever decides whether a queued run of this table and slice is there to be joined. Of the slice as it was sent: one
    that says the same in other words, and comes at the same moment through another door, has a run of its own."""
    return SLICE_LOCK, _lock_key(trigger.workspace, trigger.table, trigger.slice.key)


def _lock_key(*parts: str) -> int:
    """32 bits: two triggers that share them wait for each other, and nothing worse."""
    digest = hashlib.sha256("\x00".join(parts).encode()).digest()
    return int.from_bytes(digest[:4], signed=True)


@dataclass(frozen=True)
class Known:
    """What the database has of some triggers, and of the runs that they ask for."""

    #: the stored triggers with the same workspace, source and id
    triggers: Mapping[Identity, StoredTrigger]
    #: of the runs that are queued, and can be joined: id and priority
    queued: Mapping[RunKey, tuple[str, int]]


# `joined` locks the runs that it finds: they stay queued until the transaction ends. One that a dispatcher is just taking is passed
# over: what it evaluates may be older than the trigger.
_KNOWN = """
with stored as (
    select trigger.workspace, trigger.source, trigger.event_id, trigger.id, trigger.content_fingerprint, trigger.state, trigger.run_id
    from unnest(cast(:workspaces as text[]), cast(:sources as text[]), cast(:ids as text[])) as wanted(workspace, source, id)
    join triggers as trigger
      on trigger.workspace = wanted.workspace and trigger.source = wanted.source and trigger.event_id = wanted.id
), joined as (
    select run.seq, run.id, run.version_id, run.slice_key, run.engine, run.priority
    from unnest(cast(:versions as bigint[]), cast(:keys as text[]), cast(:engines as text[])) as wanted(version_id, slice_key, engine)
    join runs as run on run.version_id = wanted.version_id and run.slice_key = wanted.slice_key and run.engine = wanted.engine
    where run.state = 'queued'
    order by run.seq
    for update of run skip locked
)
select stored.*, joined.id as joined_id, joined.version_id, joined.slice_key, joined.engine, joined.priority
from stored full join joined on false
order by joined.seq
"""


def known(connection: Connection, triggers: Sequence[Trigger], wanted: Iterable[RunKey]) -> Known:
    """What there is of these triggers already, and the oldest queued run, locked, of each of the wanted ones that has any."""
    if not triggers:
        return Known({}, {})
    keys = list(wanted)
    rows = connection.execute(
        sql(_KNOWN),
        {
            "workspaces": [trigger.workspace for trigger in triggers],
            "sources": [trigger.source for trigger in triggers],
            "ids": [trigger.id for trigger in triggers],
            "versions": [version for version, _, _ in keys],
            "keys": [slice_key for _, slice_key, _ in keys],
            "engines": [engine for _, _, engine in keys],
        },
    )
    stored: dict[Identity, StoredTrigger] = {}
    queued: dict[RunKey, tuple[str, int]] = {}
    for row in rows:
        if row.id is not None:
            stored[row.workspace, row.source, row.event_id] = StoredTrigger(row.id, row.content_fingerprint, row.state, row.run_id)
        else:
            queued.setdefault((row.version_id, row.slice_key, Engine(row.engine)), (row.joined_id, row.priority))
    return Known(stored, queued)


_ADD = f"""
with queued as (
    insert into runs (
        id, workspace, table_name, version_id, slice, slice_key, mode, runner, target, engine, priority, correlation_id, traceparent
    )
    select * from json_to_recordset(:runs) as new(
        id text, workspace text, table_name text, version_id bigint, slice jsonb, slice_key text, mode text, runner text, target text,
        engine text, priority int, correlation_id text, traceparent text
    )
), added as (
    insert into triggers (
        id, workspace, source, event_id, content_fingerprint, door, table_name, slice, reply_to, priority, engine, metadata, position,
        correlation_id, traceparent, tracestate, state, run_id
    )
    select * from json_to_recordset(:triggers) as new(
        id text, workspace text, source text, event_id text, content_fingerprint text, door text, table_name text, slice jsonb,
        reply_to text, priority int, engine text, metadata jsonb, position jsonb, correlation_id text, traceparent text,
        tracestate text, state text, run_id text
    )
), {positions.ADVANCE}
select partition, next_offset, null as woken from before
union all
select null, null, pg_notify(:channel, '')::text where :wake
"""  # noqa: S608  # composed of our own text


def add(
    connection: Connection, new: Sequence[tuple[Trigger, StoredTrigger]], queued: Mapping[str, WantedRun], taken: Sequence[Position] = ()
) -> dict[int, int]:
    """Stores triggers, in their order: `accepted` ones with their run, `unmatched` ones without. `queued` are those of the runs that
    are new, by their ids; dispatchers are woken for them.

    Notes how far the Kafka door has come, which has `taken` records of one topic; returns by partition the offsets that were to come next.
    """
    if not (new or queued or taken):
        return {}
    rows = connection.execute(
        sql(_ADD),
        {
            "runs": json.dumps([_run(run, want) for run, want in queued.items()]),
            "triggers": json.dumps([_trigger(trigger, stored) for trigger, stored in new]),
            "channel": RUNS_CHANNEL,
            "wake": bool(queued),
            **positions.values(taken),
        },
    )
    return {row.partition: row.next_offset for row in rows if row.partition is not None}


def raise_priority(connection: Connection, runs: Mapping[str, int]) -> None:
    """Gives queued runs, locked, these priorities."""
    if not runs:
        return
    connection.execute(
        sql("""
            update runs set priority = raised.priority
            from unnest(cast(:runs as text[]), cast(:priorities as int[])) as raised(run, priority)
            where runs.id = raised.run
        """),
        {"runs": list(runs), "priorities": list(runs.values())},
    )


def _trigger(trigger: Trigger, stored: StoredTrigger) -> dict[str, object]:
    return {
        "id": stored.id,
        "workspace": trigger.workspace,
        "source": trigger.source,
        "event_id": trigger.id,
        "content_fingerprint": stored.content_fingerprint,
        "door": trigger.door,
        "table_name": trigger.table,
        "slice": trigger.slice.as_json(),
        "reply_to": trigger.reply_to,
        "priority": trigger.priority,
        "engine": trigger.engine,
        "metadata": trigger.metadata,
        "position": trigger.position.as_json() if trigger.position is not None else None,
        "correlation_id": trigger.correlation_id,
        "traceparent": trigger.traceparent,
        "tracestate": trigger.tracestate,
        "state": stored.state,
        "run_id": stored.run,
    }


def _run(run: str, want: WantedRun) -> dict[str, object]:
    gate = want.version.gate
    return {
        "id": run,
        "workspace": gate.workspace,
        "table_name": gate.table,
        "version_id": want.version.id,
        "slice": want.bound.as_json(),
        "slice_key": want.bound.key,
        "mode": gate.mode,
        "runner": INLINE_RUNNER if gate.mode is Mode.INLINE else gate.runner,
        "target": gate.target,
        "engine": want.engine,
        "priority": want.priority,
        "correlation_id": want.correlation_id,
        "traceparent": want.traceparent,
    }
