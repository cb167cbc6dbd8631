"""The scores of a run, per dimension and over all."""

from __future__ import annotations

import pytest
from verdict_cases import WARN, gate, judge, report, result, rule, selected, selection

from stringx.model import DbtResult, Dimension, Gate, Scores, VerdictName
from stringx.verdict import judge_without_report

FULL, VALID = Dimension.COMPLETENESS, Dimension.VALIDITY
THREE = gate(rule("a", weight=2), rule("b", WARN), rule("c", dimension=VALID))


def reported(a: str = "pass", b: str = "pass", c: str = "pass") -> list[DbtResult]:
    return [result(status, {"pass": 0, "fail": 1}.get(status), rule=name) for name, status in (("a", a), ("b", b), ("c", c))]


#: the gate, what was reported → overall, dimensions
SCORES: list[tuple[Gate, list[DbtResult], float | None, dict[Dimension, float]]] = [
    (THREE, reported(), 100, {FULL: 100, VALID: 100}),
    # A warning reaches half of its weight.
    (THREE, reported(b="fail"), 87.5, {FULL: 83.3, VALID: 100}),
    (THREE, reported(a="fail"), 50, {FULL: 33.3, VALID: 100}),
    (THREE, reported(c="fail"), 75, {FULL: 100, VALID: 0}),
    (THREE, reported("fail", "fail", "fail"), 12.5, {FULL: 16.6, VALID: 0}),
    # What could not be judged is no zero, and no hundred.
    (THREE, reported(c="error"), None, {FULL: 100}),
    (THREE, reported(c="skipped"), None, {FULL: 100}),
    (THREE, reported()[:2], None, {FULL: 100}),
    (THREE, reported(b="error"), None, {VALID: 100}),
    # A check without weight has no part, whatever became of it.
    (gate(rule("a"), rule("b", weight=0)), reported(b="error")[:2], 100, {FULL: 100}),
    (gate(rule("a", weight=0)), reported()[:1], None, {}),
    # All tests of a selection have its weight, and where it has no dimension they are in the overall score alone.
    (gate(rule("a"), select=(selection(weight=3),)), [*reported()[:1], selected("fail", 1)], 25, {FULL: 100}),
    (gate(select=(selection(dimension=VALID),)), [selected("fail", 1), selected("pass", 0, test="t2")], 50, {VALID: 50}),
    # Nine hundred ninety-nine of a thousand are not all.
    (gate(rule("a", weight=1000), rule("b", weight=1), rule("c", weight=1000)), reported(b="fail"), 99.9, {FULL: 99.9}),
]


@pytest.mark.parametrize(("its", "results", "overall", "dimensions"), SCORES)
def test_a_score_is_the_share_of_the_weights_that_was_reached(
    its: Gate, results: list[DbtResult], overall: float | None, dimensions: dict[Dimension, float]
) -> None:
    assert judge(its, report(its, *results)).scores == Scores(overall=overall, dimensions=dimensions)


def test_where_nothing_was_checked_there_is_no_score() -> None:
    assert judge(THREE, report(THREE, *reported(), rows=0)).scores is None
    assert judge(gate(), report(gate())).scores is None
    assert judge_without_report(THREE, VerdictName.CANCELLED, "not wanted").scores is None
