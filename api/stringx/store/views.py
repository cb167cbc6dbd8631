"""The read models of the API and the CLI: triggers, runs, gates and dead letters as `model.answers` has them. Reads only."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import ColumnElement, Connection, Row, RowMapping, Select, and_, exists, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from stringx import reasons
from stringx.errors import Conflict, NotFound, Refusal
from stringx.gates import slices
from stringx.gates.document import document
from stringx.model import (
    RUN_ID,
    TABLE_NAME,
    Attempt,
    Bytes,
    CheckResult,
    DeadLetter,
    DeadLetterPage,
    DeadLetterSummary,
    DistrustedReplays,
    Engine,
    FailingRule,
    Gate,
    GateDetail,
    GateStatus,
    GateSummary,
    GateVersion,
    Mode,
    Outcome,
    PreparedUse,
    RunCheck,
    RunDetail,
    RunPage,
    RunSummary,
    RunTrigger,
    Slice,
    Timings,
    TriggerAnswer,
    VerdictName,
    failing_rules,
    with_rules,
)
from stringx.settings import INLINE_RUNNER
from stringx.store import gates, runner_replicas
from stringx.store.tables import attempts, check_results, dead_letters, gate_versions, outbox, runs, triggers, verdicts

#: How much of a run's id must be given for it to be looked up by its beginning.
RUN_PREFIX = re.compile(r"[0-9a-f]{8,32}")

#: Closed slices that a gate's status shows at most.
CLOSED_SLICES = 100


@cache
def _newest_migration() -> str | None:
    return ScriptDirectory(str(Path(__file__).parent / "migrations")).get_current_head()


def migrated(connection: Connection) -> bool:
    """Whether the database stands at the newest migration that this program knows."""
    return MigrationContext.configure(connection).get_current_revision() == _newest_migration()


# --- triggers -------------------------------------------------------------------------------------------------------


def _triggers() -> Select[Any]:
    judged = [verdicts.c.verdict, verdicts.c.decision, verdicts.c.message, verdicts.c.counts, verdicts.c.rows, verdicts.c.judged_at]
    joined = triggers.outerjoin(runs, runs.c.id == triggers.c.run_id)
    joined = joined.outerjoin(verdicts, verdicts.c.run_id == runs.c.id).outerjoin(gate_versions, gate_versions.c.id == runs.c.version_id)
    gate = [gate_versions.c.number.label("gate_version"), gate_versions.c.content.label("gate_content")]
    return select(triggers, runs.c.state.label("run_state"), *gate, *judged).select_from(joined)


def trigger(connection: Connection, trigger_id: str) -> TriggerAnswer:
    """One trigger with its run's verdict; NotFound."""
    row = None
    if RUN_ID.fullmatch(trigger_id):  # a trigger's id has the form of a run's; anything else might not even be storable
        row = connection.execute(_triggers().where(triggers.c.id == trigger_id)).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no trigger {trigger_id!r}: give `trigger` of the answer that took it, not the sender's id; "
            "a trigger that is sent again with its id is answered with what is stored"
        )
    return _trigger_answer(connection, row)


def _trigger_answer(connection: Connection, row: Row[Any]) -> TriggerAnswer:
    message = row.message
    if row.state == "unmatched":
        message = f"nothing was checked: {gates.absence(connection, row.workspace, row.table_name, at=row.received_at)}"
    return TriggerAnswer(
        trigger=row.id,
        id=row.event_id,
        source=row.source,
        workspace=row.workspace,
        table=row.table_name,
        slice=row.slice,
        door=row.door,
        state=row.state,
        reply_to=row.reply_to,
        priority=row.priority,
        engine=row.engine,
        metadata=row.metadata,
        received_at=row.received_at,
        run=row.run_id,
        run_state=row.run_state,
        gate_version=row.gate_version,
        verdict=row.verdict,
        decision=row.decision,
        message=message,
        counts=row.counts,
        failing=failing_rules(Gate.model_validate(row.gate_content), _checks(connection, row.run_id)) if row.verdict is not None else (),
        rows=row.rows,
        judged_at=row.judged_at,
        correlation_id=row.correlation_id,
    )


