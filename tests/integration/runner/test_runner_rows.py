"""How many rows a run is about is what plain SQL counts, before the tests; and what is told where it cannot be counted."""

from __future__ import annotations

from typing import Any

import pytest
from runner_lab import Bench, Lab, rule, wait_for

from stringx.model import DbtStatus, Decision, Report, ReportStatus, Slice, VerdictName
from stringx.verdict import judge

ANY = rule("any", "not_null", column="id")


def test_a_slice_without_rows_is_told_as_such(bench: Bench) -> None:
    report = bench.evaluate(bench.gate(ANY), {"column": "day", "equals": "1999-01-01"})
    assert (report.status, report.rows) == (ReportStatus.COMPLETED, 0)
    assert report.results[0].status is DbtStatus.PASS


def test_the_rows_are_those_of_the_slice_whatever_the_tests_look_at(bench: Bench, lab: Lab) -> None:
    narrow = rule("narrow", "not_null", column="id", scope="table", row_condition="id < 10")
    report = bench.evaluate(bench.gate(narrow), {"column": "day", "equals": "2013-02-08"})
    assert report.rows == lab.ask("select count(*) from raw.orders where day = '2013-02-08'")


def test_nothing_is_counted_for_a_gate_without_tests(bench: Bench) -> None:
    assert bench.evaluate(bench.gate()).rows is None


def test_a_report_of_a_runner_that_did_not_count_is_readable(bench: Bench) -> None:
    report = bench.evaluate(bench.gate(ANY))
    earlier = report.model_dump(mode="json", exclude={"rows"})
    assert Report.model_validate(earlier) == report.model_copy(update={"rows": None})


# --- a slice that does not fit the table ---


@pytest.mark.parametrize(
    ("slice_", "columns", "says"),
    [
        ({"column": "gone", "equals": "x"}, {}, "column 'gone': column \"gone\" does not exist"),
        ({"column": "day", "equals": "a day"}, {}, "column 'day': invalid input syntax for type date"),
        ({"column": "id", "equals": 2**40}, {}, f"column 'id': value \"{2**40}\" is out of range for type integer"),
        ({"column": "status", "from": "2013-02-08T00:00:00Z"}, {"status": "timestamp"}, "column 'status': operator does not exist"),
        ([{"column": "id", "from": 1}, {"column": "gone", "to": "x"}], {}, "column 'gone': "),
    ],
)
def test_a_slice_that_does_not_fit_is_said_once_with_its_column_its_table_and_the_fix(
    slice_: object, columns: dict[str, str], says: str, bench: Bench
) -> None:
    gate = bench.gate(ANY, rule("other", "unique", column="id"), slice_columns=columns)
    report = bench.evaluate(gate, slice_)
    assert (report.status, report.rows) == (ReportStatus.ERRORED, None)
    assert [(result.rule, result.status, result.message) for result in report.results] == [
        (name, DbtStatus.ERROR, report.message) for name in ("any", "other")
    ]
    assert judge(gate, report, Slice.model_validate(slice_)).message == report.message
    assert f"the slice does not fit raw.orders at {says}" in (report.message or "")
    assert "`slice: columns:` must name columns of the table" in (report.message or "")
    assert "LINE" not in (report.message or "")


@pytest.mark.parametrize(("column", "verdict"), [("amount", VerdictName.FAILED), ("id", VerdictName.ERRORED)])
def test_what_looks_at_the_whole_table_is_run_though_the_slice_does_not_fit(column: str, verdict: VerdictName, bench: Bench) -> None:
    gate = bench.gate(ANY, rule("whole", "not_null", column=column, scope="table"), on_error="open")
    report = bench.evaluate(gate, {"column": "gone", "equals": "x"})
    results = {result.rule: result for result in report.results}
    assert (report.status, report.rows, results["any"].status) == (ReportStatus.ERRORED, None, DbtStatus.ERROR)
    assert "does not fit raw.orders at column 'gone'" in (results["any"].message or "")
    assert (results["whole"].failures, results["whole"].sample == ()) == ((10, False) if column == "amount" else (0, True))
    judged = judge(gate, report, Slice.model_validate({"column": "gone", "equals": "x"}))
    assert (judged.verdict, judged.decision) == (verdict, Decision.CLOSED if verdict is VerdictName.FAILED else Decision.OPEN)


