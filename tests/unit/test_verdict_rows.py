"""The judge, where there are no rows, and where nobody counted them."""

from __future__ import annotations

import pytest
from verdict_cases import ERROR, ONE_DAY, WARN, WHOLE_TABLE, gate, judge, report, result, rule

from stringx.model import DbtResult, Decision, Slice, VerdictName

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
