"""The text of one gate file → its gate, or everything that is wrong with it, each at its line and column. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stringx.errors import Problem
from stringx.gates import library, located
from stringx.gates.located import Located
from stringx.gates.served import Served
from stringx.gates.shape import GateShape, RuleShape, SelectionShape, SliceShape
from stringx.model import Gate, Samples, Threshold, fault_text
from stringx.model.values import Value
from stringx.nearest import did_you_mean, nearest

#: What is wrong: with which value, where, and what would mend it.
_Found = list[tuple[located.Path, located.Place, str]]

#: The fields that there are, by the place in a file without the numbers of list items.
_FIELDS: dict[tuple[str, ...], type[Value]] = {
    (): GateShape,
    ("slice",): SliceShape,
    ("samples",): Samples,
    ("select",): SelectionShape,
    ("rules",): RuleShape,
    ("rules", "threshold"): Threshold,
}

#: Fields that people look for elsewhere.
_ELSEWHERE = {
    "workspace": "the folder that the file is in names the workspace",
    "slice_columns": "write `slice: {columns: {…}}`",
    "columns": "a column stands in `column`, several in the check's `arguments`",
}

#: pydantic's faults in a person's words; what is raised by validators of ours is in them already.
_WORDS = {
    "tuple_type": "must be a list",
    "dict_type": "must be fields with values, as `name: value`",
    "model_type": "must be fields with values, as `name: value`",
    "model_attributes_type": "must be fields with values, as `name: value`",
    "string_type": "must be text: put it in quotes if it is meant so",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} items",
}


def parse(text: str, *, workspace: str, name: str, file: str, served: Served | None = None) -> Gate | list[Problem]:
    """The gate in the text of one file, or what is wrong with it. `name` is the file's name without `.yaml`; `file` is how to call it.

    With `served`, a gate that asks for what is not served is wrong too.
    """
    document = located.read(text)
    found: _Found = list(document.faults)
    # A text that was not even YAML has one fault, and nothing more can be said of it.
    shape: GateShape | None = None
    if document.data is not None or not found:
        shape = _shape(document, found)
        _check_rules(document, found)
        _check_selections(document, found)
        _check_name(document, name, found)
    if shape is not None and not found:
        fault = served.fault(shape) if served is not None else None
        if fault is None:
            return shape.gate(workspace)
        field, message = fault
        found.append(((field,), document.place((field,)), message))
    pointers = {(place.line, place.column, message): located.pointer(path) for path, place, message in found}
    return [Problem(file, *place_and_message, pointer) for place_and_message, pointer in sorted(pointers.items())]


def _shape(document: Located, found: _Found) -> GateShape | None:
    """The document as it should be, or None; what is wrong is added to `found`."""
    if not isinstance(document.data, dict):
        found.append(((), document.place(()), "is not a gate: it must have fields, of them at least `table`, `target` and some `rules`"))
        return None
    faulty = {path for path, _, _ in found}
    for path in _empty(document.data, ()):
        faulty.add(path)
        found.append((path, document.place_of_name(path), f"`{path[-1]}` is empty: give it a value, or leave it out"))
    try:
        return GateShape.model_validate(document.data)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=True):
            path = _existing(fault["loc"], document)
            if path not in faulty:
                found.append(_located(fault, document))
        return None


def _empty(data: Any, path: located.Path) -> Iterator[located.Path]:
    """Fields that were written without a value. What a check's arguments are is the check's matter."""
    if isinstance(data, dict):
        for name, item in data.items():
            if item is None:
                yield (*path, name)
            elif name != "arguments":
                yield from _empty(item, (*path, name))
    elif isinstance(data, list):
        for number, item in enumerate(data):
            yield from _empty(item, (*path, number))


def _existing(loc: tuple[str | int, ...], document: Located) -> located.Path:
    """The longest part of pydantic's location that is in the file; its locations name branches of types as well."""
    path = tuple(loc)
    while path and path not in document.values:
        path = path[:-1]
    return path


