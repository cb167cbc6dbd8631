"""Why a run is open or closed, in its first lines: the same for `run`, `trigger --wait` and the board of `up`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rich.text import Text

from stringx.cli.tables import cell
from stringx.model import CheckResult, Decision, FailingRule, Outcome, RunCheck, Scores
from stringx.model.verdicts import WORST_FIRST
from stringx.reasons import number

#: How a run's message counts the rules that it does not name.
_MORE = re.compile(r"and \d+ more")


def counted(rule: CheckResult | FailingRule) -> str:
    """A rule with its failures, or with its outcome where none were counted."""
    return f"{rule.name} ({rule.outcome if rule.failures is None else rule.failures})"


def headline(decision: Decision | None, verdict: str, what: str, rows: int | None) -> Text:
    """`closed (failed): raw.flights, flight_date = 2013-02-08, 928 rows`."""
    known = [cell(verdict)] if decision is None else [cell(decision), Text(" ("), cell(verdict), Text(")")]
    return Text.assemble(*known, ": ", cell(what), "" if rows is None else f", {number(rows, 'row')}")


def own_message(message: str | None, rules: Iterable[CheckResult | FailingRule]) -> str:
    """What a run's message says beyond that of its rules, each of which is shown with its own; empty where that is nothing."""
    rest = message or ""
    for rule in rules:
        if rule.message:
            rest = rest.replace(f"{rule.name}: {rule.message}", "")
    return "; ".join(part for part in rest.split("; ") if part.strip() and (rest == message or not _MORE.fullmatch(part)))


def tally(counts: Mapping[Outcome, int] | None) -> str:
    """`1 failed, 2 warned, 14 passed`; empty where nothing was counted."""
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in WORST_FIRST if counts.get(outcome)) if counts else ""


def scored(scores: Scores | None) -> str:
    """`score 97.5: completeness 100, validity 95`; empty where nothing was scored."""
    if scores is None or not scores.dimensions:
        return "" if scores is None or scores.overall is None else f"score {scores.overall:g}"
    overall = "not overall, as not all could be judged" if scores.overall is None else f"{scores.overall:g}"
    return f"score {overall}: " + ", ".join(f"{name} {score:g}" for name, score in scores.dimensions.items())


def said_of_rule(rule: RunCheck | FailingRule) -> list[str]:
    """What the gate says of a rule, to somebody who did not write it: what it is for, whom to ask, what it demands."""
    return [part for part in (rule.description, f"owner: {rule.owner}" if rule.owner else None, rule.demands) if part]
