"""Gates, reports and what the judge makes of them, for its tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from stringx.model import (
    DbtResult,
    DbtStatus,
    Dimension,
    Gate,
    Kind,
    Level,
    Report,
    ReportStatus,
    Rule,
    Selection,
    Severity,
    Slice,
    Threshold,
    Verdict,
)
from stringx.verdict import judge as judge_of_slice

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WARN, ERROR = Severity.WARN, Severity.ERROR
WHOLE_TABLE = Slice(())
ONE_DAY = Slice.model_validate({"column": "day", "equals": "2013-02-08"})


def judge(gate: Gate, report: Report, slice_: Slice = WHOLE_TABLE) -> Verdict:
    return judge_of_slice(gate, report, slice_)


def rule(name: str = "a", severity: Severity = ERROR, threshold: Threshold | None = None, **fields: Any) -> Rule:
    given: dict[str, Any] = {"dimension": Dimension.COMPLETENESS, **fields}
    return Rule(
        name=name,
        check="not_null",
        kind=Kind.ENGINEERING,
        level=Level.COLUMN,
        severity=severity,
        threshold=threshold,
        **given,
    )


def selection(select: str = "tag:x", severity: Severity | None = None, **fields: Any) -> Selection:
    return Selection(select=select, kind=Kind.BUSINESS, severity=severity, **fields)


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
