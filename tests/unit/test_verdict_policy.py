"""The judge: what a gate says for all its rules, and what may never be missing."""

from __future__ import annotations

from typing import Any

import pytest
from verdict_cases import ERROR, ONE_DAY, WARN, gate, judge, report, result, rule, selected, selection

from stringx.model import DbtResult, Decision, Gate, Level, Outcome, Threshold, VerdictName
from stringx.verdict import judge_without_report

WATCHING = gate(rule("a"), rule("b", threshold=Threshold(warn=1, error=3)), select=(selection(), selection("tag:y", ERROR)), severity=WARN)
FINE = [result("pass", 0), result("pass", 0, rule="b"), selected("pass", 0), selected("pass", 0, select="tag:y")]


def with_one(found: DbtResult) -> list[DbtResult]:
    return [found if (one.rule, one.select) == (found.rule, found.select) else one for one in FINE]


@pytest.mark.parametrize(
    ("results", "verdict", "decision"),
    [
        (FINE, "passed", "open"),
        (with_one(result("fail", 1)), "warned", "open"),
        (with_one(result("fail", 4, rule="b")), "warned", "open"),
        (with_one(selected("fail", 1)), "warned", "open"),
        (with_one(selected("fail", 1, severity=ERROR)), "warned", "open"),
        (with_one(selected("fail", 1, select="tag:y")), "warned", "open"),
        # What could not be judged is no finding: it goes by `on_error`.
        (with_one(result("error")), "errored", "closed"),
        (with_one(selected("skipped")), "errored", "closed"),
        (FINE[1:], "errored", "closed"),
    ],
)
def test_a_gate_that_only_warns_stays_open_for_what_it_finds(results: list[DbtResult], verdict: str, decision: str) -> None:
    judged = judge(WATCHING, report(WATCHING, *results))
    assert (judged.verdict, judged.decision) == (verdict, decision)
    assert Outcome.FAILED not in {check.outcome for check in judged.checks}
    assert all(check.severity is WARN for check in judged.checks)


def test_a_gate_that_only_warns_says_so_of_a_slice_without_rows() -> None:
    its = gate(rule(), severity=WARN, on_no_rows=Decision.CLOSED)
    judged = judge(its, report(its, result("pass", 0), rows=0), ONE_DAY)
    assert (judged.verdict, judged.decision) == (VerdictName.WARNED, Decision.OPEN)
    assert judge(its, report(its, result("pass", 0))).verdict is VerdictName.ERRORED, "it is not known whether there were any"


@pytest.mark.parametrize(
    ("of_gate", "of_rule", "failures", "outcome"),
    [
        ({"error": 5}, None, 5, "passed"),
        ({"error": 5}, None, 6, "failed"),
        ({"warn": 2, "error": 5}, None, 3, "warned"),
        # A rule's own is all that holds for it.
        ({"warn": 2, "error": 5}, {"error": 9}, 9, "passed"),
        ({"error": 5}, {"error": 0}, 1, "failed"),
        ({"error": "5%"}, None, 50, "passed"),
        ({"error": "5%"}, None, 51, "failed"),
    ],
)
def test_a_rule_without_a_threshold_has_its_gates(
    of_gate: dict[str, Any], of_rule: dict[str, Any] | None, failures: int, outcome: str
) -> None:
    its = gate(rule(threshold=Threshold(**of_rule) if of_rule else None), threshold=Threshold(**of_gate))
    [check] = judge(its, report(its, result("fail", failures), rows=1000)).checks
    assert check.outcome == outcome


def test_a_gates_threshold_is_not_for_the_projects_own_tests() -> None:
    its = gate(select=(selection(severity=ERROR),), threshold=Threshold(error=5))
    assert judge(its, report(its, selected("fail", 1))).verdict is VerdictName.FAILED


#: limits, failures, what the result says of rows and slice, the rule's condition → outcome; the slice has 1,000 rows
SHARES: list[tuple[dict[str, Any], int, dict[str, Any], str | None, str]] = [
    ({"error": "5%"}, 0, {}, None, "passed"),
    ({"error": "5%"}, 50, {}, None, "passed"),
    ({"error": "5%"}, 51, {}, None, "failed"),
    ({"error": "0.1%"}, 1, {}, None, "passed"),
    ({"error": "0.1%"}, 2, {}, None, "failed"),
    ({"error": "0%"}, 1, {}, None, "failed"),
    ({"error": "100%"}, 1000, {}, None, "passed"),
    ({"warn": 10, "error": "5%"}, 11, {}, None, "warned"),
    ({"warn": "1%", "error": 500}, 11, {}, None, "warned"),
    # The rows that the test looked at itself go first: it may have looked at others.
    ({"error": "5%"}, 10, {"rows": 100}, None, "failed"),
    ({"error": "5%"}, 10, {"rows": 200}, "a > 1", "passed"),
    ({"error": "5%"}, 1, {"rows": 0}, None, "failed"),
    ({"error": "5%"}, 0, {"rows": 0}, None, "passed"),
    ({"error": "5%"}, 10, {"rows": 200, "sliced": False}, None, "passed"),
    # Of fewer rows, or others, than were counted: nobody knows.
    ({"error": "5%"}, 10, {}, "a > 1", "errored"),
    ({"error": "5%"}, 10, {"sliced": False}, None, "errored"),
    ({"error": "5%"}, 0, {}, "a > 1", "errored"),
]


