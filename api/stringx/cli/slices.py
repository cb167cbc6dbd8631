"""The options `--slice` and `--slice-json` of the command line: from what a person types to a slice."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import click
from pydantic import ValidationError

from stringx.errors import Invalid
from stringx.model import Slice, Value
from stringx.triggers.fields import refuse_fields

#: `column=value`, `column>=value`, `column<value`; what may be written and is not a half-open range is caught too, to say so.
_COMPARISON = re.compile(r"\s*([^=<>!\s][^=<>!]*?)\s*(>=|<=|!=|<>|==|=|<|>)(.*)", re.DOTALL)
_LIST = re.compile(r"\s*(\S+)\s+in\s+(.+)", re.DOTALL | re.IGNORECASE)

_FORMS = "write column=value, 'column>=value', 'column<value' or 'column in a,b'"


def read_slice(options: Sequence[str], document: str | None) -> Slice:
    """The slice of `--slice` options (both ends of a range may be two of them) or of one `--slice-json`; UsageError."""
    if document is not None:
        if options:
            raise click.UsageError("--slice and --slice-json say the same thing: give one of them")
        return _from_json(document)
    predicates: list[dict[str, Any]] = []
    ranges: dict[str, dict[str, Any]] = {}
    for option in options:
        column, form, value = _read(option)
        if form not in ("from", "to"):
            predicates.append({"column": column, form: value})
            continue
        if column not in ranges:
            ranges[column] = {"column": column}
            predicates.append(ranges[column])
        if form in ranges[column]:
            raise click.UsageError(f"--slice {option!r}: the range of {column} has this end already")
        ranges[column][form] = value
    return _checked(predicates, "--slice")


def _read(option: str) -> tuple[str, str, object]:
    found = _COMPARISON.fullmatch(option)
    if found:
        column, comparison, value = found[1], found[2], found[3].strip()
        if comparison in ("<=", ">"):
            mend = f"'{column}>={value}' includes its value" if comparison == ">" else f"'{column}<…' ends before its value"
            raise click.UsageError(f"--slice {option!r}: ranges are half-open, from >= to <: {mend}")
        if comparison in ("!=", "<>", "=="):
            raise click.UsageError(f"--slice {option!r}: no comparison {comparison}; {_FORMS}")
        if not value:
            raise click.UsageError(f"--slice {option!r}: the value is missing; {_FORMS}")
        return column, {"=": "equals", ">=": "from", "<": "to"}[comparison], value
    found = _LIST.fullmatch(option)
    if found:
        values = [value.strip() for value in found[2].removeprefix("(").removesuffix(")").split(",")]
        return found[1], "in", values
    raise click.UsageError(f"--slice {option!r}: {_FORMS}")


def _from_json(document: str) -> Slice:
    try:
        data = json.loads(document)
    except json.JSONDecodeError as error:
        raise click.UsageError(f"--slice-json: not JSON: {error.msg} at column {error.colno}") from error
    return _checked(data, "--slice-json")


class _Given(Value):
    """What is given, under the name that a trigger has for it."""

    slice: Slice


def _checked(data: object, option: str) -> Slice:
    try:
        return _Given.model_validate({"slice": data}).slice
    except ValidationError as error:
        try:
            refuse_fields(error)
        except Invalid as refused:
            raise click.UsageError(f"{option}: {refused}") from error
