"""What a run reports is what plain SQL says: for rules, slices, selections; and what cannot be judged is an error, never a pass."""

from __future__ import annotations

from typing import Any

import pytest
from runner_lab import Bench, Lab, by_rule, rule

from stringx.model import DbtStatus, ReportStatus, Severity, Slice
from stringx.verdict import judge

pytestmark = pytest.mark.usefixtures("lab")

SLICES: dict[str, tuple[object, str]] = {
    "whole table": ((), "true"),
    "one day": ({"column": "day", "equals": "2013-02-08"}, "day = '2013-02-08'"),
    "some days": ({"column": "day", "in": ["2013-02-08", "2013-02-09"]}, "day in ('2013-02-08', '2013-02-09')"),
    "a range": ({"column": "day", "from": "2013-02-03", "to": "2013-02-05"}, "day >= '2013-02-03' and day < '2013-02-05'"),
    "from a number": ({"column": "id", "from": 900}, "id >= 900"),
    "two columns": (
        [{"column": "day", "equals": "2013-02-01"}, {"column": "status", "equals": "open"}],
        "day = '2013-02-01' and status = 'open'",
    ),
}

#: check, arguments, and the plain SQL of its failures on a table `t`
CHECKS: dict[str, tuple[dict[str, Any], str]] = {
    "not_null": ({"column": "amount"}, "select count(*) from t where amount is null"),
    "unique": (
        {"column": "id"},
        "select count(*) from (select id from raw.orders where id in (select id from t) group by id having count(*) > 1) as d",
    ),
    "accepted_values": (
        {"column": "status", "arguments": {"values": ["paid", "open"]}},
        "select count(distinct status) from t where status not in ('paid', 'open')",
    ),
    "relationships": (
        {"column": "customer", "arguments": {"to": "raw.customers", "field": "id"}},
        "select count(*) from t where customer not in (select id from raw.customers)",
    ),
    "holds": ({"arguments": {"expression": "id % 7 <> 0 or status = 'it''s'"}}, "select count(*) from t where id % 7 = 0"),
}


@pytest.mark.parametrize("name", SLICES)
def test_every_failure_count_is_what_plain_sql_counts(name: str, bench: Bench, lab: Lab) -> None:
    slice_, condition = SLICES[name]
    gate = bench.gate(*(rule(check, check, **fields) for check, (fields, _) in CHECKS.items()))
    report = bench.evaluate(gate, slice_)
    assert report.status is ReportStatus.COMPLETED
    assert (report.rows, report.message) == (lab.ask(f"select count(*) from raw.orders where {condition}"), None)
    assert report.gate_fingerprint == gate.fingerprint
    assert report.boot == bench.runner.boot
    assert report.project_fingerprint == bench.runner.status("x").fingerprints["demo"]
    results = by_rule(report)
    assert set(results) == set(CHECKS)
    for check, (_, query) in CHECKS.items():
        expected = lab.ask(f"with t as (select * from raw.orders where {condition}) {query}")
        assert results[check].failures == expected, check
        assert results[check].status is (DbtStatus.FAIL if expected else DbtStatus.PASS)
        assert results[check].sliced
        if expected:
            assert results[check].message == f"Got {expected} result{'' if expected == 1 else 's'}, configured to fail if != 0"
    assert {results[check].test for check in CHECKS} == {f"stringx_{gate.fingerprint[:12]}_{check}" for check in CHECKS}


HOSTILE = [
    "it's",
    "' or '1'='1",
    "{{ 1/0 }}",
    "{% raw %}",
    "%s %(x)s %%",
    "$1 $$",
    "*/ or true /*",
    "-- comment",
    "back\\slash \\' or true --",
    "\N{LINE SEPARATOR}\N{SNOWMAN}\N{PILE OF POO}",
    "line\nbreak\ttab",
    'double "quote"',
]


def test_hostile_values_of_a_slice_stay_values(bench: Bench, lab: Lab) -> None:
    import psycopg

    with psycopg.connect(lab.url, autocommit=True) as connection:
        connection.execute("create table raw.hostile (id serial, value text)")
        for value in HOSTILE:
            connection.execute("insert into raw.hostile (value) values (%s)", [value])
        connection.execute("insert into raw.hostile (value) values ('harmless')")
    gate = bench.gate(rule("none", "holds", arguments={"expression": "false"}), table="raw.hostile", samples={"rows": 100})
    for value in HOSTILE:
        report = bench.evaluate(gate, {"column": "value", "equals": value})
        (result,) = report.results
        assert result.failures == 1, (value, result.message)
        assert [row[result.columns.index("value")] for row in result.sample] == [value]
    report = bench.evaluate(gate, {"column": "value", "in": HOSTILE})
    assert report.results[0].failures == len(HOSTILE)


