"""Strict JSON: what every reader reads alike, and the database can hold; or a refusal that says what is wrong. Pure."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from stringx.errors import Invalid, Malformed
from stringx.model import storable
from stringx.triggers.fields import shown

#: Objects and lists within each other, in any trigger.
MAX_DEPTH = 32
#: Integers beyond 64 bits are not the same number to every reader.
_INT64 = range(-(2**63), 2**63)


def parse_json(raw: bytes) -> object:
    """The JSON document in `raw`. Malformed: not UTF-8, not JSON, a key twice, NaN or Infinity, an integer beyond 64 bits,
    deeper than MAX_DEPTH; Invalid: text that could not be stored."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"must be UTF-8; byte {error.start} is not") from error
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_int64, parse_float=_finite_float)
    except json.JSONDecodeError as error:
        raise Malformed(f"must be JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise Malformed(f"must not be nested deeper than {MAX_DEPTH} levels") from error
    _check_storable(document)
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed("stands twice in one object: keep one of them", field=shown(twice))
    return document


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON: send null or leave the field out")


def _int64(digits: str) -> int:
    if len(digits) > 20 or int(digits) not in _INT64:
        raise Malformed(f"the integer {digits[:24]}… does not fit 64 bits: send it as text")
    return int(digits)


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Malformed(f"the number {digits[:24]} is too large: send it as text")
    return number


def _check_storable(document: object) -> None:
    """Refuses text that Postgres cannot hold, and what is nested too deep; without recursion."""
    pending: list[tuple[object, tuple[str, ...]]] = [(document, ())]
    while pending:
        value, path = pending.pop()
        if isinstance(value, str):
            _check_text(value, path)
        elif isinstance(value, (dict, list)):
            if len(path) >= MAX_DEPTH:
                raise Malformed(f"must not be nested deeper than {MAX_DEPTH} levels")
            if isinstance(value, dict):
                for name in value:
                    _check_text(name, (*path, name))
                pending.extend((child, (*path, name)) for name, child in value.items())
            else:
                pending.extend((child, (*path, str(index))) for index, child in enumerate(value))


def _check_text(text: str, path: tuple[str, ...]) -> None:
    try:
        storable(text)
    except ValueError as error:
        raise Invalid(str(error), field=shown(".".join(path)) or None) from error
