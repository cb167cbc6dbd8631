"""What is asked of a target's project beside its runs: whether gates would work, and what a table is like.

A question is answered by a process of its own, forked from the parsed project: it takes no worker from a run, and what it does
to its dbt ends with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol, TypeVar

from stringx.errors import NotFound, Unavailable
from stringx.model import Gate, GateOnTarget, TableCatalog, TargetFault, Validation
from stringx.nearest import did_you_mean, nearest
from stringx.runner.messages import Answered, CheckGates, DescribeTable

#: After this time the process that should answer ends itself.
LONGEST_SECONDS = 60
#: A little more is waited for its end.
WAIT_SECONDS = LONGEST_SECONDS + 5.0

_Answer = TypeVar("_Answer", Validation, TableCatalog)

Question = CheckGates | DescribeTable


class Asked(Protocol):
    """Whom a question goes to: the pool of one target."""

    def inquire(self, question: Question) -> Future[Answered]:
        """Raises Unavailable where no project is in charge."""


class Inquiries:
    """The questions of one target that wait for their answer. Not thread-safe: the pool calls, under its lock."""

    def __init__(self) -> None:
        #: by the number of the process that answers: its generation, and who waits
        self._waiting: dict[int, tuple[int, Future[Answered]]] = {}

    def asked(self, generation: int, number: int) -> Future[Answered]:
        answer: Future[Answered] = Future()
        self._waiting[number] = generation, answer
        return answer

    def answered(self, message: Answered) -> None:
        if message.number in self._waiting:
            _, waiting = self._waiting.pop(message.number)
            waiting.set_result(message)

    def ended(self, number: int) -> None:
        """A process has ended: one that has not answered will not."""
        if number in self._waiting:
            _, waiting = self._waiting.pop(number)
            why = f"the process that should answer ended without a word, or took more than {LONGEST_SECONDS} s"
            waiting.set_exception(Unavailable(why))

    def generation_ended(self, generation: int) -> None:
        """It takes with it whoever should answer."""
        for number in [number for number, (its, _) in self._waiting.items() if its == generation]:
            self.ended(number)


def validate(pools: Mapping[str, Asked], gates: Sequence[Gate]) -> Validation:
    """What of the gates would not work, each asked of its target. Blocks; Unavailable where one does not answer."""
    by_target: dict[str, list[int]] = {}
    for place, gate in enumerate(gates):
        by_target.setdefault(gate.target, []).append(place)
    found: dict[int, GateOnTarget] = {}
    waiting: list[tuple[list[int], Future[Answered]]] = []
    for target, places in by_target.items():
        if target in pools:
            waiting.append((places, pools[target].inquire(CheckGates(gates=tuple(gates[place] for place in places)))))
        else:
            fault = TargetFault(field=("target",), message=_not_served(target, pools))
            found |= {place: _of(gates[place], fault) for place in places}
    for places, answer in waiting:
        answered = _answer(answer, Validation)
        found |= dict(zip(places, answered.gates, strict=True))
    return Validation(gates=tuple(found[place] for place in range(len(gates))))


def describe(pools: Mapping[str, Asked], table: str, target: str) -> TableCatalog:
    """What a table of a target is like. Blocks; NotFound where there is none, Unavailable where nobody answers."""
    if target not in pools:
        raise NotFound(_not_served(target, pools))
    return _answer(pools[target].inquire(DescribeTable(table=table)), TableCatalog)


def _not_served(target: str, pools: Mapping[str, Asked]) -> str:
    meant = did_you_mean(nearest(target, pools))
    return f"this runner serves {', '.join(pools) or 'no target'}, not {target}{f': {meant}' if meant else ''}"


def _of(gate: Gate, *faults: TargetFault) -> GateOnTarget:
    return GateOnTarget(workspace=gate.workspace, table=gate.table, faults=faults)


def _answer(waiting: Future[Answered], kind: type[_Answer]) -> _Answer:
    try:
        answered = waiting.result(WAIT_SECONDS)
    except TimeoutError as error:
        raise Unavailable("the dbt project did not answer in time") from error
    if answered.absent:
        raise NotFound(answered.error or "it is not there")
    if not isinstance(answered.answer, kind):
        raise Unavailable(answered.error or "the dbt project gave no answer")
    return answered.answer
