"""Gates and their versions. A version is appended and never changed; which one is in force is one row of `gates`.

A gate that was withdrawn has no version in force; those that it had stay, and so do its runs. Tables are compared in lower case:
`RAW.Flights` and `raw.flights` are one table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, Text, and_, cast, func, select, update
from sqlalchemy.dialects.postgresql import insert

from stringx.errors import NotFound
from stringx.gates.files import GateFile
from stringx.model import Gate, GateVersion
from stringx.nearest import did_you_mean, nearest
from stringx.store.database import GATES_LOCK, sql
from stringx.store.tables import gate_versions, gates

#: Tables of one batch for which it is looked which gate was probably meant.
MOST_HINTS = 20


@dataclass(frozen=True)
class Change:
    """What was done, or would be, with one gate; `number` is that of the version in force afterwards, or until it was withdrawn."""

    workspace: str
    table: str
    #: `restored`: it had been withdrawn
    action: Literal["created", "changed", "unchanged", "restored", "withdrawn"]
    number: int


def current(connection: Connection, workspace: str, table: str) -> GateVersion | None:
    """The version in force, or None where the table has no gate in that workspace."""
    statement = _in_force().where(gates.c.workspace == workspace, gates.c.table_name == table.lower())
    row = connection.execute(statement).one_or_none()
    return None if row is None else _version(row)


# The locks stand on the left, so that they are taken where no table has a gate, too.
_CURRENT_OF = """
with locked as materialized (
    select count(*) from (
        select pg_advisory_xact_lock(class, key) from unnest(cast(:classes as int[]), cast(:keys as int[])) as wanted(class, key)
    ) as taken
), current as (
    select version.id, version.workspace, version.table_name, version.number, version.content::text as content, version.fingerprint,
           version.file, version.applied_at
    from unnest(cast(:workspaces as text[]), cast(:tables as text[])) as wanted(workspace, table_name)
    join gates on gates.workspace = wanted.workspace and gates.table_name = wanted.table_name
    join gate_versions as version on version.id = gates.version_id
    where gates.withdrawn_at is null
)
select current.* from locked left join current on true
"""


def current_of(
    connection: Connection, tables: Collection[tuple[str, str]], *, locks: Iterable[tuple[int, int]] = ()
) -> dict[tuple[str, str], GateVersion]:
    """`current` for each of some tables, given as workspace and name in lower case, that have a gate.

    Takes these advisory locks on the way, until the end of the transaction: in one order, so that no two callers wait for each
    other; call it once in a transaction with them, before its first write.
    """
    ordered = sorted(set(locks))
    rows = connection.execute(
        sql(_CURRENT_OF),
        {
            "classes": [kind for kind, _ in ordered],
            "keys": [key for _, key in ordered],
            "workspaces": [workspace for workspace, _ in tables],
            "tables": [table for _, table in tables],
        },
    )
    return {(row.workspace, row.table_name): _version(row) for row in rows if row.id is not None}


def list_current(connection: Connection, workspace: str | None = None) -> list[GateVersion]:
    """The versions in force, of one workspace or of all, by workspace and table."""
    statement = _in_force().order_by(gates.c.workspace, gates.c.table_name)
    if workspace is not None:
        statement = statement.where(gates.c.workspace == workspace)
    return [_version(row) for row in connection.execute(statement)]


def absence(connection: Connection, workspace: str, table: str, *, at: datetime | None = None) -> str:
    """Why there is no gate in force for a table, in words; see `absences`."""
    return absences(connection, [(workspace, table)], at=at)[workspace, table]


def absences(connection: Connection, asked: Iterable[tuple[str, str]], *, at: datetime | None = None) -> dict[tuple[str, str], str]:
    """Why there is no gate in force for these tables (workspace, table), in words: it was withdrawn, or another one was probably
    meant. `at` is when there was none, where that was not now; each workspace is read once.
    """
    known: dict[str, dict[str, _Known]] = {}
    said: dict[tuple[str, str], str] = {}
    for workspace, table in asked:
        if workspace not in known:
            known[workspace] = _known(connection, workspace)
        # Looking for names takes time, and whoever waits for the others' answers can ask for each alone.
        said[workspace, table] = _absence(workspace, table, known[workspace], at, hint=len(said) < MOST_HINTS)
    return said


@dataclass(frozen=True)
class _Known:
    """Of a gate that is in force, or was: when."""

    first_applied_at: datetime
    withdrawn_at: datetime | None


def _known(connection: Connection, workspace: str) -> dict[str, _Known]:
    """By table."""
    first = and_(
        gate_versions.c.workspace == gates.c.workspace, gate_versions.c.table_name == gates.c.table_name, gate_versions.c.number == 1
    )
    statement = select(gates.c.table_name, gates.c.withdrawn_at, gate_versions.c.applied_at).join(gate_versions, first)
    rows = connection.execute(statement.where(gates.c.workspace == workspace))
    return {row.table_name: _Known(row.applied_at, row.withdrawn_at) for row in rows}


def _absence(workspace: str, table: str, known: Mapping[str, _Known], at: datetime | None, *, hint: bool) -> str:
    what = f"no gate for table {table} in workspace {workspace}"
    gate = known.get(table.lower())
    if gate is None:
        in_force = [name for name, one in known.items() if one.withdrawn_at is None]
        meant = did_you_mean(_nearest(table.lower(), in_force)) if hint else ""
        return f"there is {what}; {meant}" if meant else f"there is {what}"
    if at is not None and at < gate.first_applied_at:
        return f"there was {what} yet"
    if gate.withdrawn_at is not None and (at is None or gate.withdrawn_at <= at):
        return f"there is {what}: it was withdrawn at {gate.withdrawn_at:%Y-%m-%d %H:%M:%S} UTC"
    # It had been withdrawn and came back, or was being applied: which one, and when, is not kept.
    return f"there was {what} at that time"


def _nearest(table: str, known: Sequence[str]) -> str | None:
    """The table that was probably meant: a letter is wrong, or the schema is. Tables of one schema have much in common as it is."""
    near = nearest(table, known, alike=0.8)
    same_name = (name for name in sorted(known) if name.rpartition(".")[2] == table.rpartition(".")[2])
    return near or next(same_name, None)


def in_force(connection: Connection) -> dict[str, int]:
    """How many gates are in force in each workspace that has any."""
    statement = select(gates.c.workspace, func.count().label("gates")).where(gates.c.withdrawn_at.is_(None))
    counted = connection.execute(statement.group_by(gates.c.workspace).order_by(gates.c.workspace))
    return {row.workspace: row.gates for row in counted}


def plan(connection: Connection, files: Sequence[GateFile], *, prune: Collection[str] = ()) -> list[Change]:
    """What `apply` would do now. Changes nothing."""
    return _plan(_stored(connection), files, prune=prune)


def apply(connection: Connection, files: Sequence[GateFile], *, prune: Collection[str] = ()) -> list[Change]:
    """Puts these gates in force, a new version for each that is new or changed. Gates of other tables stay as they are; those of
    the workspaces `prune` are withdrawn.

    Blocks while another `apply` is under way. The caller's transaction makes it all or nothing.
    """
    _alone(connection)
    stored = _stored(connection)
    changes = _plan(stored, files, prune=prune)
    for file, change in zip(files, changes[: len(files)], strict=True):
        before = stored.get((change.workspace, change.table))
        if before is None or before.number != change.number:
            _append(connection, file, change.number)
        elif change.action == "restored":
            _put(connection, change, withdrawn_at=None)
    for change in changes[len(files) :]:
        _put(connection, change, withdrawn_at=func.now())
    return changes


def withdraw(connection: Connection, workspace: str, table: str) -> Change:
    """Takes a table's gate out of force: its triggers are `unmatched` from now on. What is queued is still judged.

    `unchanged` where it was withdrawn before; NotFound where there never was one.
    """
    _alone(connection)
    stored = _stored(connection).get((workspace, table.lower()))
    if stored is None:
        raise NotFound(absence(connection, workspace, table))
    change = Change(workspace, table.lower(), "unchanged" if stored.withdrawn else "withdrawn", stored.number)
    if not stored.withdrawn:
        _put(connection, change, withdrawn_at=func.now())
    return change


def _alone(connection: Connection) -> None:
    connection.execute(func.pg_advisory_xact_lock(GATES_LOCK, 0).select())


def _in_force() -> Select[Any]:
    content = cast(gate_versions.c.content, Text).label("content")
    columns = [content if column is gate_versions.c.content else column for column in gate_versions.c]
    return select(*columns).join(gates, gates.c.version_id == gate_versions.c.id).where(gates.c.withdrawn_at.is_(None))


@dataclass(frozen=True)
class _Stored:
    """Of a gate: the version in force, or the last one that was."""

    number: int
    fingerprint: str
    withdrawn: bool


def _stored(connection: Connection) -> dict[tuple[str, str], _Stored]:
    """By workspace and table."""
    statement = select(
        gates.c.workspace, gates.c.table_name, gates.c.withdrawn_at, gate_versions.c.number, gate_versions.c.fingerprint
    ).join(gate_versions, gates.c.version_id == gate_versions.c.id)
    return {
        (row.workspace, row.table_name): _Stored(row.number, row.fingerprint, row.withdrawn_at is not None)
        for row in connection.execute(statement)
    }


def _plan(stored: Mapping[tuple[str, str], _Stored], files: Sequence[GateFile], *, prune: Collection[str]) -> list[Change]:
    """One change for each file, in their order, and after them those of the gates that go."""
    changes = [_planned(file.gate, stored.get((file.gate.workspace, file.gate.table.lower()))) for file in files]
    kept = {(change.workspace, change.table) for change in changes}
    gone = sorted(key for key, gate in stored.items() if key[0] in prune and key not in kept and not gate.withdrawn)
    return changes + [Change(*key, "withdrawn", stored[key].number) for key in gone]


def _planned(gate: Gate, stored: _Stored | None) -> Change:
    table = gate.table.lower()
    if stored is None:
        return Change(gate.workspace, table, "created", 1)
    same = stored.fingerprint == gate.fingerprint
    action: Literal["restored", "unchanged", "changed"] = "restored" if stored.withdrawn else "unchanged" if same else "changed"
    return Change(gate.workspace, table, action, stored.number if same else stored.number + 1)


def _put(connection: Connection, change: Change, *, withdrawn_at: object) -> None:
    """In force or out of it, with the version that it has."""
    of_gate = (gates.c.workspace == change.workspace, gates.c.table_name == change.table)
    connection.execute(update(gates).where(*of_gate).values(withdrawn_at=withdrawn_at, updated_at=func.now()))


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
            set_={"version_id": statement.excluded.version_id, "updated_at": func.now(), "withdrawn_at": None},
        )
    )


@lru_cache(maxsize=1_000)
def gate_of(content: str) -> Gate:
    """The gate of a version, from its content as JSON text. Kept: the same few gates are asked for with every trigger, run and report."""
    return Gate.model_validate_json(content)


def _version(row: Row[Any]) -> GateVersion:
    return GateVersion(
        id=row.id,
        number=row.number,
        gate=gate_of(row.content),
        fingerprint=row.fingerprint,
        file=row.file,
        applied_at=row.applied_at,
    )
