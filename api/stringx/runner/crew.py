"""A crew: one generation process and its workers, as the pool sees them. It starts, tells and ends; it decides nothing."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection

from stringx.model import ReportStatus, RunRequest
from stringx.runner import messages
from stringx.runner.kept import Kept
from stringx.runner.nursery import Nursery
from stringx.runner.prepared import Comparison, Prepared
from stringx.runner.recordings import Key, Recorded
from stringx.runner.slice_sql import slice_values

#: Replays until their worker is replaced, per run of a dbt worker: what grows there is dbt.
REPLAYS_PER_RUN = 100

#: What was killed and is still there is killed again: whoever should have done it may have died.
KILL_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Ticket:
    """A run that the runner has taken, and for whom. Two tickets are the same only if they are one object."""

    installation: str
    request: RunRequest
    #: on the clock of `time.monotonic`
    taken_at: float = field(default_factory=time.monotonic)

    __hash__ = object.__hash__
    __eq__ = object.__eq__

    @property
    def key(self) -> tuple[str, int]:
        return self.request.run, self.request.attempt

    def why_stopped(self, status: ReportStatus) -> str:
        """As its report says. `status`: what it was stopped as."""
        return f"stopped at its time limit of {self.request.timeout_seconds:g} s" if status is ReportStatus.TIMED_OUT else "cancelled"


@dataclass(eq=False)
class Waiting:
    """A run that no worker executes at the moment."""

    ticket: Ticket
    #: what it may be replayed by
    key: Key | None
    #: of one that a replay gave back, and that dbt is to take
    started_at: datetime | None = None
    #: when it must end, if it has begun
    deadline: float = math.inf


@dataclass
class Task:
    """What a worker executes: a run, or a comparison that nobody waits for."""

    work: Ticket | Comparison
    #: when the run began, be it with another worker
    started_at: datetime
    #: when this worker was given it, and when it must end; on the clock of `time.monotonic`
    since: float
    deadline: float
    #: of a run that may be replayed
    key: Key | None = None
    #: what it is replayed by; None: dbt runs it
    recorded: Recorded | None = None
    #: whether what dbt sends for it is recorded
    records: bool = False
    stopped: bool = False
    #: what the report of a stopped run says; None: there is no report, for the runner is closing
    stop_status: ReportStatus | None = None
    #: when it is killed, unless it has ended
    kill_at: float | None = None


@dataclass
class Worker:
    """A worker process, from the moment it is asked for."""

    number: int
    role: messages.Role
    #: sessions that it ends before it connects
    end_sessions: tuple[str, ...]
    #: None until it has connected, and after we have hung up
    connection: Connection | None = None
    task: Task | None = None
    runs: int = 0
    #: it takes no further run
    leaving: bool = False
    #: numbers of the recordings that it was told; it keeps the same
    known: Kept[int, None] = field(default_factory=Kept)

    @property
    def alive(self) -> bool:
        """It takes runs, though perhaps not at the moment."""
        return self.connection is not None and not self.leaving

    @property
    def idle(self) -> bool:
        return self.alive and self.task is None

    def worn_out(self, max_runs: int) -> bool:
        """It is to be replaced. `max_runs`: of a dbt worker."""
        return self.runs >= max_runs * (REPLAYS_PER_RUN if self.role == "replay" else 1)

    def begin(self, task: Task, now: float) -> bool:
        """Has it execute a task. False where it has died: its connection's end is heard next."""
        assert self.connection is not None  # noqa: S101  # it is idle
        try:
            for message in self._orders(task, now):
                messages.send(self.connection, message)
        except OSError:
            self.leaving = True
            return False
        self.task = task
        return True

    def hang_up(self) -> None:
        """Lets it end: it does so when it next looks for work."""
        self.leaving = True
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _orders(self, task: Task, now: float) -> Iterator[messages.Message]:
        request, recorded = task.work.request, task.recorded
        if recorded is None:
            yield messages.Work(request=request, record=task.records)
            return
        if recorded.number not in self.known:
            yield messages.Learn(number=recorded.number, recording=recorded.recording, gate=request.gate)
        self.known.keep(recorded.number, None)
        yield messages.Replay(
            run=request.run,
            attempt=request.attempt,
            number=recorded.number,
            values=slice_values(request.slice),
            timeout_seconds=max(0.0, task.deadline - now),
        )


class Crew:
    """One generation and its workers. OSError where the process cannot be started."""

    def __init__(self, start: messages.Start, prepared: Prepared, nursery: Nursery) -> None:
        self.start = start
        self.prepared = prepared
        #: on the clock of `time.monotonic`
        self.started_at = time.monotonic()
        self.workers: dict[int, Worker] = {}
        #: of its project; None until it is ready
        self.fingerprint: str | None = None
        #: when it is killed, unless it has ended; None as long as it is not to end
        self.kill_at: float | None = None
        self._process = nursery.fork(start)

    @property
    def number(self) -> int:
        return self.start.generation

    @property
    def connection(self) -> Connection | None:
        """None once the generation has ended."""
        return self._process.connection

    @property
    def pid(self) -> int | None:
        """None where the generation has not come to life."""
        return self._process.pid

    def session_name(self, worker: Worker) -> str:
        return messages.session_name(self.start.session_prefix, worker.number)

    def hear(self) -> messages.Message:
        """What the generation says next, or that it is gone. Blocks until there is something."""
        return self._process.hear()

    def fork(self, number: int, role: messages.Role, end_sessions: tuple[str, ...]) -> None:
        """Asks for a worker, which connects when it is there."""
        self.workers[number] = Worker(number, role, end_sessions)
        self._process.say(messages.Fork(worker=number, role=role, end_sessions=end_sessions))

    def inquire(self, number: int, question: messages.CheckGates | messages.DescribeTable) -> None:
        """Asks for a process that answers the question, and connects when it has."""
        self._process.say(messages.Inquire(number=number, question=question))

    def idle_worker(self, role: messages.Role) -> Worker | None:
        return next((worker for worker in self.workers.values() if worker.role == role and worker.idle), None)

    def replayer_of(self, key: Key) -> Worker | None:
        """The replay worker that a gate keeps to, so that its statements are prepared in one session; None while there is none."""
        alive = [worker for worker in self.workers.values() if worker.role == "replay" and worker.alive]
        return alive[int(key[0][:8], 16) % len(alive)] if alive else None

    def interrupt(self, worker: Worker) -> None:
        """Asks a worker to stop its run; dbt then cancels its queries."""
        self._process.say(messages.Interrupt(number=worker.number))

    def kill(self, worker: Worker) -> None:
        """Ends a worker at once; its sessions in the database are left to be ended."""
        self._process.say(messages.Kill(number=worker.number))

    def leave(self) -> None:
        """Lets the generation end; it first stops what workers it still has. One that does not end is killed after a while."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + 2 * self.start.stop_grace_seconds
            self._process.say(messages.Leave())

    def kill_processes(self) -> None:
        """Kills the generation with all its workers."""
        self._process.kill()

    def gone(self) -> bool:
        """Whether a generation that was let go has ended; one that is to be killed is. At its end its folder is removed."""
        if self.connection is not None:
            now = time.monotonic()
            if self.kill_at is not None and now >= self.kill_at:
                self.kill_processes()
                self.kill_at = now + KILL_AGAIN_SECONDS
            return False
        for worker in self.workers.values():
            worker.hang_up()
        shutil.rmtree(self.start.folder, ignore_errors=True)
        return True
