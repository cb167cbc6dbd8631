"""The JSON Schema of gate files."""

from __future__ import annotations

import json
from importlib.resources import files as package_files
from pathlib import Path

import jsonschema
import pytest
import yaml
from gate_texts import orders

from stringx.gates.shape import json_schema

REPOSITORY = Path(__file__).parent.parent.parent
GATES = REPOSITORY / "configs" / "gates"


def published_schema() -> dict[str, object]:
    document: dict[str, object] = json.loads((package_files("stringx") / "schemas" / "gate.v1.json").read_text())
    return document


def test_the_published_schema_is_that_of_the_code() -> None:
    """To write it anew: `json.dumps(json_schema(), indent=2, ensure_ascii=False)` and a line's end."""
    assert published_schema() == json_schema()


@pytest.mark.parametrize("path", sorted(GATES.rglob("*.yaml")), ids=lambda path: path.name)
def test_the_demos_gate_files_fit_the_schema_and_name_it(path: Path) -> None:
    text = path.read_text()
    jsonschema.validate(yaml.safe_load(text), published_schema(), cls=jsonschema.Draft202012Validator)
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == REPOSITORY / "api" / "stringx" / "schemas" / "gate.v1.json"


@pytest.mark.parametrize("lines", ["tagret: x", "mode: inlin", "timeout: soon", "rules: [{name: a}]", "priority: null"])
def test_the_schema_refuses_what_the_reader_refuses(lines: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(orders(lines)), published_schema(), cls=jsonschema.Draft202012Validator)
