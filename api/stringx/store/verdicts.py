"""Verdicts with their check results, the triggers that wait for them, and the reports that changed nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, text

from stringx.model import Report, Slice, Verdict
from stringx.store.database import VERDICTS_CHANNEL, notify
from stringx.store.runs import Run
from stringx.store.tables import check_results, set_apart_reports, triggers, verdicts


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


def record(connection: Connection, run: Run, verdict: Verdict, *, attempt: int | None, report: Report | None) -> datetime:
    """Stores the verdict of a locked run that has none, and wakes who waits for it; returns when, by the database's clock.

    `attempt` is the one that was reported, None where no report decided; `report` is None where it could not be stored, too.
    """
    judged_at: datetime = connection.execute(
        insert(verdicts)
        .values(
            run_id=run.id,
            attempt=attempt,
            verdict=verdict.verdict,
            decision=verdict.decision,
            message=verdict.message,
            counts=verdict.counts,
            engine=None if report is None else report.engine,
            project_fingerprint=None if report is None else report.project_fingerprint,
            rows=None if report is None else report.rows,
            started_at=None if report is None else report.started_at,
            finished_at=None if report is None else report.finished_at,
        )
        .returning(verdicts.c.judged_at)
    ).scalar_one()
    if verdict.checks:
        connection.execute(
            insert(check_results),
            [{**check.model_dump(mode="json"), "run_id": run.id, "position": position} for position, check in enumerate(verdict.checks)],
        )
    notify(connection, VERDICTS_CHANNEL, run.id)
    return judged_at


def judged_attempt(connection: Connection, run_id: str) -> int | None:
    """The attempt whose report the run's verdict was made from; None where there is no verdict, or it was made without one."""
    found: int | None = connection.execute(select(verdicts.c.attempt).where(verdicts.c.run_id == run_id)).scalar()
    return found


def waiting_triggers(connection: Connection, run: Run) -> list[WaitingTrigger]:
    """All triggers of a locked run, in the order of their arrival; none can join it once it was claimed."""
    rows = connection.execute(select(triggers).where(triggers.c.run_id == run.id).order_by(triggers.c.seq))
    return [
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
        for row in rows
    ]


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
    connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:run, 0))"), {"run": run_id})
    kept = select(func.count()).where(
        set_apart_reports.c.run_id == run_id, set_apart_reports.c.attempt == attempt, set_apart_reports.c.reason == reason
    )
    if connection.execute(kept).scalar_one() == 0:
        connection.execute(insert(set_apart_reports).values(run_id=run_id, attempt=attempt, reason=reason, message=message, report=report))
