"""pydantic's faults in a person's words: how a value must be, without the names of types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT = "must be text"
_WHOLE_NUMBER = "must be a whole number"
_NUMBER = "must be a number"
_BOOLEAN = "must be true or false"
_LIST = "must be a list"
_FIELDS = "must be an object: names with values"

#: By the type of the fault; what is in braces is of its context.
_WORDS = {
    "missing": "is missing: add it",
    "extra_forbidden": "is no field here: take it out, or correct its name",
    "json_invalid": "must be JSON: {error}",
    "string_type": _TEXT,
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": "is a number with too many digits",
    "int_from_float": _WHOLE_NUMBER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _FIELDS,
    "model_type": _FIELDS,
    "model_attributes_type": _FIELDS,
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "string_too_long": "must not be longer than {max_length} characters",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} items",
}
#: What pydantic calls a text whose length is looked at after a validator of ours.
_VALIDATED_TEXT = "Value"


def fault_text(fault: Mapping[str, Any]) -> str:
    """What is wrong by one fault of a ValidationError; what a validator of ours said, as it said it."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "too_long" and context["field_type"] == _VALIDATED_TEXT:
        kind = "string_too_long"
    if kind in _WORDS:
        return _WORDS[kind].format(**context)
    return str(fault["msg"]).removeprefix("Value error, ")
