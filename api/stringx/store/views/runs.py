"""Runs: why they are open or closed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, and_, cast, exists, func, select

from stringx import reasons
from stringx.errors import Conflict, NotFound
from stringx.model import (
    Attempt,
    CheckResult,
    FailingRule,
    Outcome,
    RunCheck,
    RunDetail,
    RunPage,
    RunSummary,
    RunTrigger,
    Timings,
    with_rules,
)
from stringx.store import gates
from stringx.store.tables import attempts, check_results, gate_versions, outbox, runs, triggers, verdicts

#: How much of a run's id must be given for it to be looked up by its beginning.
RUN_PREFIX = re.compile(r"[0-9a-f]{8,32}")


def all_runs() -> Select[Any]:
    """Runs, as `summaries` reads them."""
    of_run = triggers.c.run_id == runs.c.id
    received_at = select(func.min(triggers.c.received_at)).where(of_run).scalar_subquery()
    # A trigger without any acknowledgement yet counts as one that is not published: its outer join has no time either.
    published = triggers.outerjoin(outbox, outbox.c.trigger_id == triggers.c.id)
    unpublished = exists().select_from(published).where(of_run, outbox.c.published_at.is_(None))
    return select(
        runs,
        gate_versions.c.number.label("gate_version"),
        gate_versions.c.fingerprint.label("gate_fingerprint"),
        verdicts.c.verdict,
        verdicts.c.decision,
        verdicts.c.message,
        verdicts.c.counts,
        verdicts.c.rows,
        verdicts.c.project_fingerprint,
        verdicts.c.engine.label("judging_engine"),
        verdicts.c.judged_at,
        func.coalesce(received_at, runs.c.queued_at).label("received_at"),
        and_(verdicts.c.run_id.is_not(None), ~unpublished.correlate(runs)).label("acknowledged"),
    ).select_from(runs.join(gate_versions, gate_versions.c.id == runs.c.version_id).outerjoin(verdicts, verdicts.c.run_id == runs.c.id))


def _run_fields(row: Row[Any], checks: Sequence[CheckResult | FailingRule]) -> dict[str, Any]:
    """`checks` are at least those that did not pass."""
    return {
        "run": row.id,
        "workspace": row.workspace,
        "table": row.table_name,
        "slice": row.slice,
        "mode": row.mode,
        # The one that was really used, once there is a report; until then the one that is wanted.
        "engine": row.judging_engine or row.engine,
        "state": row.state,
        "verdict": row.verdict,
        "decision": row.decision,
        "message": row.message,
        "reason": reasons.of_run(row.verdict, row.message, checks),
        "counts": row.counts,
        "rows": row.rows,
        "gate_version": row.gate_version,
        "acknowledged": row.acknowledged,
        "attempt": row.attempt,
        "target": row.target,
        "runner": row.runner,
        "priority": row.priority,
        "timings": Timings(
            received_at=row.received_at,
            queued_at=row.queued_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            judged_at=row.judged_at,
        ),
    }


def find_run(connection: Connection, text: str) -> str:
    """The id of the run whose id is `text`, or begins with it (at least 8 characters).

    NotFound where there is none, Conflict where several begin so.
    """
    prefix = text.lower()
    found: Sequence[str] = []
    if RUN_PREFIX.fullmatch(prefix):
        # A range, since LIKE could not use the primary key's index in most collations; 'g' follows every hexadecimal digit.
        statement = select(runs.c.id).where(runs.c.id >= prefix, runs.c.id < prefix + "g").limit(2)
        found = connection.execute(statement).scalars().all()
    if not found:
        raise NotFound(f"there is no run {text!r}: give its id, or at least the first 8 characters of it")
    if len(found) > 1:
        raise Conflict(f"several runs begin with {text!r}: give more characters", code="ambiguous")
    return found[0]


def run(connection: Connection, run_id: str) -> RunDetail:
    """One run by its whole id, with its checks, attempts and triggers; NotFound."""
    statement = all_runs().add_columns(cast(gate_versions.c.content, Text).label("gate_content"), verdicts.c.unprepared, verdicts.c.scores)
    row = connection.execute(statement.where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no run {run_id!r}")
    checks = checks_of(connection, run_id)
    return RunDetail(
        **_run_fields(row, checks),
        checks=tuple(
            RunCheck(**dict(check), **({} if rule is None else rule.words))
            for check, rule in with_rules(gates.gate_of(row.gate_content), checks)
        ),
        scores=row.scores,
        unprepared=row.unprepared or (),
        attempts=tuple(
            Attempt.model_validate({name: value for name, value in attempt.items() if name != "run_id"})
            for attempt in connection.execute(select(attempts).where(attempts.c.run_id == run_id).order_by(attempts.c.number)).mappings()
        ),
        triggers=tuple(
            RunTrigger(trigger=one.id, id=one.event_id, source=one.source, door=one.door, received_at=one.received_at)
            for one in connection.execute(select(triggers).where(triggers.c.run_id == run_id).order_by(triggers.c.seq))
        ),
        gate_fingerprint=row.gate_fingerprint,
        project_fingerprint=row.project_fingerprint,
        correlation_id=row.correlation_id,
        traceparent=row.traceparent,
    )


def checks_of(connection: Connection, run_id: str) -> tuple[CheckResult, ...]:
    """The check results of a run, in the order of its gate."""
    statement = select(check_results).where(check_results.c.run_id == run_id).order_by(check_results.c.position)
    return tuple(
        CheckResult.model_validate({name: value for name, value in row.items() if name not in ("run_id", "position")})
        for row in connection.execute(statement).mappings()
    )


def list_runs(
    connection: Connection,
    *,
    workspace: str | None = None,
    table: str | None = None,
    verdict: str | None = None,
    decision: str | None = None,
    state: str | None = None,
    limit: int = 50,
    before: int | None = None,
) -> RunPage:
    """Runs, the newest first; `before` is the `next` of the page before."""
    conditions: list[ColumnElement[bool]] = []
    if workspace is not None:
        conditions.append(runs.c.workspace == workspace)
    if table is not None:
        conditions.append(runs.c.table_name == table.lower())
    if verdict is not None:
        conditions.append(verdicts.c.verdict == verdict)
    if decision is not None:
        conditions.append(verdicts.c.decision == decision)
    if state is not None:
        conditions.append(runs.c.state == state)
    if before is not None:
        conditions.append(runs.c.seq < before)
    rows = connection.execute(all_runs().where(*conditions).order_by(runs.c.seq.desc()).limit(limit + 1)).all()
    page = rows[:limit]
    return RunPage(runs=summaries(connection, page), next=str(page[-1].seq) if len(rows) > limit else None)


def summaries(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[RunSummary, ...]:
    """Of rows of `all_runs`; each with the reason for its verdict, which takes the checks that did not pass."""
    of_check = check_results.c
    statement = (
        select(*(of_check[name] for name in ("run_id", "name", "kind", "severity", "scope", "outcome", "failures", "message")))
        .where(of_check.run_id.in_([row.id for row in rows]), of_check.outcome != Outcome.PASSED)
        .order_by(of_check.run_id, of_check.position)
    )
    failing: defaultdict[str, list[FailingRule]] = defaultdict(list)
    for check in connection.execute(statement).mappings():
        failing[check["run_id"]].append(FailingRule(**{name: value for name, value in check.items() if name != "run_id"}))
    return tuple(RunSummary(**_run_fields(row, failing[row.id])) for row in rows)
