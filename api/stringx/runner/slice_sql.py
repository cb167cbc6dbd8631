"""A slice as the SQL that dbt's `where` takes: columns quoted, values as quoted text, each region marked by a nonce. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping

from stringx.errors import Invalid
from stringx.gates.tests import quoted_name
from stringx.model import ColumnType, Predicate, Scalar, Slice
from stringx.model.values import canonical_json

#: Databases that read texts and comments as Postgres does: what `quoted` makes of any text, and what `templates` makes of a statement.
READS_AS_POSTGRES = frozenset({"postgres", "duckdb"})


def new_nonce() -> str:
    """128 random bits: no text of a project or a table can hold it by chance or on purpose."""
    return secrets.token_hex(16)


def mark(nonce: str) -> str:
    """What every statement of a sliced test must hold."""
    return f"/*{nonce}:"


def slice_sql(slice_: Slice, nonce: str, columns: Mapping[str, ColumnType], *, names_between: str = '""') -> str:
    """The condition, without a bracket round it; empty for the whole table.

    `columns`: the types that the gate gives them. `names_between`: the characters that this database has a name between.
    """
    places = _places()
    return " and ".join(
        part for predicate in slice_ for part in _parts(predicate, nonce, places, columns.get(predicate.column), names_between)
    )


def slice_values(slice_: Slice) -> tuple[str, ...]:
    """The values as text; the place of each is the number that its mark carries in `slice_sql`."""
    return tuple(str(scalar) for predicate in slice_ for _, scalar in _comparisons(predicate))


def shape(slice_: Slice, columns: Mapping[str, ColumnType]) -> tuple[str, ...]:
    """All of a slice but its values: equal for two slices whose SQL differs in the values alone."""
    return tuple(
        canonical_json([predicate.column, [operator for operator, _ in _comparisons(predicate)], columns.get(predicate.column)])
        for predicate in slice_
    )


def combined(slice_condition: str, own: str | None) -> str | None:
    """The slice and the test's own `where`. The line breaks let the latter end in a `--` comment, as dbt alone does not."""
    if not slice_condition:
        return own
    return f"({slice_condition}) and (\n{own}\n)" if own else slice_condition


def with_repeats_outside(slice_condition: str, own: str | None, *, column: str, relation: str) -> str | None:
    """As `combined`, for a test of unique values: the rows, of the slice or not, whose value occurs in the slice. So a value of the
    slice that stands outside it too is a repeated one. `column` and `relation` are SQL; a row without a value is no row of the test's.
    """
    if not slice_condition:
        return own
    values = f"{column} in (\nselect {column} from {relation} where {combined(slice_condition, own)})"
    return f"{values} and (\n{own}\n)" if own else values


def check_quotable(values: Iterable[str], database: str) -> None:
    """Raises Invalid for a value of which it is not known how this kind of database (dbt's name of it) reads it between quotes."""
    if database not in READS_AS_POSTGRES and any("'" in value or "\\" in value for value in values):
        raise Invalid(
            f"a value for {database} must hold neither quote nor backslash: databases read them in ways of their own", field="slice"
        )


def _places() -> Iterator[int]:
    place = 0
    while True:
        yield place
        place += 1


def _parts(predicate: Predicate, nonce: str, places: Iterator[int], column_type: ColumnType | None, between: str) -> Iterator[str]:
    column = quoted_name(predicate.column, between)
    # As the text of a column without a time zone, a point in time would lose its zone without a word. So cast, such a column is
    # told in the database's time zone.
    cast = "::timestamptz" if column_type is ColumnType.TIMESTAMP else ""

    def value(scalar: Scalar) -> str:
        return f"{mark(nonce)}{next(places)}*/{quoted(scalar)}/*{nonce}*/{cast}"

    if predicate.one_of is not None:
        yield f"{column} in ({', '.join(value(scalar) for scalar in predicate.one_of)})"
    else:
        yield from (f"{column} {operator} {value(scalar)}" for operator, scalar in _comparisons(predicate))


def _comparisons(predicate: Predicate) -> Iterator[tuple[str, Scalar]]:
    """Operator and value, in the order of the SQL; of a list, one for each value."""
    if predicate.equals is not None:
        yield "=", predicate.equals
    for scalar in predicate.one_of or ():
        yield "in", scalar
    if predicate.start is not None:
        yield ">=", predicate.start
    if predicate.stop is not None:
        yield "<", predicate.stop


def quoted(scalar: Scalar) -> str:
    """Text in quotes, numbers too: Postgres reads it as the type of the column it is compared with."""
    text = str(scalar)
    if "\x00" in text:
        raise Invalid("a value must not contain NUL characters", field="slice")
    doubled = text.replace("'", "''")
    # Unlike a plain literal, E'…' means the same whatever `standard_conforming_strings` says.
    return " E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"
