"""A gate as its file says it: the data that a gate file holds, without what goes without saying, and that file's text. Pure.

Reading the text gives the same gate again; comments are not kept, since nobody stores them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from stringx.errors import Problem
from stringx.gates.located import FLOAT, LARGEST_INTEGER, OCTAL
from stringx.gates.parse import parse
from stringx.gates.rule_library import LIBRARY
from stringx.gates.served import Served
from stringx.gates.shape import GateShape, RuleShape, SelectionShape
from stringx.model import Gate, Kind, Rule
from stringx.model.values import Value

#: What YAML takes for the end of a line, beside that which everybody does.
_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")
_SECONDS = {3600: "h", 60: "m", 1: "s"}


def document(gate: Gate) -> dict[str, Any]:
    """The fields of the gate's file, in their order; those that have their default are left out."""
    given = gate.model_dump(mode="json") | {"threshold": gate.threshold and gate.threshold.as_json()}
    given["timeout"] = _length(gate.timeout_seconds) if gate.timeout_seconds != _defaults(GateShape)["timeout"] else gate.timeout_seconds
    given["slice"] = {"columns": given["slice_columns"]} if gate.slice_columns else None
    given["select"] = [_told(SelectionShape, one.model_dump(mode="json")) for one in gate.select]
    given["rules"] = [_rule(rule) for rule in gate.rules]
    return _told(GateShape, given)


def text(gate: Gate) -> str:
    """The text of the gate's file."""
    return yaml_text(document(gate))


def faults(gate: Gate, *, file: str, served: Served | None) -> list[Problem]:
    """What would be wrong with the gate's file if it were applied now: of a gate that was stored when checks, or targets, were others."""
    found = parse(text(gate), workspace=gate.workspace, name=gate.table, file=file, served=served)
    return [] if isinstance(found, Gate) else found


def yaml_text(data: object) -> str:
    """Plain data as YAML that `gates.located` reads as the same data."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def _rule(rule: Rule) -> dict[str, Any]:
    check = LIBRARY.get(rule.check)
    by_check: dict[str, str] = {"kind": Kind.ENGINEERING}
    if check is not None:
        by_check = {"kind": check.kind, "dimension": check.dimension, "level": check.level}
    given = rule.model_dump(mode="json") | {"threshold": rule.threshold and rule.threshold.as_json()}
    return _told(RuleShape, {name: value for name, value in given.items() if by_check.get(name) != value})


def _told(shape: type[Value], given: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is given, the fields of that shape that say something."""
    said = {name: (given.get(name), default) for name, default in _defaults(shape).items()}
    return {name: value for name, (value, default) in said.items() if value is not None and value != default}


@cache
def _defaults(shape: type[Value]) -> dict[str, Any]:
    """Of each field, as JSON has it; None where it has none."""
    optional = {name: field.get_default(call_default_factory=True) for name, field in shape.model_fields.items() if not field.is_required()}
    plain = shape.model_construct(**optional).model_dump(mode="json", warnings=False)
    return {name: plain.get(name) for name in shape.model_fields}


def _length(seconds: int) -> str:
    unit = next(unit for unit in _SECONDS if seconds % unit == 0)
    return f"{seconds // unit}{_SECONDS[unit]}"


class _Dumper(yaml.SafeDumper):
    """Has text in quotes wherever a reader might take it for something else, or refuse it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # PyYAML's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002  # PyYAML's signature
        return super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None
    if _BREAKS.search(value):
        style = '"'  # which writes them as escapes; elsewhere they would be read as the end of a line
    elif "\n" in value:
        style = "|"
    elif FLOAT.fullmatch(value) or OCTAL.fullmatch(value):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _integer(dumper: yaml.SafeDumper, value: int) -> yaml.ScalarNode:
    # A float that is whole is an integer in the database; one as large as this was written as a float.
    return dumper.represent_int(value) if abs(value) <= LARGEST_INTEGER else dumper.represent_float(float(value))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(int, _integer)