@pytest.mark.parametrize(("limits", "failures", "of_result", "condition", "outcome"), SHARES)
def test_a_share_is_of_the_rows_that_the_test_looked_at(
    limits: dict[str, Any], failures: int, of_result: dict[str, Any], condition: str | None, outcome: str
) -> None:
    its = gate(rule(threshold=Threshold(**limits), row_condition=condition))
    found = result("fail" if failures else "pass", failures, **of_result)
    [check] = judge(its, report(its, found, rows=1000), ONE_DAY).checks
    assert check.outcome == outcome


RECENCY = {"check": "recency", "arguments": {"field": "a", "datepart": "day", "interval": 1}}
BY_AIRPORT = {"check": "recency", "arguments": {**RECENCY["arguments"], "group_by_columns": ["origin"]}}
OF_SQL = {"check": "expression_is_true", "arguments": {"expression": "count(*) > 1"}}
OF_SQL_BY_AIRPORT = {"check": "expression_is_true", "arguments": {**OF_SQL["arguments"], "group_by_columns": ["origin"]}}
OF_DOMESTIC = {"check": "expect_column_values_to_be_between", "column": "a", "arguments": {"min_value": 1, "row_condition": "b = 1"}}
OWN: dict[str, Any] = {"check": "total_is_right"}
BY_KEYS = {"check": "reconciles_by_keys", "arguments": {"compare_model": "a.b", "key_columns": ["c"]}}

#: the rule's check, its failures, what the result says of what was looked at → outcome, message; the slice has 1,000 rows
THINGS: list[tuple[dict[str, Any], int, dict[str, Any], str, str | None]] = [
    (BY_AIRPORT, 1, {"rows": 20, "looked_at": "groups"}, "passed", "1 of 20 groups (5 %), passed by its threshold: at most 5%"),
    (BY_AIRPORT, 1, {"rows": 19, "looked_at": "groups"}, "failed", "1 of 19 groups (5.26 %), failed by its threshold: more than 5%"),
    (BY_AIRPORT, 1, {"rows": 1, "looked_at": "groups"}, "failed", "1 of 1 group (100 %), failed by its threshold: more than 5%"),
    (BY_KEYS, 2, {"rows": 1000, "looked_at": "keys"}, "passed", "2 of 1000 keys (0.2 %), passed by its threshold: at most 5%"),
    (OF_DOMESTIC, 1, {"rows": 20, "looked_at": "rows"}, "passed", "1 of 20 rows (5 %), passed by its threshold: at most 5%"),
    (BY_AIRPORT, 0, {"rows": 0, "looked_at": "groups"}, "passed", None),
    (BY_AIRPORT, 0, {"looked_at": "groups"}, "errored", "the groups were not counted, of which the threshold is a share"),
    ({"check": "unique"}, 50, {"rows": 1000, "looked_at": "rows"}, "passed", "50 of 1000 rows (5 %), passed by its threshold: at most 5%"),
    # Of a project's own test, by what its rule says.
    (OWN | {"level": Level.ROW}, 50, {"rows": 1000}, "passed", "50 of 1000 rows (5 %), passed by its threshold: at most 5%"),
    (OWN | {"level": Level.TABLE}, 1, {"rows": 1000}, "failed", "1 failure of the whole, failed by its threshold: more than 5%"),
    (OWN | {"level": Level.COLUMN}, 4, {"rows": 1000}, "failed", "4 failures of the whole, failed by its threshold: more than 5%"),
    # As a whole, whatever was counted beside it.
    (RECENCY, 1, {}, "failed", "1 failure of the whole, failed by its threshold: more than 5%"),
    (RECENCY, 1, {"rows": 1, "looked_at": "whole"}, "failed", "1 failure of the whole, failed by its threshold: more than 5%"),
    (RECENCY, 1, {"rows": 1000}, "failed", "1 failure of the whole, failed by its threshold: more than 5%"),
    (RECENCY, 0, {}, "passed", None),
    ({"check": "expect_column_values_to_be_of_type"}, 2, {}, "failed", "2 failures of the whole, failed by its threshold: more than 5%"),
    # So it is of SQL with one value; which may be an aggregate, as the database knows.
    (OF_SQL, 1, {"rows": 1}, "failed", "1 failure of the whole, failed by its threshold: more than 5%"),
    (OF_SQL, 1, {"rows": 30}, "passed", "1 of 30 rows (3.33 %), passed by its threshold: at most 5%"),
    (OF_SQL, 1, {}, "errored", "the rows were not counted, of which the threshold is a share"),
    (OF_SQL_BY_AIRPORT, 1, {"rows": 1, "looked_at": "groups"}, "failed", "1 of 1 group (100 %), failed by its threshold: more than 5%"),
    (OF_SQL_BY_AIRPORT, 1, {"rows": 30}, "errored", "groups"),
    # A runner of another version counts something else: of 1,000 rows, one failure would pass.
    (BY_AIRPORT, 1, {"rows": 1000}, "errored", "groups"),
    (BY_AIRPORT, 0, {"rows": 1000}, "errored", "groups"),
    (BY_AIRPORT, 1, {"rows": 1000, "looked_at": "keys"}, "errored", "groups"),
    (BY_AIRPORT, 1, {"rows": 1000, "looked_at": "of a later version"}, "errored", "groups"),
    (BY_KEYS, 1, {"rows": 1000}, "errored", "keys"),
    ({"check": "unique"}, 1, {"rows": 1000}, "errored", "rows that have failing values"),
    (OF_DOMESTIC, 1, {"rows": 1000}, "errored", "rows"),
    ({}, 1, {"rows": 1000, "looked_at": "groups"}, "errored", "rows"),
]


