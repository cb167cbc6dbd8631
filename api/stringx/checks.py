"""What a report says of each rule and each selected test of its gate, as the gate means it. Pure.

dbt counts failures; whether a count warns or fails is the gate's to say, and dbt's own only where the gate is silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from stringx import reasons
from stringx.gates import thresholds
from stringx.model import CheckResult, DbtResult, DbtStatus, Gate, LookedAt, Outcome, Rule, Scope, Selection, Severity, Threshold

#: Rows that the run is about, by whether the slice was laid on a check; None where they are not known.
RunRows = Mapping[bool, int | None]


@dataclass(frozen=True)
class Judged:
    """A check, and what of the gate it is of."""

    source: Rule | Selection
    check: CheckResult

    @property
    def answered(self) -> bool:
        return self.check.outcome not in (Outcome.ERRORED, Outcome.SKIPPED)


def checks_of(gate: Gate, results: Sequence[DbtResult], missing: tuple[Outcome, str], rows: RunRows) -> list[Judged]:
    """One check per rule, in the gate's order, then those of each selection in the report's. `missing` is what has no result."""
    checks = []
    for rule in gate.rules:
        meant = _as_the_gate_means(gate, rule)
        checks.append(Judged(rule, _check_of_rule(meant, [result for result in results if result.rule == rule.name], missing, rows)))
    for selection in gate.select:
        meant_select = selection.model_copy(update={"severity": selection.severity and _severity(gate, selection.severity)})
        chosen = [result for result in results if result.rule is None and result.select == selection.select]
        of_it = [_check_of_selected(gate, meant_select, result) for result in chosen] or [_missing(gate, meant_select, missing)]
        checks += [Judged(selection, check) for check in of_it]
    return checks


def _severity(gate: Gate, severity: Severity) -> Severity:
    """A gate that only warns has no rule that fails."""
    return Severity.WARN if gate.severity is Severity.WARN else severity


def _as_the_gate_means(gate: Gate, rule: Rule) -> Rule:
    """The rule with what its gate says for all."""
    return rule.model_copy(update={"severity": _severity(gate, rule.severity), "threshold": rule.threshold or gate.threshold})


def _check_of_rule(rule: Rule, results: Sequence[DbtResult], missing: tuple[Outcome, str], rows: RunRows) -> CheckResult:
    if not results:
        return _without_result(rule.name, rule, rule.severity, missing)
    checks = [_check(rule.name, rule, rule.severity, result, _outcome(result, rule.severity, rule, rows)) for result in results]
    if len(checks) == 1:
        return checks[0]
    for check in checks:
        if check.outcome is Outcome.FAILED:
            return check
    return checks[0].model_copy(update={"outcome": Outcome.ERRORED, "message": f"the report has {len(checks)} results for this rule"})


def _check_of_selected(gate: Gate, selection: Selection, result: DbtResult) -> CheckResult:
    if selection.severity is not None:
        return _check(result.test, selection, selection.severity, result, _outcome(result, selection.severity))
    severity = _severity(gate, result.severity or (Severity.WARN if result.status is DbtStatus.WARN else Severity.ERROR))
    outcome = _outcome_by_dbt(result.status)
    if outcome is Outcome.FAILED:
        outcome = _outcome_of_severity(_severity(gate, Severity.ERROR))
    return _check(result.test, selection, severity, result, (outcome, result.message))


def _missing(gate: Gate, selection: Selection, missing: tuple[Outcome, str]) -> CheckResult:
    return _without_result(selection.select, selection, selection.severity or _severity(gate, Severity.ERROR), missing)


def _without_result(name: str, source: Rule | Selection, severity: Severity, missing: tuple[Outcome, str]) -> CheckResult:
    outcome, message = missing
    return CheckResult(
        name=name,
        kind=source.kind,
        dimension=source.dimension,
        level=source.level,
        severity=severity,
        scope=source.scope,
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


def _outcome(result: DbtResult, severity: Severity, rule: Rule | None = None, of_run: RunRows | None = None) -> tuple[Outcome, str | None]:
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
    total = _total(result, rule, of_run)
    things = LookedAt.ROWS
    if rule is not None and threshold is not None and threshold.has_share:
        things = thresholds.looked_at(rule)
        if things is LookedAt.WHOLE:
            total = max(failures, 1)  # all of it failed
        elif fault := _fault_of_count(result, rule, total):
            return Outcome.ERRORED, fault
        elif things is LookedAt.ROWS and total == 1 and thresholds.is_of_sql(rule):
            things = LookedAt.WHOLE  # an aggregate's only value, or the only row's
    outcome = _outcome_by_count(failures, severity, threshold, total)
    return outcome, reasons.of_count(failures, outcome, rule, total, things)


def _fault_of_count(result: DbtResult, rule: Rule, total: int | None) -> str | None:
    """Why the rule's share is not to be held against so many rows, keys, …; None where it is."""
    things, told = thresholds.looked_at(rule), thresholds.told(rule)
    if result.looked_at != told:
        counted = f"{things} that have failing values" if thresholds.is_of_rows_with_values(rule) else things
        return f"the runner is of an earlier version, which does not count the {counted} of which the threshold is a share: upgrade it"
    # The run's own are rows, all of them.
    if total is None or (result.rows is None and (told is not None or thresholds.is_of_sql(rule))):
        return f"the {things} were not counted, of which the threshold is a share"
    return None


def _total(result: DbtResult, rule: Rule | None, of_run: RunRows | None) -> int | None:
    """How many rows, keys, … were looked at, by the test itself where it counted them; otherwise those of the run, of which a rule with a
    condition looked at fewer."""
    if result.rows is not None:
        return result.rows
    return None if rule is None or rule.row_condition or of_run is None else of_run[result.sliced]


def _outcome_by_count(failures: int, severity: Severity, threshold: Threshold | None, total: int | None) -> Outcome:
    """More than `error` fails, more than `warn` warns; without a threshold any failure counts. `warn` rules never fail."""
    if threshold is None:
        return _outcome_of_severity(severity) if failures > 0 else Outcome.PASSED
    if threshold.error is not None and Threshold.exceeded(threshold.error, failures, total):
        return _outcome_of_severity(severity)
    if threshold.warn is not None and Threshold.exceeded(threshold.warn, failures, total):
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
