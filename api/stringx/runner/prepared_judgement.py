"""dbt's judgement of a test's one row, for the rows that it judges without a doubt; every other row is dbt's to judge. Pure.

The rules and the words are those of `TestRunner.build_test_run_result` (dbt/task/test.py); `tests/unit/test_prepared_judgement.py`
holds them against that very function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stringx.model import DbtStatus, Severity

_COLUMNS = {"failures", "should_warn", "should_error"}


class NotCertain(Exception):
    """Only dbt knows what this answer means; the message says why, without a value."""


@dataclass(frozen=True)
class Judged:
    """What dbt says of a test."""

    status: DbtStatus
    failures: int
    message: str | None


def judge(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    severity: Severity,
    warn_if: str,
    error_if: str,
    warnings_are_errors: bool,
) -> Judged:
    """What dbt makes of a test's answer. Raises NotCertain unless that is one row of an int and two of bool or null, named as dbt does."""
    if len(rows) != 1:
        raise NotCertain("it gave no row" if not rows else "it gave several rows")
    row = dict(zip([column.lower() for column in columns], rows[0], strict=True))
    if len(columns) != len(_COLUMNS) or row.keys() != _COLUMNS:
        raise NotCertain("its columns are not failures, should_warn and should_error")
    failures, warns, fails = row["failures"], row["should_warn"], row["should_error"]
    # Exactly these types: dbt reads others too, some of them in ways of its own.
    if type(failures) is not int:
        raise NotCertain("its failures are not an integer")
    if not all(judgement is None or type(judgement) is bool for judgement in (warns, fails)):
        raise NotCertain("its should_warn or should_error is no boolean")
    count = f"{failures} result{'' if failures == 1 else 's'}"
    if severity is Severity.ERROR and fails:
        return Judged(DbtStatus.FAIL, failures, f"Got {count}, configured to fail if {error_if}")
    if warns and warnings_are_errors:
        return Judged(DbtStatus.FAIL, failures, f"Got {count}, configured to fail if {warn_if}")
    if warns:
        return Judged(DbtStatus.WARN, failures, f"Got {count}, configured to warn if {warn_if}")
    return Judged(DbtStatus.PASS, 0, None)  # whatever the count
