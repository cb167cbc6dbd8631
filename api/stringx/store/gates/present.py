"""Which versions are in force."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, cast, func, select

from stringx.model import Gate, GateVersion
from stringx.store.database import sql
from stringx.store.tables import gate_versions, gates


def current(connection: Connection, workspace: str, table: str) -> GateVersion | None:
    """The version in force, or None where the table has no gate in that workspace."""
    statement = _in_force().where(gates.c.workspace == workspace, gates.c.table_name == table.lower())
    row = connection.execute(statement).one_or_none()
    return None if row is None else version_of(row)


# The locks stand on the left, so that they are taken where no table has a gate, too.
_CURRENT_OF = """
with locked as materialized (
    select count(*) from (
        select pg_advisory_xact_lock(class, key) from unnest(cast(:classes as int[]), cast(:keys as int[])) as wanted(class, key)
    ) as taken
), current as (
    select version.id, version.workspace, version.table_name, version.number, version.content::text as content, version.fingerprint,
           version.author, version.message, version.file, version.applied_at
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
    return {(row.workspace, row.table_name): version_of(row) for row in rows if row.id is not None}


def list_current(connection: Connection, workspace: str | None = None) -> list[GateVersion]:
    """The versions in force, of one workspace or of all, by workspace and table."""
    statement = _in_force().order_by(gates.c.workspace, gates.c.table_name)
    if workspace is not None:
        statement = statement.where(gates.c.workspace == workspace)
    return [version_of(row) for row in connection.execute(statement)]


def in_force(connection: Connection) -> dict[str, int]:
    """How many gates are in force in each workspace that has any."""
    statement = select(gates.c.workspace, func.count().label("gates")).where(gates.c.withdrawn_at.is_(None))
    counted = connection.execute(statement.group_by(gates.c.workspace).order_by(gates.c.workspace))
    return {row.workspace: row.gates for row in counted}


def _in_force() -> Select[Any]:
    return stored_versions().join(gates, gates.c.version_id == gate_versions.c.id).where(gates.c.withdrawn_at.is_(None))


def stored_versions() -> Select[Any]:
    """Versions, as `version_of` reads them."""
    content = cast(gate_versions.c.content, Text).label("content")
    return select(*(content if column is gate_versions.c.content else column for column in gate_versions.c))


@lru_cache(maxsize=1_000)
def gate_of(content: str) -> Gate:
    """The gate of a version, from its content as JSON text. Kept: the same few gates are asked for with every trigger, run and report."""
    return Gate.model_validate_json(content)


def version_of(row: Row[Any]) -> GateVersion:
    return GateVersion(
        id=row.id,
        number=row.number,
        gate=gate_of(row.content),
        fingerprint=row.fingerprint,
        author=row.author,
        message=row.message,
        file=row.file,
        applied_at=row.applied_at,
    )
