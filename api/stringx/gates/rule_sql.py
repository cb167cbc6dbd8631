"""What of a rule reaches its database as SQL, and where in the rule it stands: to tell there what the database says of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stringx.gates.located import Path
from stringx.gates.rule_library import LIBRARY
from stringx.gates.rule_library import arguments as sorts
from stringx.gates.tests import column_sql, names_a_table
from stringx.model import Rule

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_QUOTED = re.compile(r'"(?P<name>(?:[^"]|"")+)"')

#: Lists of what is, in most rules, columns.
_LISTS = (sorts.SQL_LIST, sorts.COLUMNS)
_SQL = (sorts.SQL, sorts.COLUMN, *_LISTS)


def listed_columns(rule: Rule) -> Iterator[tuple[Path, str]]:
    """The columns of the gate's table that a check of the library is given in lists: where each stands, and its name as the database
    reads it. An item that is more than a name is no column, but an expression."""
    check = LIBRARY.get(rule.check)
    for argument, takes in check.arguments.items() if check else ():
        value = rule.arguments.get(argument)
        if takes.sort not in _LISTS or takes.of_other_table or not isinstance(value, (list, tuple)):
            continue
        for place, item in enumerate(value):
            name = item if rule.arguments.get("quote_columns") else _name(item)
            if name is not None:
                yield ("arguments", argument, place), name


def named_tables(rule: Rule) -> Iterator[tuple[Path, str]]:
    """The tables that a rule's arguments name, with where."""
    check = LIBRARY.get(rule.check)
    for argument, value in rule.arguments.items():
        if isinstance(value, str) and names_a_table(check, argument):
            yield ("arguments", argument), value


def only_sql(rule: Rule) -> Path | None:
    """Where the only SQL of a rule stands, of a check of the library; None where there is none, or more."""
    check = LIBRARY.get(rule.check)
    if check is None:
        return None
    found: list[Path] = [("arguments", name) for name in check.arguments if _is_sql(check.arguments[name].sort, rule.arguments.get(name))]
    if rule.row_condition is not None:
        found.append(("row_condition",))
    return found[0] if len(found) == 1 else None


def _is_sql(sort: sorts.Sort, value: object) -> bool:
    if sort is sorts.BOUND:
        return isinstance(value, str)
    return value is not None and (sort in _SQL or sort is sorts.PAIRS)


def _name(sql: str) -> str | None:
    """The name that this SQL is, as Postgres reads it; None of anything else."""
    if quoted := _QUOTED.fullmatch(sql.strip()):
        return quoted["name"].replace('""', '"')
    name = sql.strip().lower()
    return name if _NAME.fullmatch(name) and column_sql(name.replace("$", "_")) == name.replace("$", "_") else None
