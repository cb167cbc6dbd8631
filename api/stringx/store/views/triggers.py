"""What became of a trigger."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, Text, cast, select

from stringx.errors import NotFound
from stringx.model import RUN_ID, TriggerAnswer, failing_rules
from stringx.store import gates
from stringx.store.tables import gate_versions, runs, triggers, verdicts
from stringx.store.views.runs import checks_of


def all_triggers() -> Select[Any]:
    """Triggers, as `answer` reads them."""
    judged = [verdicts.c.verdict, verdicts.c.decision, verdicts.c.message, verdicts.c.counts, verdicts.c.rows, verdicts.c.judged_at]
    joined = triggers.outerjoin(runs, runs.c.id == triggers.c.run_id)
    joined = joined.outerjoin(verdicts, verdicts.c.run_id == runs.c.id).outerjoin(gate_versions, gate_versions.c.id == runs.c.version_id)
    gate = [gate_versions.c.number.label("gate_version"), cast(gate_versions.c.content, Text).label("gate_content")]
    return select(triggers, runs.c.state.label("run_state"), *gate, *judged).select_from(joined)


def trigger(connection: Connection, trigger_id: str) -> TriggerAnswer:
    """One trigger with its run's verdict; NotFound."""
    row = None
    if RUN_ID.fullmatch(trigger_id):  # a trigger's id has the form of a run's; anything else might not even be storable
        row = connection.execute(all_triggers().where(triggers.c.id == trigger_id)).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no trigger {trigger_id!r}: give `trigger` of the answer that took it, not the sender's id; "
            "a trigger that is sent again with its id is answered with what is stored"
        )
    return answer(connection, row)


def answer(connection: Connection, row: Row[Any]) -> TriggerAnswer:
    """Of a row of `all_triggers`."""
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
        failing=failing_rules(gates.gate_of(row.gate_content), checks_of(connection, row.run_id)) if row.verdict is not None else (),
        rows=row.rows,
        judged_at=row.judged_at,
        correlation_id=row.correlation_id,
    )