@pytest.mark.parametrize(("fields", "failures", "of_result", "outcome", "message"), THINGS)
def test_a_share_is_of_what_the_check_looks_at_and_the_runner_says_what_it_counted(
    fields: dict[str, Any], failures: int, of_result: dict[str, Any], outcome: str, message: str | None
) -> None:
    its = gate(rule(threshold=Threshold(error="5%")).model_copy(update=fields))
    [check] = judge(its, report(its, result("fail" if failures else "pass", failures, **of_result), rows=1000), ONE_DAY).checks
    if outcome == "errored" and "rows" in of_result:
        message = f"the runner is of an earlier version, which does not count the {message} of which the threshold is a share: upgrade it"
    assert (check.outcome, check.message) == (outcome, message)


def test_failures_held_against_counts_need_not_be_of_anything() -> None:
    its = gate(rule().model_copy(update={**BY_AIRPORT, "threshold": Threshold(warn=1, error=5)}))
    [check] = judge(its, report(its, result("fail", 3, rows=1000), rows=1000)).checks
    assert (check.outcome, check.message) == ("warned", "3 failures, warned by its threshold: more than 1, at most 5")


def test_a_share_without_any_count_of_rows_is_errored() -> None:
    its = gate(rule(threshold=Threshold(error="5%")))
    judged = judge(its, report(its, result("fail", 1)))
    assert judged.verdict is VerdictName.ERRORED
    assert judged.message == "a: the rows were not counted, of which the threshold is a share"


REQUIRED = gate(rule("a", required=True), rule("b"), on_error=Decision.OPEN)


@pytest.mark.parametrize(
    ("its", "results", "status", "verdict", "decision"),
    [
        (REQUIRED, [result("pass", 0), result("error", rule="b")], "completed", "errored", "open"),
        (REQUIRED, [result("error"), result("pass", 0, rule="b")], "completed", "errored", "closed"),
        (REQUIRED, [result("skipped"), result("pass", 0, rule="b")], "completed", "errored", "closed"),
        (REQUIRED, [result("pass", 0, rule="b")], "completed", "errored", "closed"),
        (REQUIRED, [result("pass", 0)], "timed_out", "timed_out", "open"),
        (REQUIRED, [result("pass", 0, rule="b")], "timed_out", "timed_out", "closed"),
        (REQUIRED, [], "errored", "errored", "closed"),
        (REQUIRED, [], "cancelled", "cancelled", "closed"),
        (REQUIRED, [result("warn", 1), result("pass", 0, rule="b")], "completed", "failed", "closed"),
        (
            gate(rule("a", WARN, required=True), severity=WARN, on_error=Decision.OPEN),
            [result("error")],
            "completed",
            "errored",
            "closed",
        ),
        (gate(select=(selection(required=True),), on_error=Decision.OPEN), [], "completed", "errored", "closed"),
        (gate(select=(selection(required=True),), on_error=Decision.OPEN), [selected("error")], "completed", "errored", "closed"),
        (gate(select=(selection(),), on_error=Decision.OPEN), [selected("error")], "completed", "errored", "open"),
    ],
)
def test_a_gate_is_never_open_without_the_outcome_of_a_required_rule(
    its: Gate, results: list[DbtResult], status: str, verdict: str, decision: str
) -> None:
    judged = judge(its, report(its, *results, status=status))
    assert (judged.verdict, judged.decision) == (verdict, decision)


def test_what_closes_against_on_error_is_named() -> None:
    judged = judge(REQUIRED, report(REQUIRED, result("error", message="no column x"), result("pass", 0, rule="b")))
    assert judged.message == "a: no column x; closed: required, and not judged: a"


def test_without_a_report_a_required_rule_closes_too() -> None:
    assert judge_without_report(REQUIRED, VerdictName.ERRORED, "lost").decision is Decision.CLOSED
