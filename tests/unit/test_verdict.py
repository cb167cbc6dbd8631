"""The judge: a table of cases, and what holds for every gate and every report."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stringx.model import (
    DbtResult,
    DbtStatus,
    Decision,
    Dimension,
    Gate,
    Kind,
    Level,
    Outcome,
    Report,
    ReportStatus,
    Rule,
    Scope,
    Selection,
    Severity,
    Slice,
    Threshold,
    Verdict,
    VerdictName,
)
from stringx.verdict import judge as judge_of_slice
from stringx.verdict import judge_without_report

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WARN, ERROR = Severity.WARN, Severity.ERROR
WHOLE_TABLE = Slice(())
ONE_DAY = Slice.model_validate({"column": "day", "equals": "2013-02-08"})


def judge(gate: Gate, report: Report, slice_: Slice = WHOLE_TABLE) -> Verdict:
    return judge_of_slice(gate, report, slice_)


def rule(name: str = "a", severity: Severity = ERROR, threshold: Threshold | None = None) -> Rule:
    return Rule(
        name=name,
        check="not_null",
        kind=Kind.ENGINEERING,
        dimension=Dimension.COMPLETENESS,
        level=Level.COLUMN,
        severity=severity,
        threshold=threshold,
    )


def selection(select: str = "tag:x", severity: Severity | None = None) -> Selection:
    return Selection(select=select, kind=Kind.BUSINESS, severity=severity)


def gate(*rules: Rule, select: tuple[Selection, ...] = (), **fields: Any) -> Gate:
    return Gate(workspace="default", table="raw.a", target="demo", rules=rules, select=select, **fields)


def result(status: str, failures: int | None = None, *, rule: str | None = "a", **fields: Any) -> DbtResult:
    given: dict[str, Any] = {"test": f"test_{rule}", "sliced": True, **fields}
    return DbtResult(rule=rule, status=DbtStatus(status), failures=failures, **given)


def selected(status: str, failures: int | None = None, *, test: str = "t1", select: str = "tag:x", **fields: Any) -> DbtResult:
    return result(status, failures, rule=None, select=select, test=test, **fields)


def report(of: Gate, *results: DbtResult, status: str = "completed", **fields: Any) -> Report:
    given: dict[str, Any] = {"gate_fingerprint": of.fingerprint, **fields}
    return Report(run="0" * 32, attempt=1, boot="b", status=ReportStatus(status), started_at=NOW, finished_at=NOW, results=results, **given)


#: severity, threshold, dbt's status and count → outcome of the rule, verdict, decision
ONE_RULE: list[tuple[Severity, dict[str, int] | None, str, int | None, str, str]] = [
    (ERROR, None, "pass", 0, "passed", "passed"),
    (ERROR, None, "pass", None, "passed", "passed"),
    (ERROR, None, "fail", 1, "failed", "failed"),
    (ERROR, None, "fail", None, "failed", "failed"),
    # The gate judges the raw count, whatever dbt's own severity made of it.
    (ERROR, None, "warn", 3, "failed", "failed"),
    (ERROR, None, "pass", 3, "failed", "failed"),
    (WARN, None, "fail", 3, "warned", "warned"),
    (WARN, None, "warn", 3, "warned", "warned"),
    (WARN, None, "warn", None, "warned", "warned"),
    (WARN, None, "pass", 0, "passed", "passed"),
    (ERROR, {"error": 10}, "fail", 10, "passed", "passed"),
    (ERROR, {"error": 10}, "fail", 11, "failed", "failed"),
    (ERROR, {"warn": 5}, "fail", 5, "passed", "passed"),
    (ERROR, {"warn": 5}, "fail", 6, "warned", "warned"),
    (ERROR, {"warn": 5}, "fail", 1_000_000, "warned", "warned"),
    (ERROR, {"warn": 5, "error": 10}, "fail", 5, "passed", "passed"),
    (ERROR, {"warn": 5, "error": 10}, "fail", 6, "warned", "warned"),
    (ERROR, {"warn": 5, "error": 10}, "fail", 10, "warned", "warned"),
    (ERROR, {"warn": 5, "error": 10}, "fail", 11, "failed", "failed"),
    (ERROR, {"warn": 0, "error": 0}, "pass", 0, "passed", "passed"),
    (WARN, {"error": 10}, "fail", 10, "passed", "passed"),
    (WARN, {"error": 10}, "fail", 11, "warned", "warned"),
    (WARN, {"warn": 5, "error": 10}, "warn", 6, "warned", "warned"),
    # A count is needed, and there is none.
    (ERROR, {"error": 10}, "pass", None, "errored", "errored"),
    (ERROR, {"error": 10}, "fail", None, "errored", "errored"),
    # What contradicts itself is never a pass.
    (ERROR, None, "fail", 0, "errored", "errored"),
    (WARN, None, "warn", 0, "errored", "errored"),
    (ERROR, None, "pass", -1, "errored", "errored"),
    (ERROR, None, "fail", -1, "errored", "errored"),
    (ERROR, None, "error", None, "errored", "errored"),
    (ERROR, None, "error", 5, "errored", "errored"),
    (WARN, None, "error", None, "errored", "errored"),
    (WARN, {"warn": 10}, "error", 0, "errored", "errored"),
    (ERROR, None, "skipped", None, "skipped", "errored"),
    (WARN, None, "skipped", 0, "skipped", "errored"),
]


@pytest.mark.parametrize(("severity", "threshold", "status", "failures", "outcome", "verdict"), ONE_RULE)
def test_one_rule(
    severity: Severity, threshold: dict[str, int] | None, status: str, failures: int | None, outcome: str, verdict: str
) -> None:
    its = gate(rule(severity=severity, threshold=Threshold(**threshold) if threshold else None))
    judged = judge(its, report(its, result(status, failures, message="dbt's words", sql="select 1", columns=("x",), sample=((1,),))))
    assert (judged.checks[0].outcome, judged.verdict) == (outcome, verdict)
    assert judged.decision is (Decision.OPEN if verdict in ("passed", "warned") else Decision.CLOSED)
    assert (judged.checks[0].failures, judged.checks[0].sql, judged.checks[0].sample) == (failures, "select 1", ((1,),))
    assert (judged.message is None) == (verdict != "errored")


#: severity of the selection, dbt's status and count → outcome, severity that is shown
ONE_SELECTED: list[tuple[Severity | None, str, int | None, str, Severity]] = [
    (None, "pass", 0, "passed", ERROR),
    (None, "pass", 7, "passed", ERROR),
    (None, "warn", 7, "warned", WARN),
    (None, "fail", 7, "failed", ERROR),
    (None, "error", None, "errored", ERROR),
    (None, "skipped", None, "skipped", ERROR),
    (ERROR, "warn", 7, "failed", ERROR),
    (ERROR, "pass", 7, "failed", ERROR),
    (ERROR, "pass", 0, "passed", ERROR),
    (WARN, "fail", 7, "warned", WARN),
    (WARN, "error", None, "errored", WARN),
]


@pytest.mark.parametrize("of_the_test", Severity)
@pytest.mark.parametrize("status", ["pass", "fail", "error"])
def test_the_severity_of_a_selected_test_is_its_own_and_no_guess(of_the_test: Severity, status: str) -> None:
    its = gate(select=(selection(),))
    [check] = judge(its, report(its, selected(status, 7, severity=of_the_test))).checks
    assert check.severity is of_the_test
    its = gate(select=(selection(severity=ERROR),))
    [check] = judge(its, report(its, selected(status, 7, severity=of_the_test))).checks
    assert check.severity is ERROR, "the gate's word goes first"


@pytest.mark.parametrize(("severity", "status", "failures", "outcome", "shown"), ONE_SELECTED)
def test_one_selected_test(severity: Severity | None, status: str, failures: int | None, outcome: str, shown: Severity) -> None:
    its = gate(select=(selection(severity=severity),))
    [check] = judge(its, report(its, selected(status, failures))).checks
    assert (check.name, check.outcome, check.severity, check.kind) == ("t1", outcome, shown, Kind.BUSINESS)


TWO = gate(rule("a"), rule("b", WARN))

#: how the run ended, what was reported of rules a and b → verdict, outcomes
TWO_RULES: list[tuple[str, list[DbtResult], str, list[str]]] = [
    ("completed", [result("pass", 0), result("pass", 0, rule="b")], "passed", ["passed", "passed"]),
    ("completed", [result("pass", 0), result("warn", 2, rule="b")], "warned", ["passed", "warned"]),
    ("completed", [result("fail", 1), result("warn", 2, rule="b")], "failed", ["failed", "warned"]),
    # Missing, errored and skipped are never a pass; a failure is one whatever else happened.
    ("completed", [result("pass", 0)], "errored", ["passed", "errored"]),
    ("completed", [], "errored", ["errored", "errored"]),
    ("completed", [result("error"), result("pass", 0, rule="b")], "errored", ["errored", "passed"]),
    ("completed", [result("pass", 0), result("skipped", rule="b")], "errored", ["passed", "skipped"]),
    ("completed", [result("fail", 1), result("error", rule="b")], "failed", ["failed", "errored"]),
    ("completed", [result("fail", 1)], "failed", ["failed", "errored"]),
    ("timed_out", [result("fail", 1)], "failed", ["failed", "skipped"]),
    ("timed_out", [result("pass", 0)], "timed_out", ["passed", "skipped"]),
    ("timed_out", [result("pass", 0), result("pass", 0, rule="b")], "timed_out", ["passed", "passed"]),
    ("errored", [], "errored", ["skipped", "skipped"]),
    ("errored", [result("pass", 0), result("pass", 0, rule="b")], "errored", ["passed", "passed"]),
    ("cancelled", [], "cancelled", ["skipped", "skipped"]),
    ("cancelled", [result("fail", 1)], "failed", ["failed", "skipped"]),
    # Twice is not what was asked for either.
    ("completed", [result("pass", 0), result("pass", 0), result("pass", 0, rule="b")], "errored", ["errored", "passed"]),
    ("completed", [result("pass", 0), result("fail", 4), result("pass", 0, rule="b")], "failed", ["failed", "passed"]),
]


@pytest.mark.parametrize(("status", "results", "verdict", "outcomes"), TWO_RULES)
def test_two_rules(status: str, results: list[DbtResult], verdict: str, outcomes: list[str]) -> None:
    judged = judge(TWO, report(TWO, *results, status=status, message="its reason"))
    assert (judged.verdict, [check.outcome for check in judged.checks]) == (verdict, outcomes)
    if verdict == status:
        assert judged.message == "its reason"


@pytest.mark.parametrize("on_error", Decision)
@pytest.mark.parametrize("on_no_checks", Decision)
@pytest.mark.parametrize(
    ("status", "results", "decided_by"),
    [
        ("errored", [], "on_error"),
        ("timed_out", [], "on_error"),
        ("completed", [], "on_error"),
        ("cancelled", [], "closed"),
        ("completed", [result("fail", 1)], "closed"),
        ("completed", [result("pass", 0)], "open"),
    ],
)
def test_what_could_not_be_judged_is_decided_by_the_gates_policy(
    status: str, results: list[DbtResult], decided_by: str, on_error: Decision, on_no_checks: Decision
) -> None:
    its = gate(rule(), on_error=on_error, on_no_checks=on_no_checks)
    wanted = {"on_error": on_error, "closed": Decision.CLOSED, "open": Decision.OPEN}[decided_by]
    assert judge(its, report(its, *results, status=status)).decision is wanted


@pytest.mark.parametrize("on_no_checks", Decision)
def test_a_gate_that_asks_for_nothing_has_no_checks(on_no_checks: Decision) -> None:
    its = gate(on_no_checks=on_no_checks)
    judged = judge(its, report(its))
    assert (judged.verdict, judged.decision, judged.checks) == (VerdictName.NO_CHECKS, on_no_checks, ())


def test_a_report_of_another_gate_version_is_errored_and_its_results_count_for_nothing() -> None:
    judged = judge(TWO, report(TWO, result("fail", 1), result("pass", 0, rule="b"), gate_fingerprint="f" * 32))
    assert judged.verdict is VerdictName.ERRORED
    assert judged.message is not None
    assert "f" * 32 in judged.message
    assert TWO.fingerprint in judged.message
    assert [check.outcome for check in judged.checks] == ["errored", "errored"]


def test_a_cancelled_report_of_another_gate_version_is_closed_whatever_on_error_says() -> None:
    its = gate(rule(), on_error=Decision.OPEN)
    judged = judge(its, report(its, status="cancelled", gate_fingerprint="f" * 32))
    assert (judged.verdict, judged.decision) == (VerdictName.CANCELLED, Decision.CLOSED)


def test_a_report_of_another_version_of_a_gate_without_rules_is_errored_too() -> None:
    its = gate()
    assert judge(its, report(its, gate_fingerprint="f" * 32)).verdict is VerdictName.ERRORED


@pytest.mark.parametrize(
    "stranger",
    [result("pass", 0, rule="stranger"), selected("pass", 0, test="stranger"), result("pass", 0, rule=None, test="stranger")],
    ids=["of a rule", "of a selection", "of nothing"],
)
def test_a_result_that_the_gate_did_not_ask_for_is_errored(stranger: DbtResult) -> None:
    its = gate(rule())
    judged = judge(its, report(its, result("pass", 0), stranger))
    assert judged.verdict is VerdictName.ERRORED
    assert judged.message is not None
    assert "stranger" in judged.message


def test_a_selection_that_chose_no_test_is_errored() -> None:
    its = gate(rule(), select=(selection("tag:gone"),))
    judged = judge(its, report(its, result("pass", 0)))
    assert judged.verdict is VerdictName.ERRORED
    assert (judged.checks[1].name, judged.checks[1].outcome) == ("tag:gone", Outcome.ERRORED)
    assert judged.message == "tag:gone: the report has no result for it"


def test_every_test_of_a_selection_is_a_check() -> None:
    its = gate(select=(selection("tag:x"), selection("tag:y", WARN)))
    results = [selected("pass", 0, test="t1"), selected("fail", 2, test="t2"), selected("fail", 3, test="t2", select="tag:y")]
    judged = judge(its, report(its, *results))
    assert [(check.name, check.outcome) for check in judged.checks] == [("t1", "passed"), ("t2", "failed"), ("t2", "warned")]
    assert judged.verdict is VerdictName.FAILED


def test_the_scope_is_what_was_done() -> None:
    its = gate(rule(), select=(selection(),))
    judged = judge(its, report(its, result("pass", 0, sliced=True), selected("pass", 0, sliced=False)))
    assert [check.scope for check in judged.checks] == [Scope.SLICE, Scope.TABLE]


def test_a_message_names_the_first_faults_and_counts_the_others() -> None:
    its = gate(*(rule(name) for name in "abcde"))
    judged = judge(its, report(its, *(result("error", rule=name, message=f"no column {name}") for name in "abcde")))
    assert judged.message == "a: no column a; b: no column b; c: no column c; and 2 more"


def test_a_report_that_does_not_say_why_still_has_a_message() -> None:
    assert judge(TWO, report(TWO, status="timed_out")).message == "the runner reported timed_out without saying why"


@pytest.mark.parametrize(
    ("name", "decided"), [("errored", "open"), ("timed_out", "open"), ("cancelled", "closed"), ("no_checks", "closed")]
)
def test_without_a_report_the_policy_decides_and_every_rule_is_skipped(name: str, decided: str) -> None:
    its = gate(rule(), select=(selection(),), on_error=Decision.OPEN)
    judged = judge_without_report(its, VerdictName(name), "three attempts were lost")
    assert (judged.verdict, judged.decision, judged.message) == (name, decided, "three attempts were lost")
    assert [(check.name, check.outcome, check.message) for check in judged.checks] == [
        ("a", "skipped", "not run"),
        ("tag:x", "skipped", "not run"),
    ]


@pytest.mark.parametrize("name", ["passed", "warned", "failed"])
def test_without_a_report_nothing_is_judged_by_its_checks(name: str) -> None:
    with pytest.raises(ValueError, match="checks"):
        judge_without_report(TWO, VerdictName(name), "x")


# --- no rows ---

PASSING, WARNING, FAILING, BROKEN = result("pass", 0), result("warn", 2), result("fail", 1), result("error", message="no column")
CANNOT_SAY = "the rows could not be counted: it took more than 5.0 s"

#: rows, `on_no_rows`, how the run ended, what was reported of the rule → verdict, decision, message
NO_ROWS: list[tuple[int | None, str, str, DbtResult, str, str, str | None]] = [
    (0, "open", "completed", PASSING, "warned", "open", "no rows in the slice: nothing was checked"),
    (0, "open", "completed", WARNING, "warned", "open", "no rows in the slice: nothing was checked"),
    (0, "closed", "completed", PASSING, "failed", "closed", "no rows in the slice: nothing was checked"),
    (0, "closed", "completed", WARNING, "failed", "closed", "no rows in the slice: nothing was checked"),
    (1, "closed", "completed", PASSING, "passed", "open", None),
    (1, "closed", "completed", WARNING, "warned", "open", None),
    # What is known of the checks goes first.
    (0, "open", "completed", FAILING, "failed", "closed", None),
    (0, "closed", "completed", FAILING, "failed", "closed", None),
    (0, "open", "completed", BROKEN, "errored", "closed", "a: no column"),
    (0, "closed", "timed_out", PASSING, "timed_out", "closed", "it took more than 5.0 s"),
    (0, "closed", "cancelled", PASSING, "cancelled", "closed", "it took more than 5.0 s"),
    # Whether there were any is not known: it matters only where none would close.
    (None, "open", "completed", PASSING, "passed", "open", None),
    (None, "open", "completed", WARNING, "warned", "open", None),
    (None, "closed", "completed", PASSING, "errored", "closed", CANNOT_SAY),
    (None, "closed", "completed", WARNING, "errored", "closed", CANNOT_SAY),
    (None, "closed", "completed", FAILING, "failed", "closed", None),
    (None, "closed", "completed", BROKEN, "errored", "closed", "a: no column"),
]


@pytest.mark.parametrize(("rows", "on_no_rows", "status", "found", "verdict", "decision", "message"), NO_ROWS)
def test_no_rows_are_never_passed(
    rows: int | None, on_no_rows: str, status: str, found: DbtResult, verdict: str, decision: str, message: str | None
) -> None:
    its = gate(rule(severity=WARN if found is WARNING else ERROR), on_no_rows=on_no_rows)
    judged = judge(its, report(its, found, status=status, rows=rows, message="it took more than 5.0 s"), ONE_DAY)
    assert (judged.verdict, judged.decision, judged.message) == (verdict, decision, message)
    assert len(judged.checks) == 1


def test_a_slice_that_has_rows_needs_no_count_of_them() -> None:
    its = gate(rule(), on_no_rows=Decision.CLOSED)
    judged = judge(its, report(its, PASSING, has_rows=True, message="it took more than 5.0 s"), ONE_DAY)
    assert (judged.verdict, judged.decision, judged.message) == (VerdictName.PASSED, Decision.OPEN, None)


@pytest.mark.parametrize("on_error", Decision)
def test_rows_that_could_not_be_counted_are_decided_by_on_error(on_error: Decision) -> None:
    its = gate(rule(), on_no_rows=Decision.CLOSED, on_error=on_error)
    judged = judge(its, report(its, PASSING))
    assert (judged.verdict, judged.decision) == (VerdictName.ERRORED, on_error)
    assert judged.message == "the rows could not be counted: the runner did not say why"


@pytest.mark.parametrize(
    ("slice_", "sliced", "message"),
    [
        (ONE_DAY, True, "no rows in the slice: nothing was checked"),
        (ONE_DAY, False, "no rows in the slice: only checks of the whole table had any"),
        (WHOLE_TABLE, True, "the table has no rows: nothing was checked"),
        (WHOLE_TABLE, False, "the table has no rows: nothing was checked"),
    ],
)
def test_a_run_is_about_its_slice_whatever_its_checks_looked_at(slice_: Slice, sliced: bool, message: str) -> None:
    its = gate(rule())
    judged = judge(its, report(its, result("pass", 0, sliced=sliced), rows=0), slice_)
    assert (judged.verdict, judged.message) == (VerdictName.WARNED, message)


def test_a_gate_without_checks_has_no_checks_whether_or_not_there_are_rows() -> None:
    its = gate(on_no_rows=Decision.CLOSED, on_no_checks=Decision.OPEN)
    judged = judge(its, report(its, rows=0))
    assert (judged.verdict, judged.decision) == (VerdictName.NO_CHECKS, Decision.OPEN)


# --- what holds for all ---------------------------------------------------------------------------------------------

counts = st.none() | st.integers(-2, 20)
thresholds = st.none() | st.builds(Threshold, warn=st.integers(0, 9), error=st.none() | st.integers(0, 9))
names = st.sampled_from("abcd")
rules = st.builds(rule, names, st.sampled_from(Severity), thresholds)
selections = st.builds(selection, st.sampled_from(["tag:x", "tag:y"]), st.none() | st.sampled_from(Severity))
gates = st.builds(
    lambda rules, select, on_error, on_no_checks, on_no_rows: gate(
        *rules, select=tuple(select), on_error=on_error, on_no_checks=on_no_checks, on_no_rows=on_no_rows
    ),
    st.lists(rules, max_size=4, unique_by=lambda one: one.name),
    st.lists(selections, max_size=2),
    st.sampled_from(Decision),
    st.sampled_from(Decision),
    st.sampled_from(Decision),
)
results = st.builds(result, st.sampled_from(DbtStatus), counts, rule=names) | st.builds(
    selected, st.sampled_from(DbtStatus), counts, select=st.sampled_from(["tag:x", "tag:y", "tag:z"])
)


@st.composite
def judged_cases(draw: st.DrawFn) -> tuple[Gate, Report]:
    its = draw(gates)
    fingerprint = draw(st.sampled_from([its.fingerprint, its.fingerprint, "f" * 32]))
    rows = draw(st.none() | st.integers(0, 2))
    status = draw(st.sampled_from(ReportStatus))
    found = report(its, *draw(st.lists(results, max_size=6)), status=status, gate_fingerprint=fingerprint, rows=rows)
    return its, found


@given(judged_cases())
def test_open_by_rules_means_that_all_was_asked_answered_and_good(case: tuple[Gate, Report]) -> None:
    its, found = case
    judged = judge(its, found)
    if judged.verdict not in (VerdictName.PASSED, VerdictName.WARNED):
        return
    assert judged.decision is Decision.OPEN
    assert found.rows != 0 or (judged.verdict is VerdictName.WARNED and its.on_no_rows is Decision.OPEN)
    assert found.status is ReportStatus.COMPLETED
    assert found.gate_fingerprint == its.fingerprint
    assert {check.outcome for check in judged.checks} <= {Outcome.PASSED, Outcome.WARNED}
    assert [check.name for check in judged.checks[: len(its.rules)]] == [one.name for one in its.rules]
    answered = [one.rule for one in found.results if one.rule is not None]
    assert sorted(answered) == sorted(one.name for one in its.rules)
    assert {one.select for one in found.results if one.rule is None} == {one.select for one in its.select}


@given(judged_cases())
def test_a_verdict_fits_its_checks_and_its_decision(case: tuple[Gate, Report]) -> None:
    its, found = case
    judged = judge(its, found)
    outcomes = {check.outcome for check in judged.checks}
    closed_by_no_rows = judged.verdict is VerdictName.FAILED and found.rows == 0 and its.on_no_rows is Decision.CLOSED
    assert (judged.verdict is VerdictName.FAILED and not closed_by_no_rows) <= (Outcome.FAILED in outcomes)
    assert (Outcome.FAILED in outcomes) <= (judged.verdict is VerdictName.FAILED)
    by_policy = {
        VerdictName.ERRORED: its.on_error,
        VerdictName.TIMED_OUT: its.on_error,
        VerdictName.NO_CHECKS: its.on_no_checks,
        VerdictName.PASSED: Decision.OPEN,
        VerdictName.WARNED: Decision.OPEN,
        VerdictName.FAILED: Decision.CLOSED,
        VerdictName.CANCELLED: Decision.CLOSED,
    }
    assert judged.decision is by_policy[judged.verdict]
    assert sum(judged.counts.values()) == len(judged.checks) >= len(its.rules) + len(its.select)
    by_checks = judged.verdict in (VerdictName.PASSED, VerdictName.WARNED, VerdictName.FAILED)
    if found.rows != 0:
        assert (judged.message is None) == by_checks
    elif judged.message is None:
        assert judged.verdict is VerdictName.FAILED, "without rows, a failed check alone needs no reason"


@given(judged_cases(), st.integers(0, 5))
def test_a_report_with_a_result_taken_away_is_no_pass(case: tuple[Gate, Report], index: int) -> None:
    its, found = case
    if judge(its, found).verdict not in (VerdictName.PASSED, VerdictName.WARNED) or not found.results:
        return
    gone = found.results[index % len(found.results)]
    left = found.model_copy(update={"results": tuple(one for one in found.results if one is not gone)})
    judged = judge(its, left)
    if gone.rule is not None or not any(one.rule is None and one.select == gone.select for one in left.results):
        assert judged.verdict is VerdictName.ERRORED
