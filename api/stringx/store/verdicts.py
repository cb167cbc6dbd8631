"""Verdicts with their check results, the triggers that wait for them, and the reports that changed nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select

from stringx.model import Report, Slice, Verdict
from stringx.store.database import VERDICTS_CHANNEL, sql
from stringx.store.runs import Run
from stringx.store.tables import set_apart_reports, verdicts


@dataclass(frozen=True)
class Judged:
    """A locked run without a verdict, and the one that it gets."""

    run: Run
    verdict: Verdict
    #: the one that was reported; None where no report decided
    attempt: int | None
    #: None where it could not be stored, too
    report: Report | None


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


# As JSON, so that one statement holds however many there are; the check results' keys are their columns' names.
_RECORD = """
with new as (
    insert into verdicts (
        run_id, attempt, verdict, decision, message, counts, engine, project_fingerprint, rows, started_at, finished_at
    )
    select * from json_to_recordset(:verdicts) as judged(
        run_id text, attempt int, verdict text, decision text, message text, counts jsonb, engine text, project_fingerprint text,
        rows bigint, started_at timestamptz, finished_at timestamptz
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
)
select judged_at, pg_notify(:channel, run_id) from new
"""


def record(connection: Connection, judged: Sequence[Judged]) -> datetime:
    """Stores verdicts, at least one, and wakes who waits for them; returns when, by the database's clock."""
    checks = [
        {**check.model_dump(mode="json"), "run_id": one.run.id, "position": position}
        for one in judged
        for position, check in enumerate(one.verdict.checks)
    ]
    stored = connection.execute(
        sql(_RECORD),
        {"verdicts": json.dumps([_row(one) for one in judged]), "checks": json.dumps(checks), "channel": VERDICTS_CHANNEL},
    )
    judged_at: datetime = stored.all()[0].judged_at
    return judged_at


def _row(judged: Judged) -> dict[str, Any]:
    verdict, report = judged.verdict, judged.report
    row: dict[str, Any] = {
        "run_id": judged.run.id,
        "attempt": judged.attempt,
        "verdict": verdict.verdict,
        "decision": verdict.decision,
        "message": verdict.message,
        "counts": verdict.counts,
    }
    if report is not None:
        row |= {
            "engine": report.engine,
            "project_fingerprint": report.project_fingerprint,
            "rows": report.rows,
            "started_at": report.started_at.isoformat(),
            "finished_at": report.finished_at.isoformat(),
        }
    return row


def judged_attempt(connection: Connection, run_id: str) -> int | None:
    """The attempt whose report the run's verdict was made from; None where there is no verdict, or it was made without one."""
    found: int | None = connection.execute(select(verdicts.c.attempt).where(verdicts.c.run_id == run_id)).scalar()
    return found


def waiting_triggers(connection: Connection, run_ids: Sequence[str]) -> dict[str, list[WaitingTrigger]]:
    """All triggers of locked runs, by run, in the order of their arrival; none can join a run once it was claimed."""
    rows = connection.execute(
        sql("""
            select run_id, id, source, event_id, slice, content_fingerprint, reply_to, metadata, correlation_id, traceparent, tracestate,
                   received_at
            from triggers where run_id = any(:runs) order by seq
        """),
        {"runs": list(run_ids)},
    )
    waiting: dict[str, list[WaitingTrigger]] = {run: [] for run in run_ids}
    for row in rows:
        waiting[row.run_id].append(
            WaitingTrigger(
                id=row.id,
                source=row.source,
                event_id=row.event_id,
                slice=Slice.model_validate(row.slice),
                content_fingerprint=row.content_fingerprint,
                reply_to=row.reply_to,
                metadata=row.metadata,
                correlation_id=row.correlation_id,
                traceparent=row.traceparent,
                tracestate=row.tracestate,
                received_at=row.received_at,
            )
        )
    return waiting


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
