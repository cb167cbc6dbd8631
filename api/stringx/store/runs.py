"""The queue of runs: claimed with a lease, renewed, given back, ended.

A run is `queued`, `leased` or `done`. Each claim makes a new attempt, whose number is the fencing token: whatever is said
of a run counts only while the run is leased in that attempt. Leases run by the database's clock alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row

from stringx.model import Engine, Gate, Mode, Slice
from stringx.store.database import RUNS_CHANNEL, notify, sql
from stringx.store.gates import gate_of

#: Payload of a NOTIFY on the runs' channel: a leased run is to be cancelled.
CANCEL = "cancel"

#: A run's id and the number of one attempt at it.
Held = tuple[str, int]


@dataclass(frozen=True)
class Run:
    """A run, and the gate version that it was queued with."""

    id: str
    #: the number of the newest attempt; 0 before the first
    attempt: int
    state: Literal["queued", "leased", "done"]
    gate: Gate
    gate_version: int
    slice: Slice
    mode: Mode
    engine: Engine
    #: the runner that holds it, and its boot, where it is leased
    address: str | None
    boot: str | None
    lost_attempts: int
    cancel_requested: bool
    queued_at: datetime
    started_at: datetime | None
    correlation_id: str | None
    traceparent: str | None


_COLUMNS = """
    run.id, run.attempt, run.state, version.content::text as content, version.number, run.slice, run.mode, run.engine, run.address,
    run.boot, run.lost_attempts, run.cancel_requested_at is not null as cancel_requested, run.queued_at, run.started_at,
    run.correlation_id, run.traceparent
"""

_VERSIONED = "runs as run join gate_versions as version on version.id = run.version_id"

#: Runs, for `run_of`, locked in one order: two who lock several never wait for each other in a circle.
LOCKED = f"select {_COLUMNS} from {_VERSIONED} where run.id = any(:runs) order by run.id for update of run"  # noqa: S608  # our own text

# `next` walks ix_runs_queue in its order. Two queued runs may be of one gate and slice: of different versions of the gate, or for
# different engines. `first` takes one of them; what another dispatcher leases meanwhile is kept out by uq_runs_one_leased.
# Its commit waits for the disk, as all do: a crash of the server that undid a claim would let a further trigger join the run, and the next
# claim would have the number of an attempt whose report may be older than that trigger.
CLAIM = f"""
with next as (
    select id, workspace, table_name, slice_key, priority, seq
    from runs as run
    where runner = :runner and state = 'queued' and target = any(:targets) and not_before <= now()
      and not exists (
        select from runs as leased
        where leased.state = 'leased' and leased.workspace = run.workspace and leased.table_name = run.table_name
          and leased.slice_key = run.slice_key
      )
    order by priority desc, seq
    limit :limit
    for update skip locked
), first as (
    select distinct on (workspace, table_name, slice_key) id
    from next
    order by workspace, table_name, slice_key, priority desc, seq
), claimed as (
    update runs
    set state = 'leased', attempt = attempt + 1, lease_until = now() + make_interval(secs => :lease_seconds),
        address = :address, boot = :boot, started_at = now()
    from first
    where runs.id = first.id
    returning runs.*
), noted as (
    insert into attempts (run_id, number, dispatcher, address, boot)
    select id, attempt, :dispatcher, :address, :boot from claimed
)
select {_COLUMNS}
from claimed as run join gate_versions as version on version.id = run.version_id
order by run.priority desc, run.seq
"""  # noqa: S608  # composed of this module's own text


def claim(
    connection: Connection,
    *,
    runner: str,
    targets: Sequence[str],
    limit: int,
    address: str,
    boot: str,
    dispatcher: str,
    lease_seconds: float,
) -> list[Run]:
    """Leases up to `limit` queued runs to the runner at `address`, the most urgent first, one per gate and slice.

    Raises IntegrityError on `uq_runs_one_leased` where another dispatcher has just leased the same gate and slice: claim
    again.
    """
    rows = connection.execute(
        sql(CLAIM),
        {
            "runner": runner,
            "targets": list(targets),
            "limit": limit,
            "address": address,
            "boot": boot,
            "dispatcher": dispatcher,
            "lease_seconds": lease_seconds,
        },
    )
    return [run_of(row) for row in rows]


def renew(connection: Connection, *, address: str, boot: str, held: Sequence[Held], lease_seconds: float) -> None:
    """Prolongs the leases of what a runner's present boot says it holds, wherever it was when it was leased."""
    connection.execute(
        sql("""
            with mine as (
                select run.id
                from runs as run
                join unnest(cast(:runs as text[]), cast(:attempts as int[])) as held(run, attempt)
                  on held.run = run.id and held.attempt = run.attempt
                where run.state = 'leased'
                for no key update of run skip locked -- whoever has it locked renews or ends it
            )
            update runs set lease_until = now() + make_interval(secs => :lease_seconds), address = :address, boot = :boot
            from mine
            where runs.id = mine.id
        """),
        {**_pairs(held), "address": address, "boot": boot, "lease_seconds": lease_seconds},
    )


def moved(connection: Connection, *, address: str, boot: str, taken: Sequence[Held]) -> None:
    """Notes that a runner took runs under another boot than the one they were leased to."""
    connection.execute(
        sql("""
            update runs set boot = :boot
            from unnest(cast(:runs as text[]), cast(:attempts as int[])) as taken(run, attempt)
            where runs.id = taken.run and runs.attempt = taken.attempt and runs.state = 'leased' and runs.address = :address
        """),
        {**_pairs(taken), "address": address, "boot": boot},
    )


