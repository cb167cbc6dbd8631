"""The gates in force, and whether their tables' data may be used."""

from __future__ import annotations

from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from stringx.errors import NotFound, Refusal
from stringx.gates import slices
from stringx.gates.document import document
from stringx.model import (
    TABLE_NAME,
    DistrustedReplays,
    Engine,
    Gate,
    GateDetail,
    GateStatus,
    GateSummary,
    GateVersion,
    Mode,
    PreparedUse,
    Slice,
    VerdictName,
)
from stringx.settings import INLINE_RUNNER
from stringx.store import gates, runner_replicas
from stringx.store.tables import runs, triggers, verdicts
from stringx.store.views.runs import all_runs, summaries
from stringx.store.views.triggers import all_triggers
from stringx.store.views.triggers import answer as trigger_answer

#: Closed slices that a gate's status shows at most.
CLOSED_SLICES = 100


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
    newest_trigger = all_triggers().where(of_table, triggers.c.state == "accepted").order_by(triggers.c.seq.desc()).limit(1)
    row = connection.execute(newest_trigger).one_or_none()
    newest = trigger_answer(connection, row) if row is not None else None
    still_closed = (
        run.id for run in connection.execute(_closed(workspace, table)) if _can_be_judged(run.slice, run.slice_key, version.gate)
    )
    shown = all_runs().where(runs.c.id.in_([*islice(still_closed, CLOSED_SLICES)])).order_by(runs.c.seq.desc())
    return GateStatus(
        workspace=version.gate.workspace,
        table=version.gate.table,
        gate_version=version.number,
        verdict=newest.verdict if newest is not None else None,
        decision=newest.decision if newest is not None else None,
        trigger=newest,
        prepared=_prepared(connection, version),
        closed=summaries(connection, connection.execute(shown).all()),
    )


def _closed(workspace: str, table: str) -> Select[tuple[str, Any, str]]:
    """The newest judged run of each slice of a table, where that is closed; the newest first."""
    # A run is done, and has its verdict, in one statement. Materialized: which of them are closed, statistics tell too late to plan by.
    newest = (
        select(func.max(runs.c.seq).label("seq"))
        .where(runs.c.workspace == workspace, runs.c.table_name == table, runs.c.state == "done")
        .group_by(runs.c.slice_key)
        .cte("newest")
        .prefix_with("materialized")
    )
    return (
        select(runs.c.id, runs.c.slice, runs.c.slice_key)
        .join(newest, newest.c.seq == runs.c.seq)
        .join(verdicts, verdicts.c.run_id == runs.c.id)
        .where(verdicts.c.decision == "closed")
        .order_by(runs.c.seq.desc())
    )


def _can_be_judged(slice_: Any, slice_key: str, gate: Gate) -> bool:
    """Whether a trigger could have this very slice judged again by the gate: one of an older version may name a column that it no
    longer slices by, and nobody could ever clear it."""
    try:
        return slices.bind(Slice.model_validate(slice_), gate).key == slice_key
    except Refusal:
        return False
