"""The judgement of a replay's answer is dbt's own: held against dbt's code, and refused where only that code knows."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from dbt.task import test as dbt_test
from hypothesis import given
from hypothesis import strategies as st

from stringx.model import DbtStatus, Severity
from stringx.runner.prepared_judgement import Judged, NotCertain, judge

COLUMNS = ("failures", "should_warn", "should_error")


def ours(row: Any, columns: tuple[str, ...] = COLUMNS, **more: Any) -> Judged:
    values = {"severity": Severity.ERROR, "warn_if": "> 1", "error_if": "> 10", "warnings_are_errors": False}
    return judge(columns, [row], **(values | more))


def dbts(row: Any, patch: pytest.MonkeyPatch, *, severity: Severity, warn_if: str, error_if: str, warnings_are_errors: bool) -> Judged:
    """By dbt's own functions, for the same row."""
    flags = SimpleNamespace(WARN_ERROR=warnings_are_errors, WARN_ERROR_OPTIONS=SimpleNamespace(includes=lambda _: False))
    answer: dict[str, Any] = {**dict(zip(COLUMNS, row, strict=True)), "adapter_response": {}}
    node: Any = SimpleNamespace(config=SimpleNamespace(severity=severity.value, warn_if=warn_if, error_if=error_if))
    patch.setattr(dbt_test, "get_flags", lambda: flags)
    dbt_test.TestResultData.validate(answer)
    runner: Any = SimpleNamespace()
    result = dbt_test.TestRunner.build_test_run_result(runner, node, dbt_test.TestResultData.from_dict(answer))
    return Judged(DbtStatus(result.status.value), result.failures or 0, result.message)


@given(
    failures=st.integers(-5, 5) | st.integers(),
    judgements=st.tuples(*[st.sampled_from([True, False, None])] * 2),
    severity=st.sampled_from(Severity),
    conditions=st.tuples(st.text(), st.text()),
    warnings_are_errors=st.booleans(),
)
def test_it_is_what_dbts_own_code_makes_of_the_row(
    failures: int, judgements: tuple[bool | None, bool | None], severity: Severity, conditions: tuple[str, str], warnings_are_errors: bool
) -> None:
    row = (failures, *judgements)
    warn_if, error_if = conditions
    more: dict[str, Any] = {"severity": severity, "warn_if": warn_if, "error_if": error_if, "warnings_are_errors": warnings_are_errors}
    with pytest.MonkeyPatch.context() as patch:
        assert ours(row, **more) == dbts(row, patch, **more)


def test_columns_are_known_by_their_names_in_any_order_and_case() -> None:
    assert ours((True, 3, False), ("SHOULD_WARN", "Failures", "should_error")).status is DbtStatus.WARN


@pytest.mark.parametrize("failures", [None, True, 2.0, Decimal(2), "7", b"2", float("nan")])
def test_failures_that_are_no_plain_integer_are_left_to_dbt(failures: object) -> None:
    with pytest.raises(NotCertain, match="not an integer"):
        ours((failures, True, True))


@pytest.mark.parametrize("judgement", [0, 1, "t", "yes", b"t", Decimal(1)])
def test_judgements_that_are_no_booleans_are_left_to_dbt(judgement: object) -> None:
    for row in ((1, judgement, True), (1, True, judgement)):
        with pytest.raises(NotCertain, match="no boolean"):
            ours(row)


def test_answers_of_another_form_are_left_to_dbt() -> None:
    more: Any = {"severity": Severity.ERROR, "warn_if": "", "error_if": "", "warnings_are_errors": False}
    for rows, columns, what in (
        ([], COLUMNS, "no row"),
        ([(1, True, True)] * 2, COLUMNS, "several rows"),
        ([(1, True)], COLUMNS[:2], "columns"),
        ([(1, True, True)], ("failures", "should_warn", "other"), "columns"),
        ([(1, True, True, 1)], (*COLUMNS, "failures"), "columns"),
    ):
        with pytest.raises(NotCertain, match=what):
            judge(columns, rows, **more)
