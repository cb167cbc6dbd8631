"""Which worker is given which run and until when, and what comes of it: all of the pool but its thread and its processes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from generation_options import options_in

from stringx.model import Engine, Gate, Report, ReportStatus, RunRequest, Severity, Slice
from stringx.runner import messages
from stringx.runner.crew import Crew, Ticket, Waiting, Worker
from stringx.runner.generations import Generations
from stringx.runner.messages import Message, Role
from stringx.runner.prepared import Prepared
from stringx.runner.recording import RecordedTest, Recording, Template
from stringx.runner.recordings import key_of
from stringx.runner.supervision import CLOSING, PATIENCE_SECONDS, QUEUE_SECONDS, Supervision
from stringx.runner.telling import Telling

GRACE_SECONDS = 8.0
TIMEOUT_SECONDS = 60.0


class Process:
    """In place of a generation: it keeps what it is told, and says what a test has it say."""

    def __init__(self) -> None:
        self.connection, _ = Pipe()
        self.pid = 1
        self.told: list[Message] = []
        self.says: deque[Message] = deque([messages.Ready(fingerprint="p")])

    def fork(self, _start: messages.Start) -> Process:
        """As the nursery, which has this one alone."""
        return self

    def hear(self) -> Message:
        return self.says.popleft()

    def say(self, message: Message) -> None:
        self.told.append(message)


class Told:
    """Who is told."""

    def __init__(self) -> None:
        self.reports: dict[str, Report] = {}
        self.lost_runs: dict[str, str] = {}

    def finished(self, ticket: Ticket, report: Report) -> None:
        self.reports[ticket.request.run] = report

    def lost(self, ticket: Ticket, reason: str) -> None:
        self.lost_runs[ticket.request.run] = reason

    def broke(self) -> None:
        raise AssertionError("it has no thread that could")


class Floor:
    """One dbt worker and one that replays, of a project in charge."""

    def __init__(self, folder: Path) -> None:
        self.process, self.told = Process(), Told()
        self.telling = Telling(self.told, "b")
        options = options_in(folder, stop_grace_seconds=GRACE_SECONDS)
        self.generations = Generations(options, self.process)  # type: ignore[arg-type]  # in place of the nursery
        self.supervision = Supervision(self.generations, self.telling, worker_max_runs=100)
        self.now = time.monotonic()
        self.supervision.advance(self.now)
        (crew,) = self.generations.crews()
        self.crew: Crew = crew
        self.generations.hear(crew)
        self.supervision.advance(self.now)
        self.theirs: dict[Role, Connection] = {}
        for worker in crew.workers.values():
            worker.connection, self.theirs[worker.role] = Pipe()

    def worker(self, role: Role) -> Worker:
        (worker,) = [worker for worker in self.crew.workers.values() if worker.role == role]
        return worker

    def submit(self, run: str) -> Ticket:
        gate = Gate.model_validate({"workspace": "default", "table": "raw.orders", "target": "demo", "engine": Engine.PREPARED})
        request = RunRequest(
            run=run * 32,
            attempt=1,
            gate=gate,
            gate_version=1,
            gate_fingerprint=gate.fingerprint,
            slice=Slice.model_validate(()),
            timeout_seconds=TIMEOUT_SECONDS,
        )
        ticket = Ticket("i", request, self.now)
        self.supervision.submit(Waiting(ticket, key_of(request)), self.now)
        return ticket

    def advance(self, seconds: float) -> None:
        """So many after the beginning."""
        self.supervision.advance(self.now + seconds)
        self.telling.tell()

    def given(self, role: Role) -> str | None:
        """The run that the worker executes."""
        task = self.worker(role).task
        return task.work.request.run[0] if task else None

    def answer(self, role: Role, message: Message) -> None:
        messages.send(self.theirs[role], message)
        worker = self.worker(role)
        assert worker.connection is not None
        self.supervision.hear(self.crew, worker, worker.connection)
        self.telling.tell()

    def die(self, role: Role) -> None:
        self.theirs[role].close()
        worker = self.worker(role)
        assert worker.connection is not None
        self.supervision.hear(self.crew, worker, worker.connection)
        self.telling.tell()

    def proven(self) -> None:
        """The gate's runs are replayed from now on."""
        ticket = self.submit("0")
        key = key_of(ticket.request)
        assert key is not None
        plain = Template(segments=("s",), places=())
        test = RecordedTest(
            test="t", sliced=False, severity=Severity.ERROR, statement=plain, compiled=plain, warn_if="!= 0", error_if="!= 0"
        )
        recording = Recording(gate_fingerprint="f", project_fingerprint="p", shape=(), tests=(test,), count=plain)
        self.answer("dbt", done("0", recording=recording))
        self.advance(0)
        self.answer("replay", done("0"))
        assert self.crew.prepared.replays(key)


def done(run: str, status: ReportStatus | None = ReportStatus.COMPLETED, **more: Any) -> messages.Done:
    return messages.Done(run=run * 32, attempt=1, status=status, gate_fingerprint="f", message=None, results=(), rows=9, notes=(), **more)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    floor = Floor(tmp_path)
    yield floor
    floor.generations.close()


def test_a_run_begins_at_once_and_the_next_when_a_worker_is_idle(floor: Floor) -> None:
    floor.submit("a")
    floor.submit("b")
    assert floor.given("dbt") == "a", "a worker that replays has nothing to replay yet"
    assert floor.supervision.runs == 2
    floor.answer("dbt", done("a"))
    floor.advance(1)
    assert floor.given("dbt") == "b"
    assert floor.told.reports["a" * 32].status is ReportStatus.COMPLETED


