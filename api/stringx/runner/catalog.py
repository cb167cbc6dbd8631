"""What a target's database knows of one table: its columns and, in Postgres, keys and constraints. No row is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
import psycopg2.errors
from dbt_common.exceptions import DbtBaseException

from stringx.model import CatalogColumn, ColumnType, ForeignKey
from stringx.nearest import MOST_NAMES
from stringx.runner import sessions
from stringx.runner.samples import end_after

ANSWER_SECONDS = 15.0
#: Somebody may hold a lock on the table; what else is asked is not to wait for that.
LOCK_SECONDS = 3
_NAME = "stringx_catalog"

#: How types begin, in any database, and how a gate slices by them.
_SLICES = (
    (ColumnType.INTEGER, re.compile(r"(small|big|tiny|medium|huge|u)?int(eger|[1248]|16|32|64)?(?!er)\b", re.IGNORECASE)),
    (ColumnType.TIMESTAMP, re.compile(r"timestamp|datetime", re.IGNORECASE)),
    (ColumnType.DATE, re.compile(r"date\b", re.IGNORECASE)),
    (ColumnType.TEXT, re.compile(r"text|string|(n?var|n|bp)?char|character|uuid|citext|name\b", re.IGNORECASE)),
)

_COLUMNS = """
select a.attname::text, format_type(a.atttypid, a.atttypmod), not (a.attnotnull or (t.typtype = 'd' and t.typnotnull)),
  (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid)
from pg_attribute a join pg_type t on t.oid = a.atttypid
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
order by a.attnum"""

#: Unique indexes of columns alone, and of all rows; among them are those of keys.
_UNIQUE = """
select i.indisprimary, array_agg(a.attname::text order by k.place)
from pg_index i
cross join lateral unnest(i.indkey::int2[]) with ordinality as k (number, place)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
where i.indrelid = %s::regclass and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
  and k.place <= i.indnkeyatts
group by i.indexrelid, i.indisprimary
order by i.indisprimary desc, i.indexrelid"""

_FOREIGN = """
select array_agg(own.attname::text order by k.place), n.nspname::text || '.' || c.relname::text,
  array_agg(other.attname::text order by k.place)
from pg_constraint f
join pg_class c on c.oid = f.confrelid join pg_namespace n on n.oid = c.relnamespace
cross join lateral unnest(f.conkey, f.confkey) with ordinality as k (own, other, place)
join pg_attribute own on own.attrelid = f.conrelid and own.attnum = k.own
join pg_attribute other on other.attrelid = f.confrelid and other.attnum = k.other
where f.conrelid = %s::regclass and f.contype = 'f'
group by f.oid, f.conname, n.nspname, c.relname
order by f.conname"""

_CONDITIONS = """
select pg_get_expr(conbin, conrelid) from pg_constraint where conrelid = %s::regclass and contype = 'c' order by conname"""

_TABLES = """
select n.nspname::text || '.' || c.relname::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%%'
order by n.nspname <> %s, n.nspname, c.relname limit %s"""

#: `status in ('a', 'b')` and `status = 'a'`, as Postgres tells its constraints.
_LISTED = re.compile(
    r"\(+(?P<column>[a-z_][a-z0-9_]*|\"(?:[^\"]|\"\")+\")\)?(?:::[a-z ]+)? = ANY \(+(?:ARRAY)?\[(?P<values>.*)\]\)?(?:::[a-z ]+\[\])?\)+",
    re.DOTALL,
)
_VALUE = re.compile(r"\s*\(?'(?P<text>(?:[^']|'')*)'(?:::[a-z ]+(?:\(\d+\))?)?\)?(?:::[a-z ]+)?\s*(?:,|$)")


@dataclass(frozen=True)
class Catalog:
    """One table."""

    columns: tuple[CatalogColumn, ...]
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    conditions: tuple[str, ...] = ()


class Unreadable(Exception):
    """There is no such table, or it cannot be read; the message is the database's."""


class Withheld(Unreadable):
    """The table is there, and the role may not read it."""

    def __init__(self, message: str, lacks: str) -> None:
        super().__init__(message)
        #: what is to be granted
        self.lacks = lacks


def read(adapter: Any, relation: str, knows: Callable[[str], bool]) -> Catalog:
    """The table `relation`, quoted as SQL. `knows`: whether the dbt project has a table of this name.

    Raises Unreadable; and the errors of the driver and of dbt where the database does not answer.
    """
    if not sessions.opens(adapter):
        return _of_adapter(adapter, relation)
    with sessions.cursor(adapter, _NAME) as cursor:
        _limit(cursor)
        try:
            cursor.execute("select to_regclass(%s) is not null", [relation])
            if not cursor.fetchone()[0]:
                raise Unreadable(f"there is no {relation}")
            # Of some columns is enough: what it may not read of the others, the rules that name them tell.
            cursor.execute("select has_any_column_privilege(%s::regclass, 'select')", [relation])
            if not cursor.fetchone()[0]:
                raise Withheld(f"permission denied for {relation}", "`select` on the table")
            return _of_postgres(cursor, relation, knows)
        except psycopg2.errors.InsufficientPrivilege as error:
            raise Withheld(error.diag.message_primary or str(error).strip(), "`usage` on its schema") from error
        except (psycopg2.ProgrammingError, psycopg2.NotSupportedError) as error:  # of another database, say
            raise Unreadable(error.diag.message_primary or str(error).strip()) from error


