"""Rules in the form of Databricks' DQX, `{criticality, name, filter, check: {function, arguments, for_each_column}}`, as rules of ours.

They are read where a gate file has them among its own, and by `stringx import dqx` where a file has nothing else. Everything keeps the
place at which the DQX check says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stringx.gates import sql_text
from stringx.gates.dqx.function import Fields
from stringx.gates.dqx.functions import FUNCTIONS, GEOMETRY, NEAREST
from stringx.gates.dqx.values import Misfit
from stringx.gates.located import Found, Located, Path
from stringx.gates.rule_library import meant
from stringx.gates.rule_library.arguments import SQL
from stringx.nearest import did_you_mean, nearest

_FIELDS = ("name", "criticality", "filter", "check", "user_metadata")
_CHECK_FIELDS = ("function", "arguments", "for_each_column")
_SEVERITIES = ("error", "warn")
#: Where a rule of ours has what a DQX check says elsewhere.
_ELSEWHERE: Mapping[str, Path] = {
    "name": ("name",),
    "severity": ("criticality",),
    "row_condition": ("filter",),
    "description": ("user_metadata",),
    "check": ("check", "function"),
}


#: Of one check in DQX's form.
JSON_SCHEMA: dict[str, Any] = {
    "description": "A rule in the form of Databricks' DQX.",
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "criticality": {"enum": list(_SEVERITIES), "default": "error"},
        "filter": {"type": "string", "description": "SQL; only rows for which it is true are checked."},
        "check": {
            "type": "object",
            "properties": {
                "function": {"enum": sorted(FUNCTIONS)},
                "arguments": {"type": "object"},
                "for_each_column": {"type": "array", "minItems": 1, "description": "A rule for each of them."},
            },
            "required": ["function"],
            "additionalProperties": False,
        },
        "user_metadata": {"type": "object", "description": "Becomes the rule's description."},
    },
    "required": ["check"],
    "additionalProperties": False,
}


def is_dqx(rule: object) -> bool:
    """Whether a rule is written in DQX's form: its check is not a name, but has fields."""
    if not isinstance(rule, dict) or isinstance(rule.get("check"), str):
        return False
    return isinstance(rule.get("check"), dict) or "criticality" in rule


def as_gate(document: Located, table: str, target: str) -> Located:
    """A document that is a list of DQX checks, as a gate file's that has them for its rules."""
    within = Located(data={"table": table, "target": target, "rules": document.data})
    within.values = {("rules", *path): place for path, place in document.values.items()}
    within.names = {("rules", *path): place for path, place in document.names.items()}
    within.faults = [(("rules", *path) if path else (), place, message) for path, place, message in document.faults]
    within.misread = document.misread
    return within


def translate(document: Located) -> Found:
    """Puts rules of ours in place of those in DQX's form, and tells what of them cannot be read."""
    rules = document.data.get("rules") if isinstance(document.data, dict) else None
    if not isinstance(rules, list) or not any(map(is_dqx, rules)):
        return []
    moved = _Moved(document)
    found: Found = []
    names = {rule["name"] for rule in rules if isinstance(rule, dict) and isinstance(rule.get("name"), str)}
    for number, rule in enumerate(rules):
        if not is_dqx(rule):
            moved.keep(number, rule)
            continue
        one = _Check(document, ("rules", number), rule)
        for fields, places in one.rules():
            fields["name"] = _free(fields["name"], names) if "name" not in rule or "for_each_column" in one.check else fields["name"]
            names.add(fields["name"])
            moved.put(number, fields, places)
        found += one.found
    moved.finish()
    return found