def test_a_point_in_time_is_never_read_without_its_zone(bench: Bench, lab: Lab) -> None:
    """A column without a time zone is told in the database's; its rows are not shifted in silence."""
    import psycopg

    with psycopg.connect(lab.url, autocommit=True) as connection:
        connection.execute("create table raw.moments (zoned timestamptz, local timestamp)")
        connection.execute("set timezone = 'UTC'")
        hours = "generate_series(timestamptz '2013-02-08 00:00Z', '2013-02-08 23:00Z', '1 hour')"
        connection.execute(f"insert into raw.moments select hour, hour::timestamp from {hours} as hour".encode())
    gate = bench.gate(
        rule("none", "holds", arguments={"expression": "false"}),
        table="raw.moments",
        slice_columns={"zoned": "timestamp", "local": "timestamp"},
    )
    for column in ("zoned", "local"):
        (result,) = bench.evaluate(gate, {"column": column, "from": "2013-02-08T05:00:00Z", "to": "2013-02-08T09:00:00Z"}).results
        condition = f"{column} >= timestamptz '2013-02-08 05:00Z' and {column} < timestamptz '2013-02-08 09:00Z'"
        assert result.failures == lab.ask(f"select count(*) from raw.moments where {condition}"), result.message
        assert f'"{column}" >= ' in (result.sql or "")
        assert (result.sql or "").count("::timestamptz") == 2


def test_a_condition_on_rows_holds_together_with_the_slice(bench: Bench, lab: Lab) -> None:
    condition = "status = 'paid' or id < 10 -- and so on"
    gate = bench.gate(
        rule("sliced", "not_null", column="amount", row_condition=condition),
        rule("whole", "not_null", column="amount", row_condition="status = 'paid'", scope="table"),
    )
    results = by_rule(bench.evaluate(gate, {"column": "day", "in": ["2013-02-02", "2013-02-05", "2013-02-08"]}))
    days = "day in ('2013-02-02', '2013-02-05', '2013-02-08')"
    assert results["sliced"].failures == lab.ask(
        f"select count(*) from raw.orders where {days} and (status = 'paid' or id < 10) and amount is null"
    )
    assert results["whole"].failures == lab.ask("select count(*) from raw.orders where status = 'paid' and amount is null")
    assert results["sliced"].sliced
    assert not results["whole"].sliced


def test_a_threshold_does_not_hide_the_count(bench: Bench) -> None:
    gate = bench.gate(rule("few", "not_null", column="amount", severity="warn", threshold={"error": 1000}))
    (result,) = bench.evaluate(gate).results
    assert (result.status, result.failures) == (DbtStatus.WARN, 10)


def test_an_apostrophe_in_an_accepted_value_is_a_character(bench: Bench) -> None:
    gate = bench.gate(rule("status", "accepted_values", column="status", arguments={"values": ["paid", "open", "it's", "odd"]}))
    (result,) = bench.evaluate(gate).results
    assert (result.status, result.failures) == (DbtStatus.PASS, 0)


# --- the project's own tests ---


@pytest.mark.parametrize(
    ("select", "tests"),
    [
        ("tag:nightly", {"source_unique_raw_orders_id", "source_not_null_raw_orders_amount", "orders_have_customers"}),
        ("path:tests", {"orders_have_customers"}),
        ("orders_amount_looks_at_columns", {"orders_amount_looks_at_columns"}),
        ("tag:landed", {"landed_orders_customer"}),
    ],
)
def test_a_selection_is_cut_to_the_tests_of_the_table(select: str, tests: set[str], bench: Bench) -> None:
    report = bench.evaluate(bench.gate(select=[{"select": select, "kind": "business"}]), {"column": "day", "equals": "2013-02-08"})
    assert report.status is ReportStatus.COMPLETED
    assert {result.test for result in report.results} == tests
    assert {result.select for result in report.results} <= {select}
    for result in report.results:
        assert result.sliced is (result.test != "orders_have_customers")


