"""The JSON Schema of gate files."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path

import jsonschema
import pytest
import yaml
from gate_texts import gate_of, orders, problems_of, rule

from stringx.gates.rule_library import LIBRARY

REPOSITORY = Path(__file__).parent.parent.parent
GATES = REPOSITORY / "configs" / "gates"


@cache
def published_schema() -> dict[str, object]:
    document: dict[str, object] = json.loads((package_files("stringx") / "schemas" / "gate.v1.json").read_text())
    return document


def is_valid(text: str) -> bool:
    return bool(jsonschema.Draft202012Validator(published_schema()).is_valid(yaml.safe_load(text)))


@pytest.mark.parametrize("path", sorted(GATES.rglob("*.yaml")), ids=lambda path: path.name)
def test_the_demos_gate_files_fit_the_schema_and_name_it(path: Path) -> None:
    text = path.read_text()
    assert is_valid(text)
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == REPOSITORY / "api" / "stringx" / "schemas" / "gate.v1.json"


@pytest.mark.parametrize("lines", ["tagret: x", "mode: inlin", "timeout: soon", "rules: [{name: a}]", "priority: null"])
def test_the_schema_refuses_what_the_reader_refuses(lines: str) -> None:
    assert problems_of(orders(lines))
    assert not is_valid(orders(lines))


@pytest.mark.parametrize("name", LIBRARY)
def test_the_example_of_every_check_fits_the_schema_and_is_read(name: str) -> None:
    check = LIBRARY[name]
    text = yaml.safe_dump({"table": "raw.orders", "target": "demo", "rules": [{"name": "one", "check": name, **check.example}]})
    assert is_valid(text)
    (only,) = gate_of(text).rules
    assert only.check == name
    if check.short is not None:
        assert is_valid(text.replace(f"check: {name}", f"check: {check.short}"))


#: what is wrong with a rule's use of its check
MISUSED = [
    "check: accepted_values\ncolumn: a\narguments: {vals: [x]}",
    "check: accepted_values\ncolumn: a\narguments: {values: []}",
    "check: accepted_values\ncolumn: a\narguments: {values: x}",
    "check: accepted_values\ncolumn: a",
    "check: relationships\ncolumn: a\narguments: {to: raw.b}",
    "check: not_null",
    "check: not_null\ncolumns: [a]",
    "check: not_null\ncolumn: a\ncontext_columns: [b]",
    "check: share_of_rows\ncolumn: a\narguments: {condition: a, below: 0.5}",
    "check: share_of_rows\narguments: {condition: a, below: 25}",
    "check: not_null\ncolumn: a\nweight: -1",
    "check: not_null\ncolumn: a\nthreshold: {error: 5 percent}",
]


@pytest.mark.parametrize("lines", MISUSED)
def test_an_editor_knows_what_a_check_takes(lines: str) -> None:
    assert problems_of(rule(lines))
    assert not is_valid(rule(lines))


def test_columns_stand_for_the_argument_that_takes_them() -> None:
    assert is_valid(rule("check: unique_combination_of_columns\ncolumns: [a, b]"))


def test_a_test_of_the_users_own_project_takes_anything() -> None:
    assert is_valid(rule("check: our_own\ndimension: accuracy\nlevel: row\narguments: {anything: [1]}"))