class _Moved:
    """The document's rules as they will stand, and where each value of them stands in the text."""

    def __init__(self, document: Located) -> None:
        self._document = document
        self._rules: list[Any] = []
        self._values = {path: place for path, place in document.values.items() if path[:1] != ("rules",) or len(path) == 1}
        self._names = {path: place for path, place in document.names.items() if path[:1] != ("rules",) or len(path) == 1}
        self._numbers: dict[str | int, int] = {}

    def keep(self, number: int, rule: object) -> None:
        """A rule that is ours already."""
        self._numbers[number] = len(self._rules)
        for known, kept in ((self._document.values, self._values), (self._document.names, self._names)):
            kept.update({("rules", len(self._rules), *path[2:]): place for path, place in known.items() if path[:2] == ("rules", number)})
        self._rules.append(rule)

    def put(self, number: int, fields: Fields, places: Mapping[str, Path]) -> None:
        """A rule that was made of the check with that number."""
        path: Path = ("rules", len(self._rules))
        self._values[path] = self._document.place(("rules", number))
        for name in fields:
            self._values[(*path, name)] = self._names[(*path, name)] = self._document.place(("rules", number, *places.get(name, ())))
        self._rules.append(fields)

    def finish(self) -> None:
        document = self._document
        document.data = {**document.data, "rules": self._rules}
        document.values, document.names = self._values, self._names
        document.faults = [(self._path(path), place, message) for path, place, message in document.faults]

    def _path(self, path: Path) -> Path:
        if path[:1] != ("rules",) or len(path) == 1:
            return path
        return ("rules", self._numbers[path[1]], *path[2:]) if path[1] in self._numbers else ("rules",)


