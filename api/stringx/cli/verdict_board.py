"""The verdicts of some triggers as they come in: which are there, which are missing, and both as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stringx.cli.outcomes import counted, worst_first
from stringx.cli.tables import SHORT_ID, Listing, Short
from stringx.model import Acknowledgement, Decision, TriggerBody


class VerdictBoard:
    def __init__(self, triggers: Sequence[TriggerBody]) -> None:
        """The triggers have ids and sources: an acknowledgement is known by them."""
        self.triggers = tuple(triggers)
        self._taken: dict[tuple[str | None, str | None], Acknowledgement] = {}
        self._wanted = {(trigger.source, trigger.id) for trigger in triggers}

    def take(self, acknowledgement: Acknowledgement) -> bool:
        """Notes it; False where it answers none of these triggers, or one that was answered before."""
        key = (acknowledgement.trigger_source, acknowledgement.trigger_id)
        if key not in self._wanted or key in self._taken:
            return False
        self._taken[key] = acknowledgement
        return True

    @property
    def answers(self) -> dict[str | None, Acknowledgement]:
        """By trigger id, in the order of the triggers."""
        found = {trigger.id: self._taken.get((trigger.source, trigger.id)) for trigger in self.triggers}
        return {trigger: answer for trigger, answer in found.items() if answer is not None}

    @property
    def missing(self) -> list[TriggerBody]:
        return [trigger for trigger in self.triggers if (trigger.source, trigger.id) not in self._taken]

    def closed(self) -> Iterator[Acknowledgement]:
        return (answer for answer in self.answers.values() if answer.decision is Decision.CLOSED)

    def table(self) -> Listing:
        rows = []
        for trigger in self.triggers:
            answer = self._taken.get((trigger.source, trigger.id))
            known: tuple[object, ...] = (None, "…", None, None, None, None)
            if answer is not None:
                run = None if answer.run is None else Short(answer.run, answer.run[:SHORT_ID])
                known = (answer.mode, answer.verdict or answer.state, answer.decision, answer.rows, run, _why(answer))
            rows.append((trigger.table, trigger.slice, *known))
        columns = ("table", "slice", "mode", "verdict", "decision", "rows", "run", "failing rules")
        return Listing(columns, tuple(rows), optional=("mode", "rows"), below="failing rules")

    @staticmethod
    def line(answer: Acknowledgement) -> str:
        """One acknowledgement in one line."""
        what = f"{answer.table}, {answer.slice}" if answer.slice is not None else answer.table or answer.trigger_id
        outcome = " ".join(part for part in (answer.verdict or answer.state, answer.decision) if part)
        return ": ".join(part for part in (what, outcome, _why(answer)) if part)


def _why(answer: Acknowledgement) -> str:
    """The rules that did not pass, those that close the gate first; else the message."""
    return ", ".join(counted(rule) for rule in worst_first(answer.failing)) or answer.message or ""
