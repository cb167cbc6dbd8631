"""The verdicts of some triggers as they come in: which are there, which are missing, and both as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table

from stringx.cli.output import cell
from stringx.model import Acknowledgement, Decision, Severity, TriggerBody


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

    def table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in ("table", "slice", "mode", "verdict", "decision", "failing rules", "run"):
            table.add_column(column, overflow="fold")
        for trigger in self.triggers:
            answer = self._taken.get((trigger.source, trigger.id))
            cells = (None, "…", None, None, None) if answer is None else _cells(answer)
            table.add_row(*(cell(value) for value in (trigger.table, trigger.slice, *cells)))
        return table

    @staticmethod
    def line(answer: Acknowledgement) -> str:
        """One acknowledgement in one line."""
        _, verdict, decision, failing, _ = _cells(answer)
        what = f"{answer.table}, {answer.slice}" if answer.slice is not None else answer.table or answer.trigger_id
        return ": ".join(part for part in (what, " ".join(part for part in (verdict, decision) if part), failing) if part)


def _cells(answer: Acknowledgement) -> tuple[str | None, str | None, str | None, str, str | None]:
    """Mode, verdict, decision, failing rules (those that close the gate first) and run."""
    ordered = sorted(answer.failing, key=lambda rule: rule.severity is Severity.WARN)
    failing = ", ".join(f"{rule.name} ({rule.outcome if rule.failures is None else rule.failures})" for rule in ordered)
    return answer.mode, answer.verdict or answer.state, answer.decision, failing or answer.message or "", answer.run
