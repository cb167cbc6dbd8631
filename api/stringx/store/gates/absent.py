"""Why a table has no gate in force, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from stringx.nearest import did_you_mean, nearest
from stringx.store.tables import gate_versions, gate_withdrawals, gates

#: Tables of one batch for which it is looked which gate was probably meant.
MOST_HINTS = 20


def absence(connection: Connection, workspace: str, table: str, *, at: datetime | None = None) -> str:
    """Why there is no gate in force for a table, in words; see `absences`."""
    return absences(connection, [(workspace, table)], at=at)[workspace, table]


def absences(connection: Connection, asked: Iterable[tuple[str, str]], *, at: datetime | None = None) -> dict[tuple[str, str], str]:
    """Why there is no gate in force for these tables (workspace, table), in words: it was withdrawn, or another one was probably
    meant, or another workspace where this one has none at all. `at` is when there was none, where that was not now; each workspace is
    read once.
    """
    known: dict[str, dict[str, _Known]] = {}
    meant: dict[str, str | None] = {}
    said: dict[tuple[str, str], str] = {}
    for workspace, table in asked:
        if workspace not in known:
            known[workspace] = _known(connection, workspace)
            meant[workspace] = None if known[workspace] else nearest(workspace, _workspaces(connection), alike=0.8)
        # Looking for names takes time, and whoever waits for the others' answers can ask for each alone.
        said[workspace, table] = _absence(workspace, table, known[workspace], at, hint=len(said) < MOST_HINTS)
        if meant[workspace] is not None:
            said[workspace, table] += f"; did you mean the workspace `{meant[workspace]}`?"
    return said


@dataclass(frozen=True)
class _Known:
    """Of a gate that is in force, or was: when."""

    first_applied_at: datetime
    in_force: bool
    #: each time
    withdrawn_at: Sequence[datetime]


def _known(connection: Connection, workspace: str) -> dict[str, _Known]:
    """By table."""
    first = and_(
        gate_versions.c.workspace == gates.c.workspace, gate_versions.c.table_name == gates.c.table_name, gate_versions.c.number == 1
    )
    withdrawals = (
        select(gate_versions.c.table_name, func.array_agg(gate_withdrawals.c.withdrawn_at).label("times"))
        .join(gate_withdrawals, gate_withdrawals.c.version_id == gate_versions.c.id)
        .where(gate_versions.c.workspace == workspace)
        .group_by(gate_versions.c.table_name)
        .subquery()
    )
    statement = (
        select(gates.c.table_name, gates.c.withdrawn_at, gate_versions.c.applied_at, withdrawals.c.times)
        .join(gate_versions, first)
        .outerjoin(withdrawals, withdrawals.c.table_name == gates.c.table_name)
        .where(gates.c.workspace == workspace)
    )
    # A program from before there were withdrawals notes the present one alone.
    return {
        row.table_name: _Known(row.applied_at, row.withdrawn_at is None, [*(row.times or ()), *filter(None, [row.withdrawn_at])])
        for row in connection.execute(statement)
    }


def _workspaces(connection: Connection) -> list[str]:
    """Those that have gates in force."""
    statement = select(gates.c.workspace).where(gates.c.withdrawn_at.is_(None)).distinct().order_by(gates.c.workspace)
    return list(connection.scalars(statement))


def _absence(workspace: str, table: str, known: Mapping[str, _Known], at: datetime | None, *, hint: bool) -> str:
    what = f"no gate for table {table} in workspace {workspace}"
    gate = known.get(table.lower())
    if gate is None:
        in_force = [name for name, one in known.items() if one.in_force]
        meant = did_you_mean(_nearest(table.lower(), in_force)) if hint else ""
        return f"there is {what}; {meant}" if meant else f"there is {what}"
    if at is not None and at < gate.first_applied_at:
        return f"there was {what} yet"
    last = max((time for time in gate.withdrawn_at if at is None or time <= at), default=None)
    if last is None:  # it was just being applied
        return f"there was {what} at that time"
    is_still = not gate.in_force and last == max(gate.withdrawn_at)
    return f"there {'is' if is_still else 'was'} {what}: it was withdrawn at {last:%Y-%m-%d %H:%M:%S} UTC"


def _nearest(table: str, known: Sequence[str]) -> str | None:
    """The table that was probably meant: a letter is wrong, or the schema is. Tables of one schema have much in common as it is."""
    near = nearest(table, known, alike=0.8)
    same_name = (name for name in sorted(known) if name.rpartition(".")[2] == table.rpartition(".")[2])
    return near or next(same_name, None)
