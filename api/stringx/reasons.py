"""Why a check, or a run, ended as it did, in one line for people. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stringx.model import CheckResult, FailingRule, LookedAt, Outcome, Rule, Threshold, VerdictName, worst_first

#: dbt's message of a test that found something: it says the count again, and a limit that is not the gate's.
_DBT_COUNTED = re.compile(r"Got \d+ results?\b")
#: Where dbt says what broke: the line below says why.
_DBT_HEADING = re.compile(r"(\w+ )+Error( in .*)?:?")


def number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def of_count(failures: int, outcome: Outcome, rule: Rule | None, total: int | None, looked_at: LookedAt = LookedAt.ROWS) -> str | None:
    """Why a count of failures gave this outcome; None where there was none to count.

    `rule` is None for a test of the dbt project; `total` is how many of `looked_at` the test looked at, None where that is not known.
    """
    if failures == 0:
        return None
    words = _share(failures, rule, total) if rule is not None else None
    threshold = rule.threshold if rule is not None else None
    if words is None and threshold is not None and threshold.has_share and total:
        share = f"{failures} of {number(total, looked_at.removesuffix('s'))} ({_percent(failures / total)})"
        words = f"{number(failures, 'failure')} of the whole" if looked_at is LookedAt.WHOLE else share
    words = words or number(failures, "failure")
    # To accept none is what goes without saying.
    if threshold is None or threshold == Threshold(error=0):
        return words
    if threshold.error is not None and Threshold.exceeded(threshold.error, failures, total):
        limits = f"more than {threshold.error}"
    elif outcome is Outcome.WARNED and threshold.error is not None:
        limits = f"more than {threshold.warn}, at most {threshold.error}"
    elif outcome is Outcome.WARNED:
        limits = f"more than {threshold.warn}"
    else:
        limits = f"at most {threshold.error if threshold.warn is None else threshold.warn}"
    return f"{words}, {outcome} by its threshold: {limits}"


def _share(failures: int, rule: Rule, rows: int | None) -> str | None:
    """`472 of 930 rows (50.8 %), must be below 25 %`, for a rule that asks for a share."""
    below = rule.arguments.get("below")
    # With a condition of its own it looked at fewer rows than were counted.
    if rule.check != "share_of_rows" or rule.row_condition or not rows or failures > rows or not isinstance(below, int | float):
        return None
    return f"{failures} of {number(rows, 'row')} ({_percent(failures / rows)}), must be below {_percent(below)}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share < 10 else f"{100 * share:.0f} %"


def telling_line(message: str) -> str:
    """The line that says why: of dbt's error the database's own, else the first one."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return next((line for line in lines if not _DBT_HEADING.fullmatch(line)), lines[0] if lines else "")


def told(rule: CheckResult | FailingRule) -> str:
    """What came of one check: what it counted, why it broke, or at least its outcome."""
    message = rule.message or ""
    if rule.failures is not None and rule.outcome in (Outcome.PASSED, Outcome.WARNED, Outcome.FAILED):
        return number(rule.failures, "failure") if not message or _DBT_COUNTED.match(message) else telling_line(message)
    return telling_line(message) or rule.outcome.value


def of_run(verdict: VerdictName | None, message: str | None, rules: Sequence[CheckResult | FailingRule]) -> str | None:
    """Why a run has its verdict: the check that decided it, else its message; None where all passed, or nothing is judged yet."""
    worst = [rule for rule in worst_first(rules) if rule.outcome is not Outcome.PASSED]
    if verdict is None or not (message or worst):
        return None
    # A message without the checks' own says what kept them from being judged, or that there were no rows.
    by_checks = [rule for rule in worst if message is None or f"{rule.name}: {rule.message}" in message]
    if not by_checks:
        return telling_line(message or "")
    more = sum(rule.outcome is by_checks[0].outcome for rule in worst) - 1
    return f"{by_checks[0].name}: {told(by_checks[0])}" + (f"; and {more} more" if more else "")
