"""A gate as its file says it: reading that text gives the same gate; and in what two gates differ, in the file's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gate_texts import gate_of, orders
from hypothesis import given, settings
from hypothesis import strategies as st

from stringx.gates import document, files, sql_text
from stringx.gates.difference import differences
from stringx.gates.shape import GateShape

REPOSITORY = Path(__file__).parents[2]

#: What is refused in a gate, wherever it stands.
JINJA = ("{{", "{%", "{#")
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30).filter(
    lambda text: not any(mark in text for mark in JINJA)
)
NAME = TEXT.filter(lambda text: len(text) > 0)
SCALARS = (
    TEXT
    | st.sampled_from(["no", "1:30", "1e5", "0o17", "~", "2013-02-08", "1.", "", " a ", "- a", "a: b", "a # b"])
    | st.sampled_from(["a\n b\n\n", "\t", "a\x85\n", "\u2028", "\r\n"])
    | st.booleans()
    | st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
ARGUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3), max_leaves=6)
RULE = st.fixed_dictionaries(
    {"check": st.just("our_own"), "dimension": st.sampled_from(["accuracy", "validity"]), "level": st.sampled_from(["row", "table"])},
    optional={
        "column": NAME.filter(lambda text: len(text) < 60),
        "arguments": st.dictionaries(NAME.filter(lambda text: text not in ("model", "column_name")), ARGUMENTS, max_size=3),
        "kind": st.sampled_from(["engineering", "business"]),
        "severity": st.sampled_from(["warn", "error"]),
        "threshold": st.sampled_from([{"warn": 0}, {"error": "5%"}, {"warn": "0.1%", "error": 7}]),
        "row_condition": NAME.filter(lambda text: sql_text.fault(text) is None),
        "scope": st.sampled_from(["slice", "table"]),
        "weight": st.integers(0, 1000),
        "required": st.booleans(),
        "description": TEXT,
        "owner": TEXT,
    },
).filter(lambda rule: rule["level"] == "row" or "%" not in str(rule.get("threshold")))  # else it is not known what the share is of
GATE = st.fixed_dictionaries(
    {"table": st.just("raw.orders"), "target": st.just("demo"), "rules": st.lists(RULE, max_size=3)},
    optional={
        "description": TEXT,
        "owners": st.lists(TEXT, max_size=2),
        "timeout": st.integers(1, 86_400),
        "priority": st.integers(-100, 100),
        "mode": st.sampled_from(["inline", "async"]),
        "engine": st.sampled_from(["dbt", "prepared"]),
        "slice": st.dictionaries(
            NAME.filter(lambda text: len(text) < 60), st.sampled_from(["date", "integer", "text", "timestamp"]), min_size=1, max_size=2
        ).map(lambda columns: {"columns": columns}),
        "notify": st.sampled_from([[], [{"topic": "a"}], [{"topic": "no", "when": "closed"}]]),
        "on_error": st.sampled_from(["open", "closed"]),
        "on_no_rows": st.sampled_from(["open", "closed"]),
        "relation": st.sampled_from(["source", "model", "plain"]),
        "severity": st.sampled_from(["warn", "error"]),
        "threshold": st.sampled_from([{"warn": 0}, {"error": "5%"}]),
        "samples": st.sampled_from([{"rows": 0}, {"mask": ["name"]}, {"rows": 9, "mask": ["no"]}]),
        "select": st.sampled_from(
            [[], [{"select": "tag:a"}, {"select": "b", "severity": "warn", "dimension": "accuracy", "weight": 3, "required": True}]]
        ),
    },
)


def plain(value: Any) -> Any:
    """As a gate file's numbers are read: a float that jsonb would give back as an integer is one."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return int(value) if abs(value) >= 1e15 else value + 0.0
    return value


@settings(max_examples=200)
@given(said=GATE)
def test_the_text_of_a_gate_is_read_as_that_gate(said: dict[str, Any]) -> None:
    said["rules"] = [{"name": f"rule_{number}", **plain(rule)} for number, rule in enumerate(said["rules"])]
    gate = GateShape.model_validate(said).gate()
    read = gate_of(document.text(gate))
    assert read == gate
    assert read.fingerprint == gate.fingerprint
    assert differences(gate, read) == ()


def test_the_text_of_each_gate_of_the_demo_is_read_as_that_gate() -> None:
    found = files.read(REPOSITORY / "configs" / "gates")
    assert found
    for file in found:
        assert gate_of(document.text(file.gate), file.gate.table).fingerprint == file.gate.fingerprint


def test_what_goes_without_saying_is_not_written() -> None:
    gate = gate_of(
        orders(
            "timeout: 120\nsamples: {rows: 5}\nslice: {columns: {day: date}}\nrules:\n"
            "  - {name: one, check: not_null, column: a, kind: engineering, dimension: completeness, level: column, severity: error}\n"
            "  - name: two\n    check: share_of_rows\n    arguments: {condition: a is null, below: 0.25}\n    threshold: {warn: 5%}\n"
            "    description: |\n      first\n      second\n"
        )
    )
    assert document.text(gate) == (
        "table: raw.orders\n"
        "target: demo\n"
        "timeout: 2m\n"
        "slice:\n  columns:\n    day: date\n"
        "rules:\n"
        "  - name: one\n    check: not_null\n    column: a\n"
        "  - name: two\n    check: share_of_rows\n    arguments:\n      condition: a is null\n      below: 0.25\n"
        "    threshold:\n      warn: 5%\n    description: |\n      first\n      second\n"
    )


RULES = "rules:\n  - {name: one, check: not_null, column: a}\n  - {name: two, check: unique, column: a}\n"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("", "", []),
        ("", "timeout: 2m\n", [("timeout", None, "2m")]),
        ("priority: 5\n", "", [("priority", 5, None)]),
        (
            "slice: {columns: {a: date}}\n",
            "slice: {columns: {a: text, b: date}}\n",
            [("slice.columns.a", "date", "text"), ("slice.columns.b", None, "date")],
        ),
        (RULES, RULES.replace("column: a}", "column: b}", 1), [("rules.one.column", "a", "b")]),
        (
            RULES,
            RULES + "  - {name: three, check: not_null, column: c}\n",
            [("rules.three", None, {"name": "three", "check": "not_null", "column": "c"})],
        ),
        (RULES, RULES.rpartition("  -")[0], [("rules.two", {"name": "two", "check": "unique", "column": "a"}, None)]),
        (
            RULES,
            "rules:\n  - {name: two, check: unique, column: a}\n  - {name: one, check: not_null, column: a}\n",
            [("order of rules", ["one", "two"], ["two", "one"])],
        ),
        ("select: [{select: tag:a}]\n", "select: [{select: tag:a, kind: business}]\n", [("select.tag:a.kind", None, "business")]),
    ],
)
def test_gates_differ_in_the_words_of_their_files(before: str, after: str, said: list[tuple[str, Any, Any]]) -> None:
    found = differences(gate_of(orders(before)), gate_of(orders(after)))
    assert [(one.field, one.before, one.after) for one in found] == said
