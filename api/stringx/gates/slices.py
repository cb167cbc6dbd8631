"""A trigger's slice, held against its gate: known columns, values of their types, one canonical form. Pure.

Two slices that say the same in other words (another order, another time zone, a list of one) become equal here, so that their
`key` is. What only the data could tell to be the same stays apart: `[2013-02-08, 2013-02-09)` and `2013-02-08`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import assert_never

from stringx.errors import Invalid
from stringx.model import ColumnType, Gate, Predicate, Scalar, Slice
from stringx.nearest import did_you_mean, nearest

#: What Postgres' bigint holds; no table has a larger integer to compare with.
INTEGERS = range(-(2**63), 2**63)

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
_INTEGER = re.compile(r"-?[0-9]{1,19}")

#: A value as it is compared, and sorted, with others of its column.
Comparable = date | datetime | int | str


def bind(slice: Slice, gate: Gate) -> Slice:  # noqa: A002  # the word for it
    """The slice in its canonical form: predicates by column, values as text of their column's type.

    Raises Invalid, whose field is a path as the sender wrote it (`slice.0.equals`), for a column that the gate does not slice
    by, a column that is named twice, a value that is none of its type, and a range whose end is not after its start.
    """
    seen: set[str] = set()
    bound = []
    for place, predicate in enumerate(slice):
        field = f"slice.{place}"
        column_type = _type_of(predicate.column, gate, f"{field}.column")
        if predicate.column in seen:
            raise Invalid("stands twice: a column has one predicate", field=f"{field}.column")
        seen.add(predicate.column)
        bound.append(_bound(predicate, column_type, field))
    return Slice(tuple(sorted(bound, key=lambda predicate: predicate.column)))


def _type_of(column: str, gate: Gate, field: str) -> ColumnType:
    if column in gate.slice_columns:
        return gate.slice_columns[column]
    if not gate.slice_columns:
        raise Invalid(f"the gate of {gate.table} has no slice columns: send the trigger without a slice", field=field)
    hint = did_you_mean(nearest(column, gate.slice_columns)) or f"it slices by {', '.join(sorted(gate.slice_columns))}"
    raise Invalid(f"the gate of {gate.table} does not slice by {column!r}: {hint}", field=field)


def _bound(predicate: Predicate, column_type: ColumnType, field: str) -> Predicate:
    read = _reader(column_type)
    if predicate.equals is not None:
        return Predicate(column=predicate.column, equals=_text(read(predicate.equals, f"{field}.equals")))
    if predicate.one_of is not None:
        values = sorted({read(value, f"{field}.in.{place}") for place, value in enumerate(predicate.one_of)})
        if len(values) == 1:
            return Predicate(column=predicate.column, equals=_text(values[0]))
        return Predicate(column=predicate.column, one_of=tuple(_text(value) for value in values))
    start = None if predicate.start is None else read(predicate.start, f"{field}.from")
    stop = None if predicate.stop is None else read(predicate.stop, f"{field}.to")
    # The order of texts is the database's collation's to say.
    if start is not None and stop is not None and column_type is not ColumnType.TEXT and not start < stop:  # type: ignore[operator]  # as above
        raise Invalid(f"must be after 'from' ({_text(start)}): a range is from its start up to, and without, its end", field=f"{field}.to")
    return Predicate(
        column=predicate.column,
        start=None if start is None else _text(start),
        stop=None if stop is None else _text(stop),
    )


def _reader(column_type: ColumnType) -> Callable[[Scalar, str], Comparable]:
    match column_type:
        case ColumnType.DATE:
            return _date
        case ColumnType.TIMESTAMP:
            return _timestamp
        case ColumnType.INTEGER:
            return _integer
        case ColumnType.TEXT:
            return _plain_text
        case _:
            assert_never(column_type)


def _date(value: Scalar, field: str) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise Invalid('must be a date as "2013-02-08"', field=field)
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise Invalid(f"{value} is not a date that exists", field=field) from error


def _timestamp(value: Scalar, field: str) -> datetime:
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Invalid('must be a point in time as "2013-02-08T05:00:00Z", with at most six digits behind the second\'s point', field=field)
    if match["zone"] is None:
        raise Invalid(f"{value} does not say which time zone it is in: add Z, or an offset as -05:00", field=field)
    try:
        return datetime.fromisoformat(match[0].upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{value} is not a point in time that exists", field=field) from error


def _integer(value: Scalar, field: str) -> int:
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise Invalid("must be an integer", field=field)
    if int(value) not in INTEGERS:
        raise Invalid("is larger than an integer of a database can be", field=field)
    return int(value)


def _plain_text(value: Scalar, field: str) -> str:
    if not isinstance(value, str):
        raise Invalid(f'must be text, as the column is: write "{value}"', field=field)
    return value


def _text(value: Comparable) -> str:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
