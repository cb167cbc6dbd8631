"""Values as DQX's checks have them, as SQL and as what our checks take. Pure.

Since DQX 0.16 a bare text is an expression over columns: text of its own stands in single quotes within the value, a number or a
date may stand as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_QUOTED = re.compile(r"'(?:[^']|'')*'", re.DOTALL)
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?")


class Misfit(ValueError):
    """An argument, items of it, or the whole check where that is None, that cannot be read; with why, and what would mend it."""

    def __init__(self, argument: str | None, message: str = "", *, items: Mapping[int, str] | None = None) -> None:
        """`items`: the message of each item at fault, in place of one of the argument."""
        super().__init__(message)
        at: tuple[str, ...] = () if argument is None else (argument,)
        #: where among the arguments, and what is wrong there
        self.faults: list[tuple[tuple[str | int, ...], str]] = (
            [(at, message)] if items is None else [((*at, item), of_item) for item, of_item in items.items()]
        )


def is_plain(column: str) -> bool:
    """Whether it is a column's name, and not an expression."""
    return _NAME.fullmatch(column) is not None


def sql(argument: str, value: object) -> str:
    """The SQL of a limit or a value to compare with."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case {"__decimal__": str() as number}:
            return number
        case str() if _DATE.fullmatch(value):
            return f"date '{value}'"
        case str() if _TIMESTAMP.fullmatch(value):
            return f"timestamp '{value}'"
        case str() if _QUOTED.fullmatch(value) or _NUMBER.fullmatch(value) or is_plain(value):
            return value
        case str() if value.strip():
            return f"({value})"
        case _:
            raise Misfit(argument, "must be a number, a date, text in single quotes within double ones, or SQL")


def literals(argument: str, values: object) -> list[str | int | float | bool]:
    """The values of a list, of which none may be an expression."""
    if not isinstance(values, list) or not values:
        raise Misfit(argument, "must be a list of values")
    read: list[str | int | float | bool] = []
    unread: dict[int, str] = {}
    for item, value in enumerate(values):
        try:
            read.append(_literal(value))
        except ValueError as error:
            unread[item] = str(error)
    if unread:
        raise Misfit(argument, items=unread)
    return read


def _literal(value: object) -> str | int | float | bool:
    """ValueError, which says what would mend it, for what is none."""
    match value:
        case bool() | int() | float():
            return value
        case str() if _QUOTED.fullmatch(value):
            return value[1:-1].replace("''", "'")
        case str() if _NUMBER.fullmatch(value):
            return int(value) if re.fullmatch(r"[-+]?[0-9]+", value) else float(value)
        case str() if _DATE.fullmatch(value) or _TIMESTAMP.fullmatch(value):
            return value
        case str():
            raise ValueError(f"holds `{value}`, which DQX reads as a column since 0.16: write \"'{value}'\" for the text")
        case _:
            raise ValueError("must be a number, a date, or text in single quotes within double ones")


def limit(argument: str, value: object) -> int | float | str:
    """A bound of an aggregate: a number, or SQL."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else sql(argument, value)


def text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"
