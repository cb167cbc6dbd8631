"""What is known of a trigger, by whichever way it was learnt: what is shown of it, and the exit code that a CI job goes by."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import click

from stringx.cli import EXIT_CLOSED, EXIT_NOT_JUDGED, EXIT_USAGE, EXIT_WAITED_TOO_LONG
from stringx.cli.outcomes import headline, own_message, said_of_rule, tally
from stringx.cli.output import console, print_json, print_table
from stringx.cli.tables import LONGEST_NAME, Short, cell, shortened
from stringx.model import Acknowledgement, Decision, FailingRule, Outcome, TriggerAnswer, TriggerBody, VerdictName, worst_first
from stringx.reasons import number, told

#: Characters of what a rule is for, or demands, that is shown; `stringx run` shows all.
LONGEST_TEXT = 200


@dataclass(frozen=True)
class Told:
    #: `sent`: the broker has it, and nothing more is known
    state: Literal["sent", "accepted", "unmatched", "refused"]
    table: str
    slice: str
    document: dict[str, Any]
    run: str | None = None
    verdict: VerdictName | None = None
    decision: Decision | None = None
    message: str | None = None
    failing: tuple[FailingRule, ...] = ()
    counts: Mapping[Outcome, int] | None = None
    rows: int | None = None
    #: of a trigger that had been taken before: that its verdict is not a new one
    repeated: str | None = None

    @property
    def exit_code(self) -> int:
        """Of `--wait`, for what is known once the wait is over."""
        if self.state == "refused":
            return EXIT_USAGE
        if self.state == "unmatched":
            return EXIT_NOT_JUDGED
        if self.decision is None:
            return EXIT_WAITED_TOO_LONG
        if self.decision is Decision.OPEN:
            return 0
        return EXIT_CLOSED if self.verdict is VerdictName.FAILED else EXIT_NOT_JUDGED


def told_by_answer(answer: TriggerAnswer, repeated: str | None = None) -> Told:
    """What the API tells."""
    return Told(
        state=answer.state,
        table=answer.table,
        slice=str(answer.slice),
        document=answer.as_json(),
        run=answer.run,
        verdict=answer.verdict,
        decision=answer.decision,
        message=answer.message,
        failing=answer.failing,
        counts=answer.counts,
        rows=answer.rows,
        repeated=repeated,
    )


def told_by_acknowledgement(acknowledgement: Acknowledgement | None, body: TriggerBody, repeated: str | None = None) -> Told:
    """What an acknowledgement tells; without one it is not known whether the trigger was accepted."""
    if acknowledgement is None:
        document = {"trigger": None, **body.as_json(), "state": "sent", "verdict": None, "decision": None}
        return Told("sent", body.table, str(body.slice), document)
    return Told(
        state="accepted" if acknowledgement.state == "judged" else acknowledgement.state,
        table=body.table,
        slice=str(body.slice),
        document=acknowledgement.as_json(),
        run=acknowledgement.run,
        verdict=acknowledgement.verdict,
        decision=acknowledgement.decision,
        message=acknowledgement.message,
        failing=acknowledgement.failing,
        counts=acknowledgement.counts,
        rows=acknowledgement.rows,
        repeated=repeated,
    )


def judged_before(run: str | None, moment: datetime | None, by: int | None, present: int | None = None) -> str:
    """That what is shown of an id is not new. `moment`: when it was judged, or taken where it has no run; `by` and `present`: the
    gate's version of then and of now, None where that is not known."""
    at = "" if moment is None else f", at {moment.astimezone():%Y-%m-%d %H:%M:%S}"
    if run is None:
        return f"this id was sent before{at}, and nothing was judged; send another --id to have it judged by the gate of now"
    version = "" if by is None else f" by gate version {by}" + (f" (now {present})" if present not in (None, by) else "")
    return f"this id was judged before{at}{version}; `stringx rerun {run}` judges again"


def finish(told: Told, wait: float | None, output: str) -> None:
    """Prints it; after a wait, exits by it."""
    if output == "json":
        print_json(told.document)
    else:
        _show(told)
    if wait is None:
        return
    if told.exit_code == EXIT_WAITED_TOO_LONG:
        click.echo(f"stringx: no verdict within {wait:g} seconds", err=True)
    sys.exit(told.exit_code)


def _show(told: Told) -> None:
    """The decision and why, then the rules that did not pass, then where more is to be seen."""
    out = console()
    out.print(headline(told.decision, told.verdict or told.state, f"{told.table}, {told.slice}", told.rows))
    for line in (told.repeated, own_message(told.message, told.failing), tally(told.counts)):
        if line:
            out.print(cell(line))
    if told.failing:
        out.print()
        rows = [_row(rule) for rule in worst_first(told.failing)]
        print_table(("rule", "outcome", "failures", "severity", "kind", "message"), rows, optional=("kind",), below="message")
        out.print()
    if told.run is not None:
        out.print(cell(f"more: stringx run {told.run}"))


def _row(rule: FailingRule) -> tuple[object, ...]:
    # Count and outcome stand in columns of their own.
    message = None if told(rule) in (rule.outcome, number(rule.failures or 0, "failure")) else told(rule)
    why = [] if rule.outcome is Outcome.SKIPPED else [shortened(text, LONGEST_TEXT) for text in said_of_rule(rule)]
    return (
        Short(rule.name, shortened(rule.name, LONGEST_NAME)),
        rule.outcome,
        rule.failures,
        rule.severity,
        rule.kind,
        "; ".join(text.rstrip(".") for text in (message, *why) if text),
    )
