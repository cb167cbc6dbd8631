"""Why a run is open or closed, in its first lines: the same for `run`, `trigger --wait` and the board of `up`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from rich.text import Text

from stringx.cli.tables import cell
from stringx.model import CheckResult, Decision, FailingRule, Outcome

Rule = TypeVar("Rule", CheckResult, FailingRule)

#: What closes a gate comes first.
WORST_FIRST = (Outcome.FAILED, Outcome.ERRORED, Outcome.SKIPPED, Outcome.WARNED, Outcome.PASSED)

#: How a run's message counts the rules that it does not name.
_MORE = re.compile(r"and \d+ more")


def worst_first(rules: Iterable[Rule]) -> list[Rule]:
    """Those that close the gate before the others, otherwise as they stand."""
    return sorted(rules, key=lambda rule: WORST_FIRST.index(rule.outcome))


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


def number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
