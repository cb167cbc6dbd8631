"""The versions that a gate has and had, and how they were withdrawn, which takes none of them away."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from stringx.errors import NotFound
from stringx.model import GateVersion, GateWithdrawal
from stringx.store.gates.absent import absence
from stringx.store.gates.present import stored_versions, version_of
from stringx.store.tables import gate_versions, gate_withdrawals, gates


def versions(
    connection: Connection, workspace: str, table: str, *, limit: int | None = None, before: int | None = None
) -> list[GateVersion]:
    """The newest first, those below the number `before`; NotFound where the table never had a gate."""
    of_gate = (gate_versions.c.workspace == workspace, gate_versions.c.table_name == table.lower())
    statement = stored_versions().where(*of_gate).order_by(gate_versions.c.number.desc()).limit(limit)
    if before is not None:
        statement = statement.where(gate_versions.c.number < before)
    found = [version_of(row) for row in connection.execute(statement)]
    if not found and before is None:
        raise NotFound(absence(connection, workspace, table))
    return found


def version(connection: Connection, workspace: str, table: str, number: int) -> GateVersion:
    """One of them; NotFound."""
    newest, *_ = versions(connection, workspace, table, limit=1)
    found = versions(connection, workspace, table, limit=1, before=number + 1) if 1 <= number <= newest.number else []
    if not found:
        what = f"the gate of {newest.gate.table} in workspace {workspace}"
        raise NotFound(f"{what} has no version {number}: the newest is {newest.number}; `gates history` lists them")
    return found[0]


def withdrawn_at(connection: Connection, workspace: str, table: str) -> datetime | None:
    """Since when the table's gate is out of force; None where it is in force."""
    statement = select(gates.c.withdrawn_at).where(gates.c.workspace == workspace, gates.c.table_name == table.lower())
    found: datetime | None = connection.execute(statement).scalar_one_or_none()
    return found


def withdrawals(connection: Connection, versions: Iterable[GateVersion]) -> dict[int, GateWithdrawal]:
    """How those of these versions were withdrawn that were, by `id`; of one that was so several times, the last time."""
    statement = select(gate_withdrawals).where(gate_withdrawals.c.version_id.in_([one.id for one in versions]))
    rows = connection.execute(statement.order_by(gate_withdrawals.c.withdrawn_at))
    return {row.version_id: GateWithdrawal(at=row.withdrawn_at, author=row.author, message=row.message) for row in rows}
