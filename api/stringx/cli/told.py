"""What is known of a trigger, by whichever way it was learnt: what is shown of it, and the exit code that a CI job goes by."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import click

from stringx.cli import EXIT_CLOSED, EXIT_NOT_JUDGED, EXIT_USAGE, EXIT_WAITED_TOO_LONG
from stringx.cli.outcomes import headline, own_message, tally, worst_first
from stringx.cli.output import console, print_json, print_table
from stringx.cli.tables import LONGEST_NAME, Short, cell, shortened
from stringx.model import Acknowledgement, Decision, FailingRule, Outcome, TriggerAnswer, TriggerBody, VerdictName


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


def told_by_answer(answer: TriggerAnswer) -> Told:
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
    )


def told_by_acknowledgement(acknowledgement: Acknowledgement | None, body: TriggerBody) -> Told:
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
    )


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
    for line in (own_message(told.message, told.failing), tally(told.counts)):
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
    # dbt's message of a test that failed says the count again; one that broke says why.
    message = rule.message if rule.outcome is Outcome.ERRORED else None
    return Short(rule.name, shortened(rule.name, LONGEST_NAME)), rule.outcome, rule.failures, rule.severity, rule.kind, message
