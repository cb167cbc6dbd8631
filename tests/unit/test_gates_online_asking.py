"""How many gates a runner is asked about at a time, and what is done where it answers others."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from gate_texts import gate_of, orders

from stringx.cli import runners
from stringx.cli.gates import online
from stringx.errors import RunnerBusy
from stringx.model import Gate, Validation
from stringx.runner.client import HttpRunner
from stringx.runner.wire import Answer

BUSY = Answer(429, "", {"retry-after": "0"}, b"")


class Answers:
    """A wire at whose other end these are said, one after the other, and the last from then on."""

    def __init__(self, *answers: Answer) -> None:
        self.left = list(answers)

    def send(
        self,
        method: str,  # noqa: ARG002
        path: str,  # noqa: ARG002
        *,
        headers: Mapping[str, str],  # noqa: ARG002
        body: bytes | None,  # noqa: ARG002
        connect_seconds: float,  # noqa: ARG002
        answer_seconds: float,  # noqa: ARG002
    ) -> Answer:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]

    def close(self) -> None: ...


def test_a_runner_that_answers_others_is_asked_again() -> None:
    answers = Answers(BUSY, BUSY, Answer(200, "", {}, b'{"gates": []}'))
    assert online.validated([HttpRunner("http://runner", "token", wire=answers)], []) == Validation()
    assert len(answers.left) == 1


def test_a_runner_that_only_answers_others_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "BUSY_SECONDS", 0.0)
    with pytest.raises(RunnerBusy):
        online.validated([HttpRunner("http://runner", "token", wire=Answers(BUSY))], [])


def gate(rules: int) -> Gate:
    lines = "".join(f"  - {{name: rule_{place}, check: not_null, column: id}}\n" for place in range(rules))
    return gate_of(orders(f"rules:\n{lines}" if lines else "rules: []\n"))


def test_so_many_gates_are_asked_about_in_one_go_as_have_not_too_many_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "AT_ONCE", 6)
    gates = [gate(rules) for rules in (1, 2, 0, 0, 9, 5)]
    assert [[len(one.rules) for one in some] for some in online.batches(gates)] == [[1, 2, 0], [0], [9], [5]]
    assert list(online.batches([])) == []
