"""The judge: what holds for every gate and every report."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from verdict_cases import gate, judge, report, result, rule, selected, selection

from stringx.model import DbtStatus, Decision, Gate, Outcome, Report, ReportStatus, Severity, Threshold, VerdictName

counts = st.none() | st.integers(-2, 20)
limits = st.integers(0, 9) | st.sampled_from(["0%", "5%", "100%"])
thresholds = st.none() | st.builds(Threshold, warn=limits, error=st.none() | limits)
names = st.sampled_from("abcd")
weights = st.integers(0, 3)
rules = st.builds(rule, names, st.sampled_from(Severity), thresholds, weight=weights, required=st.booleans())
selections = st.builds(
    selection, st.sampled_from(["tag:x", "tag:y"]), st.none() | st.sampled_from(Severity), weight=weights, required=st.booleans()
)
gates = st.builds(
    lambda rules, select, **fields: gate(*rules, select=tuple(select), **fields),
    st.lists(rules, max_size=4, unique_by=lambda one: one.name),
    st.lists(selections, max_size=2, unique_by=lambda one: one.select),
    on_error=st.sampled_from(Decision),
    on_no_checks=st.sampled_from(Decision),
    on_no_rows=st.sampled_from(Decision),
    severity=st.sampled_from(Severity),
    threshold=thresholds,
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
    assert its.severity is Severity.ERROR or judged.verdict is not VerdictName.FAILED
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
    required = {one.name for one in its.rules if one.required} | {one.select for one in its.select if one.required}
    unanswered = {check.name for check in judged.checks if check.outcome in (Outcome.ERRORED, Outcome.SKIPPED)}
    if required & unanswered:
        assert judged.decision is Decision.CLOSED, "whatever the policy says"
    elif not any(one.required for one in its.select):  # whose checks have names of their own
        assert judged.decision is by_policy[judged.verdict]
    assert sum(judged.counts.values()) == len(judged.checks) >= len(its.rules) + len(its.select)
    by_checks = judged.verdict in (VerdictName.PASSED, VerdictName.WARNED, VerdictName.FAILED)
    if found.rows != 0:
        assert (judged.message is None) == by_checks
    elif judged.message is None:
        assert judged.verdict is VerdictName.FAILED, "without rows, a failed check alone needs no reason"


@given(judged_cases())
def test_only_a_run_that_passed_everything_scores_100(case: tuple[Gate, Report]) -> None:
    its, found = case
    judged = judge(its, found)
    if judged.scores is None:
        assert found.rows == 0 or not judged.checks
        return
    if judged.scores.overall == 100 and all(one.weight for one in (*its.rules, *its.select)):
        assert {check.outcome for check in judged.checks} == {Outcome.PASSED}
    for dimension in judged.scores.dimensions:
        assert dimension in {check.dimension for check in judged.checks}


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
