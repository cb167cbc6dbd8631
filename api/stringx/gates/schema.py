"""The JSON Schema of a gate file, which an editor completes it by: the shape, and for each check of the library what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stringx.gates import dqx
from stringx.gates.rule_library import LIBRARY, Check, Column, arguments
from stringx.gates.rule_library.arguments import Sort
from stringx.gates.shape import GateShape, list_argument

#: What a JSON Schema is told from others by; it is no address.
SCHEMA_ID = "urn:stringx:schema:gate.v1"

_NUMBER = {"type": "number"}
_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
#: Sorts of arguments. One that is not here, and has no choices, takes any value, as far as an editor knows.
_SORTS: Mapping[Sort, dict[str, Any]] = {
    arguments.SQL: {"type": "string"},
    arguments.SQL_LIST: _TEXTS,
    arguments.COLUMN: {"type": "string"},
    arguments.COLUMNS: {**_TEXTS, "uniqueItems": True},
    arguments.VALUES: {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1},
    arguments.TABLE: {"type": "string"},
    arguments.SHARE: {**_NUMBER, "exclusiveMinimum": 0, "maximum": 1},
    arguments.YES_OR_NO: {"type": "boolean"},
    arguments.NUMBER: _NUMBER,
    arguments.NOT_NEGATIVE: {**_NUMBER, "minimum": 0},
    arguments.INTEGER: {"type": "integer"},
    arguments.COUNT: {"type": "integer", "minimum": 1},
    arguments.PROPORTION: {**_NUMBER, "minimum": 0, "maximum": 1},
    arguments.BOUND: {"type": ["number", "string"]},
    arguments.TEXT: {"type": "string"},
    arguments.TEXTS: _TEXTS,
    arguments.REGEX: {"type": "string"},
    arguments.REGEXES: _TEXTS,
    arguments.PAIRS: {"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2}, "minItems": 1},
    arguments.FLAGS: {"type": "string"},
    arguments.DATE: {"type": "string"},
    arguments.TIME_OF_DAY: {"type": "string"},
    arguments.TIME_ZONE: {"type": "string"},
    arguments.WEEKDAYS: {"type": "array", "items": {"enum": list(arguments.WEEKDAY_NAMES)}, "minItems": 1, "uniqueItems": True},
    arguments.COLUMN_TYPES: {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a gate file; `schemas/gate.v1.json` is its text."""
    schema = _without_nulls(GateShape.model_json_schema())
    rule = schema["$defs"]["RuleShape"]
    rule["allOf"] = [
        {"if": {"properties": {"check": {"enum": [name, *([check.short] if check.short else [])]}}}, "then": _use(check)}
        for name, check in LIBRARY.items()
    ]
    schema["$defs"]["DqxCheck"] = dqx.JSON_SCHEMA
    check_is = {kind: {"properties": {"check": {"type": kind}}, "required": ["check"]} for kind in ("string", "object")}
    in_dqx = {"not": check_is["string"], "anyOf": [{"required": ["criticality"]}, check_is["object"]]}
    listed = schema["properties"]["rules"]
    listed["items"] = {"if": in_dqx, "then": {"$ref": "#/$defs/DqxCheck"}, "else": listed["items"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema, "title": "Gate of StringX"}


def _use(check: Check) -> dict[str, Any]:
    """What a rule with this check looks like."""
    several = list_argument(check)
    taken = {
        name: {**_values_of(argument.sort), **({"description": argument.about} if argument.about else {})}
        for name, argument in check.arguments.items()
    }
    # What `columns` may stand for is not asked for twice.
    needed = [name for name, argument in check.arguments.items() if argument.required and name != several]
    fields: dict[str, Any] = {"arguments": {"properties": taken, "additionalProperties": False, **({"required": needed} if needed else {})}}
    absent = [
        *(["column"] if check.column is Column.NONE else []),
        *(["columns"] if several is None else []),
        *([] if check.context_columns else ["context_columns"]),
    ]
    required = [*(["column"] if check.column is Column.REQUIRED else []), *(["arguments"] if needed else [])]
    return {"properties": {**fields, **dict.fromkeys(absent, False)}, **({"required": required} if required else {})}


def _values_of(sort: Sort) -> dict[str, Any]:
    return {"enum": list(sort.choices)} if sort.choices else _SORTS.get(sort, {})


def _without_nulls(schema: Any) -> Any:
    """A field that may be left out is left out: null is not a way to write it."""
    if isinstance(schema, (list, tuple)):
        return [_without_nulls(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    fields = {name: _without_nulls(item) for name, item in schema.items() if not (name == "default" and item is None)}
    choices = fields.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        others = [choice for choice in choices if choice != {"type": "null"}]
        del fields["anyOf"]
        return {**(others[0] if len(others) == 1 else {"anyOf": others}), **fields}
    return fields