def _of_adapter(adapter: Any, relation: str) -> Catalog:
    with adapter.connection_named(_NAME):
        try:
            found = adapter.get_column_schema_from_query(f"select * from {relation} where 1 = 0")  # noqa: S608  # quoted by dbt
        except DbtBaseException as error:
            adapter.execute("select 1")  # its error is that of a database which does not answer
            raise Unreadable(str(getattr(error, "msg", None) or error)) from error
    return Catalog(tuple(_column(column.name, column.dtype, None, ()) for column in found))


def _of_postgres(cursor: Any, relation: str, knows: Callable[[str], bool]) -> Catalog:
    def rows(query: str) -> list[tuple[Any, ...]]:
        cursor.execute(query, [relation])
        return list(cursor.fetchall())

    conditions = [condition for (condition,) in rows(_CONDITIONS)]
    listed = dict(filter(None, map(_listed, conditions)))
    unique = rows(_UNIQUE)
    return Catalog(
        columns=tuple(
            _column(name, kind, nullable, tuple(labels or listed.get(name, ()))) for name, kind, nullable, labels in rows(_COLUMNS)
        ),
        primary_key=next((tuple(columns) for primary, columns in unique if primary), ()),
        unique=tuple(tuple(columns) for primary, columns in unique if not primary),
        foreign_keys=tuple(
            ForeignKey(columns=tuple(own), table=table, referenced=tuple(other), known=knows(table)) for own, table, other in rows(_FOREIGN)
        ),
        conditions=tuple(condition for condition in conditions if _listed(condition) is None),
    )


def tables_near(adapter: Any, schema: str) -> list[str]:
    """`schema.table` of what can be asked for in Postgres, those of `schema` first; of another database, nothing is known."""
    if not sessions.opens(adapter):
        return []
    with sessions.cursor(adapter, _NAME) as cursor:
        _limit(cursor)
        cursor.execute(_TABLES, [schema, MOST_NAMES])
        return [name for (name,) in cursor.fetchall()]


def plan_fault(adapter: Any, sql: str) -> str | None:
    """What Postgres or DuckDB say against a query when they only plan it: names, types, grammar, and what is wrong with a constant.
    Of another database, nothing is known.

    It is explained, and never executed. Raises the driver's and dbt's errors where the database does not answer.
    """
    explain = f"explain select 1 from (\n{sql}\n) as stringx_test"  # noqa: S608  # of one statement, made by dbt
    if sessions.opens(adapter):
        return _plan_fault_of_postgres(adapter, explain)
    return _plan_fault_of_duckdb(adapter, explain) if adapter.type() == "duckdb" else None


def _plan_fault_of_postgres(adapter: Any, explain: str) -> str | None:
    with sessions.cursor(adapter, _NAME) as cursor:
        _limit(cursor)
        try:
            cursor.execute(explain)
        except psycopg2.OperationalError:
            raise
        except psycopg2.Error as error:
            primary = error.diag.message_primary or str(error).strip()
            return f"{primary}. {error.diag.message_hint}" if error.diag.message_hint else primary
    return None


def _plan_fault_of_duckdb(adapter: Any, explain: str) -> str | None:
    with adapter.connection_named(_NAME):
        try:
            adapter.execute(explain)
        except DbtBaseException as error:
            adapter.execute("select 1")  # its error is that of a database which does not answer
            # Without the line of our own query, and a mark beneath it.
            return str(getattr(error, "msg", None) or error).partition("\n\nLINE ")[0]
    return None


@contextmanager
def waiting_little(adapter: Any) -> Iterator[None]:
    """What dbt asks a Postgres meanwhile, in this thread, waits for a lock no longer than what is asked here. Raises LockNotAvailable."""
    if not sessions.opens(adapter):
        with adapter.connection_named(_NAME):
            yield
        return
    with sessions.cursor(adapter, _NAME) as cursor:
        _limit_waiting(cursor)
        try:
            yield
        except DbtBaseException as error:
            if isinstance(error.__cause__, psycopg2.errors.LockNotAvailable):
                raise error.__cause__ from None  # as the driver did
            raise


def _limit(cursor: Any) -> None:
    end_after(cursor, ANSWER_SECONDS)
    _limit_waiting(cursor)


def _limit_waiting(cursor: Any) -> None:
    cursor.execute(f"set local lock_timeout = '{LOCK_SECONDS}s'")


def _column(name: str, kind: str, nullable: bool | None, accepted: tuple[str, ...]) -> CatalogColumn:
    slices_by = next((slices for slices, pattern in _SLICES if pattern.match(kind)), ColumnType.TEXT if accepted else None)
    return CatalogColumn(name=name, type=kind, nullable=nullable, slices_by=slices_by, accepted=accepted)


def _listed(condition: str) -> tuple[str, tuple[str, ...]] | None:
    """Column and values of a constraint that lists texts; None of any other."""
    found = _LISTED.fullmatch(condition)
    if found is None:
        return None
    values, end = [], 0
    while end < len(found["values"]):
        value = _VALUE.match(found["values"], end)
        if value is None:
            return None
        values.append(value["text"].replace("''", "'"))
        end = value.end()
    column = found["column"]
    return (column[1:-1].replace('""', '"') if column.startswith('"') else column), tuple(values)