# --- runs -----------------------------------------------------------------------------------------------------------


def _runs() -> Select[Any]:
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
    statement = _runs().add_columns(gate_versions.c.content.label("gate_content"), verdicts.c.unprepared, verdicts.c.scores)
    row = connection.execute(statement.where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no run {run_id!r}")
    checks = _checks(connection, run_id)
    return RunDetail(
        **_run_fields(row, checks),
        checks=tuple(
            RunCheck(**dict(check), **({} if rule is None else rule.words))
            for check, rule in with_rules(Gate.model_validate(row.gate_content), checks)
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


def _checks(connection: Connection, run_id: str) -> tuple[CheckResult, ...]:
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
    rows = connection.execute(_runs().where(*conditions).order_by(runs.c.seq.desc()).limit(limit + 1)).all()
    page = rows[:limit]
    return RunPage(runs=_summaries(connection, page), next=str(page[-1].seq) if len(rows) > limit else None)


def _summaries(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[RunSummary, ...]:
    """Each with the reason for its verdict, which takes the checks that did not pass."""
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


# --- gates ----------------------------------------------------------------------------------------------------------


def gate_fields(version: GateVersion) -> dict[str, Any]:
    """Those of a `GateSummary`."""
    gate = version.gate
    return {
        "workspace": gate.workspace,
        "table": gate.table,
        "description": gate.description,
        "owners": gate.owners,
        "target": gate.target,
        "mode": gate.mode,
        "version": version.number,
        "fingerprint": version.fingerprint,
        "author": version.author,
        "message": version.message,
        "file": version.file,
        "applied_at": version.applied_at,
        "rules": len(gate.rules),
        "selections": len(gate.select),
    }


def list_gates(connection: Connection, workspace: str | None = None) -> tuple[GateSummary, ...]:
    """The gates in force, by workspace and table."""
    versions = sorted(gates.list_current(connection, workspace), key=lambda version: (version.gate.workspace, version.gate.table))
    return tuple(GateSummary(**gate_fields(version)) for version in versions)


def require_name(table: str) -> None:
    """NotFound where no table can be called so: the name might not even be storable."""
    if not TABLE_NAME.fullmatch(table):
        raise NotFound(f"{table!r} is not the name of a table: give schema.table or database.schema.table")


def _current_gate(connection: Connection, workspace: str, table: str) -> GateVersion:
    require_name(table)
    version = gates.current(connection, workspace, table)
    if version is None:
        raise NotFound(gates.absence(connection, workspace, table))
    return version


def gate(connection: Connection, workspace: str, table: str) -> GateDetail:
    """The gate in force for a table; NotFound."""
    version = _current_gate(connection, workspace, table)
    said = document(version.gate)
    return GateDetail(**gate_fields(version), gate=version.gate, document=said, prepared=_prepared(connection, version))


def _prepared(connection: Connection, version: GateVersion) -> PreparedUse | None:
    """None where the gate wants dbt. A run that was stopped before it began says nothing, nor one that was asked to be dbt's."""
    gate = version.gate
    if gate.engine is Engine.DBT:
        return None
    newest = connection.execute(
        select(runs.c.id, verdicts.c.engine, verdicts.c.judged_at, verdicts.c.unprepared)
        .join(verdicts, verdicts.c.run_id == runs.c.id)
        .where(runs.c.workspace == gate.workspace, runs.c.table_name == gate.table.lower(), runs.c.version_id == version.id)
        .where(runs.c.engine == Engine.PREPARED, verdicts.c.engine.is_not(None), verdicts.c.verdict != VerdictName.CANCELLED)
        .order_by(runs.c.seq.desc())
        .limit(1)
    ).one_or_none()
    distrusted = tuple(
        DistrustedReplays(address=replica.address, target=target, reason=one.reason)
        for replica in runner_replicas.known(connection, INLINE_RUNNER if gate.mode is Mode.INLINE else gate.runner)
        if replica.status is not None
        for target, gates_of in replica.status.distrusted.items()
        for one in gates_of
        if (one.workspace, one.table, one.gate_fingerprint) == (gate.workspace, gate.table, gate.fingerprint)
    )
    return PreparedUse(
        run=newest.id if newest else None,
        engine=newest.engine if newest else None,
        judged_at=newest.judged_at if newest else None,
        unprepared=(newest.unprepared or ()) if newest else (),
        distrusted=distrusted,
    )


def gate_status(connection: Connection, workspace: str, table: str) -> GateStatus:
    """The verdict of a table's newest accepted trigger, and the slices that are still closed; NotFound without a gate."""
    version = _current_gate(connection, workspace, table)
    table = version.gate.table.lower()
    of_table = and_(triggers.c.workspace == workspace, triggers.c.table_name == table)
    newest_trigger = _triggers().where(of_table, triggers.c.state == "accepted").order_by(triggers.c.seq.desc()).limit(1)
    row = connection.execute(newest_trigger).one_or_none()
    newest = _trigger_answer(connection, row) if row is not None else None
    newest_of_slices = (
        select(runs.c.id, runs.c.seq, runs.c.slice, runs.c.slice_key, verdicts.c.decision)
        .join(verdicts, verdicts.c.run_id == runs.c.id)
        .where(runs.c.workspace == workspace, runs.c.table_name == table)
        .ext(distinct_on(runs.c.slice_key))
        .order_by(runs.c.slice_key, runs.c.seq.desc())
        .subquery()
    )
    closed = select(newest_of_slices).where(newest_of_slices.c.decision == "closed").order_by(newest_of_slices.c.seq.desc())
    still_closed = [run.id for run in connection.execute(closed) if _can_be_judged(run.slice, run.slice_key, version.gate)]
    shown = _runs().where(runs.c.id.in_(still_closed[:CLOSED_SLICES])).order_by(runs.c.seq.desc())
    return GateStatus(
        workspace=version.gate.workspace,
        table=version.gate.table,
        gate_version=version.number,
        verdict=newest.verdict if newest is not None else None,
        decision=newest.decision if newest is not None else None,
        trigger=newest,
        prepared=_prepared(connection, version),
        closed=_summaries(connection, connection.execute(shown).all()),
    )


def _can_be_judged(slice_: Any, slice_key: str, gate: Gate) -> bool:
    """Whether a trigger could have this very slice judged again by the gate: one of an older version may name a column that it no
    longer slices by, and nobody could ever clear it."""
    try:
        return slices.bind(Slice.model_validate(slice_), gate).key == slice_key
    except Refusal:
        return False


# --- dead letters ---------------------------------------------------------------------------------------------------


def _dead_letter_fields(row: RowMapping) -> dict[str, Any]:
    same = ("id", "door", "topic", "partition", "code", "field", "reason", "event_id", "event_source", "value_bytes", "received_at")
    return {"offset": row["record_offset"], **{name: row[name] for name in same}}


def list_dead_letters(connection: Connection, *, limit: int = 50, before: int | None = None) -> DeadLetterPage:
    """Dead letters, the newest first; `before` is the `next` of the page before."""
    columns = [column for column in dead_letters.c if column.name not in ("key", "value", "headers")]
    statement = select(*columns).order_by(dead_letters.c.id.desc()).limit(limit + 1)
    if before is not None:
        statement = statement.where(dead_letters.c.id < before)
    rows = connection.execute(statement).mappings().all()
    page = rows[:limit]
    return DeadLetterPage(
        dead_letters=tuple(DeadLetterSummary(**_dead_letter_fields(row)) for row in page),
        next=str(page[-1]["id"]) if len(rows) > limit else None,
    )


def dead_letter(connection: Connection, letter_id: int) -> DeadLetter:
    """One dead letter with its bytes; NotFound."""
    row = connection.execute(select(dead_letters).where(dead_letters.c.id == letter_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no dead letter {letter_id}")
    return DeadLetter(**_dead_letter_fields(row), key=_bytes(row["key"]), value=_bytes(row["value"]), headers=row["headers"])


def _bytes(raw: bytes | None) -> Bytes | None:
    if raw is None:
        return None
    try:
        return Bytes(text=raw.decode())
    except UnicodeDecodeError:
        return Bytes(base64=base64.b64encode(raw).decode())
