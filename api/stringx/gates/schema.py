"""The JSON Schema of a gate file, which an editor completes it by: the shape, and for each check of the library what it takes."""

from __future__ import annotations

from typing import Any

from stringx.gates.library import LIBRARY, Check, Column
from stringx.gates.shape import GateShape, list_argument

#: What a JSON Schema is told from others by; it is no address.
SCHEMA_ID = "urn:stringx:schema:gate.v1"

_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
#: Sorts of arguments by their name. One that is not here takes any value, as far as an editor knows.
_SORTS: dict[str, dict[str, Any]] = {
    "SQL": {"type": "string"},
    "list of SQL": _TEXTS,
    "column": {"type": "string"},
    "columns": {**_TEXTS, "uniqueItems": True},
    "values": {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1},
    "table": {"type": "string"},
    "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    "true or false": {"type": "boolean"},
}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a gate file; `schemas/gate.v1.json` is its text."""
    schema = _without_nulls(GateShape.model_json_schema())
    rule = schema["$defs"]["RuleShape"]
    rule["allOf"] = [
        {"if": {"properties": {"check": {"enum": [name, *([check.short] if check.short else [])]}}}, "then": _use(check)}
        for name, check in LIBRARY.items()
    ]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema, "title": "Gate of StringX"}


def _use(check: Check) -> dict[str, Any]:
    """What a rule with this check looks like."""
    several = list_argument(check)
    taken = {
        name: {**_SORTS.get(argument.sort.name, {}), **({"description": argument.about} if argument.about else {})}
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
