"""Rules read, never write: whatever stands in a gate, nothing has changed, though the role could change it."""

from __future__ import annotations

import pytest
from runner_lab import Bench, Lab, by_rule, prepared, rule

from stringx.model import DbtStatus, ReportStatus

WRITES = "insert into raw.customers values (999, 'trace')"

#: the expression of a rule, and what the check says
ATTEMPTS = {
    "a second statement": (f"true); {WRITES}; --", "more than one statement"),
    "a transaction of its own": (f"true) ) as t; commit; begin read write; {WRITES}; commit; --", "more than one statement"),
    "another mode": (f"true) ) as t; rollback; set default_transaction_read_only = off; {WRITES}; --", "more than one statement"),
    "a text that goes on in the next line": (f"'x' = E'a'\n'b\\'' ) ) as t; commit; {WRITES}; --'", "more than one statement"),
    "a table made": ("true); create table raw.trace (); --", "more than one statement"),
    "a table dropped": ("true); commit; drop table raw.trace_keep; --", "more than one statement"),
    "a query that changes data": (
        f"exists (with changed as ({WRITES} returning 1) select * from changed)",
        "WITH clause containing a data-modifying statement must be at the top level",
    ),
    "a function that writes": ("raw.leave_a_trace() = 1", "read-only transaction"),
    "a mode set by a function": (
        "set_config('transaction_read_only', 'off', false) = 'off' and raw.leave_a_trace() = 1",
        "transaction read-write mode must be set before any query",
    ),
    "the next mode set by a function": (
        "set_config('default_transaction_read_only', 'off', false) = 'off' and raw.leave_a_trace() = 1",
        "read-only transaction",
    ),
    "rows that are locked": ("exists (select 1 from raw.customers for update)", "read-only transaction"),
}


def traces(lab: Lab) -> int:
    rows = lab.ask("select count(*) from raw.customers where name = 'trace'")
    tables = lab.ask("select count(*) from pg_tables where tablename = 'trace'")
    kept = lab.ask("select count(*) from pg_tables where tablename = 'trace_keep'")
    return int(rows + tables + 1 - kept)


@pytest.fixture(scope="module", autouse=True)
def _a_table_that_stays(lab: Lab) -> None:
    lab.change("create table if not exists raw.trace_keep ()")


@pytest.mark.parametrize("name", ATTEMPTS)
def test_an_expression_that_would_write_is_an_errored_check_that_says_why_and_nothing_has_changed(
    name: str, bench: Bench, lab: Lab
) -> None:
    expression, says = ATTEMPTS[name]
    gate = bench.gate(
        rule("writes", "holds", arguments={"expression": expression}), rule("fine", "not_null", column="id"), samples={"rows": 5}
    )
    for slice_ in ((), {"column": "day", "equals": "2013-02-08"}):
        report = bench.evaluate(gate, slice_)
        assert report.status is ReportStatus.COMPLETED
        results = by_rule(report)
        assert (results["writes"].status, results["writes"].failures) == (DbtStatus.ERROR, None)
        assert says in (results["writes"].message or ""), results["writes"].message
        assert results["fine"].status is DbtStatus.PASS
        assert traces(lab) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"check": "not_null", "column": "id", "row_condition": f"true) ; commit; {WRITES}; --"},
        {"check": "accepted_values", "column": "id", "arguments": {"values": [f"1); commit; {WRITES}; --"], "quote": False}},
        {
            "check": "relationships",
            "column": "id",
            "arguments": {"to": "raw.customers", "field": f"id from raw.customers; commit; {WRITES}; --"},
        },
    ],
    ids=["condition", "values", "field"],
)
def test_so_is_any_other_text_that_would(fields: dict[str, object], bench: Bench, lab: Lab) -> None:
    (result,) = bench.evaluate(bench.gate(rule("writes", **fields))).results  # type: ignore[arg-type]
    assert result.status is DbtStatus.ERROR
    assert "more than one statement" in (result.message or "")
    assert traces(lab) == 0


def test_a_masked_column_does_not_hide_why(bench: Bench) -> None:
    gate = bench.gate(rule("writes", "holds", arguments={"expression": "true); select 1; --"}), samples={"mask": ["email"]})
    (result,) = bench.evaluate(gate).results
    assert "more than one statement" in (result.message or "")


def test_a_semicolon_within_a_text_is_a_character(bench: Bench) -> None:
    gate = bench.gate(rule("fine", "holds", arguments={"expression": "status <> 'a;b' and status <> $x$;$x$ -- ; so\n"}))
    (result,) = bench.evaluate(gate).results
    assert (result.status, result.failures) == (DbtStatus.PASS, 0), result.message


def test_a_function_that_writes_only_now_and_then_is_an_error_in_a_replay_too(bench: Bench, lab: Lab) -> None:
    """Recorded while it only reads; when it would write, the transaction lets it not."""
    lab.change("create table if not exists raw.switch (on_ boolean)")
    lab.change("truncate raw.switch")
    expression = "case when exists (select 1 from raw.switch) then raw.leave_a_trace() else 1 end = 1"
    gate = bench.gate(rule("writes", "holds", arguments={"expression": expression}))
    assert prepared(bench, gate).results[0].status is DbtStatus.PASS
    lab.change("insert into raw.switch values (true)")
    (result,) = bench.evaluate(gate).results
    assert result.status is DbtStatus.ERROR
    assert "read-only transaction" in (result.message or "")
    assert traces(lab) == 0
