"""What a test of the dbt project is called with is read from its macro, and a rule's call is held against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dbt_common.clients.jinja import extract_toplevel_blocks

from stringx.gates.rule_library import LIBRARY, Column, Origin
from stringx.model import Rule
from stringx.runner.signature import Signature

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros"
TAGS = {"macro", "test"}


def macro(parameters: str, text: str = "select 1") -> Signature:
    return Signature.of(f"{{% test own({parameters}) %}}{text}{{% endtest %}}")


def rule(**fields: Any) -> Rule:
    said = {"name": "a", "check": "own", "kind": "business", "dimension": "validity", "level": "row", "severity": "error"}
    return Rule.model_validate(said | fields)


@pytest.mark.parametrize(
    ("parameters", "text", "column", "arguments"),
    [
        ("model", "", Column.NONE, {}),
        ("model, column_name, low, high=none", "", Column.REQUIRED, {"low": True, "high": False}),
        ("model, column_name=none", "", Column.OPTIONAL, {}),
        ("model, column_name", "{{ column_name | default('id') }}", Column.OPTIONAL, {}),
        ("model, low", "{% if low is defined %}{{ low }}{% endif %}", Column.NONE, {"low": False}),
        ("model, low", "{% if low %}{{ low }}{% endif %}", Column.NONE, {"low": False}),
        ("model, low", "{{ low or 0 }}", Column.NONE, {"low": False}),
        ("model, low", "{% if low > 3 %}{{ low }}{% endif %}", Column.NONE, {"low": True}),
        ("model, low", "{{ kwargs['high'] }}", Column.OPTIONAL, {"low": True}),
    ],
)
def test_what_must_be_given_is_what_the_macro_cannot_do_without(
    parameters: str, text: str, column: Column, arguments: dict[str, bool]
) -> None:
    found = macro(parameters, text)
    assert (found.column, found.arguments) == (column, arguments)


def test_a_macro_that_dbt_itself_would_call_a_test_is_one() -> None:
    assert Signature.of("{% macro test_own(model, low) %}{% endmacro %}").arguments == {"low": True}


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"column": "a", "arguments": {"values": [1]}}, []),
        ({"column": "a", "arguments": {"vlaues": [1]}}, [(("arguments", "vlaues"), "unknown argument `vlaues`: did you mean `values`?")]),
        (
            {"column": "a", "arguments": {"values": [1], "kind": 1}},
            [(("arguments", "kind"), "unknown argument `kind`: own takes `quote`, `values`")],
        ),
        ({"column": "a", "arguments": {"quote": True}}, [(("arguments",), "own needs the argument `values`")]),
        ({"arguments": {"values": [1]}}, [(("check",), "own is about one column: say which with `column`")]),
    ],
)
def test_what_is_wrong_with_a_call_is_told_as_of_the_library(fields: dict[str, Any], faults: list[tuple[Any, str]]) -> None:
    found = macro("model, column_name, values, quote=true")
    assert found.faults(rule(**fields)) == faults
    assert [found.is_unknown(field) for field, _ in faults] == ["unknown" in message for _, message in faults]


def test_a_column_that_the_test_does_not_take_is_told() -> None:
    assert macro("model").faults(rule(column="a")) == [(("column",), "own is not about one column: leave `column` out")]


def test_a_macro_that_reads_kwargs_takes_any_name_and_still_needs_its_own() -> None:
    found = macro("model, low", "{{ kwargs.get('column_name') }}")
    assert found.faults(rule(column="a", arguments={"low": 1, "anything": 2})) == []
    assert found.faults(rule(arguments={"anything": 2})) == [(("arguments",), "own needs the argument `low`")]


def test_every_check_of_the_library_takes_what_its_macro_says() -> None:
    """So a rule that the catalogue lets through is not told against by `validate --online`."""
    blocks = [block for file in MACROS.rglob("*.sql") for block in extract_toplevel_blocks(file.read_text(), allowed_blocks=TAGS)]
    tests = {block.block_name: Signature.of(block.full_block) for block in blocks if block.block_type_name == "test"}
    for name, check in LIBRARY.items():
        if check.origin is Origin.DBT:
            continue
        taken = tests[name]
        assert set(check.arguments) <= set(taken.arguments), name
        assert {one for one, needed in taken.arguments.items() if needed} <= {
            one for one, known in check.arguments.items() if known.required
        }
        assert (taken.column is Column.NONE) == (check.column is Column.NONE), name
        assert taken.column is not Column.REQUIRED or check.column is Column.REQUIRED, name
