"""How many rows a run is about, counted before its tests; and whether its slice fits the table at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg2

#: Nobody waits longer for a count; the tests are run all the same.
LIMIT_SECONDS = 5.0

#: SQLSTATE classes 22 and 42, among others: a value that cannot be read as the column's type; a column that is not there, or that
#: cannot be compared so. Told by their types, since `Sessions` withholds the code with the text.
_MISFITS = (psycopg2.DataError, psycopg2.ProgrammingError)


class SliceDoesNotFit(Exception):
    """The table has no such column as the slice names, or one whose type cannot be compared with the slice's value."""


def no_table(table: str) -> str:
    """Why the rows of an ephemeral model are not counted."""
    return f"{table} is an ephemeral model, which is no table of the database"


def count_sql(relation: str, conditions: Sequence[tuple[str, str]]) -> str:
    condition = " and ".join(sql for _, sql in conditions) or "true"
    # Quoted by dbt and by `slice_sql`; it is what the tests are run with.
    return f"select count(*) from {relation} where {condition}"  # noqa: S608


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


def _find_misfit(cursor: Any, relation: str, conditions: Sequence[tuple[str, str]], table: str) -> None:
    """SliceDoesNotFit where it is the slice: the same classes tell of missing tables, of privileges, and of what a view computes."""
    for column, condition in [("", "true"), *conditions]:
        try:
            # Names are found and values read as the columns' types, and no row is looked at.
            cursor.execute(f"select 1 from {relation} where {condition} limit 0")  # noqa: S608
        except _MISFITS as error:
            if not column:
                return
            raise SliceDoesNotFit(
                f"the slice does not fit {table} at column {column!r}: {error.diag.message_primary or str(error)}. The gate's"
                " `slice: columns:` must name columns of the table with their types, and the trigger give values of these"
            ) from error
