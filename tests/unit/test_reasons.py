"""Why a check, or a run, ended as it did, in one line."""

from __future__ import annotations

from typing import Any

import pytest
from verdict_cases import ERROR, ONE_DAY, WARN, WHOLE_TABLE, gate, judge, report, result, rule, selected, selection

from stringx import reasons
from stringx.model import FailingRule, Kind, Outcome, Rule, Scope, Severity, Threshold, VerdictName, failing_rules

DBT_COUNTED = "Got 472 results, configured to fail if != 0"
DATABASE_ERROR = 'Database Error in test x (models/flights.yml)\n  column "destt" does not exist\n  LINE 1: …\n'


def share(below: Any = 0.25, **changes: Any) -> Rule:
    arguments = {"condition": "dep_time is null", "below": below}
    return rule().model_copy(update={"check": "share_of_rows", "arguments": arguments, **changes})


#: the rule, its failures → why
BY_COUNT: list[tuple[Rule, int, str | None]] = [
    (rule(), 0, None),
    (rule(), 1, "1 failure"),
    (rule(severity=WARN), 472, "472 failures"),
    (rule(threshold=Threshold(warn=0, error=5)), 3, "3 failures, warned by its threshold: more than 0, at most 5"),
    (rule(threshold=Threshold(warn=0, error=5)), 6, "6 failures, failed by its threshold: more than 5"),
    (rule(threshold=Threshold(warn=2)), 3, "3 failures, warned by its threshold: more than 2"),
    (rule(threshold=Threshold(warn=2)), 2, "2 failures, passed by its threshold: at most 2"),
    (rule(threshold=Threshold(error=5)), 5, "5 failures, passed by its threshold: at most 5"),
    (rule(severity=WARN, threshold=Threshold(error=5)), 6, "6 failures, warned by its threshold: more than 5"),
    (share(), 472, "472 of 930 rows (50.8 %), must be below 25 %"),
    (share(0.005), 5, "5 of 930 rows (0.538 %), must be below 0.5 %"),
    (share(threshold=Threshold(error=500)), 472, "472 of 930 rows (50.8 %), must be below 25 %, passed by its threshold: at most 500"),
    (rule(threshold=Threshold(error=0)), 1, "1 failure"),
    (rule(threshold=Threshold(error="2%")), 37, "37 of 930 rows (3.98 %), failed by its threshold: more than 2%"),
    (rule(threshold=Threshold(warn="2%", error="5%")), 37, "37 of 930 rows (3.98 %), warned by its threshold: more than 2%, at most 5%"),
    (rule(threshold=Threshold(warn="5%")), 1, "1 of 930 rows (0.108 %), passed by its threshold: at most 5%"),
    # Nothing is said of a share that is not known.
    (share(row_condition="dest is not null"), 472, "472 failures"),
    (share("a quarter"), 472, "472 failures"),
    (share(), 931, "931 failures"),
]


@pytest.mark.parametrize(("its_rule", "failures", "why"), BY_COUNT)
def test_what_a_rule_counted_is_said_by_the_gate_and_not_by_dbt(its_rule: Rule, failures: int, why: str | None) -> None:
    its = gate(its_rule)
    [check] = judge(its, report(its, result("fail" if failures else "pass", failures, message=DBT_COUNTED), rows=930)).checks
    assert check.message == why


def test_a_share_is_of_the_rows_that_the_check_looked_at() -> None:
    its = gate(share(), share().model_copy(update={"name": "b"}))
    told = report(its, result("fail", 472), result("fail", 472, rule="b", sliced=False), rows=930)
    assert [check.message for check in judge(its, told, ONE_DAY).checks] == ["472 of 930 rows (50.8 %), must be below 25 %", "472 failures"]
    assert judge(its, told, WHOLE_TABLE).checks[1].message == "472 of 930 rows (50.8 %), must be below 25 %"
    uncounted = report(its, result("fail", 472), result("pass", 0, rule="b"))
    assert judge(its, uncounted).checks[0].message == "472 failures"


