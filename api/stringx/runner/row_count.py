"""How many rows a run is about, counted before its tests; and whether its slice fits the table at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg2

#: Nobody waits longer for a count; the tests are run all the same, and have most of the run's time.
LIMIT_SECONDS = 5.0
_SHARE_OF_TIME = 0.1

#: SQLSTATE classes 22 and 42, among others: a value that cannot be read as the column's type; a column that is not there, or that
#: cannot be compared so. Told by their types, since `Sessions` withholds the code with the text.
_MISFITS = (psycopg2.DataError, psycopg2.ProgrammingError)


class SliceDoesNotFit(Exception):
    """The table has no such column as the slice names, or one whose type cannot be compared with the slice's value."""


class Uncounted(Exception):
    """The rows could not be counted; the message says why."""

    def __init__(self, message: str, *, has_rows: bool = False) -> None:
        super().__init__(message)
        #: one at least is there
        self.has_rows = has_rows


def limit_seconds(remaining_seconds: float) -> float:
    """How long a count may take of what is left of the run's time."""
    return min(LIMIT_SECONDS, _SHARE_OF_TIME * remaining_seconds)


def no_table(table: str) -> str:
    """Why the rows of an ephemeral model are not counted."""
    return f"{table} is an ephemeral model, which is no table of the database"


def count_sql(relation: str, conditions: Sequence[tuple[str, str]]) -> str:
    # Quoted by dbt and by `slice_sql`; it is what the tests are run with.
    return f"select count(*) from {relation} where {_all(conditions)}"  # noqa: S608


def any_sql(relation: str, conditions: Sequence[str]) -> str:
    return f"select 1 from {relation} where {' and '.join(conditions) or 'true'} limit 1"  # noqa: S608  # as above


def misfit(table: str, column: str, reason: str) -> str:
    """What SliceDoesNotFit says; `reason` is the database's."""
    return (
        f"the slice does not fit {table} at column {column!r}: {reason}. The gate's"
        " `slice: columns:` must name columns of the table with their types, and the trigger give values of these"
    )


def count_rows(cursor: Any, relation: str, conditions: Sequence[tuple[str, str]], *, table: str) -> int:
    """The rows of `relation` for which all conditions hold; each comes with the column that it is about.

    `cursor` is at the start of a transaction, which is left open. Raises SliceDoesNotFit, naming `table`; psycopg2.Error for all else.
    """
    try:
        cursor.execute(count_sql(relation, conditions))
    except _MISFITS:
        cursor.connection.rollback()
        _find_misfit(cursor, relation, conditions, table)
        raise
    (rows,) = cursor.fetchone()
    return int(rows)


def any_row(cursor: Any, relation: str, conditions: Sequence[tuple[str, str]], *, table: str) -> int:  # noqa: ARG001  # asked as `count_rows` is
    """1 where there is such a row, else 0: for when counting them all takes too long. Raises psycopg2.Error."""
    cursor.execute(any_sql(relation, [condition for _, condition in conditions]))
    return 0 if cursor.fetchone() is None else 1


def _all(conditions: Sequence[tuple[str, str]]) -> str:
    return " and ".join(sql for _, sql in conditions) or "true"


def _find_misfit(cursor: Any, relation: str, conditions: Sequence[tuple[str, str]], table: str) -> None:
    """SliceDoesNotFit where it is the slice: the same classes tell of missing tables, of privileges, and of what a view computes."""
    for column, condition in [("", "true"), *conditions]:
        try:
            # Names are found and values read as the columns' types, and no row is looked at.
            cursor.execute(f"select 1 from {relation} where {condition} limit 0")  # noqa: S608
        except _MISFITS as error:
            if not column:
                return
            raise SliceDoesNotFit(misfit(table, column, error.diag.message_primary or str(error))) from error