@pytest.mark.parametrize(
    ("select", "says"),
    [
        ("tag:nobody", "has tag:nobody: tag one, or"),
        ("tag:nightlty", "has tag:nightlty: did you mean `tag:nightly`? Correct the selection, or"),
        ("path:elsewhere", "is in path:elsewhere: put one there, or"),
        ("path:model", "is in path:model: did you mean `path:models`? Correct the selection, or"),
        ("orders_have_customer", "is called orders_have_customer: did you mean `orders_have_customers`? Correct the selection, or"),
        # It is there, and of another table.
        ("paid_orders_amount_not_null", "is called paid_orders_amount_not_null: "),
    ],
)
def test_a_selection_that_no_test_of_the_table_fits_is_an_error_that_says_so(select: str, says: str, bench: Bench) -> None:
    gate = bench.gate(rule("fine", "not_null", column="id"), select=[{"select": select, "kind": "business", "scope": "table"}])
    fine, nothing = sorted(bench.evaluate(gate).results, key=lambda result: result.select or "")
    assert fine.status is DbtStatus.PASS
    assert (nothing.select, nothing.test, nothing.status, nothing.sliced) == (select, select, DbtStatus.ERROR, False)
    assert f"no test of raw.orders in the dbt project {says}" in (nothing.message or "")
    assert (nothing.message or "").endswith("or take the selection out of the gate")


def test_a_selected_test_keeps_its_own_condition_severity_and_slice(bench: Bench, lab: Lab) -> None:
    gate = bench.gate(select=[{"select": "source_not_null_raw_orders_amount", "kind": "engineering"}])
    (result,) = bench.evaluate(gate, {"column": "day", "from": "2013-02-02"}).results
    expected = lab.ask("select count(*) from raw.orders where day >= '2013-02-02' and status = 'paid' and amount is null")
    assert (result.status, result.failures) == (DbtStatus.WARN, expected)
    assert result.message == f"Got {expected} results, configured to warn if != 0"


def test_a_severity_of_the_gate_stands_in_place_of_the_tests_own_thresholds(bench: Bench) -> None:
    select = {"select": "orders_amount_tolerated", "kind": "engineering"}
    (own,) = bench.evaluate(bench.gate(select=[select])).results
    assert (own.status, own.severity) == (DbtStatus.PASS, Severity.WARN)
    for severity, status in ((Severity.ERROR, DbtStatus.FAIL), (Severity.WARN, DbtStatus.WARN)):
        gate = bench.gate(select=[{**select, "severity": severity}])
        report = bench.evaluate(gate)
        (result,) = report.results
        assert (result.status, result.failures, result.severity) == (status, 10, severity)
        assert judge(gate, report, Slice(())).checks[0].outcome == {"fail": "failed", "warn": "warned"}[status]


def test_a_request_whose_gate_is_not_the_one_that_it_names_is_errored(bench: Bench) -> None:
    gate = bench.gate(rule("any", "not_null", column="id"))
    report = bench.evaluate(gate, gate_fingerprint="f" * 32)
    assert (report.status, report.results) == (ReportStatus.ERRORED, ())
    assert report.gate_fingerprint == gate.fingerprint
    assert "f" * 32 in (report.message or "")


def test_a_test_that_two_selections_choose_gives_a_result_for_each(bench: Bench, lab: Lab) -> None:
    gate = bench.gate(
        select=[
            {"select": "source_unique_raw_orders_id", "kind": "engineering"},
            {"select": "tag:nightly", "kind": "engineering", "scope": "table"},
        ]
    )
    results = bench.evaluate(gate, {"column": "day", "equals": "2013-02-08"}).results
    both = {result.select: result for result in results if result.test == "source_unique_raw_orders_id"}
    assert both["source_unique_raw_orders_id"].sliced
    assert both["source_unique_raw_orders_id"].failures == 0
    assert not both["tag:nightly"].sliced
    assert both["tag:nightly"].failures == lab.ask("select count(*) from (select id from raw.orders group by id having count(*) > 1) as d")


def test_a_test_of_an_ephemeral_model_is_sliced_run_after_run(bench: Bench, lab: Lab) -> None:
    gate = bench.gate(
        rule("written", "not_null", column="amount"),
        table="lab.paid_orders",
        select=[{"select": "paid_orders_amount_not_null", "kind": "engineering"}],
    )
    expected = lab.ask("select count(*) from raw.orders where status = 'paid' and day = '2013-02-02' and amount is null")
    for _ in range(3):
        results = bench.evaluate(gate, {"column": "day", "equals": "2013-02-02"}).results
        assert [result.failures for result in results] == [expected, expected], results


