"""What a check's arguments are like: for each sort of value, what is wrong with one that is none, in words with the fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stringx.model import TABLE_NAME


@dataclass(frozen=True)
class Sort:
    """A sort of value that an argument takes."""

    #: as the reference and the JSON Schema call it
    name: str
    #: what is wrong with a value, or None
    fault: Callable[[object], str | None]


def _sql(value: object) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be SQL, as text"


def _column(value: object) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be the name of a column"


def _columns(value: object) -> str | None:
    fitting = isinstance(value, list) and value and all(_column(item) is None for item in value) and len(set(value)) == len(value)
    return None if fitting else "must be a list of names of columns, each of them once"


def _values(value: object) -> str | None:
    fitting = isinstance(value, list) and value and all(isinstance(item, (str, int, float)) for item in value)
    return None if fitting else "must be a list of values: texts, numbers, true or false"


def _sql_list(value: object) -> str | None:
    fitting = isinstance(value, list) and value and all(_sql(item) is None for item in value)
    return None if fitting else "must be a list of SQL: columns, as SQL writes them, or expressions"


def _table(value: object) -> str | None:
    fitting = isinstance(value, str) and TABLE_NAME.fullmatch(value)
    return None if fitting else "must be a table: schema.table or database.schema.table"


def _share(value: object) -> str | None:
    fitting = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1
    return None if fitting else "must be a share: more than 0 and at most 1, as 0.25 for a quarter"


def _yes_or_no(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


SQL = Sort("SQL", _sql)
#: columns as SQL writes them, quoted where they must be
SQL_LIST = Sort("list of SQL", _sql_list)
COLUMN = Sort("column", _column)
COLUMNS = Sort("columns", _columns)
VALUES = Sort("values", _values)
TABLE = Sort("table", _table)
SHARE = Sort("share", _share)
YES_OR_NO = Sort("true or false", _yes_or_no)
