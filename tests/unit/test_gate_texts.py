"""The text of a gate file: which gate it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from gate_texts import gate_of, orders, problems_of, rule

from stringx.gates.files import read
from stringx.gates.served import Served
from stringx.model import Decision, Dimension, Gate, Kind, Level, Mode, Notice, Relation, Samples, Severity, Threshold, When
from stringx.model.slices import ColumnType

REPOSITORY = Path(__file__).parent.parent.parent
GATES = REPOSITORY / "configs" / "gates"


def test_a_file_with_the_least_is_a_gate_with_defaults() -> None:
    gate = gate_of(orders())
    assert gate == Gate(workspace="default", table="raw.orders", target="demo")
    assert (gate.mode, gate.on_error, gate.on_no_checks, gate.samples) == (Mode.ASYNC, Decision.CLOSED, Decision.CLOSED, Samples())


def test_a_gate_and_its_copy_each_have_the_fingerprint_of_what_they_say() -> None:
    gate = gate_of(orders())
    copies = [(gate.fingerprint, gate.model_copy(update={"priority": 1})) for _ in range(2)]
    assert all(before != copied.fingerprint for before, copied in copies)
    assert copies[0][1].fingerprint == gate_of(orders("priority: 1\n")).fingerprint
    assert gate == gate_of(orders()), "whether it was asked for or not"


def test_every_field_reaches_the_gate() -> None:
    gate = gate_of("""
table: raw.orders
description: Orders, as they come
owners: [sales, "data"]
target: demo
relation: plain
severity: warn
threshold: {error: 5%}
runner: eu
mode: inline
engine: dbt
timeout: 2m
priority: -5
slice:
  columns: {day: date, at: timestamp, shop: integer, region: text}
on_error: open
on_no_checks: open
on_no_rows: closed
samples: {rows: 20, mask: [email]}
reply_to: [orders.verdicts]
notify: [{topic: orders.closed, when: closed}, {topic: orders.all}]
select:
  - {select: "tag:nightly", kind: business, dimension: accuracy, level: row, severity: warn, scope: table, weight: 3, required: true}
  - select: path:tests/orders
rules:
  - name: known
    check: not_null
    column: id
    kind: business
    dimension: accuracy
    level: row
    severity: warn
    threshold: {warn: 0.5%, error: 10}
    row_condition: paid
    scope: table
    weight: 0
    required: true
    description: why
    owner: sales
""")
    assert (gate.relation, gate.severity, gate.threshold) == (Relation.PLAIN, Severity.WARN, Threshold(error="5%"))
    assert gate.timeout_seconds == 120
    assert gate.slice_columns == {
        "day": ColumnType.DATE,
        "at": ColumnType.TIMESTAMP,
        "shop": ColumnType.INTEGER,
        "region": ColumnType.TEXT,
    }
    assert (gate.runner, gate.mode, gate.priority, gate.on_error, gate.on_no_checks) == (
        "eu",
        Mode.INLINE,
        -5,
        Decision.OPEN,
        Decision.OPEN,
    )
    assert gate.on_no_rows is Decision.CLOSED
    assert gate.samples == Samples(rows=20, mask=("email",))
    assert gate.reply_to == ("orders.verdicts",)
    assert gate.notify == (Notice(topic="orders.closed", when=When.CLOSED), Notice(topic="orders.all", when=When.ALWAYS))
    assert [one.select for one in gate.select] == ["tag:nightly", "path:tests/orders"]
    assert gate.select[0].severity is Severity.WARN
    assert (gate.select[0].weight, gate.select[0].required) == (3, True)
    assert gate.select[1].severity is None
    assert (gate.select[1].weight, gate.select[1].required) == (1, False)
    (only,) = gate.rules
    assert (only.kind, only.dimension, only.level, only.severity) == (Kind.BUSINESS, Dimension.ACCURACY, Level.ROW, Severity.WARN)
    assert only.threshold == Threshold(warn="0.5%", error=10)
    assert (only.weight, only.required) == (0, True)
    assert (only.row_condition, only.description, only.owner) == ("paid", "why", "sales")


@pytest.mark.parametrize(
    ("check", "kind", "dimension", "level"),
    [
        ("not_null\ncolumn: a", Kind.ENGINEERING, Dimension.COMPLETENESS, Level.COLUMN),
        ("unique\ncolumn: a", Kind.ENGINEERING, Dimension.UNIQUENESS, Level.COLUMN),
        ("accepted_values\ncolumn: a\narguments: {values: [x, 1, true]}", Kind.ENGINEERING, Dimension.VALIDITY, Level.COLUMN),
        ("relationships\ncolumn: a\narguments: {to: raw.b, field: c}", Kind.ENGINEERING, Dimension.CONSISTENCY, Level.DATASET),
        ("unique_combination_of_columns\narguments: {combination_of_columns: [a, b]}", Kind.ENGINEERING, Dimension.UNIQUENESS, Level.TABLE),
        ("expression_is_true\narguments: {expression: a < b}", Kind.ENGINEERING, Dimension.VALIDITY, Level.ROW),
        ("share_of_rows\narguments: {condition: a is null, below: 0.25}", Kind.BUSINESS, Dimension.VALIDITY, Level.TABLE),
    ],
)
def test_a_rule_says_only_what_its_check_does_not(check: str, kind: Kind, dimension: Dimension, level: Level) -> None:
    (only,) = gate_of(rule(f"check: {check}")).rules
    assert (only.kind, only.dimension, only.level, only.severity) == (kind, dimension, level, Severity.ERROR)


def test_the_columns_of_a_rule_are_its_checks_list_of_columns() -> None:
    (only,) = gate_of(rule("check: unique_combination_of_columns\ncolumns: [a, b]\narguments: {quote_columns: true}")).rules
    assert only.arguments == {"combination_of_columns": ["a", "b"], "quote_columns": True}


@pytest.mark.parametrize(
    ("check", "listed"),
    [
        ("unique_combination_of_columns", ["a", '"Mixed"', '"order"', '"Odd ("']),
        ("compound_unique", ["a", '"Mixed"', '"order"', '"Odd ("']),
        # It is the check that quotes them, or that compares their names.
        ("unique_combination_of_columns\narguments: {quote_columns: true}", ["a", "Mixed", "order", "Odd ("]),
        ("expect_table_columns_to_match_set", ["a", "Mixed", "order", "Odd ("]),
    ],
)
def test_the_columns_of_a_rule_are_quoted_as_its_column_is(check: str, listed: list[str]) -> None:
    (only,) = gate_of(rule(f"columns: [a, Mixed, order, Odd (]\ncheck: {check}")).rules
    assert listed in only.arguments.values()


def test_what_is_in_arguments_is_sql_as_it_is() -> None:
    (only,) = gate_of(rule("check: compound_unique\narguments: {column_list: [lower(a), Mixed]}")).rules
    assert only.arguments == {"column_list": ["lower(a)", "Mixed"]}


def test_a_short_name_of_a_check_is_stored_as_the_public_one() -> None:
    (only,) = gate_of(rule("check: match_regex\ncolumn: a\narguments: {regex: x}\ncontext_columns: [b, c]")).rules
    assert (only.check, only.context_columns) == ("expect_column_values_to_match_regex", ("b", "c"))


def test_a_gates_threshold_is_for_rules_that_count_rows_and_say_none() -> None:
    its = gate_of(
        orders("""threshold: {warn: 1, error: 5%}
