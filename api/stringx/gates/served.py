"""What serves gates: the targets that the backend itself runs dbt on, the runners that it knows, and the targets of those.

A run of a gate that asks for another would wait, and then be `errored`; so the gate is refused when it is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from stringx.gates.located import Path
from stringx.model import Mode
from stringx.nearest import did_you_mean, nearest


def _unknown(_runner: str) -> None:
    return None


@dataclass(frozen=True)
class Served:
    """What a gate may ask for; None of what is not known here, which is not looked at."""

    #: targets that the backend runs dbt on itself: STRINGX_INLINE_TARGETS
    inline_targets: Collection[str] | None = None
    #: names of the runners that the backend knows: STRINGX_RUNNERS
    runners: Collection[str] | None = None
    #: the targets of a runner that has this name, None where they cannot be known now; asked for runners that gates name,
    #: and for all where it is not clear which is meant
    targets_of: Callable[[str], Collection[str] | None] = _unknown
    #: topic that triggers are read from: STRINGX_KAFKA_TRIGGERS_TOPIC; None where there is none to know
    triggers_topic: str | None = None

    def faults(self, asked: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """Where a gate asks for what cannot be served, and what would mend it. `asked` has the fields of its file: those that it
        leaves out with their default, and without those that cannot be read. Where it is not clear who is to run it, a target that
        nobody has is told."""
        for path, topic in _topics(asked):
            if topic is not None and topic == self.triggers_topic:
                yield path, f"triggers are read from {topic}: an acknowledgement there would be refused, name another topic"
        mode, runner, target = asked.get("mode"), asked.get("runner"), asked.get("target")
        if mode == Mode.INLINE:
            if target is not None and self.inline_targets is not None and target not in self.inline_targets:
                yield ("mode",), _no_inline_target(target, self.inline_targets)
            return
        if self.runners is None:
            return
        if runner is not None and runner not in self.runners:
            yield ("runner",), f"the backend knows no runner `{runner}`: STRINGX_RUNNERS has {_names(runner, self.runners)}"
        if target is None:
            return
        if mode == Mode.ASYNC and runner is not None and runner in self.runners:
            if (targets := self.targets_of(runner)) is not None and target not in targets:
                yield ("target",), f"the runner `{runner}` has no target `{target}`: it has {_names(target, targets)}"
        elif (targets := self._targets(inline=mode != Mode.ASYNC)) is not None and target not in targets:
            who = "no runner" if mode == Mode.ASYNC else "nobody"
            yield ("target",), f"{who} has the target `{target}`: there are {_names(target, targets)}"

    def _targets(self, *, inline: bool) -> Collection[str] | None:
        """Those that any runner has, and with `inline` the backend itself; None where there is none, or as soon as one is not known."""
        found: set[str] = set()
        for targets in chain([self.inline_targets] if inline else [], map(self.targets_of, self.runners or ())):
            if targets is None:
                return None
            found.update(targets)
        return found or None


def _topics(asked: Mapping[str, Any]) -> Iterator[tuple[Path, object]]:
    """The topics that acknowledgements may go to, and where they stand."""
    for number, topic in enumerate(_list(asked.get("reply_to"))):
        yield ("reply_to", number), topic
    for number, notice in enumerate(_list(asked.get("notify"))):
        if isinstance(notice, Mapping):
            yield ("notify", number, "topic"), notice.get("topic")


def _list(data: object) -> Sequence[object]:
    """What is no list, is wrong as such."""
    return data if isinstance(data, Sequence) and not isinstance(data, str) else ()


def _no_inline_target(target: str, inline_targets: Collection[str]) -> str:
    known = f"it runs dbt on {', '.join(sorted(inline_targets))}" if inline_targets else "it runs dbt on none"
    fix = f'add "{target}" to STRINGX_INLINE_TARGETS, or write `mode: async`'
    return f"the backend cannot run dbt on the target {target} itself ({known}): {fix}"


def _names(given: str, known: Collection[str]) -> str:
    """The names that there are, and which of them was probably meant."""
    meant = did_you_mean(nearest(given, known))
    return (", ".join(f"`{name}`" for name in sorted(known)) or "none") + (f"; {meant}" if meant else "")