def test_a_run_waits_a_little_for_the_worker_that_replays_it_and_then_takes_who_is_idle(floor: Floor) -> None:
    floor.proven()
    floor.submit("a")
    floor.submit("b")
    assert (floor.given("replay"), floor.given("dbt")) == ("a", None)
    assert floor.supervision.seconds_until_due(floor.now) == pytest.approx(PATIENCE_SECONDS)
    floor.advance(PATIENCE_SECONDS / 2)
    assert floor.given("dbt") is None
    floor.advance(PATIENCE_SECONDS)
    assert floor.given("dbt") == "b"


def test_what_a_replay_gives_back_is_dbts_before_all_others_and_has_no_more_time_for_that(floor: Floor) -> None:
    floor.proven()
    floor.submit("a")
    task = floor.worker("replay").task
    assert task is not None
    floor.answer("replay", messages.Unreplayed(run="a" * 32, attempt=1, reason="x", outdated=False))
    floor.advance(TIMEOUT_SECONDS / 2)
    assert (floor.given("replay"), floor.given("dbt")) == (None, "a")
    again = floor.worker("dbt").task
    assert again is not None
    assert (again.started_at, again.deadline) == (task.started_at, task.deadline)


def test_what_a_replay_gave_back_is_out_of_time_in_the_queue_too(floor: Floor) -> None:
    floor.proven()
    floor.submit("a")
    floor.submit("b")
    floor.advance(PATIENCE_SECONDS)
    assert (floor.given("replay"), floor.given("dbt")) == ("a", "b")
    task = floor.worker("replay").task
    assert task is not None
    floor.die("replay")
    floor.advance(1)
    assert floor.told.reports.keys() == {"0" * 32}, "dbt is busy"
    assert floor.supervision.runs == 2
    floor.supervision.advance(task.deadline)
    floor.telling.tell()
    report = floor.told.reports["a" * 32]
    assert (report.status, report.message) == (ReportStatus.TIMED_OUT, "stopped at its time limit of 60 s")
    assert report.started_at == task.started_at


def test_a_run_that_nobody_begins_is_given_back(floor: Floor) -> None:
    floor.submit("a")
    floor.submit("b")
    floor.advance(QUEUE_SECONDS - 1)
    assert floor.told.lost_runs == {}
    floor.advance(QUEUE_SECONDS)
    assert floor.told.lost_runs == {"b" * 32: "no worker began it within 600 s"}


def test_a_run_that_takes_too_long_is_interrupted_and_killed_where_that_does_not_end_it(floor: Floor) -> None:
    floor.submit("a")
    worker = floor.worker("dbt")
    task = worker.task
    assert task is not None
    floor.supervision.advance(task.deadline - 1)
    assert not any(isinstance(one, messages.Interrupt) for one in floor.process.told)
    floor.supervision.advance(task.deadline)
    assert messages.Interrupt(number=worker.number) in floor.process.told
    assert task.kill_at is not None
    floor.supervision.advance(task.kill_at - 0.1)
    assert messages.Kill(number=worker.number) not in floor.process.told
    floor.supervision.advance(task.kill_at)
    assert messages.Kill(number=worker.number) in floor.process.told
    floor.die("dbt")
    why = "stopped at its time limit of 60 s; it did not end when it was asked to, and was killed"
    assert floor.told.reports["a" * 32].message == why


def test_a_worker_that_dies_loses_its_run_and_nothing_else(floor: Floor) -> None:
    floor.submit("a")
    floor.die("dbt")
    assert floor.told.lost_runs == {"a" * 32: "its worker died"}
    assert floor.supervision.runs == 0


@pytest.mark.parametrize(("status", "message"), [(ReportStatus.COMPLETED, None), (None, "cancelled")])
def test_a_run_that_is_stopped_is_cancelled_unless_it_had_ended(floor: Floor, status: ReportStatus | None, message: str | None) -> None:
    executing, queued = floor.submit("a"), floor.submit("b")
    for ticket in (executing, queued):
        floor.supervision.stop(ticket, floor.now)
    floor.answer("dbt", done("a", status))
    assert floor.told.reports["a" * 32].status is (status or ReportStatus.CANCELLED)
    assert floor.told.reports["a" * 32].message == message
    assert floor.told.reports["b" * 32].message == "cancelled before it began"
    assert floor.worker("dbt").connection is None, "a signal that comes late must not hit another run"


def test_on_closing_what_is_queued_is_given_back_and_what_executes_has_some_time(floor: Floor) -> None:
    floor.submit("a")
    floor.submit("b")
    floor.supervision.close(floor.now + 4)
    floor.submit("c")
    floor.advance(3)
    assert floor.told.lost_runs == {"b" * 32: CLOSING, "c" * 32: CLOSING}
    assert not any(isinstance(one, messages.Interrupt) for one in floor.process.told)
    floor.advance(4)
    assert any(isinstance(one, messages.Interrupt) for one in floor.process.told)
    floor.answer("dbt", done("a", None))
    assert floor.told.lost_runs["a" * 32] == CLOSING


def test_on_closing_a_comparison_is_not_waited_for(floor: Floor) -> None:
    floor.crew.prepared = Prepared(check_share=1.0)
    floor.proven()
    floor.submit("a")
    floor.answer("replay", done("a"))
    floor.advance(0)
    assert floor.given("dbt") == "a", "the run is repeated with dbt"
    floor.supervision.close(floor.now + 4)
    floor.advance(1)
    assert messages.Interrupt(number=floor.worker("dbt").number) in floor.process.told
