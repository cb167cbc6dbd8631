"""Gates and their versions. A version is appended and never changed; which one is in force is one row of `gates`.

Tables are compared in lower case: `RAW.Flights` and `raw.flights` are one table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, func, select
from sqlalchemy.dialects.postgresql import insert

from stringx.gates.files import GateFile
from stringx.model import Gate, GateVersion
from stringx.store.database import GATES_LOCK
from stringx.store.tables import gate_versions, gates


@dataclass(frozen=True)
class Change:
    """What `apply` did, or would do, with one gate; `number` is that of the version in force afterwards."""

    workspace: str
    table: str
    action: Literal["created", "changed", "unchanged"]
    number: int


def current(connection: Connection, workspace: str, table: str) -> GateVersion | None:
    """The version in force, or None where the table has no gate in that workspace."""
    statement = _in_force().where(gates.c.workspace == workspace, gates.c.table_name == table.lower())
    row = connection.execute(statement).one_or_none()
    return None if row is None else _version(row)


def list_current(connection: Connection, workspace: str | None = None) -> list[GateVersion]:
    """The versions in force, of one workspace or of all, by workspace and table."""
    statement = _in_force().order_by(gates.c.workspace, gates.c.table_name)
    if workspace is not None:
        statement = statement.where(gates.c.workspace == workspace)
    return [_version(row) for row in connection.execute(statement)]


def plan(connection: Connection, files: Sequence[GateFile]) -> list[Change]:
    """What `apply` would do now. Changes nothing."""
    stored = _numbers_and_fingerprints(connection)
    return [_planned(file.gate, stored.get((file.gate.workspace, file.gate.table.lower()))) for file in files]


def apply(connection: Connection, files: Sequence[GateFile]) -> list[Change]:
    """Puts these gates in force, a new version for each that is new or changed; gates of other tables stay as they are.

    Blocks while another `apply` is under way. The caller's transaction makes it all or nothing.
    """
    connection.execute(func.pg_advisory_xact_lock(GATES_LOCK, 0).select())
    changes = plan(connection, files)
    for file, change in zip(files, changes, strict=True):
        if change.action != "unchanged":
            _append(connection, file, change.number)
    return changes


def _in_force() -> Select[Any]:
    return select(gate_versions).join(gates, gates.c.version_id == gate_versions.c.id)


def _numbers_and_fingerprints(connection: Connection) -> dict[tuple[str, str], tuple[int, str]]:
    statement = select(gates.c.workspace, gates.c.table_name, gate_versions.c.number, gate_versions.c.fingerprint).join(
        gate_versions, gates.c.version_id == gate_versions.c.id
    )
    return {(row.workspace, row.table_name): (row.number, row.fingerprint) for row in connection.execute(statement)}


def _planned(gate: Gate, stored: tuple[int, str] | None) -> Change:
    table = gate.table.lower()
    if stored is None:
        return Change(gate.workspace, table, "created", 1)
    number, fingerprint = stored
    if fingerprint == gate.fingerprint:
        return Change(gate.workspace, table, "unchanged", number)
    return Change(gate.workspace, table, "changed", number + 1)


def _append(connection: Connection, file: GateFile, number: int) -> None:
    gate = file.gate
    table = gate.table.lower()
    version_id: int = connection.execute(
        insert(gate_versions)
        .values(
            workspace=gate.workspace,
            table_name=table,
            number=number,
            fingerprint=gate.fingerprint,
            content=gate.as_json(),
            file=file.file,
        )
        .returning(gate_versions.c.id)
    ).scalar_one()
    statement = insert(gates).values(workspace=gate.workspace, table_name=table, version_id=version_id)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[gates.c.workspace, gates.c.table_name],
            set_={"version_id": statement.excluded.version_id, "updated_at": func.now()},
        )
    )


def _version(row: Row[Any]) -> GateVersion:
    return GateVersion(
        id=row.id,
        number=row.number,
        gate=Gate.model_validate(row.content),
        fingerprint=row.fingerprint,
        file=row.file,
        applied_at=row.applied_at,
    )