def test_a_slice_that_does_not_fit_is_never_passed_whatever_the_checks_look_at(bench: Bench) -> None:
    gate = bench.gate(rule("whole", "not_null", column="id", scope="table"))
    report = bench.evaluate(gate, {"column": "gone", "equals": "x"})
    assert report.results[0].status is DbtStatus.PASS
    judged = judge(gate, report, Slice.model_validate({"column": "gone", "equals": "x"}))
    assert (judged.verdict, judged.decision, judged.message) == (VerdictName.ERRORED, Decision.CLOSED, report.message)


def test_where_columns_are_masked_the_value_that_does_not_fit_is_not_quoted(bench: Bench) -> None:
    gate = bench.gate(ANY, samples={"mask": ["email"]})
    report = bench.evaluate(gate, {"column": "day", "equals": "odd@example.org"})
    assert report.status is ReportStatus.ERRORED
    assert "at column 'day': invalid datetime format (SQLSTATE 22007); the database's text is withheld" in (report.message or "")
    assert "odd@example.org" not in (report.message or "")


# --- what cannot be counted ---


@pytest.mark.parametrize("slice_", [(), {"column": "day", "equals": "2013-02-08"}], ids=["whole table", "slice"])
def test_a_table_that_is_not_in_the_database_is_told_by_dbt_for_each_test(slice_: object, bench: Bench) -> None:
    report = bench.evaluate(bench.gate(ANY, table="raw.announced"), slice_)
    assert (report.status, report.rows) == (ReportStatus.COMPLETED, None)
    assert report.results[0].status is DbtStatus.ERROR
    assert 'relation "raw.announced" does not exist' in (report.results[0].message or "")


@pytest.mark.parametrize(("mask", "told"), [([], "division by zero"), (["email"], "division by zero (SQLSTATE 22012)")])
def test_an_error_of_the_table_itself_is_not_blamed_on_the_slice(mask: list[str], told: str, bench: Bench) -> None:
    gate = bench.gate(rule("any", "unique", column="id"), table="raw.computed", samples={"mask": mask})
    report = bench.evaluate(gate, {"column": "id", "from": 500, "to": 501})
    assert (report.status, report.rows) == (ReportStatus.COMPLETED, None)
    assert (report.message or "").startswith(told)
    assert report.results[0].status is DbtStatus.ERROR
    assert told in (report.results[0].message or "")


def test_an_ephemeral_model_is_not_counted(bench: Bench) -> None:
    report = bench.evaluate(bench.gate(rule("any", "not_null", column="amount"), table="lab.paid_orders"))
    assert (report.status, report.rows) == (ReportStatus.COMPLETED, None)
    assert report.message == "lab.paid_orders is an ephemeral model, which is no table of the database"
    assert report.results[0].failures is not None


def test_a_count_that_takes_too_long_is_given_up_and_the_tests_are_run(bench: Bench, lab: Lab) -> None:
    report: Any = bench.evaluate(bench.gate(ANY, table="raw.slow_to_count"))
    assert (report.status, report.rows, report.message) == (ReportStatus.COMPLETED, None, "it took more than 5.0 s")
    assert report.results[0].status is DbtStatus.PASS
    wait_for(lambda: lab.busy_sessions(bench.runner) == 0, "no query is left in the database")


def test_a_count_takes_a_tenth_of_the_runs_time_at_most_and_leaves_the_rest_to_the_tests(bench: Bench) -> None:
    report = bench.evaluate(bench.gate(ANY, table="raw.slow_to_count"), timeout_seconds=20)
    assert (report.status, report.message) == (ReportStatus.COMPLETED, "it took more than 2.0 s")
    assert report.results[0].status is DbtStatus.PASS


def test_where_no_rows_would_close_it_is_found_that_there_are_some_though_not_how_many(bench: Bench) -> None:
    gate = bench.gate(ANY, table="raw.slow_to_count", on_no_rows="closed")
    report = bench.evaluate(gate, timeout_seconds=20)
    assert (report.status, report.rows, report.has_rows) == (ReportStatus.COMPLETED, None, True)
    assert judge(gate, report, Slice(())).verdict is VerdictName.PASSED
