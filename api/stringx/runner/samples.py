"""Failing rows, as JSON scalars, cut and masked: what a report shows of the data, and nothing else of it leaves the worker."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from datetime import time as clock
from decimal import Decimal
from typing import Any

from stringx.model import made_storable

MASKED = "•••"
MAX_COLUMNS = 50
MAX_TEXT = 500
#: A longer row, in bytes of its JSON, is not fetched at all.
MAX_ROW_BYTES = 1_000_000
#: Beyond this JavaScript and jq change a number silently; it is shown as text.
_EXACT_INTEGER = 2**53

#: A driver's values that tell little of where they come from.
_PLAIN = (type(None), bool, int, float, Decimal)
_NUMBERS = {"bool", "int2", "int4", "int8", "numeric", "float4", "float8"}


@dataclass(frozen=True)
class Sample:
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()


def fetch(cursor: Any, sql: str, *, limit: int, mask: Collection[str], timeout_seconds: float) -> Sample:
    """Runs a test's SQL again for its first rows, in a read-only transaction; the server ends what takes more than `timeout_seconds`.

    A column is masked where it comes from a column with a masked name, under whatever alias; where Postgres cannot name its
    origin (an expression), it is shown only if it is a number or boolean and the SQL mentions no masked name.
    `cursor` is in a transaction, which is left open; it is psycopg2's, or one that describes its columns like that. Raises its Error.
    """
    until = time.monotonic() + timeout_seconds
    cursor.execute("set transaction read only")
    end_after(cursor, timeout_seconds)
    hidden = _hidden(cursor, sql, mask) if mask else frozenset()
    end_after(cursor, until - time.monotonic())
    # The SQL is dbt's, of a test that has just run; it cannot be bound.
    cursor.execute(
        f"select case when octet_length(line) <= {MAX_ROW_BYTES} then line end from (select row_to_json(stringx_row)::text as line from ("  # noqa: S608
        f"select * from (\n{sql}\n) as stringx_test limit {int(limit)}) as stringx_row) as stringx_lines"
    )
    # As pairs, not as a dict: a test may give two columns one name.
    lines = [json.loads(line, object_pairs_hook=_Pairs, parse_int=_integer, parse_float=_number) for (line,) in cursor if line]
    if not lines:
        return Sample()
    columns = tuple(clean(name, MAX_TEXT) for name, _ in lines[0][:MAX_COLUMNS])
    rows = tuple(
        tuple(MASKED if place in hidden else _scalar(value) for place, (_, value) in enumerate(line[:MAX_COLUMNS])) for line in lines
    )
    return Sample(columns, rows)


def shown(columns: Sequence[str], rows: Sequence[Sequence[Any]], sql: str, mask: Collection[str]) -> Sample:
    """The rows of a test's SQL, from a database of which nothing is known, as far as they may be shown.

    Where columns are masked, one is shown only if it is another by its name (a database may have numbered that, as one of several),
    holds nothing but numbers and booleans, and the SQL mentions no masked name: nothing tells where it comes from.
    """
    if not rows:
        return Sample()
    masked = {name.lower() for name in mask}
    mentioned = _mentioned(sql, masked)
    hidden = {
        place
        for place, name in enumerate(columns)
        if masked and (mentioned or _named(name, masked) or not all(isinstance(row[place], _PLAIN) for row in rows))
    }
    return Sample(
        tuple(clean(name, MAX_TEXT) for name in columns[:MAX_COLUMNS]),
        tuple(tuple(MASKED if place in hidden else _told(value) for place, value in enumerate(row[:MAX_COLUMNS])) for row in rows),
    )


def end_after(cursor: Any, seconds: float) -> None:
    """Each statement from now on; zero would be no limit."""
    cursor.execute(f"set local statement_timeout = {max(1, int(seconds * 1000))}")


def clean(text: str, longest: int) -> str:
    """`text` as JSON, UTF-8 and Postgres can hold it: no NUL, no half surrogates, cut to `longest` characters."""
    whole = made_storable(text)
    return whole if len(whole) <= longest else whole[: longest - 1] + "…"


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it is written: names may repeat."""


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= 17 and abs(int(text)) <= _EXACT_INTEGER else text


def _number(text: str) -> float | str:
    # A decimal that a float would change is shown as it is.
    value = float(text)
    return value if repr(value) == text else text


def _told(value: Any) -> Any:
    """A driver's value as the JSON that Postgres would make of it."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return _number(str(value)) if value.is_finite() else str(value)
    if isinstance(value, (dict, list, tuple)):
        return clean(json.dumps(value, ensure_ascii=False, default=str), MAX_TEXT)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return clean(f"\\x{bytes(value).hex()}", MAX_TEXT)
    return clean(value.isoformat() if isinstance(value, (date, clock)) else str(value), MAX_TEXT)


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return clean(value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False), MAX_TEXT)


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {name: _plain(item) for name, item in value}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _hidden(cursor: Any, sql: str, mask: Collection[str]) -> frozenset[int]:
    """The places of the columns that are not shown."""
    masked = {name.lower() for name in mask}
    cursor.execute(f"select * from (\n{sql}\n) as stringx_test limit 0")  # noqa: S608  # as above
    described = list(cursor.description)
    origins = _origins(cursor, [(column.table_oid, column.table_column) for column in described if column.table_oid])
    types = _types(cursor, [column.type_code for column in described])
    mentioned = _mentioned(sql, masked)
    hidden = set()
    for place, column in enumerate(described):
        origin = origins.get((column.table_oid, column.table_column))
        shown = origin.lower() not in masked if origin is not None else types[column.type_code] in _NUMBERS and not mentioned
        if not shown or column.name.lower() in masked:
            hidden.add(place)
    return frozenset(hidden)


def _named(column: str, masked: Collection[str]) -> bool:
    """Whether it has one of the names, or one that DuckDB made of it for a second column: `salary_1`, `salary_1_1`, once `salary:1`."""
    return any(re.fullmatch(rf"{re.escape(name)}([_:]\d+)*", column.lower()) for name in masked)


def _mentioned(sql: str, masked: Collection[str]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql, re.IGNORECASE) for name in masked)


def _origins(cursor: Any, columns: list[tuple[int, int]]) -> dict[tuple[int, int], str]:
    if not columns:
        return {}
    cursor.execute(
        "select attrelid::int8, attnum, attname from pg_attribute"
        " where (attrelid, attnum) in (select * from unnest(%s::oid[], %s::int2[]))",
        [[table for table, _ in columns], [number for _, number in columns]],
    )
    return {(table, number): name for table, number, name in cursor}


def _types(cursor: Any, oids: list[int]) -> dict[int, str]:
    cursor.execute("select oid::int8, typname from pg_type where oid = any (%s::oid[])", [oids])
    return dict(cursor)