def _located(fault: ErrorDetails, document: Located) -> tuple[located.Path, located.Place, str]:
    loc = tuple(fault["loc"])
    context = fault.get("ctx", {})
    match fault["type"]:
        case "extra_forbidden":
            name = str(loc[-1])
            fields = _FIELDS[tuple(part for part in loc[:-1] if isinstance(part, str))].model_fields
            hint = _ELSEWHERE.get(name)
            message = f"unknown field `{name}`: {hint}" if hint else library.unknown("field", name, fields, "there are")
            return loc, document.place_of_name(loc), message
        case "missing":
            return loc, document.place(loc), f"`{loc[-1]}` is missing: add it"
        case "enum":
            expected = str(context["expected"])
            meant = did_you_mean(nearest(str(fault["input"]), expected.replace("'", "").replace(" or ", ", ").split(", ")))
            return loc, document.place(_existing(loc, document)), f"must be {expected}" + (f"; {meant}" if meant else "")
        case _:
            path = _existing(loc, document)
            message = _WORDS[fault["type"]].format(**context) if fault["type"] in _WORDS else fault_text(fault)
            return path, document.place(path), message


def _items(document: Located, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The items of a list of mappings, as far as they are such."""
    items = document.data.get(name) if isinstance(document.data, dict) else None
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield number, item


def _check_rules(document: Located, found: _Found) -> None:
    """What only a rule's check can tell, and names that stand twice."""
    names: dict[str, int] = {}
    for number, rule in _items(document, "rules"):
        path: located.Path = ("rules", number)
        name = rule.get("name")
        if isinstance(name, str):
            if name in names:
                first = document.place((*path[:1], names[name], "name")).line
                found.append(
                    (
                        (*path, "name"),
                        document.place((*path, "name")),
                        f"rule `{name}` stands twice, first in line {first}: give it another name",
                    )
                )
            names.setdefault(name, number)
        check, arguments = rule.get("check"), rule.get("arguments", {})
        if not isinstance(check, str) or not isinstance(arguments, dict):
            continue  # said already
        if check in library.LIBRARY:
            for inner, message in library.faults(check, column="column" in rule, arguments=arguments):
                found.append(((*path, *inner), _place_of_fault(document, (*path, *inner), rule), message))
        else:
            _check_own(document, path, rule, check, arguments, found)


def _place_of_fault(document: Located, path: located.Path, rule: dict[str, Any]) -> located.Place:
    """An argument that there is not is pointed at by its name; one that is wrong, by its value."""
    if path[-1] == "arguments" and "arguments" not in rule:
        return document.place((*path[:-1], "check"))
    known = library.LIBRARY[rule["check"]].arguments
    return document.place_of_name(path) if len(path) == 4 and path[-1] not in known else document.place(path)


def _check_own(document: Located, path: located.Path, rule: dict[str, Any], check: str, arguments: dict[str, Any], found: _Found) -> None:
    """A check that the library does not have: a typing error, or a generic test of the user's dbt project."""
    place = document.place((*path, "check"))
    missing = [name for name in ("dimension", "level") if name not in rule]
    if missing:
        meant = did_you_mean(nearest(check, library.LIBRARY))
        meant = f"{meant} If it" if meant else f"the library has {', '.join(sorted(library.LIBRARY))}; if it"
        fix = f"{meant} is a test of your dbt project, add {' and '.join(f'`{name}`' for name in missing)}"
        found.append(((*path, "check"), place, f"unknown check `{check}`: {fix}"))
    for name in ("model", "column_name"):
        if name in arguments:
            fix = "leave it out: it is the gate's table" if name == "model" else "write `column` beside `check`"
            inner = (*path, "arguments", name)
            found.append((inner, document.place_of_name(inner), f"`{name}` is not an argument here: {fix}"))


def _check_selections(document: Located, found: _Found) -> None:
    seen: set[str] = set()
    for number, selection in _items(document, "select"):
        select = selection.get("select")
        if isinstance(select, str):
            if select in seen:
                path: located.Path = ("select", number, "select")
                found.append((path, document.place(path), f"`{select}` is selected twice: leave one of them out"))
            seen.add(select)


def _check_name(document: Located, name: str, found: _Found) -> None:
    table = document.data.get("table") if isinstance(document.data, dict) else None
    if not isinstance(table, str) or not table:
        return
    place = document.place(("table",))
    if table != table.lower():
        found.append((("table",), place, f"tables are named in lower case here: write {table.lower()}"))
    elif table != name:
        found.append((("table",), place, f"the file is called after another table: call it {table}.yaml, or write `table: {name}`"))
