"""The one judge: what a run's report means by the gate that the run was queued with. Pure.

dbt counts failures; whether a count warns or fails is the gate's to say, and dbt's own only where the gate is silent.
Nothing expected may be missing: every rule, and every selection, yields at least one check, and what has no result is
`errored`. The order of the verdicts, strongest first:

    failed      a check failed: closed, whatever else happened
    timed_out, cancelled, errored   the report is not complete
    errored     a check errored or was skipped, or the report does not fit the gate
    no_checks   the gate asks for nothing
    failed      by `on_no_rows: closed`: there were no rows
    errored     by `on_no_rows: closed`: it is not known whether there were any
    warned      open
    passed      open

What could not be judged is decided by `on_error` and `on_no_checks`; `cancelled` is closed. A run is about the rows of its slice,
whatever the scope of its checks: a slice that is counted and has none is never `passed`, even if all checks looked at the whole
table. Where the count was given up, a slice without rows may pass, unless the gate says `on_no_rows: closed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from stringx import reasons
from stringx.model import (
    CheckResult,
    DbtResult,
    DbtStatus,
    Decision,
    Gate,
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

#: Rows that a check looked at, by whether the slice was laid on it; None where they are not known.
_Rows = Mapping[bool, int | None]

#: Faults that a message names; the others are counted.
_FAULTS_NAMED = 3


def judge(gate: Gate, report: Report, slice_: Slice) -> Verdict:
    """The verdict on a run of `gate` for `slice_` that ended with `report`."""
    faults: list[str] = []
    results: Sequence[DbtResult] = report.results
    if report.gate_fingerprint != gate.fingerprint:
        faults.append(f"the runner judged by gate {report.gate_fingerprint}, and the run was queued with gate {gate.fingerprint}")
        results = ()
    faults += _foreign_results(gate, results)
    checks = _checks(gate, results, _why_missing(report, faults), {True: report.rows, False: None if slice_ else report.rows})
    outcomes = {check.outcome for check in checks}
    if Outcome.FAILED in outcomes:
        return Verdict(verdict=VerdictName.FAILED, decision=Decision.CLOSED, checks=checks)
    if report.status is not ReportStatus.COMPLETED:
        name = _verdict_of_status(report.status)
        return Verdict(verdict=name, decision=_decision(gate, name), message=report.message or _said_nothing(report.status), checks=checks)
    faults += [f"{check.name}: {check.message or check.outcome}" for check in checks if check.outcome in (Outcome.ERRORED, Outcome.SKIPPED)]
    if faults:
        name = VerdictName.ERRORED
        return Verdict(verdict=name, decision=_decision(gate, name), message=_told(faults), checks=checks)
    if not checks:
        name = VerdictName.NO_CHECKS
        return Verdict(verdict=name, decision=_decision(gate, name), message="the gate has no rule and selects no test")
    if report.rows == 0:
        name = VerdictName.FAILED if gate.on_no_rows is Decision.CLOSED else VerdictName.WARNED
        return Verdict(verdict=name, decision=gate.on_no_rows, message=_no_rows(slice_, checks), checks=checks)
    if report.rows is None and not report.has_rows and gate.on_no_rows is Decision.CLOSED:
        message = f"the rows could not be counted: {report.message or 'the runner did not say why'}"
        return Verdict(verdict=VerdictName.ERRORED, decision=gate.on_error, message=message, checks=checks)
    name = VerdictName.WARNED if Outcome.WARNED in outcomes else VerdictName.PASSED
    return Verdict(verdict=name, decision=Decision.OPEN, checks=checks)


def judge_without_report(gate: Gate, verdict: VerdictName, message: str) -> Verdict:
    """The verdict on a run that nobody will report: cancelled in the queue, or its attempts used up.

    ValueError for a verdict that only a report can give.
    """
    # Why is the run's to say, once: repeated at every check it would hide what the checks are.
    checks = _checks(gate, (), (Outcome.SKIPPED, "not run"), {})
    return Verdict(verdict=verdict, decision=_decision(gate, verdict), message=message, checks=checks)


def _no_rows(slice_: Slice, checks: Sequence[CheckResult]) -> str:
    if not slice_:
        return "the table has no rows: nothing was checked"
    checked = "only checks of the whole table had any" if any(check.scope is Scope.TABLE for check in checks) else "nothing was checked"
    return f"no rows in the slice: {checked}"


def _decision(gate: Gate, verdict: VerdictName) -> Decision:
    match verdict:
        case VerdictName.ERRORED | VerdictName.TIMED_OUT:
            return gate.on_error
        case VerdictName.NO_CHECKS:
            return gate.on_no_checks
        case VerdictName.CANCELLED:
            return Decision.CLOSED
        case VerdictName.PASSED | VerdictName.WARNED | VerdictName.FAILED:
            raise ValueError(f"{verdict} is the verdict of a report's checks")
        case _:
            assert_never(verdict)


def _verdict_of_status(status: ReportStatus) -> VerdictName:
    match status:
        case ReportStatus.ERRORED:
            return VerdictName.ERRORED
        case ReportStatus.TIMED_OUT:
            return VerdictName.TIMED_OUT
        case ReportStatus.CANCELLED:
            return VerdictName.CANCELLED
        case ReportStatus.COMPLETED:
            raise ValueError("a completed report is judged by its checks")
        case _:
            assert_never(status)


def _said_nothing(status: ReportStatus) -> str:
    return f"the runner reported {status} without saying why"


def _why_missing(report: Report, faults: Sequence[str]) -> tuple[Outcome, str]:
    """Outcome and message of what has no result: not reached in a run that was cut short, else an error of its own."""
    if report.status is not ReportStatus.COMPLETED:
        return (
            Outcome.SKIPPED,
            f"not run: the run {'was ' if report.status is ReportStatus.CANCELLED else ''}{report.status.replace('_', ' ')}",
        )
    return Outcome.ERRORED, faults[0] if faults else "the report has no result for it"


def _foreign_results(gate: Gate, results: Sequence[DbtResult]) -> list[str]:
    """What is in the report and the gate did not ask for."""
    rules = {rule.name for rule in gate.rules}
    selects = {selection.select for selection in gate.select}
    faults = []
    for result in results:
        if result.rule is not None:
            if result.rule not in rules:
                faults.append(f"the report has a result of rule {result.rule!r}, which the gate does not have")
        elif result.select not in selects:
            faults.append(f"the report has a result of test {result.test!r}, which the gate did not select")
    return faults


def _checks(gate: Gate, results: Sequence[DbtResult], missing: tuple[Outcome, str], rows: _Rows) -> tuple[CheckResult, ...]:
    """One check per rule, in the gate's order, then those of each selection in the report's."""
    checks = [_check_of_rule(rule, [result for result in results if result.rule == rule.name], missing, rows) for rule in gate.rules]
    for selection in gate.select:
        chosen = [result for result in results if result.rule is None and result.select == selection.select]
        checks += [_check_of_selected(selection, result) for result in chosen] or [_missing_selection(selection, missing)]
    return tuple(checks)


def _check_of_rule(rule: Rule, results: Sequence[DbtResult], missing: tuple[Outcome, str], rows: _Rows) -> CheckResult:
    if not results:
        outcome, message = missing
        return CheckResult(
            name=rule.name,
            kind=rule.kind,
            dimension=rule.dimension,
            level=rule.level,
            severity=rule.severity,
            scope=rule.scope,
            outcome=outcome,
            failures=None,
            message=message,
        )
    checks = [
        _check(rule.name, rule, rule.severity, result, _outcome(result, rule.severity, rule, rows[result.sliced])) for result in results
    ]
    if len(checks) == 1:
        return checks[0]
    for check in checks:
        if check.outcome is Outcome.FAILED:
            return check
    return checks[0].model_copy(update={"outcome": Outcome.ERRORED, "message": f"the report has {len(checks)} results for this rule"})


def _check_of_selected(selection: Selection, result: DbtResult) -> CheckResult:
    if selection.severity is not None:
        return _check(result.test, selection, selection.severity, result, _outcome(result, selection.severity))
    severity = result.severity or (Severity.WARN if result.status is DbtStatus.WARN else Severity.ERROR)
    return _check(result.test, selection, severity, result, (_outcome_by_dbt(result.status), result.message))


def _missing_selection(selection: Selection, missing: tuple[Outcome, str]) -> CheckResult:
    outcome, message = missing
    return CheckResult(
        name=selection.select,
        kind=selection.kind,
        dimension=selection.dimension,
        level=selection.level,
        severity=selection.severity or Severity.ERROR,
        scope=selection.scope,
        outcome=outcome,
        failures=None,
        message=message,
    )


def _check(name: str, source: Rule | Selection, severity: Severity, result: DbtResult, judged: tuple[Outcome, str | None]) -> CheckResult:
    outcome, message = judged
    return CheckResult(
        name=name,
        kind=source.kind,
        dimension=source.dimension,
        level=source.level,
        severity=severity,
        # What was done, not what was asked for: a singular test cannot be sliced.
        scope=Scope.SLICE if result.sliced else Scope.TABLE,
        outcome=outcome,
        failures=result.failures,
        message=message,
        test=result.test,
        sql=result.sql,
        duration_seconds=result.duration_seconds,
        columns=result.columns,
        sample=result.sample,
    )


def _outcome(result: DbtResult, severity: Severity, rule: Rule | None = None, rows: int | None = None) -> tuple[Outcome, str | None]:
    """By the raw count of failures; by dbt's status only where dbt could not count. With why: dbt's words are of another limit."""
    failures = result.failures
    threshold = None if rule is None else rule.threshold
    match result.status:
        case DbtStatus.ERROR | DbtStatus.SKIPPED:
            return _outcome_by_dbt(result.status), result.message
        case DbtStatus.PASS:
            if failures is None and threshold is None:
                return Outcome.PASSED, result.message
        case DbtStatus.WARN | DbtStatus.FAIL:
            if failures is None and threshold is None:
                return _outcome_of_severity(severity), result.message
            if failures == 0:
                return Outcome.ERRORED, f"dbt says {result.status} and counts no failures"
        case _:
            assert_never(result.status)
    if failures is None:
        return Outcome.ERRORED, "dbt counted no failures to hold against the threshold"
    if failures < 0:
        return Outcome.ERRORED, f"dbt counted {failures} failures"
    if threshold is not None and threshold.has_share and rows is None:
        return Outcome.ERRORED, "the rows were not counted, of which the threshold is a share"
    outcome = _outcome_by_count(failures, severity, threshold, rows)
    return outcome, reasons.of_count(failures, outcome, rule, rows)


def _outcome_by_count(failures: int, severity: Severity, threshold: Threshold | None, rows: int | None) -> Outcome:
    """More than `error` fails, more than `warn` warns; without a threshold any failure counts. `warn` rules never fail."""
    if threshold is None:
        return _outcome_of_severity(severity) if failures > 0 else Outcome.PASSED
    if threshold.error is not None and Threshold.exceeded(threshold.error, failures, rows):
        return _outcome_of_severity(severity)
    if threshold.warn is not None and Threshold.exceeded(threshold.warn, failures, rows):
        return Outcome.WARNED
    return Outcome.PASSED


def _outcome_of_severity(severity: Severity) -> Outcome:
    match severity:
        case Severity.ERROR:
            return Outcome.FAILED
        case Severity.WARN:
            return Outcome.WARNED
        case _:
            assert_never(severity)


def _outcome_by_dbt(status: DbtStatus) -> Outcome:
    match status:
        case DbtStatus.PASS:
            return Outcome.PASSED
        case DbtStatus.WARN:
            return Outcome.WARNED
        case DbtStatus.FAIL:
            return Outcome.FAILED
        case DbtStatus.ERROR:
            return Outcome.ERRORED
        case DbtStatus.SKIPPED:
            return Outcome.SKIPPED
        case _:
            assert_never(status)


def _told(faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - _FAULTS_NAMED} more" if len(faults) > _FAULTS_NAMED else ""
    return "; ".join(faults[:_FAULTS_NAMED]) + more
