"""What a gate's rules say beyond a check and its arguments: shares of rows, keys that repeat outside the slice, plain tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from runner_lab import Bench, Lab, by_rule, prepared, rule, said, shares_of_aggregates, shares_of_rows, wait_for, with_library

from stringx.model import DbtStatus, LookedAt, Outcome, ReportStatus, Slice
from stringx.verdict import judge

DAY: dict[str, Any] = {"column": "day", "equals": "2013-02-02"}
IN_THE_DAY = "day = '2013-02-02'"


# --- versions ---


def test_a_changed_rule_takes_effect_with_the_next_run_and_an_older_version_is_judged_by_its_own(bench: Bench) -> None:
    """In any order, by both engines: a run that was queued before the change brings the gate that it was queued with."""
    gates = [bench.gate(rule("few", "holds", arguments={"expression": f"id > {least}"})) for least in (10, 20)]
    for evaluate in (bench.evaluate, lambda gate: prepared(bench, gate), bench.evaluate):
        for gate, failures in zip(gates, (11, 21), strict=True):
            report = evaluate(gate)
            assert (report.gate_fingerprint, report.results[0].failures) == (gate.fingerprint, failures)
            assert report.results[0].test == f"stringx_{gate.fingerprint[:12]}_few"
    assert bench.runner.status("x").errors == {}


# --- what a share is of ---


def test_rows_are_counted_where_a_threshold_is_a_share_and_only_there(bench: Bench, lab: Lab) -> None:
    gate = bench.gate(
        rule("share", "not_null", column="amount", threshold={"error": "5%"}),
        rule("of_some", "not_null", column="amount", row_condition="status = 'paid' -- those", threshold={"warn": "5%", "error": 3}),
        rule("of_all", "not_null", column="amount", scope="table", threshold={"error": "0.5%"}),
        rule("of_none", "not_null", column="amount", row_condition="false", threshold={"error": "0%"}),
        rule("key", "unique", column="id", threshold={"error": "1%"}),
        rule("count", "not_null", column="amount", threshold={"error": 3}),
        rule("neither", "not_null", column="amount"),
    )
    expected = {
        "share": lab.ask(f"select count(*) from raw.orders where {IN_THE_DAY}"),
        "of_some": lab.ask(f"select count(*) from raw.orders where {IN_THE_DAY} and status = 'paid'"),
        "of_all": lab.ask("select count(*) from raw.orders"),
        "of_none": 0,
        "key": lab.ask(f"select count(*) from raw.orders where {IN_THE_DAY}"),
        "count": None,
        "neither": None,
    }
    by_dbt = bench.evaluate(gate, DAY)
    assert {name: result.rows for name, result in by_rule(by_dbt).items()} == expected
    replayed = prepared(bench, gate, DAY)
    assert said(replayed) == said(by_dbt)


def test_the_gates_threshold_is_that_of_rules_that_have_none(bench: Bench) -> None:
    gate = bench.gate(
        rule("gates", "not_null", column="amount"),
        rule("own", "not_null", column="amount", threshold={"error": 3}),
        threshold={"error": "5%"},
    )
    assert {name: result.rows for name, result in by_rule(bench.evaluate(gate)).items()} == {"gates": 1001, "own": None}


def test_a_share_of_rows_that_cannot_be_counted_is_an_error_that_says_why(bench: Bench) -> None:
    """dbt begins its queries with a comment, and this view is slow to the rest: what fails here is the count alone."""
    gate = bench.gate(
        # The test itself stops at its first row; to count them all is to divide by zero.
        rule("share", "any_at_all", level="row", threshold={"error": "5%"}),
        table="raw.computed",
    )
    (result,) = bench.evaluate(gate).results
    assert (result.status, result.failures, result.rows) == (DbtStatus.ERROR, None, None)
    assert "its threshold is a share of what it looks at" in (result.message or "")
    assert "division by zero" in (result.message or "")


def test_a_share_of_sql_is_of_its_values_and_an_aggregate_has_one(make_runner: Any, project: Path, lab: Lab) -> None:
    bench = make_runner(dbt_project_dir=with_library(project))
    wait_for(lambda: bench.runner.ready, "the project is parsed")
    lab.change("create aggregate raw.of_ours(integer) (sfunc = int4larger, stype = integer)")
    own = rule("own", "expression_is_true", arguments={"expression": "raw.of_ours(id) < 0"}, threshold={"error": "5%"})
    named = rule("named", "expression_is_true", arguments={"expression": "orders.amount > 0"}, threshold={"error": "5%"}, scope="table")
    of_rows, of_aggregates = bench.gate(*shares_of_rows(), named), bench.gate(*shares_of_aggregates(), own)

    by_dbt = bench.evaluate(of_rows, DAY)
    judged = by_rule(by_dbt)
    of_slice, of_all = lab.ask(f"select count(*) from raw.orders where {IN_THE_DAY}"), lab.ask("select count(*) from raw.orders")
    assert {name: one.rows for name, one in judged.items()} == dict.fromkeys(judged, of_slice) | {"in_no_row": 0, "named": of_all}
    failures = lab.ask(f"select count(*) from raw.orders where {IN_THE_DAY} and not amount > 0")
    assert (judged["plain"].failures, judged["null_of_all"].failures) == (failures, 0)
    assert said(prepared(bench, of_rows, DAY)) == said(by_dbt)

    by_dbt = bench.evaluate(of_aggregates, DAY)
    assert {(one.failures, one.rows) for one in by_dbt.results} == {(1, 1)}
    assert {check.outcome for check in judge(of_aggregates, by_dbt, Slice.model_validate(DAY)).checks} == {Outcome.FAILED}
    assert said(prepared(bench, of_aggregates, DAY)) == said(by_dbt)
    assert [found.faults for found in bench.runner.validate([of_rows, of_aggregates]).gates] == [(), ()]


#: What a check looks at in the slice, and outside it: the rule, the name of what it is, and that as SQL written by hand.
THINGS: list[tuple[dict[str, Any], LookedAt, str]] = [
    (
        rule(
            "groups",
            "expect_column_mean_to_be_between",
            column="amount",
            arguments={"max_value": 750, "group_by": ["customer"], "row_condition": "id > 100 -- those"},
            row_condition="status = 'open' or customer < 5",
            threshold={"error": "50%"},
        ),
        LookedAt.GROUPS,
        "select distinct customer from raw.orders where {slice} and (status = 'open' or customer < 5) and id > 100",
    ),
    (
        rule(
            "sql",
            "expression_is_true",
            arguments={"expression": "count(*) > 1", "group_by_columns": ["customer"]},
            threshold={"error": "5%"},
        ),
        LookedAt.GROUPS,
        "select distinct customer from raw.orders where {slice}",
    ),
    (
        rule(
            "values",
            "foreign_key_both_ways",
            column="customer",
            arguments={"to": "raw.customers", "field": "id"},
            threshold={"error": "60%"},
        ),
        LookedAt.VALUES,
        "select customer from raw.orders where {slice} and customer is not null union select id from raw.customers where id is not null",
    ),
    (
        rule(
            "keys",
            "reconciles_by_keys",
            arguments={"compare_model": "raw.orders", "key_columns": ["customer"], "slice_columns": ["day"]},
            threshold={"error": "0.1%"},
        ),
        LookedAt.KEYS,
        "select distinct customer from raw.orders where {slice}",
    ),
    (
        rule("slices", "row_count_like_before", column="day", arguments={"slices": 2}, threshold={"error": "5%"}),
        LookedAt.SLICES,
        "select distinct day from raw.orders where {slice} and day > '2013-02-01'",
    ),
]


def test_a_share_of_groups_keys_and_values_is_of_those_of_the_slice_by_both_engines(make_runner: Any, project: Path, lab: Lab) -> None:
    bench = make_runner(dbt_project_dir=with_library(project))
    wait_for(lambda: bench.runner.ready, "the project is parsed")
    whole = rule("whole", "expect_table_row_count_to_equal", arguments={"value": 0}, threshold={"error": "99%"})
    parents = {"to": "raw.customers", "field": "id", "from_condition": "id > 100 -- those"}
    rows = rule(
        "rows", "relationships_where", column="customer", arguments=parents, row_condition="customer < 5", threshold={"error": "50%"}
    )
    gate = bench.gate(whole, rows, *(one for one, _, _ in THINGS))
    for slice_, condition in ((DAY, IN_THE_DAY), ((), "true")):
        by_dbt = bench.evaluate(gate, slice_)
        found = by_rule(by_dbt)
        assert {name: (one.looked_at, one.rows) for name, one in found.items()} == {
            "whole": ("whole", 1),
            "rows": ("rows", lab.ask(f"select count(*) from raw.orders where {condition} and customer < 5 and id > 100")),
        } | {one["name"]: (what, lab.ask(f"select count(*) from ({sql.format(slice=condition)}) as things")) for one, what, sql in THINGS}
        judged = {check.name: check for check in judge(gate, by_dbt, Slice.model_validate(slice_)).checks}
        for one, what, _ in THINGS:
            result, share = found[one["name"]], float(one["threshold"]["error"].removesuffix("%"))
            assert result.failures is not None
            assert result.rows is not None
            assert result.failures <= result.rows
            is_more = result.failures * 100 > share * result.rows
            assert judged[one["name"]].outcome == (Outcome.FAILED if is_more else Outcome.PASSED), judged[one["name"]].message
            assert not result.failures or f"{result.failures} of {result.rows} {what}" in (judged[one["name"]].message or "")
        assert (judged["whole"].outcome, judged["whole"].message) == (
            Outcome.FAILED,
            "1 failure of the whole, failed by its threshold: more than 99%",
        )
        assert said(prepared(bench, gate, slice_)) == said(by_dbt)
    assert bench.runner.validate([gate]).gates[0].faults == ()


def test_a_share_that_an_earlier_copy_of_the_library_does_not_count_is_an_error_that_says_so(make_runner: Any, project: Path) -> None:
    of_groups = with_library(project) / "macros" / "library" / "kernels" / "groups.sql"
    of_groups.write_text(of_groups.read_text().replace("macro stringx__each_group(", "macro stringx__of_later("))
    bench = make_runner(dbt_project_dir=project)
    wait_for(lambda: bench.runner.ready, "the project is parsed")
    gate = bench.gate(
        rule("grouped", "not_constant", column="id", arguments={"group_by_columns": ["status"]}, threshold={"error": "5%"}),
        rule("whole", "not_constant", column="id", threshold={"error": "5%"}),
    )
    found = by_rule(bench.evaluate(gate, DAY))
    assert (found["grouped"].status, found["whole"].status) == (DbtStatus.ERROR, DbtStatus.PASS)
    lacks = (
        "the dbt project lacks the macro `stringx__each_group`, which counts the groups that the threshold is a share of:"
        " copy StringX's dbt_project/macros into its own anew"
    )
    assert found["grouped"].message == lacks
    assert [(fault.rule, fault.message) for fault in bench.runner.validate([gate]).gates[0].faults] == [("grouped", lacks)]


@pytest.fixture
def _repeats(lab: Lab) -> None:
    """Of the 110 rows of the day 5 have a key that others have, 3 and 2 of them, and 10 have none; one of the two stands outside it."""
    lab.change("drop table if exists raw.repeats")
    lab.change("create table raw.repeats (day date, k integer, name text, same integer)")
    lab.change("insert into raw.repeats select '2013-02-02', i, 'n' || i, 7 from generate_series(1, 95) as i")
    lab.change("insert into raw.repeats select '2013-02-02', 1000, 'A', 7 from generate_series(1, 3)")
    lab.change("insert into raw.repeats values ('2013-02-02', 2000, 'B', 7), ('2013-02-02', 3000, 'b', 7), ('2013-02-01', 3000, 'c', 7)")
    lab.change("insert into raw.repeats select '2013-02-02', null, null, 7 from generate_series(1, 10)")
    lab.change("insert into raw.repeats select '2013-02-01', 2000, 'C', 7 from generate_series(1, 500)")


#: What finds those five, as rules without their threshold.
FIVE_ROWS: dict[str, dict[str, Any]] = {
    "unique": {"column": "k"},
    "expect_column_values_to_be_unique": {"column": "k"},
    "expect_compound_columns_to_be_unique": {"arguments": {"column_list": ["k", "same"], "ignore_row_if": "any_value_is_missing"}},
    "unique_normalised_text": {"column": "name"},
    "accepted_values": {"column": "name", "arguments": {"values": [f"n{number}" for number in range(1, 96)]}},
    "not_accepted_values": {"column": "name", "arguments": {"values": ["A", "B", "b", "x"]}},
}


@pytest.mark.usefixtures("_repeats")
def test_a_share_of_values_is_of_the_rows_that_have_them(make_runner: Any, project: Path) -> None:
    bench = make_runner(dbt_project_dir=with_library(project))
    wait_for(lambda: bench.runner.ready, "the project is parsed")
    shares = {"4%": Outcome.FAILED, "6%": Outcome.PASSED}
    rules = [
        rule(f"{check}_{share[0]}", check, threshold={"error": share}, **fields) for check, fields in FIVE_ROWS.items() for share in shares
    ]
    every_row = rule("every_row", "unique", column="same", threshold={"error": "99.9%"})
    counted = rule("counted", "unique", column="k", threshold={"error": 3})
    mixed = rule("mixed", "unique", column="k", threshold={"warn": 4, "error": "6%"})
    gate = bench.gate(*rules, every_row, counted, mixed, table="raw.repeats", relation="plain")
    by_dbt = bench.evaluate(gate, DAY)
    judged = {check.name: check for check in judge(gate, by_dbt, Slice.model_validate(DAY)).checks}
    assert {one["name"]: (judged[one["name"]].failures, judged[one["name"]].outcome) for one in rules} == {
        one["name"]: (5, shares[one["threshold"]["error"]]) for one in rules
    }
    assert judged["unique_4"].message == "5 of 110 rows (4.55 %), failed by its threshold: more than 4%"
    assert (judged["every_row"].failures, judged["every_row"].outcome) == (110, Outcome.FAILED)
    assert (judged["counted"].failures, judged["counted"].outcome) == (3, Outcome.PASSED)
    assert (judged["mixed"].failures, judged["mixed"].outcome) == (5, Outcome.WARNED)
    assert said(prepared(bench, gate, DAY)) == said(by_dbt)
    whole = by_rule(bench.evaluate(gate))
    assert (whole["unique_4"].failures, whole["unique_4"].rows, whole["counted"].failures) == (3 + 501 + 2, 611, 3)


# --- keys that repeat ---


@pytest.fixture
def _keys(lab: Lab) -> None:
    lab.change("drop table if exists raw.keys")
    lab.change('create table raw.keys (day date, k integer, "B" text, deleted boolean)')
    lab.change(
        """insert into raw.keys values
        ('2013-02-01', 1, 'a', false), ('2013-02-02', 1, 'a', false),  -- stands in two days
        ('2013-02-01', 2, 'b', true), ('2013-02-02', 2, 'b', false),   -- deleted in the other
        ('2013-02-01', 3, 'c', false), ('2013-02-01', 3, 'c', false),  -- twice, outside the slice
        ('2013-02-02', 4, 'd', false), ('2013-02-02', 4, 'd', false),  -- twice within
        ('2013-02-01', null, 'e', false), ('2013-02-02', null, 'e', false),
        ('2013-02-01', 5, null, false), ('2013-02-02', 5, null, false)"""
    )


@pytest.mark.usefixtures("_keys")
def test_a_key_of_the_slice_that_stands_outside_it_too_is_repeated(bench: Bench) -> None:
    gate = bench.gate(
        rule("once", "unique", column="k"),
        rule("once_kept", "unique", column="k", row_condition="not deleted -- those"),
        rule("quoted", "unique", column="B"),
        rule("in_all", "unique", column="k", scope="table"),
        table="raw.keys",
        relation="plain",
    )
    failures = {"once": 4, "once_kept": 3, "quoted": 4, "in_all": 5}
    by_dbt = bench.evaluate(gate, DAY)
    assert {name: result.failures for name, result in by_rule(by_dbt).items()} == failures, by_dbt.results
    assert said(prepared(bench, gate, DAY)) == said(by_dbt)
    whole = by_rule(bench.evaluate(gate))
    assert {name: result.failures for name, result in whole.items()} == {"once": 5, "once_kept": 4, "quoted": 5, "in_all": 5}


def test_so_it_is_for_the_projects_own_unique(bench: Bench, lab: Lab) -> None:
    gate = bench.gate(select=[{"select": "source_unique_raw_orders_id", "kind": "engineering"}])
    (result,) = bench.evaluate(gate, DAY).results
    repeated = f"select id from raw.orders where id in (select id from raw.orders where {IN_THE_DAY}) group by id having count(*) > 1"
    assert (result.status, result.failures) == (DbtStatus.FAIL, lab.ask(f"select count(*) from ({repeated}) as r")) == (DbtStatus.FAIL, 1)


def test_so_it_is_in_an_ephemeral_model(bench: Bench, lab: Lab) -> None:
    gate = bench.gate(rule("once", "unique", column="customer"), table="lab.paid_orders")
    (result,) = bench.evaluate(gate, DAY).results
    paid = "select customer from raw.orders where status = 'paid'"
    repeated = f"{paid} and customer in ({paid} and {IN_THE_DAY}) group by customer having count(*) > 1"
    assert result.failures == lab.ask(f"select count(*) from ({repeated}) as r"), result.message
    assert result.failures


# --- what the table is to the project ---


@pytest.fixture
def _landed(lab: Lab) -> None:
    lab.change("drop table if exists raw.just_landed")
    lab.change('create table raw.just_landed (day date, customer integer, "Odd" text)')
    lab.change("insert into raw.just_landed select '2013-02-01'::date + i % 2, i, null from generate_series(1, 60) as i")


@pytest.mark.usefixtures("_landed")
@pytest.mark.parametrize("table", ["raw.just_landed", "runner_lab.raw.just_landed"])
def test_a_plain_table_is_checked_counted_sampled_and_replayed_as_any(table: str, bench: Bench) -> None:
    gate = bench.gate(
        rule("filled", "not_null", column="Odd", threshold={"error": "10%"}),
        rule("known", "relationships", column="customer", arguments={"to": "raw.customers", "field": "id"}),
        rule("itself", "relationships", column="customer", arguments={"to": table, "field": "customer"}),
        table=table,
        relation="plain",
        samples={"rows": 1},
    )
    by_dbt = bench.evaluate(gate, DAY)
    assert (by_dbt.status, by_dbt.rows) == (ReportStatus.COMPLETED, 30)
    results = by_rule(by_dbt)
    assert (results["filled"].failures, results["filled"].rows, len(results["filled"].sample)) == (30, 30, 1), results["filled"].message
    assert results["known"].failures == 5
    assert results["itself"].status is DbtStatus.PASS
    replayed = prepared(bench, gate, DAY)
    assert replayed.rows == 30
    assert [result["failures"] for result in said(replayed)] == [result["failures"] for result in said(by_dbt)]


@pytest.mark.usefixtures("_landed")
def test_beside_a_plain_table_another_need_not_be_declared_either(bench: Bench) -> None:
    against = rule("known", "relationships", column="id", arguments={"to": "raw.just_landed", "field": "customer"})
    (declared,) = bench.evaluate(bench.gate(against)).results
    assert declared.status is DbtStatus.ERROR
    assert "declare it there, or have its gate say `relation: plain`" in (declared.message or "")
    (plain,) = bench.evaluate(bench.gate(against, relation="plain")).results
    assert (plain.status, plain.failures) == (DbtStatus.FAIL, 940)


def test_a_plain_table_that_is_not_there_is_an_error_of_the_database(bench: Bench) -> None:
    report = bench.evaluate(bench.gate(rule("any", "not_null", column="id"), table="raw.nowhere", relation="plain"))
    assert 'relation "raw.nowhere" does not exist' in (report.results[0].message or "")


@pytest.mark.parametrize(("table", "has"), [("raw.orders", "source"), ("lab.paid_orders", "model")])
def test_what_a_gate_says_of_its_table_must_be_so(table: str, has: str, bench: Bench) -> None:
    for relation in ("source", "model"):
        report = bench.evaluate(bench.gate(rule("any", "not_null", column="amount"), table=table, relation=relation))
        if relation == has:
            assert report.status is ReportStatus.COMPLETED
        else:
            assert report.status is ReportStatus.ERRORED
            assert f"the dbt project has {table} as a {has}, not as a {relation}" in (report.message or "")


def test_a_table_that_is_written_almost_right_is_told(bench: Bench) -> None:
    report = bench.evaluate(bench.gate(rule("any", "not_null", column="id"), table="raw.oders"))
    assert "did you mean `raw.orders`?" in (report.message or "")
