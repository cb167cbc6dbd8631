"""What is wrong with the rules of a gate file that only their checks can tell, each at its place. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stringx.gates import regex_text, rule_library, sql_text
from stringx.gates.located import Found, Located, Path, Place
from stringx.gates.rule_library import Check, Column, arguments
from stringx.gates.rule_library.arguments import Sort
from stringx.gates.shape import RuleShape, as_listed, list_argument
from stringx.model import Level
from stringx.model.values import SHARE
from stringx.nearest import did_you_mean, nearest

#: How a column is called where it does not stand: among the arguments.
_COLUMN = ("column", "column_name")

#: Packages whose tests the library has under their own names.
_PACKAGES = ("dbt_utils", "dbt_expectations", "stringx")

#: dbt's own tests whose failures are rows, or values of them, and what finds the same rows and shows other columns beside.
SHOWS_MORE = {
    "not_null": "expect_column_values_to_not_be_null",
    "accepted_values": "expect_column_values_to_be_in_set",
    "relationships": "relationships_where",
}


def items(document: Located, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The items of a list of mappings, as far as they are such."""
    found = document.data.get(name) if isinstance(document.data, dict) else None
    for number, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, dict):
            yield number, item


def rule_faults(document: Located) -> Found:
    """Of all rules: their checks with their arguments, their SQL, and names that stand twice."""
    found: Found = []
    names: dict[str, int] = {}
    for number, rule in items(document, "rules"):
        of_rule = _OfRule(document, ("rules", number), rule)
        name = rule.get("name")
        if isinstance(name, str):
            if name in names:
                first = document.place(("rules", names[name], "name")).line
                of_rule.add(("name",), f"rule `{name}` stands twice, first in line {first}: give it another name")
            names.setdefault(name, number)
        of_rule.look()
        found += of_rule.found
    return found


class _OfRule:
    """One rule, and what is wrong with it."""

    def __init__(self, document: Located, path: Path, rule: Mapping[str, Any]) -> None:
        self._document, self._path, self._rule = document, path, rule
        self.found: Found = []

    def add(self, inner: Path, message: str, *, at_name: bool = False) -> None:
        """A fault of what stands at `inner` within the rule."""
        path = (*self._path, *inner)
        place = self._document.place_of_name(path) if at_name else self._place(path)
        self.found.append((path, place, message))

    def _place(self, path: Path) -> Place:
        # What a check misses is told where the check stands.
        without = path[-1] == "arguments" and "arguments" not in self._rule
        return self._document.place((*self._path, "check") if without else path)

    def look(self) -> None:
        condition = self._rule.get("row_condition")
        if isinstance(condition, str) and condition and (fault := sql_text.fault(condition)):
            self.add(("row_condition",), fault)
        check, given = self._rule.get("check"), self._rule.get("arguments", {})
        if not isinstance(check, str) or not check or not isinstance(given, dict):
            return  # the shape says so
        package, _, bare = check.rpartition(".")
        public = rule_library.public_name(bare if package in _PACKAGES else check)
        if package in _PACKAGES:
            known = public in rule_library.LIBRARY
            hint = f"write `{bare}`" if known else did_you_mean(nearest(bare, _names())) or f"there is no check `{bare}`"
            self.add(("check",), f"a check stands here without its package's name: {hint}")
        elif public not in rule_library.LIBRARY:
            self._own(check, given)
        if public in rule_library.LIBRARY:
            self._known(public, rule_library.LIBRARY[public], given)

    def _known(self, name: str, check: Check, given: dict[str, Any]) -> None:
        several = self._columns(name, check, given)
        columns = self._listed(check, given) if several else None
        known = given if several is None or columns is None else {**given, several: columns}
        elsewhere = self._elsewhere(name, check, known)
        told = {path for path, _, _ in self.found}
        column = "column" in self._rule or (check.column is Column.REQUIRED and "column" in elsewhere)
        for where, message in rule_library.faults(name, column=column, arguments=known, elsewhere=elsewhere):
            inner = self._stands(where, several)
            no_such = len(where) == 2 and where[1] not in check.arguments
            if (*self._path, *inner) not in told:
                self.add(inner, message, at_name=no_such)
        for argument, value in known.items():
            takes = check.arguments.get(argument)
            if takes is None or takes.sort.fault(value) is not None or _is_taken_as_it_stands(takes.sort, check, given):
                continue
            for inner, fault in _faults_in(takes.sort, value):
                self.add(self._stands(("arguments", argument, *inner), several), fault)
        if "row_condition" in self._rule and check.of_columns:
            self.add(("row_condition",), f"{name} looks at the table's columns, and at no rows: leave it out", at_name=True)
        if "context_columns" in self._rule and not check.context_columns:
            self.add(("context_columns",), _no_context(name), at_name=True)

    def _elsewhere(self, name: str, check: Check, given: dict[str, Any]) -> set[str]:
        """`column`, and arguments of the check, that the rule has in another place, as is told here, or misspelt, as its shape tells."""
        found = rule_library.meant(self._rule, RuleShape.model_fields)
        if "arguments" in found:
            found |= set(check.arguments)
        if "columns" in {*self._rule, *found}:
            found |= {"column", list_argument(check) or "columns"}
        for argument in check.arguments:
            if argument in self._rule and argument not in RuleShape.model_fields:
                found.add(argument)
                self.add((argument,), f"`{argument}` is an argument of {name}: write it in `arguments`", at_name=True)
        stands_for = {"columns": list_argument(check)} if check.column is Column.NONE else dict.fromkeys(_COLUMN, "column")
        for argument in given:
            if argument not in check.arguments and (stands := stands_for.get(argument)):
                found.add(stands)
                field = "columns" if argument == "columns" else "column"
                self.add(("arguments", argument), f"`{argument}` is not an argument here: write `{field}` beside `check`", at_name=True)
        return found

    @staticmethod
    def _stands(inner: Path, several: str | None) -> Path:
        """Where an argument stands in the rule: `columns` stands for one of them."""
        return ("columns", *inner[2:]) if several is not None and inner[:2] == ("arguments", several) else inner

    def _columns(self, name: str, check: Check, given: dict[str, Any]) -> str | None:
        """The argument that the rule's `columns` stands for."""
        if "columns" not in self._rule:
            return None
        argument = list_argument(check)
        if argument is None:
            one = check.column is not Column.NONE
            fix = "write `column`, and a rule for each of them" if one else "leave `columns` out, and name what it takes in `arguments`"
            if name == "unique" and isinstance(listed := self._rule["columns"], list) and len(listed) > 1:
                fix = f"use the check unique_combination_of_columns; or {fix}"
            self.add(("columns",), f"{name} takes no list of columns: {fix}", at_name=True)
        elif argument in given:
            self.add(("columns",), f"`columns` is the argument `{argument}`, which is given too: leave one of them out", at_name=True)
            return None
        return argument

    def _listed(self, check: Check, given: dict[str, Any]) -> object:
        """The rule's `columns` as its check takes them; None where one of them is no name, as the shape says."""
        columns = self._rule["columns"]
        if not isinstance(columns, list):
            return columns
        named = all(isinstance(column, str) and column for column in columns)
        return as_listed(columns, check, given) if named else None

    def _own(self, check: str, given: dict[str, Any]) -> None:
        """A check that the library does not have: a typing error, or a generic test of the user's dbt project."""
        missing = [name for name in ("dimension", "level") if name not in self._rule]
        if missing:
            meant = did_you_mean(nearest(check, _names()))
            meant = f"{meant} If it" if meant else "the library has none like it; if it"
            fix = f"{meant} is a test of your dbt project, add {' and '.join(f'`{name}`' for name in missing)}"
            self.add(("check",), f"unknown check `{check}`: {fix}")
            return  # which fields it takes is not known before its name is
        for name in ("model", "column_name"):
            if name in given:
                fix = "leave it out: it is the gate's table" if name == "model" else "write `column` beside `check`"
                self.add(("arguments", name), f"`{name}` is not an argument here: {fix}", at_name=True)
        for name in ("columns", "context_columns"):
            if name in self._rule:
                self.add((name,), f"`{name}` is for checks of the library: name them in `arguments`, if your test takes them", at_name=True)
        if self._rule["level"] in (Level.TABLE, Level.DATASET, Level.COLUMN):
            self._own_share()

    def _own_share(self) -> None:
        threshold = self._rule.get("threshold")
        for limit, value in threshold.items() if isinstance(threshold, dict) else ():
            if isinstance(value, str) and SHARE.fullmatch(value):
                fix = "write a count of failures, or `level: row` if each failure is a row"
                self.add(("threshold", limit), f"what a test of your own counts is not known, and so not what this is a share of: {fix}")


