"""The rule library as a gate file sees it: which checks there are, what they take, and what a rule says that says nothing.

Each check is a dbt generic test: one of dbt's four, or a macro of the dbt project. A gate may also name a test of the user's own
project; nothing is known of its arguments then, and the rule has to say what it measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from stringx.model import TABLE_NAME, Dimension, Kind, Level
from stringx.nearest import did_you_mean, nearest


class Column(Enum):
    """Whether a check is about one column."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


@dataclass(frozen=True)
class Argument:
    """One argument of a check."""

    #: what is wrong with a value, or None
    fault: Callable[[object], str | None]
    required: bool = True


@dataclass(frozen=True)
class Check:
    """What is known of one check; the last three are a rule's defaults."""

    column: Column
    arguments: Mapping[str, Argument]
    dimension: Dimension
    level: Level
    kind: Kind = Kind.ENGINEERING


# --- what arguments are like ----------------------------------------------------------------------------------------


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


def _table(value: object) -> str | None:
    fitting = isinstance(value, str) and TABLE_NAME.fullmatch(value)
    return None if fitting else "must be a table: schema.table or database.schema.table"


def _share(value: object) -> str | None:
    fitting = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1
    return None if fitting else "must be a share: more than 0 and at most 1, as 0.25 for a quarter"


def _yes_or_no(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


#: By the public name; the names, arguments and meanings of dbt, and of dbt_utils where it has the name.
LIBRARY: Mapping[str, Check] = {
    "not_null": Check(Column.REQUIRED, {}, Dimension.COMPLETENESS, Level.COLUMN),
    "unique": Check(Column.REQUIRED, {}, Dimension.UNIQUENESS, Level.COLUMN),
    "accepted_values": Check(
        Column.REQUIRED,
        {"values": Argument(_values), "quote": Argument(_yes_or_no, required=False)},
        Dimension.VALIDITY,
        Level.COLUMN,
    ),
    "relationships": Check(
        Column.REQUIRED,
        {"to": Argument(_table), "field": Argument(_column)},
        Dimension.CONSISTENCY,
        Level.DATASET,
    ),
    "unique_combination_of_columns": Check(
        Column.NONE,
        {"combination_of_columns": Argument(_columns), "quote_columns": Argument(_yes_or_no, required=False)},
        Dimension.UNIQUENESS,
        Level.TABLE,
    ),
    "expression_is_true": Check(Column.OPTIONAL, {"expression": Argument(_sql)}, Dimension.VALIDITY, Level.ROW),
    "share_of_rows": Check(
        Column.NONE,
        {"condition": Argument(_sql), "below": Argument(_share)},
        Dimension.VALIDITY,
        Level.TABLE,
        Kind.BUSINESS,
    ),
}


def faults(name: str, *, column: bool, arguments: Mapping[str, object]) -> list[tuple[tuple[str, ...], str]]:
    """What is wrong with a rule's use of a check of the library: where within the rule, and what, with the fix."""
    check = LIBRARY[name]
    found: list[tuple[tuple[str, ...], str]] = []
    if check.column is Column.REQUIRED and not column:
        found.append((("check",), f"{name} is about one column: say which with `column`"))
    if check.column is Column.NONE and column:
        found.append((("column",), f"{name} is not about one column: leave `column` out"))
    for argument, value in arguments.items():
        if argument not in check.arguments:
            found.append((("arguments", argument), unknown("argument", argument, check.arguments, f"{name} takes")))
        elif fault := check.arguments[argument].fault(value):
            found.append((("arguments", argument), fault))
    missing = [argument for argument, known in check.arguments.items() if known.required and argument not in arguments]
    if missing:
        found.append(
            (("arguments",), f"{name} needs the argument{'s' if len(missing) > 1 else ''} {', '.join(f'`{one}`' for one in missing)}")
        )
    return found


def unknown(what: str, name: str, known: Iterable[str], there_are: str) -> str:
    """The sentence about a name that there is not."""
    known = sorted(known)
    hint = did_you_mean(nearest(name, known)) or f"{there_are} {', '.join(f'`{one}`' for one in known) or 'none'}"
    return f"unknown {what} `{name}`: {hint}"
