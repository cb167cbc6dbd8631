"""What ends by itself is started again, later and later; at the end everything is stopped in order."""

from __future__ import annotations

from stringx.embedded.child import ChildFailed
from stringx.embedded.supervisor import LONGEST_PAUSE_SECONDS, STEADY_SECONDS, Stage, Supervisor


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakePart:
    def __init__(self, name: str, journal: list[str]) -> None:
        self.name = name
        self.journal = journal
        self.running = False
        self.ends = True
        self.fails = False
        self.end = "exit code 1; its log is runner.log"

    def start(self) -> None:
        if self.fails:
            raise ChildFailed("the port is taken")
        self.journal.append(f"start {self.name}")
        self.running = True

    def close(self) -> None:
        self.journal.append(f"close {self.name}")
        self.running = not self.ends

    def join(self, timeout_seconds: float) -> bool:  # noqa: ARG002  # nothing here takes time
        return not self.running

    def terminate(self) -> None:
        self.journal.append(f"terminate {self.name}")
        self.running = False


class TestSupervisor:
    def setup_method(self) -> None:
        self.clock = Clock()
        self.said: list[str] = []
        self.journal: list[str] = []
        self.supervisor = Supervisor(self.said.append, self.clock)

    def part(self, name: str, stage: Stage) -> FakePart:
        part = FakePart(name, self.journal)
        self.supervisor.start(name, part, stage)
        return part

    def pause_until_restart(self, part: FakePart) -> float:
        part.running = False
        self.supervisor.check()
        ended = self.clock.now
        while not part.running:
            self.clock.now += 0.25
            self.supervisor.check()
        return self.clock.now - ended

    def test_what_runs_is_left_alone(self) -> None:
        self.part("runner", Stage.RUNNER)
        self.supervisor.check()
        assert self.journal == ["start runner"]
        assert self.said == []

    def test_what_ended_is_started_again_with_growing_pauses_and_it_is_said(self) -> None:
        part = self.part("runner", Stage.RUNNER)
        pauses = [self.pause_until_restart(part) for _ in range(9)]
        assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
        assert pauses[-1] == LONGEST_PAUSE_SECONDS
        assert self.said[:2] == [
            "runner has ended by itself (exit code 1; its log is runner.log); it is started again in 0.5 s",
            "runner is started again",
        ]

    def test_what_the_ended_one_left_is_ended_before_anything_else(self) -> None:
        part = self.part("runner", Stage.RUNNER)
        self.journal.clear()
        part.running = False
        self.supervisor.check()
        assert self.journal == ["terminate runner"]
        self.clock.now += 0.5
        self.supervisor.check()
        assert self.journal == ["terminate runner", "start runner"]

    def test_a_part_that_ran_steadily_starts_over_with_the_first_pause(self) -> None:
        part = self.part("runner", Stage.RUNNER)
        assert [self.pause_until_restart(part) for _ in range(3)] == [0.5, 1.0, 2.0]
        self.clock.now += STEADY_SECONDS + 1
        assert self.pause_until_restart(part) == 0.5
        assert self.supervisor.failures("runner") == 1

    def test_a_start_that_fails_is_tried_again(self) -> None:
        part = self.part("kafka", Stage.SERVER)
        part.running, part.fails = False, True
        self.supervisor.check()
        self.clock.now += 0.5
        self.supervisor.check()
        assert self.said[-1] == "kafka did not start: the port is taken; it is started again in 1 s"
        part.fails = False
        self.clock.now += 1.0
        self.supervisor.check()
        assert part.running

    def test_restarts_are_told_to_who_asked(self) -> None:
        restarts: list[str] = []
        part = FakePart("kafka", self.journal)
        self.supervisor.start("kafka", part, Stage.SERVER, restarted=lambda: restarts.append("kafka"))
        self.pause_until_restart(part)
        assert restarts == ["kafka"]

    def test_later_stages_are_stopped_first_and_what_does_not_end_is_killed(self) -> None:
        self.part("postgres", Stage.SERVER)
        self.part("runner", Stage.RUNNER).ends = False
        self.part("serve", Stage.BACKEND)
        self.journal.clear()
        self.supervisor.stop(0.0)
        assert self.journal == ["close serve", "close runner", "terminate runner", "close postgres"]
        self.supervisor.check()
        assert len(self.journal) == 4