# --- what cannot be judged ---


def test_a_test_that_does_not_read_the_slice_is_an_error_and_not_a_pass(bench: Bench) -> None:
    gate = bench.gate(
        select=[{"select": "tag:deaf", "kind": "engineering"}, {"select": "orders_amount_deaf", "kind": "engineering", "scope": "table"}]
    )
    sliced, whole = bench.evaluate(gate, {"column": "day", "equals": "1999-01-01"}).results
    assert sliced.status is DbtStatus.ERROR
    assert sliced.failures is None
    assert "the slice was not applied" in sliced.message
    assert (whole.status, whole.failures) == (DbtStatus.FAIL, 10)


def test_a_test_that_asks_the_catalog_first_is_judged(bench: Bench) -> None:
    gate = bench.gate(select=[{"select": "tag:looking", "kind": "engineering"}])
    (result,) = bench.evaluate(gate, {"column": "day", "equals": "2013-02-08"}).results
    assert (result.status, result.failures) == (DbtStatus.FAIL, 1)


def test_what_cannot_run_is_an_error_with_dbts_words_and_its_neighbours_are_judged(bench: Bench) -> None:
    gate = bench.gate(
        rule("column_gone", "not_null", column="no_such_column"),
        rule("check_gone", "no_such_check"),
        rule("table_gone", "relationships", column="customer", arguments={"to": "raw.nowhere", "field": "id"}),
        rule("argument_gone", "holds"),
        rule("syntax", "holds", arguments={"expression": "amount >"}),
        rule("jinja", "holds", arguments={"expression": "{{ 1 }} = 1"}),
        rule("fine", "not_null", column="id"),
        select=[{"select": "orders_gone_not_null", "kind": "engineering"}],
    )
    report = bench.evaluate(gate)
    assert report.status is ReportStatus.COMPLETED
    words = {
        "column_gone": 'column "no_such_column" does not exist',
        "check_gone": "no_such_check",
        "table_gone": "no source, model, seed or snapshot raw.nowhere",
        "argument_gone": "syntax error",
        "syntax": "syntax error",
        "jinja": "never rendered as Jinja",
        None: 'column "gone" does not exist',
    }
    results = by_rule(report)
    for name, word in words.items():
        assert results[name].status is DbtStatus.ERROR, name
        assert results[name].failures is None
        assert word in results[name].message
        assert "compiled code at" not in results[name].message
    assert results["fine"].status is DbtStatus.PASS


def test_a_table_that_the_project_does_not_have_is_an_error(bench: Bench) -> None:
    report = bench.evaluate(bench.gate(rule("any", "not_null", column="id"), table="raw.nowhere"))
    assert report.status is ReportStatus.ERRORED
    assert "raw.nowhere" in report.message
    assert report.results == ()


def test_a_gate_without_checks_completes_without_results(bench: Bench) -> None:
    report = bench.evaluate(bench.gate())
    assert (report.status, report.results) == (ReportStatus.COMPLETED, ())


# --- what the runner does not do ---


def test_nothing_is_written_neither_by_hooks_nor_stored_failures_nor_tests(bench: Bench, lab: Lab) -> None:
    gate = bench.gate(rule("writes", "writes"), rule("fails", "not_null", column="amount"))
    results = by_rule(bench.evaluate(gate))
    assert results["writes"].status is DbtStatus.ERROR
    assert "read-only transaction" in results["writes"].message
    assert results["fails"].status is DbtStatus.FAIL
    assert lab.ask("select count(*) from raw.customers where name = 'trace'") == 0
    assert lab.ask("select count(*) from pg_tables where tablename = 'from_a_hook' or schemaname like '%dbt_test%'") == 0


def test_a_projects_macros_cannot_read_the_runners_own_secrets(bench: Bench) -> None:
    results = by_rule(bench.evaluate(bench.gate(rule("peeks", "peeks", arguments={"variable": "STRINGX_RUNNER_TOKEN"}))))
    assert results["peeks"].failures == 0, results["peeks"].message


def test_the_targets_password_does_not_get_into_a_message(bench: Bench) -> None:
    (result,) = bench.evaluate(bench.gate(rule("tells", "tells", arguments={"variable": "STRINGX_TARGET_PASSWORD"}))).results
    assert result.status is DbtStatus.ERROR
    assert "the password is *****" in result.message
