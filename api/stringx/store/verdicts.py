"""Verdicts with their check results, the triggers that wait for them, and the reports that changed nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, select

from stringx.model import Report, Slice, Verdict
from stringx.store import outbox, runs
from stringx.store.database import OUTBOX_CHANNEL, VERDICTS_CHANNEL, sql
from stringx.store.runs import Run
from stringx.store.tables import set_apart_reports, verdicts


@dataclass(frozen=True)
class WaitingTrigger:
    """A trigger of a run: it is owed an acknowledgement."""

    id: str
    source: str
    event_id: str
    slice: Slice
    content_fingerprint: str
    reply_to: str | None
    metadata: dict[str, Any]
    correlation_id: str | None
    traceparent: str | None
    tracestate: str | None
    received_at: datetime


@dataclass(frozen=True)
class Awaited:
    """A locked run, and all that wait for its verdict."""

    run: Run
    #: in the order of their arrival
    triggers: Sequence[WaitingTrigger]
    #: the time of the transaction, by the database's clock: when a verdict that it stores was judged
    now: datetime


@dataclass(frozen=True)
class Judged:
    """A locked run without a verdict, and the one that it gets."""

    awaited: Awaited
    verdict: Verdict
    #: the one that was reported; None where no report decided
    attempt: int | None
    #: None where it could not be stored, too
    report: Report | None

    @property
    def run(self) -> Run:
        return self.awaited.run


_AWAITED = f"""
with locked as (
    {runs.LOCKED}
), waiting as (
    select seq as trigger_seq, run_id, id as trigger_id, source, event_id, slice as trigger_slice, content_fingerprint, reply_to, metadata,
           correlation_id as trigger_correlation_id, traceparent as trigger_traceparent, tracestate, received_at
    from triggers where run_id = any(:runs)
)
select now() as now, locked.*, waiting.* from locked full join waiting on false order by trigger_seq
"""  # noqa: S608  # composed of our own text


def awaited(connection: Connection, run_ids: Sequence[str]) -> dict[str, Awaited]:
    """Those of the runs that there are, by id, locked until the end of the transaction; waits for whoever has one locked.

    A trigger that joined a run while this waited for its lock is missing: ask it of runs that are locked already, or that were
    claimed before this transaction began, since none can join a claimed run.
    """
    locked: list[tuple[Run, datetime]] = []
    waiting: dict[str, list[WaitingTrigger]] = {}
    for row in connection.execute(sql(_AWAITED), {"runs": list(run_ids)}):
        if row.id is not None:
            locked.append((runs.run_of(row), row.now))
        else:
            waiting.setdefault(row.run_id, []).append(_waiting(row))
    return {run.id: Awaited(run, waiting.get(run.id, ()), now) for run, now in locked}


# One statement however many there are, the values as JSON; the check results' keys are their columns' names.
_CONCLUDE = f"""
with new as (
    insert into verdicts (
        run_id, attempt, verdict, decision, message, counts, engine, project_fingerprint, rows, started_at, finished_at, unprepared,
        scores
    )
    select * from json_to_recordset(:verdicts) as judged(
        run_id text, attempt int, verdict text, decision text, message text, counts jsonb, engine text, project_fingerprint text,
        rows bigint, started_at timestamptz, finished_at timestamptz, unprepared jsonb, scores jsonb
    )
    returning run_id, judged_at
), checks as (
    insert into check_results (
        run_id, position, name, kind, dimension, level, severity, scope, outcome, failures, message, test, sql, duration_seconds,
        columns, sample
    )
    select * from json_to_recordset(:checks) as made(
        run_id text, position int, name text, kind text, dimension text, level text, severity text, scope text, outcome text,
        failures bigint, message text, test text, sql text, duration_seconds float8, columns jsonb, sample jsonb
    )
), attempted as (
    update attempts set ended_at = now(), outcome = 'settled'
    from unnest(cast(:runs as text[]), cast(:attempts as int[])) as ended(run, attempt)
    where attempts.run_id = ended.run and attempts.number = ended.attempt
), done as (
    update runs set state = 'done', finished_at = now(), lease_until = null, address = null, boot = null
    from new
    where runs.id = new.run_id
), owed as (
    {outbox.INSERT}
)
select pg_notify(:verdicts_channel, run_id) from new
union all
select pg_notify(:outbox_channel, '') where cardinality(:ids) > 0
"""  # noqa: S608  # composed of our own text


def conclude(connection: Connection, judged: Sequence[Judged], acknowledgements: Sequence[outbox.NewRecord]) -> None:
    """Stores verdicts, at least one, and what is told of them; ends their runs and the attempts that were reported, and wakes who waits."""
    checks = [
        {**check.model_dump(mode="json"), "run_id": one.run.id, "position": position}
        for one in judged
        for position, check in enumerate(one.verdict.checks)
    ]
    reported = [one.run for one in judged if one.report is not None]
    connection.execute(
        sql(_CONCLUDE),
        {
            "verdicts": json.dumps([_row(one) for one in judged]),
            "checks": json.dumps(checks),
            "runs": [run.id for run in reported],
            "attempts": [run.attempt for run in reported],
            "verdicts_channel": VERDICTS_CHANNEL,
            "outbox_channel": OUTBOX_CHANNEL,
            **outbox.values(acknowledgements[: outbox.BATCH]),
        },
    )
    outbox.add(connection, acknowledgements[outbox.BATCH :])


def _row(judged: Judged) -> dict[str, Any]:
    verdict, report = judged.verdict, judged.report
    row: dict[str, Any] = {
        "run_id": judged.run.id,
        "attempt": judged.attempt,
        "verdict": verdict.verdict,
        "decision": verdict.decision,
        "message": verdict.message,
        "counts": verdict.counts,
        "scores": verdict.scores and verdict.scores.as_json(),
    }
    if report is not None:
        row |= {
            "engine": report.engine,
            "project_fingerprint": report.project_fingerprint,
            "rows": report.rows,
            "started_at": report.started_at.isoformat(),
            "finished_at": report.finished_at.isoformat(),
            "unprepared": [{"test": test, "reason": reason} for test, reason in report.unprepared] or None,
        }
    return row


def judged_attempt(connection: Connection, run_id: str) -> int | None:
    """The attempt whose report the run's verdict was made from; None where there is no verdict, or it was made without one."""
    found: int | None = connection.execute(select(verdicts.c.attempt).where(verdicts.c.run_id == run_id)).scalar()
    return found


def _waiting(row: Row[Any]) -> WaitingTrigger:
    return WaitingTrigger(
        id=row.trigger_id,
        source=row.source,
        event_id=row.event_id,
        slice=Slice.model_validate(row.trigger_slice),
        content_fingerprint=row.content_fingerprint,
        reply_to=row.reply_to,
        metadata=row.metadata,
        correlation_id=row.trigger_correlation_id,
        traceparent=row.trigger_traceparent,
        tracestate=row.tracestate,
        received_at=row.received_at,
    )


def set_apart(
    connection: Connection,
    *,
    run_id: str,
    attempt: int,
    reason: Literal["late", "unstorable", "unknown"],
    message: str,
    report: bytes,
) -> None:
    """Keeps a report that changes nothing; delivered again, it is kept once."""
    connection.execute(sql("select pg_advisory_xact_lock(hashtextextended(:run, 0))"), {"run": run_id})
    kept = select(func.count()).where(
        set_apart_reports.c.run_id == run_id, set_apart_reports.c.attempt == attempt, set_apart_reports.c.reason == reason
    )
    if connection.execute(kept).scalar_one() == 0:
        connection.execute(insert(set_apart_reports).values(run_id=run_id, attempt=attempt, reason=reason, message=message, report=report))
