"""The table of verdicts that `stringx up` shows."""

from __future__ import annotations

import io

from rich.console import Console

from stringx.cli.verdict_board import VerdictBoard
from stringx.embedded.replay import demo_triggers
from stringx.model import Acknowledgement, Decision, FailingRule, Kind, Mode, Outcome, Scope, Severity, VerdictName

TRIGGERS = demo_triggers()


def rule(name: str, severity: Severity, failures: int | None) -> FailingRule:
    outcome = Outcome.FAILED if severity is Severity.ERROR else Outcome.WARNED
    return FailingRule(name=name, kind=Kind.BUSINESS, severity=severity, scope=Scope.SLICE, outcome=outcome, failures=failures)


def acknowledgement(number: int, decision: Decision = Decision.OPEN, *failing: FailingRule) -> Acknowledgement:
    trigger = TRIGGERS[number]
    return Acknowledgement(
        state="judged",
        trigger_id=trigger.id,
        trigger_source=trigger.source,
        table=trigger.table,
        slice=trigger.slice,
        run=f"{number:032x}",
        mode=Mode.ASYNC,
        verdict=VerdictName.PASSED if decision is Decision.OPEN else VerdictName.FAILED,
        decision=decision,
        failing=failing,
    )


def test_triggers_have_fresh_ids_at_every_start() -> None:
    ids = [trigger.id for trigger in TRIGGERS] + [trigger.id for trigger in demo_triggers()]
    assert len(set(ids)) == 2 * 13


def test_what_was_not_answered_is_missing() -> None:
    board = VerdictBoard(TRIGGERS)
    assert board.take(acknowledgement(3))
    assert board.missing == [trigger for trigger in TRIGGERS if trigger is not TRIGGERS[3]]


def test_an_acknowledgement_is_taken_once_and_only_for_these_triggers() -> None:
    board = VerdictBoard(TRIGGERS)
    assert board.take(acknowledgement(0))
    assert not board.take(acknowledgement(0))
    assert not board.take(acknowledgement(1).model_copy(update={"trigger_source": "another pipeline"}))
    assert [answer.table for answer in board.answers.values()] == [TRIGGERS[0].table]


def test_the_table_shows_every_trigger_with_its_verdict_and_failing_rules() -> None:
    board = VerdictBoard(TRIGGERS)
    failing = (rule("missing_planes", Severity.WARN, 12), rule("cancelled_share", Severity.ERROR, 1))
    board.take(acknowledgement(5, Decision.CLOSED, *failing))
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(board.table())
    lines = [line for line in console.export_text().splitlines() if line.strip().startswith("raw.")]
    assert len(lines) == len(TRIGGERS)
    shown = next(line for line in lines if "failed" in line)
    assert "closed" in shown
    assert "cancelled_share (1), missing_planes (12)" in shown
    assert sum("…" in line for line in lines) == len(TRIGGERS) - 1
    assert [answer.run for answer in board.closed()] == [f"{5:032x}"]


def test_in_a_narrow_terminal_failing_rules_stand_below_their_trigger() -> None:
    board = VerdictBoard(TRIGGERS)
    board.take(acknowledgement(5, Decision.CLOSED, rule("missing_planes", Severity.WARN, 12), rule("cancelled_share", Severity.ERROR, 1)))
    console = Console(width=80, file=io.StringIO(), force_terminal=True, record=True)
    console.print(board.table())
    lines = console.export_text().splitlines()
    place = next(number for number, line in enumerate(lines) if "closed" in line)
    assert lines[place].split()[-1] == f"{5:032x}"[:8]
    assert lines[place + 1] == "  cancelled_share (1), missing_planes (12)"
    assert all(len(line) <= 80 for line in lines)


def test_a_line_says_what_was_not_judged() -> None:
    refused = Acknowledgement(state="refused", trigger_id="x", trigger_source="y", message="slice.0.column: not a column")
    assert VerdictBoard.line(refused) == "x: refused: slice.0.column: not a column"