def locked(connection: Connection, run_id: str) -> Run | None:
    """The run, locked until the end of the transaction; None where there is none. Waits for whoever has it locked."""
    row = connection.execute(sql(LOCKED), {"runs": [run_id]}).one_or_none()
    return None if row is None else run_of(row)


def locked_attempts(connection: Connection, held: Sequence[Held]) -> list[Run]:
    """Those of `held` that are still leased in that attempt, locked."""
    return _locked_leased(
        connection,
        "(run.id, run.attempt) in (select * from unnest(cast(:runs as text[]), cast(:attempts as int[])))",
        _pairs(held),
    )


def locked_at(connection: Connection, address: str) -> list[Run]:
    """What is leased to `address`, locked."""
    return _locked_leased(connection, "run.address = :address", {"address": address})


def locked_of_other_boots(connection: Connection, *, address: str, boot: str, asked_at: datetime) -> list[Run]:
    """What was leased to an earlier boot of the runner at `address` before `asked_at`, locked."""
    return _locked_leased(
        connection,
        "run.address = :address and run.boot <> :boot and run.started_at < :asked_at",
        {"address": address, "boot": boot, "asked_at": asked_at},
    )


def locked_expired(connection: Connection, limit: int) -> list[Run]:
    """Up to `limit` runs whose lease nobody renewed, locked."""
    return _locked_leased(connection, "run.lease_until < now()", {}, limit)


def cancels_asked(connection: Connection, address: str) -> list[str]:
    """The runs leased to `address` that are to be cancelled."""
    return list(
        connection.execute(
            sql("select id from runs where state = 'leased' and address = :address and cancel_requested_at is not null"),
            {"address": address},
        ).scalars()
    )


def ask_cancel(connection: Connection, run: Run) -> None:
    """Has the dispatchers tell the runner that holds a leased run to stop it."""
    connection.execute(sql("update runs set cancel_requested_at = now() where id = :run and cancel_requested_at is null"), {"run": run.id})
    notify(connection, RUNS_CHANNEL, CANCEL)


def requeue(connection: Connection, run: Run, *, lost: bool, message: str, after_seconds: float) -> None:
    """Ends the attempt at a locked, leased run and queues the run again, to be claimed in `after_seconds` at the earliest."""
    end_attempt(connection, run, "lost" if lost else "handed_back", message)
    connection.execute(
        sql("""
            update runs
            set state = 'queued', lost_attempts = lost_attempts + :lost, not_before = now() + make_interval(secs => :after_seconds),
                lease_until = null, address = null, boot = null, started_at = null
            where id = :run
        """),
        {"run": run.id, "lost": int(lost), "after_seconds": after_seconds},
    )
    notify(connection, RUNS_CHANNEL)


def end_attempt(
    connection: Connection, run: Run, outcome: Literal["settled", "lost", "handed_back", "cancelled"], message: str | None
) -> None:
    """Notes how the newest attempt at a run ended."""
    connection.execute(
        sql("update attempts set ended_at = now(), outcome = :outcome, message = :message where run_id = :run and number = :attempt"),
        {"run": run.id, "attempt": run.attempt, "outcome": outcome, "message": message},
    )


def history(connection: Connection, run: Run) -> list[str]:
    """One line for each attempt at a run that was lost, oldest first."""
    rows = connection.execute(
        sql("select number, address, message from attempts where run_id = :run and outcome = 'lost' order by number"), {"run": run.id}
    )
    return [f"attempt {row.number} at {row.address}: {row.message}" for row in rows]


def locked_queued(connection: Connection, condition: str, values: Mapping[str, Any], limit: int) -> list[Run]:
    """Up to `limit` queued runs for which `condition`, SQL of this package, is true; locked."""
    return _locked(connection, "queued", condition, values, limit)


def _locked_leased(connection: Connection, condition: str, values: Mapping[str, Any], limit: int | None = None) -> list[Run]:
    return _locked(connection, "leased", condition, values, limit)


def _locked(
    connection: Connection, state: Literal["queued", "leased"], condition: str, values: Mapping[str, Any], limit: int | None
) -> list[Run]:
    """Runs in the order of their ids, so that two transactions which lock several never wait for each other in a circle."""
    rows = connection.execute(
        sql(
            f"select {_COLUMNS} from {_VERSIONED} where run.state = '{state}' and {condition} "  # noqa: S608  # this module's own text
            "order by run.id limit :limit for update of run skip locked"
        ),
        {**values, "limit": limit},
    )
    return [run_of(row) for row in rows]


def _pairs(held: Sequence[Held]) -> dict[str, list[Any]]:
    return {"runs": [run for run, _ in held], "attempts": [attempt for _, attempt in held]}


def run_of(row: Row[Any]) -> Run:
    """A run, from the columns of `LOCKED`."""
    return Run(
        id=row.id,
        attempt=row.attempt,
        state=row.state,
        gate=gate_of(row.content),
        gate_version=row.number,
        slice=Slice.model_validate(row.slice),
        mode=Mode(row.mode),
        engine=Engine(row.engine),
        address=row.address,
        boot=row.boot,
        lost_attempts=row.lost_attempts,
        cancel_requested=row.cancel_requested,
        queued_at=row.queued_at,
        started_at=row.started_at,
        correlation_id=row.correlation_id,
        traceparent=row.traceparent,
    )