def test_a_test_of_the_project_keeps_dbts_words_unless_the_gate_judges_it() -> None:
    words = {"message": "Got 7 results, configured to fail if >5"}
    its = gate(select=(selection(),))
    assert judge(its, report(its, selected("fail", 7, **words))).checks[0].message == words["message"]
    its = gate(select=(selection(severity=ERROR),))
    assert judge(its, report(its, selected("warn", 7, **words))).checks[0].message == "7 failures"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (DATABASE_ERROR, 'column "destt" does not exist'),
        ("Runtime Error in test x (a.yml)\n  Database Error in test x\n    canceling statement", "canceling statement"),
        ("Database Error", "Database Error"),
        ("the slice does not fit: no column `day`", "the slice does not fit: no column `day`"),
        (" \n", ""),
    ],
)
def test_of_an_error_the_line_that_says_why_is_told(message: str, line: str) -> None:
    assert reasons.telling_line(message) == line


def failing(name: str, outcome: Outcome, failures: int | None = None, message: str | None = None) -> FailingRule:
    given: dict[str, Any] = {"kind": Kind.BUSINESS, "severity": Severity.ERROR, "scope": Scope.SLICE}
    return FailingRule(name=name, outcome=outcome, failures=failures, message=message, **given)


WARNED, FAILED = failing("w", Outcome.WARNED, 1, "1 failure"), failing("f", Outcome.FAILED, 2, DBT_COUNTED)
BROKEN = failing("e", Outcome.ERRORED, None, DATABASE_ERROR)
SKIPPED = failing("s", Outcome.SKIPPED, None, "not run: the run timed out")

#: verdict, the run's message, its checks that did not pass → why
OF_RUN: list[tuple[VerdictName | None, str | None, list[FailingRule], str | None]] = [
    (None, None, [], None),
    (VerdictName.PASSED, None, [], None),
    (VerdictName.WARNED, None, [WARNED], "w: 1 failure"),
    (VerdictName.WARNED, "no rows in the slice: nothing was checked", [WARNED], "no rows in the slice: nothing was checked"),
    (VerdictName.FAILED, None, [WARNED, BROKEN, FAILED], "f: 2 failures"),
    (VerdictName.FAILED, None, [FAILED, failing("g", Outcome.FAILED)], "f: 2 failures; and 1 more"),
    (VerdictName.ERRORED, f"e: {DATABASE_ERROR}", [WARNED, BROKEN], 'e: column "destt" does not exist'),
    (VerdictName.ERRORED, DATABASE_ERROR, [SKIPPED], 'column "destt" does not exist'),
    (VerdictName.TIMED_OUT, "not done within 300 s", [SKIPPED], "not done within 300 s"),
]


@pytest.mark.parametrize(("verdict", "message", "checks", "why"), OF_RUN)
def test_a_run_has_its_reason_in_one_line(verdict: VerdictName | None, message: str | None, checks: list[FailingRule], why: str) -> None:
    assert reasons.of_run(verdict, message, checks) == why


def test_what_closes_the_gate_comes_first_with_what_the_gate_says_of_it() -> None:
    people = {"description": "Planes have a number.", "owner": "fleet"}
    its = gate(rule("a", WARN), rule("b"), rule("c").model_copy(update=people), rule("d"), select=(selection(),))
    counts = {"a": ("fail", 1), "b": ("error", None), "c": ("fail", 2), "d": ("pass", 0)}
    told = report(its, *(result(*one, rule=name) for name, one in counts.items()), selected("fail", 3, test="b"))
    found = failing_rules(its, judge(its, told).checks)
    assert [(one.name, one.outcome) for one in found] == [("c", "failed"), ("b", "failed"), ("b", "errored"), ("a", "warned")]
    assert [one.demands for one in found] == ["not_null", None, "not_null", "not_null"], "a test of the project may have a rule's name"
    assert (found[0].description, found[0].owner, found[1].description) == (*people.values(), None)


@pytest.mark.parametrize(
    ("changes", "demands"),
    [
        ({}, "not_null"),
        ({"column": "dest", "row_condition": "dep_time is not null"}, "not_null dest, where dep_time is not null"),
        ({"check": "relationships", "column": "dest", "arguments": {"to": "raw.airports"}}, "relationships dest, to: raw.airports"),
        (
            {"check": "accepted_values", "arguments": {"values": ["EWR", 1], "quote": True}},
            'accepted_values values: ["EWR",1], quote: true',
        ),
        ({"check": "share_of_rows", "arguments": {"condition": "a > 1", "below": 0.5}}, "share_of_rows condition: a > 1, below: 0.5"),
    ],
)
def test_a_rule_says_what_it_demands(changes: dict[str, Any], demands: str) -> None:
    assert rule().model_copy(update=changes).demands == demands
