"""The judge: a table of cases."""

from __future__ import annotations

import pytest
from verdict_cases import ERROR, WARN, gate, judge, report, result, rule, selected, selection

from stringx.model import DbtResult, Decision, Kind, Outcome, Scope, Severity, Threshold, VerdictName
from stringx.verdict import judge_without_report

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
