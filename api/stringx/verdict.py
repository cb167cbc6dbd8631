"""The one judge: what a run's report means by the gate that the run was queued with. Pure.

Nothing expected may be missing: every rule, and every selection, yields at least one check (`checks`), and what has no result is
`errored`. The order of the verdicts, strongest first:

    failed      a check failed: closed, whatever else happened
    timed_out, cancelled, errored   the report is not complete
    errored     a check errored or was skipped, or the report does not fit the gate
    no_checks   the gate asks for nothing
    failed      by `on_no_rows: closed`: there were no rows
    errored     by `on_no_rows: closed`: it is not known whether there were any
    warned      open
    passed      open

What could not be judged is decided by `on_error` and `on_no_checks`; `cancelled` is closed, and so is what has no outcome of a rule
that is `required`. A gate whose severity is `warn` is never `failed`: what would be is `warned`, and open. A run is about the rows of
its slice, whatever the scope of its checks: a slice that is counted and has none is never `passed`, even if all checks looked at the
whole table. Where the count was given up, a slice without rows may pass, unless the gate says `on_no_rows: closed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from stringx.checks import Judged, checks_of
from stringx.model import (
    CheckResult,
    DbtResult,
    Decision,
    Gate,
    Outcome,
    Report,
    ReportStatus,
    Scope,
    Severity,
    Slice,
    Verdict,
    VerdictName,
)
from stringx.scores import scores

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
    judged = checks_of(gate, results, _why_missing(report, faults), {True: report.rows, False: None if slice_ else report.rows})
    checks = tuple(one.check for one in judged)
    faults += [f"{one.check.name}: {one.check.message or one.check.outcome}" for one in judged if not one.answered]
    name, message = _name(gate, report, slice_, checks, faults)
    # Where there was nothing to look at, a check that found nothing reached nothing.
    reached = scores(judged) if checks and report.rows != 0 else None
    return _verdict(gate, name, message, judged).model_copy(update={"scores": reached})


def judge_without_report(gate: Gate, verdict: VerdictName, message: str) -> Verdict:
    """The verdict on a run that nobody will report: cancelled in the queue, or its attempts used up.

    ValueError for a verdict that only a report can give.
    """
    if verdict in (VerdictName.PASSED, VerdictName.WARNED, VerdictName.FAILED):
        raise ValueError(f"{verdict} is the verdict of a report's checks")
    # Why is the run's to say, once: repeated at every check it would hide what the checks are.
    return _verdict(gate, verdict, message, checks_of(gate, (), (Outcome.SKIPPED, "not run"), {}))


def _name(
    gate: Gate, report: Report, slice_: Slice, checks: Sequence[CheckResult], faults: Sequence[str]
) -> tuple[VerdictName, str | None]:
    """The verdict, with why where its checks do not say it: in the order above."""
    outcomes = {check.outcome for check in checks}
    if Outcome.FAILED in outcomes:
        return VerdictName.FAILED, None
    if report.status is not ReportStatus.COMPLETED:
        return _verdict_of_status(report.status), report.message or _said_nothing(report.status)
    if faults:
        return VerdictName.ERRORED, _told(faults)
    if not checks:
        return VerdictName.NO_CHECKS, "the gate has no rule and selects no test"
    if report.rows == 0:
        closes = gate.on_no_rows is Decision.CLOSED and gate.severity is Severity.ERROR
        return VerdictName.FAILED if closes else VerdictName.WARNED, _no_rows(slice_, checks)
    if report.rows is None and not report.has_rows and gate.on_no_rows is Decision.CLOSED:
        return VerdictName.ERRORED, f"the rows could not be counted: {report.message or 'the runner did not say why'}"
    return VerdictName.WARNED if Outcome.WARNED in outcomes else VerdictName.PASSED, None


def _verdict(gate: Gate, name: VerdictName, message: str | None, judged: Sequence[Judged]) -> Verdict:
    """With its decision, and with what decided where that is not the verdict."""
    decision = _decision(gate, name)
    unanswered = [one.check.name for one in judged if one.source.required and not one.answered]
    if unanswered and decision is Decision.OPEN:
        decision = Decision.CLOSED
        message = f"{message}; closed: required, and not judged: {', '.join(unanswered)}"
    return Verdict(verdict=name, decision=decision, message=message, checks=tuple(one.check for one in judged))


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
        case VerdictName.CANCELLED | VerdictName.FAILED:
            return Decision.CLOSED
        case VerdictName.PASSED | VerdictName.WARNED:
            return Decision.OPEN
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


def _told(faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - _FAULTS_NAMED} more" if len(faults) > _FAULTS_NAMED else ""
    return "; ".join(faults[:_FAULTS_NAMED]) + more
