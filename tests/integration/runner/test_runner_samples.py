"""Samples of failing rows: few, true, storable anywhere, and without what the gate masks, also where an error would quote it."""

from __future__ import annotations

import json
from typing import Any

from runner_lab import Bench, rule

from stringx.model import DbtResult, DbtStatus

SECRET = "odd@example.org"
MASK = {"rows": 5, "mask": ["email"]}


def shown(result: DbtResult) -> list[dict[str, Any]]:
    return [dict(zip(result.columns, row, strict=True)) for row in result.sample]


def test_a_sample_has_as_many_rows_as_the_gate_allows(bench: Bench) -> None:
    for rows, expected in ((0, 0), (3, 3), (100, 10)):
        (result,) = bench.evaluate(bench.gate(rule("a", "not_null", column="amount"), samples={"rows": rows})).results
        assert result.failures == 10
        assert len(result.sample) == expected
        assert result.columns == (("amount",) if expected else ())


def test_values_that_json_or_a_database_cannot_hold_are_shown_as_text(bench: Bench) -> None:
    (result,) = bench.evaluate(bench.gate(rule("a", "holds", arguments={"expression": "status <> 'odd'"}))).results
    (row,) = shown(result)
    assert row == {
        "id": 1,
        "day": "2013-02-01",
        "status": "odd",
        "amount": "NaN",
        "email": SECRET,
        "customer": 1,
        "note": 'tab\tquote"',
        "payload": "\\x00ff",
        "score": "Infinity",
        "seen": "0044-03-15 BC",
        "doc": r'{"a": "\u0000"}',
    }
    json.dumps(row, allow_nan=False).encode()


def test_numbers_that_a_float_would_change_are_shown_as_they_are(bench: Bench) -> None:
    (result,) = bench.evaluate(bench.gate(rule("a", "numbers"))).results
    assert list(zip(result.columns, result.sample[0], strict=True)) == [
        ("whole", 7),
        ("exact", 0.25),
        ("long", "12345678901234567890123"),
        ("fine", "0.1234567890123456789"),
        ("big", "9223372036854775807"),
        ("twice", 1),
        ("twice", 2),  # two columns of one name
        ("text", "x" * 499 + "…"),
    ]


def test_a_masked_column_is_not_shown_under_any_name(bench: Bench) -> None:
    gate = bench.gate(
        rule("row", "row_as_text"),
        rule("all", "holds", arguments={"expression": "status <> 'odd'"}),
        rule("unique", "unique", column="id"),
        rule("aliased", "accepted_values", column="email", arguments={"values": ["nobody"]}),
        samples=MASK,
    )
    report = bench.evaluate(gate, {"column": "status", "equals": "odd"})
    results = {result.rule: result for result in report.results}
    assert SECRET not in report.model_dump_json()
    assert shown(results["row"]) == [{"whole_row": "•••", "mail": "•••", "contact": "•••", "number": 1, "n": "•••"}]
    assert shown(results["all"])[0]["email"] == "•••"
    assert shown(results["all"])[0]["note"] == 'tab\tquote"'
    assert {"•••"} == {value for row in shown(results["aliased"]) for value in row.values()}


def test_without_a_masked_name_in_the_sql_counts_and_other_columns_are_shown(bench: Bench) -> None:
    (result,) = bench.evaluate(bench.gate(rule("unique", "unique", column="id"), samples=MASK)).results
    assert shown(result) == [{"unique_field": 1, "n_records": 2}]


def test_of_what_a_check_computes_numbers_alone_are_shown_where_any_column_is_masked(bench: Bench) -> None:
    (row,) = shown(bench.evaluate(bench.gate(rule("numbers", "numbers"), samples=MASK)).results[0])
    assert (row["whole"], row["exact"], row["text"]) == (7, 0.25, "•••")


def test_a_database_error_does_not_quote_a_masked_value(bench: Bench) -> None:
    cast = rule("cast", "holds", arguments={"expression": "email::integer > 0"})
    slice_ = {"column": "status", "equals": "odd"}
    (open_,) = bench.evaluate(bench.gate(cast), slice_).results
    assert SECRET in open_.message  # or the rest of this test shows nothing
    report = bench.evaluate(bench.gate(cast, samples=MASK), slice_)
    assert SECRET not in report.model_dump_json()
    (result,) = report.results
    assert result.status is DbtStatus.ERROR
    assert "invalid text representation (SQLSTATE 22P02)" in result.message
    # What names no value stays readable.
    (gone,) = bench.evaluate(bench.gate(rule("gone", "not_null", column="no_such_column"), samples=MASK)).results
    assert 'column "no_such_column" does not exist' in gone.message


def test_a_result_that_dbt_cannot_read_does_not_quote_a_masked_value(bench: Bench) -> None:
    selection = {"select": "orders_email_largest", "kind": "engineering"}
    (open_,) = bench.evaluate(bench.gate(select=[selection])).results
    assert "@example.org" in open_.message
    report = bench.evaluate(bench.gate(select=[selection], samples=MASK))
    assert "@example.org" not in report.model_dump_json()
    assert report.results[0].status is DbtStatus.ERROR