class _Check:
    """One check in DQX's form, and what is wrong with it."""

    def __init__(self, document: Located, path: Path, rule: Mapping[str, Any]) -> None:
        self._document, self._path, self._rule = document, path, rule
        check = rule.get("check")
        self.check: Mapping[str, Any] = check if isinstance(check, dict) else {}
        self.found: Found = []

    def rules(self) -> Iterator[tuple[Fields, Mapping[str, Path]]]:
        """Our rules, one for each column of `for_each_column`, each with the places of its fields within the check."""
        said = {*self.check, *meant(self.check, _CHECK_FIELDS)}
        if "check" in self._rule and "function" not in said and any(field not in _FIELDS for field in self._rule):
            self._add(("check",), "must be the name of a check, or, where the rule is in DQX's form, have `function`")
            return
        self._fields(self._rule, _FIELDS, ())
        self._fields(self.check, _CHECK_FIELDS, ("check",))
        shared = self._shared()
        name = self.check.get("function")
        if not isinstance(name, str) or not name:
            misspelt = "function" in said and "function" not in self.check
            if not misspelt and "check" not in meant(self._rule, _FIELDS):
                self._add(("check",), "must have `function`, the name of a check function of DQX")
        elif name in FUNCTIONS:
            for arguments, place in self._each():
                made = self._made(name, arguments)
                if made is not None and not self.found:
                    yield self._rule_of(name, {**made, **_both(made, shared)}, arguments, place)
        else:
            self._add(("check", "function"), _no_counterpart(name))

    def _shared(self) -> Fields:
        """What a check says beside its function."""
        shared: Fields = {}
        criticality = self._rule.get("criticality", "error")
        if criticality not in _SEVERITIES:
            self._add(("criticality",), "must be error or warn")
        elif criticality == "warn":
            shared["severity"] = "warn"
        if "filter" in self._rule:
            condition = shared["row_condition"] = self._rule["filter"]
            if fault := SQL.fault(condition) or sql_text.fault(condition):
                self._add(("filter",), fault)
        about = self._rule.get("user_metadata", {})
        if not isinstance(about, dict):
            self._add(("user_metadata",), "must be fields with values, as `name: value`")
        elif about:
            shared["description"] = "; ".join(f"{name}: {value}" for name, value in about.items())
        return shared

    def _each(self) -> Iterator[tuple[Mapping[str, Any], Path]]:
        """The arguments for each column, and where that column stands."""
        arguments = self.check.get("arguments", {})
        if not isinstance(arguments, dict):
            self._add(("check", "arguments"), "must be fields with values, as `name: value`")
            return
        if "for_each_column" not in self.check:
            yield arguments, ("check", "arguments", "column")
            return
        columns = self.check["for_each_column"]
        if not isinstance(columns, list) or not columns:
            self._add(("check", "for_each_column"), "must be a list of columns")
            return
        for number, column in enumerate(columns):
            yield {**arguments, "columns" if isinstance(column, list) else "column": column}, ("check", "for_each_column", number)

    def _made(self, name: str, arguments: Mapping[str, Any]) -> Fields | None:
        function = FUNCTIONS[name]
        takes = (*function.required, *function.optional)
        self._fields(arguments, takes, ("check", "arguments"), f"{name} takes")
        # One whose name is misspelt is not missing too.
        said = {one for one in arguments if arguments[one] is not None} | meant(arguments, takes)
        missing = [f"`{one}`" for one in function.required if one not in said]
        if missing and "arguments" not in meant(self.check, _CHECK_FIELDS):
            at: Path = ("check", "arguments") if "arguments" in self.check else ("check", "function")
            self._add(at, f"{name} needs the argument{'s' if len(missing) > 1 else ''} {', '.join(missing)}")
        if missing or any(one not in takes for one in arguments):
            return None
        try:
            return function.made(arguments)
        except Misfit as misfit:
            for where, message in misfit.faults:
                self._add(("check", "arguments", *where), message)
            return None

    def _rule_of(self, function: str, fields: Fields, arguments: Mapping[str, Any], place: Path) -> tuple[Fields, Mapping[str, Path]]:
        given = self._rule.get("name")
        about = arguments.get("column") or arguments.get("columns") or ()
        column = "_".join(about) if isinstance(about, list) else about
        parts = ([given] if isinstance(given, str) else []) + (
            [column] if column and (given is None or place[1] == "for_each_column") else []
        )
        name = _as_name("_".join(map(str, parts if given is not None else [*parts, function])))
        places = {**dict.fromkeys(fields, ("check", "arguments")), "column": place, "columns": place}
        return {"name": name, **fields}, places | {one: path for one, path in _ELSEWHERE.items() if self._stands(path)}

    def _stands(self, path: Path) -> bool:
        return (*self._path, *path) in self._document.values

    def _fields(self, given: Mapping[str, Any], known: tuple[str, ...], inner: Path, there_are: str = "there are") -> None:
        for name in given:
            if name not in known:
                what = "argument" if inner[-1:] == ("arguments",) else "field"
                hint = did_you_mean(nearest(str(name), known)) or f"{there_are} {', '.join(f'`{one}`' for one in known)}"
                self._add((*inner, name), f"unknown {what} `{name}`: {hint}", at_name=True)

    def _add(self, inner: Path, message: str, *, at_name: bool = False) -> None:
        path = (*self._path, *inner)
        fault = (path, self._document.place_of_name(path) if at_name else self._document.place(path), message)
        if fault not in self.found:  # once, and not for each column
            self.found.append(fault)


def _no_counterpart(function: str) -> str:
    if function in NEAREST or GEOMETRY.match(function):
        near = NEAREST.get(function, "expression_is_true")
        return f"`{function}` of DQX has no counterpart here: the nearest is `{near}`, or a test of your dbt project"
    meant = did_you_mean(nearest(function, [*FUNCTIONS, *NEAREST]))
    return f"unknown check function `{function}`: {meant or 'write it as `sql_expression`, or as a test of your dbt project'}"


def _both(made: Fields, shared: Fields) -> Fields:
    """What is said beside the function, with what the function said of it: both conditions hold."""
    both = dict(shared)
    if "row_condition" in made and "row_condition" in shared:
        both["row_condition"] = f"({shared['row_condition']}) and {made['row_condition']}"
    if "description" in made and "description" in shared:
        both["description"] = f"{made['description']}; {shared['description']}"
    return both


def _as_name(text: str) -> str:
    """A rule's name: lower-case letters, digits and `_`."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return (name if name[:1].isalpha() else f"rule_{name}")[:90]


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where there is one like it."""
    return next(one for number in range(1, len(taken) + 2) if (one := name if number == 1 else f"{name}_{number}") not in taken)