#: What is wrong with a text of these sorts beyond what the sort says of any value.
_LOOKED_AT_BY = {
    arguments.SQL: sql_text.fault,
    arguments.BOUND: sql_text.fault,
    arguments.COLUMN: sql_text.fault,
    arguments.REGEX: regex_text.fault,
}

#: Of sorts that are lists, the sort of each item.
_ITEMS = {
    arguments.SQL_LIST: arguments.SQL,
    arguments.PAIRS: arguments.SQL_LIST,
    arguments.COLUMNS: arguments.COLUMN,
    arguments.REGEXES: arguments.REGEX,
}


def _faults_in(sort: Sort, value: object) -> Iterator[tuple[Path, str]]:
    """Of the texts in the value of an argument, and where within it."""
    if isinstance(value, list) and sort in _ITEMS:
        for number, one in enumerate(value):
            yield from (((number, *inner), fault) for inner, fault in _faults_in(_ITEMS[sort], one))
    elif isinstance(value, str) and sort in _LOOKED_AT_BY and (fault := _LOOKED_AT_BY[sort](value)):
        yield (), fault


def _is_taken_as_it_stands(sort: Sort, check: Check, given: Mapping[str, Any]) -> bool:
    """Whether nothing reads the texts: the macro compares or quotes names, or flags say that a regular expression may be none."""
    if sort is arguments.COLUMNS:
        return check.of_columns or given.get("quote_columns") is True
    flags = given.get("flags", "")
    return sort in (arguments.REGEX, arguments.REGEXES) and not (isinstance(flags, str) and regex_text.PLAIN_FLAGS.issuperset(flags))


def _names() -> list[str]:
    return [*rule_library.LIBRARY, *rule_library.SHORT_NAMES]


def _no_context(name: str) -> str:
    if name in SHOWS_MORE:
        return f"dbt's own {name} shows no other columns: use the check {SHOWS_MORE[name]}"
    return f"the failures of {name} are not rows of the table, so there is nothing to show beside them: leave it out"
