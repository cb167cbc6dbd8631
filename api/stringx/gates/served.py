"""What serves gates: the targets that the backend itself runs dbt on, the runners that it knows, and the targets of those.

A run of a gate that asks for another would wait, and then be `errored`; so the gate is refused when it is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from stringx.gates.shape import GateShape
from stringx.model import Mode
from stringx.nearest import did_you_mean, nearest


def _unknown(_runner: str) -> None:
    return None


@dataclass(frozen=True)
class Served:
    """What a gate may ask for."""

    #: targets that the backend runs dbt on itself: STRINGX_INLINE_TARGETS
    inline_targets: Collection[str]
    #: names of the runners that the backend knows: STRINGX_RUNNERS
    runners: Collection[str]
    #: the targets of a runner that has this name, None where they cannot be known now; asked only for runners that gates name
    targets_of: Callable[[str], Collection[str] | None] = _unknown
    #: topic that triggers are read from: STRINGX_KAFKA_TRIGGERS_TOPIC; None where there is none to know
    triggers_topic: str | None = None

    def fault(self, gate: GateShape) -> tuple[str, str] | None:
        """The field of a gate that asks for what cannot be served, and what would mend it; None where all can."""
        for field, topics in (("reply_to", gate.reply_to), ("notify", [notice.topic for notice in gate.notify])):
            if self.triggers_topic in topics:
                return field, f"triggers are read from {self.triggers_topic}: an acknowledgement there would be refused, name another topic"
        if gate.mode is Mode.INLINE:
            return self._inline_fault(gate.target)
        if gate.runner not in self.runners:
            return "runner", f"the backend knows no runner `{gate.runner}`: STRINGX_RUNNERS has {_names(gate.runner, self.runners)}"
        targets = self.targets_of(gate.runner)
        if targets is not None and gate.target not in targets:
            return "target", f"the runner `{gate.runner}` has no target `{gate.target}`: it has {_names(gate.target, targets)}"
        return None

    def _inline_fault(self, target: str) -> tuple[str, str] | None:
        if target in self.inline_targets:
            return None
        known = f"it runs dbt on {', '.join(sorted(self.inline_targets))}" if self.inline_targets else "it runs dbt on none"
        fix = f'add "{target}" to STRINGX_INLINE_TARGETS, or write `mode: async`'
        return "mode", f"the backend cannot run dbt on the target {target} itself ({known}): {fix}"


def _names(given: str, known: Collection[str]) -> str:
    """The names that there are, and which of them was probably meant."""
    meant = did_you_mean(nearest(given, known))
    return (", ".join(f"`{name}`" for name in sorted(known)) or "none") + (f"; {meant}" if meant else "")
