"""The scores of a run: from 0 to 100 for each quality dimension, and one over all. Pure.

A score is the share of its checks' weights that was reached: a passed check reaches its whole weight, a warned one half of it, a failed
one nothing. It is rounded down to a tenth, so that 100 means that all passed. What could not be judged is no zero: a dimension with a
check that errored or was skipped has no score, and the run has no overall one. A check of weight 0 has no part in any.
"""

from __future__ import annotations

from collections.abc import Sequence

from stringx.checks import Judged
from stringx.model import Dimension, Outcome, Scores

#: What a check reaches, in halves of its weight; not of those that could not be judged.
_HALVES = {Outcome.PASSED: 2, Outcome.WARNED: 1, Outcome.FAILED: 0}


def scores(judged: Sequence[Judged]) -> Scores:
    """Of a run's checks."""
    weighed = [one for one in judged if one.source.weight]
    dimensions = {name: _score([one for one in weighed if one.check.dimension is name]) for name in Dimension}
    return Scores(
        overall=_score(weighed),
        dimensions={name: score for name, score in dimensions.items() if score is not None},
    )


def _score(judged: Sequence[Judged]) -> float | None:
    if not judged or not all(one.answered for one in judged):
        return None
    reached = sum(one.source.weight * _HALVES[one.check.outcome] for one in judged)
    return 1000 * reached // (2 * sum(one.source.weight for one in judged)) / 10