rules:
  - {name: rows, check: not_null, column: a}
  - {name: own, check: not_null, column: a, threshold: {error: 3}}
  - {name: mean, check: mean_between, column: a, arguments: {min_value: 1}}
  - {name: share, check: share_of_rows, arguments: {condition: a, below: 0.5}}
  - {name: project, check: our_own, dimension: accuracy, level: row}
  - {name: aggregate, check: expression_is_true, arguments: {expression: sum(a) = 0}}
  - {name: bounds, check: expression_between, arguments: {expression: sum(a), max_value: 9}}
  - {name: known, check: expression_is_true, arguments: {expression: a > 0}, threshold: {error: 1%}}
""")
    )
    assert its.threshold == Threshold(warn=1, error="5%")
    # A mean out of its bounds is one failure, however many rows there are; a share has its bound already; and of somebody's own test
    # it is not known what a failure is, nor of an expression, which may be an aggregate: none is accepted, as without a gate's threshold.
    none = Threshold(error=0)
    assert [one.threshold for one in its.rules] == [None, Threshold(error=3), none, none, none, none, none, Threshold(error="1%")]


@pytest.mark.parametrize(("threshold", "taken"), [("{error: 3}", True), ("{error: 5%}", False), ("{warn: 3, error: 5%}", False)])
def test_a_gates_share_is_not_for_rules_that_count_values(threshold: str, taken: bool) -> None:
    """A table in which all keys are the same has one key that is repeated."""
    (only,) = gate_of(rule("check: unique\ncolumn: a") + f"threshold: {threshold}\n").rules
    assert only.threshold == (None if taken else Threshold(error=0))


def test_a_test_of_the_users_own_project_takes_any_arguments() -> None:
    (only,) = gate_of(rule("check: our_own\ndimension: accuracy\nlevel: table\narguments: {anything: [1, {deep: null}]}")).rules
    assert (only.check, only.kind, only.arguments) == ("our_own", Kind.ENGINEERING, {"anything": [1, {"deep": None}]})


@pytest.mark.parametrize(("written", "seconds"), [("60s", 60), ("5m", 300), ("1h", 3600), ("45", 45), ("24h", 86400), ("'7s'", 7)])
def test_a_timeout_has_a_unit_or_is_in_seconds(written: str, seconds: int) -> None:
    assert gate_of(orders(f"timeout: {written}\n")).timeout_seconds == seconds


@pytest.mark.parametrize("written", ["0", "25h", "86401", "1.5m", "-1s", "soon", "true", "60 s", "1e2"])
def test_a_timeout_that_is_none_is_refused(written: str) -> None:
    (problem,) = problems_of(orders(f"timeout: {written}\n"))
    assert problem.startswith("3:10: ")


def test_dates_and_quoted_words_stay_text() -> None:
    text = "check: accepted_values\ncolumn: a\narguments: {values: [2013-02-08, 'no', \"1:30\", 'NO', '0x1', '1e3']}"
    (only,) = gate_of(rule(text)).rules
    assert only.arguments == {"values": ["2013-02-08", "no", "1:30", "NO", "0x1", "1e3"]}


def test_the_demos_gates_are_right() -> None:
    gates = {file.file: file.gate for file in read(GATES, served=Served(["demo"], ["default"]))}
    assert sorted(gates) == [f"default/raw.{table}.yaml" for table in ("airlines", "airports", "flights", "planes", "weather")]
    assert gates["default/raw.flights.yaml"].mode is Mode.ASYNC
    assert {gate.mode for gate in gates.values()} == {Mode.ASYNC, Mode.INLINE}
