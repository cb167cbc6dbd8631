"""What a check's arguments are like: for each sort of value, what is wrong with one that is none, in words with the fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

from stringx.model import TABLE_NAME

WEEKDAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_LETTERS = re.compile(r"[A-Za-z]*")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
#: No quote and no end of a statement: it becomes a part of SQL.
_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_ .,()\[\]]*")


@dataclass(frozen=True)
class Sort:
    """A sort of value that an argument takes."""

    #: as the reference and the JSON Schema call it
    name: str
    #: what a value must be that is none of it, or None
    misfit: Callable[[object], str | None]
    #: the only values that there are, of texts of which one is chosen
    choices: tuple[str, ...] = ()

    def fault(self, value: object) -> str | None:
        """What is wrong with a value, in words with the fix; None where nothing is."""
        misfit = self.misfit(value)
        if misfit is None:
            return None
        return f"is empty: it {misfit}" if is_empty(value) else misfit

    def faults(self, value: object) -> Iterator[tuple[tuple[int, ...], str]]:
        """The same, and where within the value: of a list, the items that say nothing are told by themselves."""
        fault = self.fault(value)
        if fault is None:
            return
        empty = [place for place, item in enumerate(value) if is_empty(item)] if isinstance(value, list) else []
        for place in empty:
            yield (place,), IS_EMPTY
        if not empty or ((left := filled(value)) and (fault := self.fault(left))):
            yield (), fault


#: What is told of a place where nothing stands.
IS_EMPTY = "is empty: give it a value, or leave it out"


def filled(value: object) -> object:
    """A list without the items that say nothing; any other value as it is."""
    return [item for item in value if not is_empty(item)] if isinstance(value, list) else value


def is_empty(value: object) -> bool:
    """Whether something was written that says nothing."""
    return value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())


def _sql(value: object) -> str | None:
    if isinstance(value, str) and (day := _DAY.match(value.strip())):
        return f"begins with {day[0]}, which SQL subtracts as numbers: write a date in quotes of SQL's own, as \"'{day[0]}'\""
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


def _number(value: object) -> str | None:
    return None if isinstance(value, (int, float)) and not isinstance(value, bool) else "must be a number"


def _integer(value: object) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) else "must be a whole number"


def _count(value: object) -> str | None:
    return None if _integer(value) is None and isinstance(value, int) and value > 0 else "must be a whole number above 0"


def _proportion(value: object) -> str | None:
    fitting = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
    return None if fitting else "must be a share from 0 to 1, as 0.25 for a quarter"


def _bound(value: object) -> str | None:
    if isinstance(value, str) and value.strip():
        return _sql(value)
    return None if _number(value) is None else "must be a number, or SQL as text: a date as \"'2013-01-31'\""


def _text(value: object) -> str | None:
    return None if isinstance(value, str) and value else "must be a text"


def _texts(value: object) -> str | None:
    fitting = isinstance(value, list) and value and all(_text(item) is None for item in value)
    return None if fitting else "must be a list of texts"


def _pairs(value: object) -> str | None:
    fitting = isinstance(value, list) and value and all(_is_pair(item) for item in value)
    return None if fitting else "must be a list of pairs, each of them two numbers or SQL: [1, \"'a'\"]"


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_bound(one) is None for one in value)


def _flags(value: object) -> str | None:
    return None if isinstance(value, str) and _LETTERS.fullmatch(value) else "must be letters, as i for any case"


def _date(value: object) -> str | None:
    return None if isinstance(value, str) and _DAY.fullmatch(value) else "must be a date as text: '2013-01-31'"


def _not_negative(value: object) -> str | None:
    fitting = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    return None if fitting else "must be a number, 0 or more"


def _days(value: object) -> str | None:
    return None if _integer(value) is None and isinstance(value, int) and value >= 0 else "must be a whole number, 0 or more"


def _time_of_day(value: object) -> str | None:
    return None if isinstance(value, str) and _TIME_OF_DAY.fullmatch(value) else 'must be a time of day between quotes, as "08:00"'


#: Looked up once: it goes through some hundreds of files.
_time_zones = cache(available_timezones)


def _time_zone(value: object) -> str | None:
    return None if isinstance(value, str) and value in _time_zones() else "must be the name of a time zone: Europe/Berlin, UTC, …"


def _weekdays(value: object) -> str | None:
    fitting = isinstance(value, list) and value and all(day in WEEKDAY_NAMES for day in value) and len(set(value)) == len(value)
    return None if fitting else f"must be a list of weekdays, each of them once: {', '.join(WEEKDAY_NAMES)}"


def _column_types(value: object) -> str | None:
    fitting = isinstance(value, dict) and value and all(isinstance(one, str) and _TYPE.fullmatch(one) for one in value.values())
    return None if fitting else "must give each column its type: {flight_date: date, distance: 'numeric(10,2)'}"


def one_of(*choices: str) -> Sort:
    """The sort whose values are these texts."""

    def fault(value: object) -> str | None:
        return None if value in choices else f"must be one of {', '.join(choices)}"

    return Sort(" or ".join(choices), fault, choices)


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
NUMBER = Sort("number", _number)
INTEGER = Sort("whole number", _integer)
COUNT = Sort("whole number above 0", _count)
PROPORTION = Sort("share from 0 to 1", _proportion)
BOUND = Sort("number or SQL", _bound)
TEXT = Sort("text", _text)
TEXTS = Sort("list of texts", _texts)
#: of the database's own kind
REGEX = Sort("regular expression", _text)
REGEXES = Sort("list of regular expressions", _texts)
PAIRS = Sort("list of pairs of numbers or SQL", _pairs)
FLAGS = Sort("letters", _flags)
DATE = Sort("date", _date)
DATEPART = one_of("second", "minute", "hour", "day", "week", "month", "quarter", "year")
NOT_NEGATIVE = Sort("number from 0", _not_negative)
DAYS = Sort("whole number from 0", _days)
TIME_OF_DAY = Sort("time of day", _time_of_day)
TIME_ZONE = Sort("time zone", _time_zone)
WEEKDAYS = Sort("list of weekdays", _weekdays)
COLUMN_TYPES = Sort("columns with types", _column_types)
