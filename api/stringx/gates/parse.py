"""The text of one gate file → its gate, or everything that is wrong with it, each at its line and column. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stringx.errors import Problem
from stringx.gates import dqx, located, misread, rule_library
from stringx.gates.located import Found, Located
from stringx.gates.rule_faults import items, rule_faults
from stringx.gates.rule_library.arguments import IS_EMPTY, is_empty
from stringx.gates.served import Served
from stringx.gates.shape import GateShape, RuleShape, SelectionShape, SliceShape
from stringx.model import Gate, Notice, Samples, Threshold, fault_text
from stringx.model.values import TABLE_NAME, Value
from stringx.nearest import did_you_mean, nearest

#: The fields that there are, by the place in a file without the numbers of list items.
_FIELDS: dict[tuple[str, ...], type[Value]] = {
    (): GateShape,
    ("slice",): SliceShape,
    ("samples",): Samples,
    ("threshold",): Threshold,
    ("notify",): Notice,
    ("select",): SelectionShape,
    ("rules",): RuleShape,
    ("rules", "threshold"): Threshold,
}

#: Fields that people look for elsewhere.
_ELSEWHERE = {
    "workspace": "the folder that the file is in names the workspace; over HTTP the address does, `?workspace=`",
    "criticality": "write `severity`, or the whole rule in DQX's form, where `check` has a `function`",
    "slice_columns": "write `slice: {columns: {…}}`",
}

_FIELDS_IN_YAML = "must be fields with values, as `name: value`"
#: What YAML has other words for than JSON.
_IN_YAML = {
    "dict_type": _FIELDS_IN_YAML,
    "model_type": _FIELDS_IN_YAML,
    "model_attributes_type": _FIELDS_IN_YAML,
    "string_type": "must be text: put it in quotes if it is meant so",
}
#: Faults that say themselves that nothing is there.
_OF_THE_EMPTY = frozenset({"too_short", "string_too_short"})

#: Of lists of fields, the one that an item must have.
_OF_ITEMS = {"notify": "topic", "select": "select"}
#: A text that may stand in a list without quotes, unless YAML takes it for something else.
_PLAIN = re.compile(r"[^\W\d_]([\w.:/-]*\w)?")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def parse(text: str, *, workspace: str, name: str, file: str, served: Served | None = None) -> Gate | list[Problem]:
    """The gate in the text of one file, or what is wrong with it. `name` is the file's name without `.yaml`; `file` is how to call it.

    With `served`, a gate that asks for what is not served is wrong too.
    """
    return parse_document(located.read(text), workspace=workspace, name=name, file=file, served=served)


def parse_document(document: Located, *, workspace: str, name: str, file: str, served: Served | None = None) -> Gate | list[Problem]:
    """The same of a document that was read."""
    found = dqx.translate(document)
    unexpected = [fault for fault in document.faults if fault[1] in document.misread]
    found += [fault for fault in document.faults if fault[1] not in document.misread]
    # A text that was not even YAML has one fault, and nothing more can be said of it.
    shape: GateShape | None = None
    if document.data is not None or not document.faults:
        # Of what could not even be read, nothing more is said.
        unread = {path for path, _, _ in found}
        found += [fault for fault in rule_faults(document) if fault[0] not in unread]
        shape = _shape(document, found)
        _check_selections(document, found)
        _check_name(document, name, found)
    found = misread.told(document, unexpected, found)
    if served is not None:
        found += _unserved(document, served, found)
    if shape is not None and not found:
        return shape.gate(workspace)
    pointers = {(place.line, place.column, message): located.pointer(path) for path, place, message in found}
    return [Problem(file, *place_and_message, pointer) for place_and_message, pointer in sorted(pointers.items())]


def _shape(document: Located, found: Found) -> GateShape | None:
    """The document as it should be, or None; what is wrong is added to `found`."""
    if not isinstance(document.data, dict):
        found.append(((), document.place(()), "is not a gate: it must have fields, of them at least `table`, `target` and some `rules`"))
        return None
    faulty, places = {path for path, _, _ in found}, {place for _, place, _ in found}
    empty = set(_empty(document.data, ())) - faulty
    shape: GateShape | None = None
    told: Found = []
    try:
        shape = GateShape.model_validate(document.data)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=True)
        misspelt = {place for fault in faults if fault["type"] == "extra_forbidden" for place in _meant(fault["loc"])}
        for fault in faults:
            path = _existing(fault["loc"], document)
            # That there is no such field is told of its name, whatever is wrong with its value.
            no_such = fault["type"] == "extra_forbidden"
            is_told = document.place_of_name(path) in places if no_such else path in faulty | empty
            if not is_told and not (fault["type"] == "missing" and fault["loc"] in misspelt):
                told.append(_located(fault, document))
    wrong = {path for path, _, _ in told}
    for path in empty:
        if not any(path[:deep] in wrong for deep in range(1, len(path) + 1)):
            of_field = f"`{path[-1]}` " if isinstance(path[-1], str) else ""
            told.append((path, document.place_of_name(path), f"{of_field}{IS_EMPTY}"))
    found += told
    return shape


def _unserved(document: Located, served: Served, found: Found) -> Found:
    """What it asks for and is not served. A field that is wrong, or was meant by one that there is not, asks for nothing yet."""
    if not isinstance(document.data, dict):
        return []
    wrong = {path[0] for path, _, _ in found if len(path) == 1}
    meant = {path[0] for name in document.data if name not in GateShape.model_fields for path in _meant((str(name),))}
    unclear = wrong | (meant - set(document.data))
    # Which runner it leaves out matters only where it is certain that it is to have one.
    left_out = () if "mode" in unclear else ("mode", "runner")
    defaults = {name: GateShape.model_fields[name].default for name in left_out}
    asked = {name: value for name, value in (defaults | document.data).items() if name not in unclear}
    return [(path, document.place(path), message) for path, message in served.faults(asked)]


def _meant(loc: located.Path) -> Iterator[located.Path]:
    """The fields that were probably meant by one that there is not."""
    known = _fields(loc[:-1])
    for name in known if loc[:-1] == ("slice",) else rule_library.meant([str(loc[-1])], known):
        yield (*loc[:-1], name)


def _fields(loc: located.Path) -> list[str]:
    """The fields that there are at a place."""
    return list(_FIELDS[tuple(part for part in loc if isinstance(part, str))].model_fields)


def _empty(data: Any, path: located.Path) -> Iterator[located.Path]:
    """Fields and items that were written without a value. What a check's arguments are is the check's matter."""
    if isinstance(data, dict):
        for name, item in data.items():
            if item is None:
                yield (*path, name)
            elif name != "arguments":
                yield from _empty(item, (*path, name))
    elif isinstance(data, list):
        for number, item in enumerate(data):
            if item is None:
                yield (*path, number)
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
            hint = _ELSEWHERE.get(name)
            if loc[:-1] == ("slice",) and not rule_library.meant([name], _fields(loc[:-1])):
                hint = "write it below `columns`"
            message = f"unknown field `{name}`: {hint}" if hint else rule_library.unknown("field", name, _fields(loc[:-1]), "there are")
            return loc, document.place_of_name(loc), message
        case "missing":
            return loc, document.place(loc), f"`{loc[-1]}` is missing: add it"
        case "enum":
            expected = str(context["expected"])
            meant = did_you_mean(nearest(str(fault["input"]), expected.replace("'", "").replace(" or ", ", ").split(", ")))
            message = f"must be {expected}" + (f"; {meant}" if meant else "")
            return loc, document.place(_existing(loc, document)), _or_empty(fault, message)
        case _:
            path = _existing(loc, document)
            return path, document.place(path), _words(fault)


def _words(fault: ErrorDetails) -> str:
    if fault["type"] == "string_type" and isinstance(fault["input"], (list, dict)):
        return "must be one text"
    words = _IN_YAML.get(fault["type"]) or fault_text(fault)
    return words if fault["type"] in _OF_THE_EMPTY else _or_empty(fault, words + _rewritten(fault))


def _rewritten(fault: ErrorDetails) -> str:
    """Of a text in place of a number, of true or false, or of a list: how what it says is written; nothing where that is not known."""
    text, field = fault["input"], str(fault["loc"][-1])
    if not isinstance(text, str):
        return ""
    match fault["type"]:
        case "int_type" if _WHOLE.fullmatch(text):
            return ": take the quotes away"
        case "bool_type" if text in ("true", "false"):
            return ": take the quotes away"
        case "tuple_type" if field != "rules" and _PLAIN.fullmatch(text) and yaml.safe_load(text) == text:
            return f": write [{{{_OF_ITEMS[field]}: {text}}}]" if field in _OF_ITEMS else f": write [{text}]"
        case _:
            return ""


def _or_empty(fault: ErrorDetails, message: str) -> str:
    return f"is empty: it {message}" if is_empty(fault["input"]) else message


def _check_selections(document: Located, found: Found) -> None:
    seen: set[str] = set()
    for number, selection in items(document, "select"):
        select = selection.get("select")
        if isinstance(select, str) and select:
            if select in seen:
                path: located.Path = ("select", number, "select")
                found.append((path, document.place(path), f"`{select}` is selected twice: leave one of them out"))
            seen.add(select)


def _check_name(document: Located, name: str, found: Found) -> None:
    table = document.data.get("table") if isinstance(document.data, dict) else None
    if not isinstance(table, str) or not TABLE_NAME.fullmatch(table):
        return  # the shape says so
    place = document.place(("table",))
    if table != table.lower():
        found.append((("table",), place, f"tables are named in lower case here: write {table.lower()}"))
    elif table != name:
        found.append((("table",), place, f"the file is called after another table: call it {table}.yaml, or write `table: {name}`"))
