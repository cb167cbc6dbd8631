"""What a check function of DQX is, and how its arguments are read. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stringx.gates.dqx import values
from stringx.gates.dqx.values import Misfit
from stringx.gates.tests import column_sql

#: Fields of a rule of ours.
Fields = dict[str, Any]
#: The arguments of one check.
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Function:
    """One check function: its arguments, and what becomes of them."""

    made: Callable[[Given], Fields]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


def column_of(given: Given, argument: str = "column") -> str:
    """The column as SQL: its name, quoted where it must be, or its expression."""
    column = given[argument]
    if not isinstance(column, str) or not column.strip():
        raise Misfit(argument, "must be the name of a column, or SQL")
    return column_sql(column) if values.is_plain(column) else f"({column})"


def plain_column_of(given: Given) -> str:
    """The column's name, where our check takes no expression."""
    column = given.get("column")
    if not isinstance(column, str) or not values.is_plain(column):
        raise Misfit("column", "must be the name of a column: of an expression, write the check as `sql_expression`")
    return column


def columns_of(given: Given, argument: str) -> list[str]:
    names = given[argument]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and values.is_plain(name) for name in names):
        raise Misfit(argument, "must be a list of names of columns")
    return names


def flag_of(given: Given, argument: str, default: bool) -> bool:
    flag = given.get(argument, default)
    if not isinstance(flag, bool):
        raise Misfit(argument, "must be true or false")
    return flag


def whole_of(given: Given, argument: str, default: int | None = None) -> int:
    number = given.get(argument, default)
    if not isinstance(number, int) or isinstance(number, bool):
        raise Misfit(argument, "must be a whole number")
    return number


def text_of(given: Given, argument: str) -> str:
    if not isinstance(given[argument], str) or not given[argument].strip():
        raise Misfit(argument, "must be text")
    return str(given[argument])


def is_true(expression: str) -> Fields:
    """The rule that finds the rows for which this is false."""
    return {"check": "expression_is_true", "arguments": {"expression": expression}}


def check_of_column(check: str, **arguments: Any) -> Callable[[Given], Fields]:
    """Makes the rule with that check of the column."""

    def made(given: Given) -> Fields:
        return {"check": check, "column": plain_column_of(given), **({"arguments": arguments} if arguments else {})}

    return made
