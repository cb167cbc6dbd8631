"""The pool of one target: gives each worker one run at a time, and stops a run that takes too long or is no longer wanted.

One thread supervises; it alone starts, forks and stops. What others call takes the lock, changes what is wanted, and wakes it;
only a run for which there is an idle worker is given to that at once.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait

from stringx import logs
from stringx.errors import Unavailable
from stringx.model import DistrustedGate, Engine, Report, ReportStatus
from stringx.runner import messages
from stringx.runner.crew import Crew, Task, Ticket, Waiting, Worker
from stringx.runner.generations import GenerationOptions, Generations
from stringx.runner.inquiries import Question
from stringx.runner.nursery import Nursery
from stringx.runner.prepared import Comparison
from stringx.runner.recordings import key_of
from stringx.runner.telling import Receiver, Telling

log = logs.get(__name__)

_BROKEN = "the runner's pool has failed"
_CLOSING = "the runner is closing"


#: A run that no worker has begun after this time is given back: another replica may be faster.
QUEUE_SECONDS = 600.0

#: A run waits for its replay worker unless that has been busy with one thing for so long; then whoever is idle takes it, be it with dbt.
PATIENCE_SECONDS = 0.25

#: Replays until their worker is replaced, per run of a dbt worker: what grows there is dbt.
REPLAYS_PER_RUN = 100


@dataclass(frozen=True)
class PoolOptions:
    """What a pool is told, beside what its generations are."""

    boot: str
    worker_max_runs: int


class Pool:
    """The workers of one target."""

    def __init__(self, options: PoolOptions, generations: GenerationOptions, nursery: Nursery, receiver: Receiver) -> None:
        self.workers = generations.workers + generations.replay_workers
        self._options = options
        self._replays = generations.replay_workers > 0
        self._target = generations.target
        self._stop_grace_seconds = generations.stop_grace_seconds
        self._receiver = receiver
        self._telling = Telling(receiver)
        self._lock = threading.RLock()
        self._generations = Generations(generations, nursery)
        self._queue: deque[Waiting] = deque()
        self._closing = False
        #: when, after `close`, what still executes is stopped
        self._stop_at: float | None = None
        self._broken = False
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"pool {self._target}", daemon=True)

    # --- lifecycle, called from anywhere ---

    def start(self) -> None:
        """Begins to parse the project; does not wait for it."""
        self._thread.start()

    def close(self) -> None:
        """Takes nothing more and hands back what is queued; all has ended after the grace.

        What executes may end within the first half of it, is then stopped, and at last killed.
        """
        with self._lock:
            self._closing = True
            self._stop_at = time.monotonic() + self._stop_grace_seconds / 2
        self._wake_up()

    def join(self, timeout_seconds: float) -> bool:
        """Waits for the end of all processes; False where they still run after that time."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def terminate(self) -> None:
        """Kills all processes, with what they execute."""
        with self._lock:
            self._closing = True
            self._generations.kill_processes()
        self._wake_up()

    # --- use, called from anywhere ---

    def submit(self, ticket: Ticket) -> None:
        waiting = Waiting(ticket, key_of(ticket.request) if self._replays else None)
        try:
            with self._lock:
                broken = self._broken
                if not broken:
                    self._queue.append(waiting)
                    if not self._closing:
                        self._assign(time.monotonic())  # at once where a worker is idle: the thread would have to wake first
        finally:
            self._wake_up()
        if broken:
            self._receiver.lost(ticket, _BROKEN)

    def stop(self, ticket: Ticket) -> None:
        """Stops a run, wherever it is; its report says `cancelled`. Nothing where it has ended."""
        with self._lock:
            for waiting in [waiting for waiting in self._queue if waiting.ticket is ticket]:
                self._queue.remove(waiting)
                self._telling.finished(ticket, ticket.report(self._options.boot, ReportStatus.CANCELLED, "cancelled before it began"))
            for crew, worker, task in self._tasks():
                if task.work is ticket and not task.stopped:
                    self._stop(crew, worker, task, ReportStatus.CANCELLED)
        self._wake_up()

    def inquire(self, question: Question) -> Future[messages.Answered]:
        """Asks the project in charge, beside its runs. Unavailable where none is."""
        with self._lock:
            if self._broken or self._closing:
                raise Unavailable(_BROKEN if self._broken else _CLOSING)
            return self._generations.inquire(question)

    def refresh(self) -> None:
        """The project has changed on disk: parse it anew, beside the generation in charge."""
        with self._lock:
            self._generations.refresh()
        self._wake_up()

    @property
    def broken(self) -> bool:
        """The supervising thread failed: nothing will be executed any more."""
        return self._broken

    @property
    def ready(self) -> bool:
        """A project is in charge, and what is submitted is executed."""
        return not self._broken and self._generations.in_charge is not None

    @property
    def fingerprint(self) -> str | None:
        """Of the project in charge."""
        with self._lock:
            crew = self._generations.in_charge
            return crew.fingerprint if crew else None

    @property
    def error(self) -> str | None:
        """Why the newest project is not in charge."""
        return self._generations.error

    @property
    def distrusted(self) -> tuple[DistrustedGate, ...]:
        """The gates whose replays differed from dbt, and how: under the project in charge, dbt runs them."""
        with self._lock:
            crew = self._generations.in_charge
            return tuple(crew.prepared.recordings.distrusted) if crew else ()

    @property
    def free(self) -> int:
        """Runs that would begin at once. Without a project that parses, all: each is answered with dbt's message."""
        with self._lock:
            if self._closing or self._broken or not (self.ready or self._generations.hopeless):
                return 0
            return max(0, self.workers - sum(1 for _ in self._tasks()) - len(self._queue))

    def executing(self, ticket: Ticket) -> bool:
        with self._lock:
            return any(task.work is ticket for _, _, task in self._tasks())

    # --- the supervising thread ---

    def _run(self) -> None:
        try:
            self._supervise()
            self._close_all()
        except BaseException:
            # Nobody else would end these processes, or tell that their runs are lost.
            with self._lock:
                self._broken = True
                self._generations.abandon()
                for work in [*(waiting.ticket for waiting in self._queue), *(task.work for _, _, task in self._tasks())]:
                    self._lose(work, _BROKEN)
            try:
                self._telling.tell()
            finally:
                self._receiver.broke()
                self._generations.wait_for_all()
                self._close_all()
            raise

    def _close_all(self) -> None:
        self._generations.close()
        with self._lock:
            self._woken.close()
            self._wake.close()

    def _supervise(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                self._advance(now)
                done = self._closing and self._generations.all_ended
                speakers, timeout = self._speakers(), self._until(now)
            self._telling.tell()
            if done:
                return
            for speaker in wait(speakers, timeout):
                with self._lock:
                    self._hear(speaker)

    def _advance(self, now: float) -> None:
        """Does all that is due."""
        if self._closing:
            while self._queue:
                self._lose(self._queue.popleft().ticket, _CLOSING)
        for waiting in list(self._queue):
            if now >= waiting.ticket.taken_at + QUEUE_SECONDS:
                self._queue.remove(waiting)
                self._lose(waiting.ticket, f"no worker began it within {QUEUE_SECONDS:g} s")
            elif waiting.begun is not None and now >= waiting.begun[1]:
                self._queue.remove(waiting)
                text = _why(ReportStatus.TIMED_OUT, waiting.ticket)
                report = waiting.ticket.report(self._options.boot, ReportStatus.TIMED_OUT, text, started_at=waiting.begun[0])
                self._telling.finished(waiting.ticket, report)
        if self._closing:
            self._generations.wind_up()
        else:
            self._generations.advance(now)
        for crew, worker, task in self._tasks():
            if task.kill_at is not None and now >= task.kill_at:
                task.kill_at = None
                crew.kill(worker)
            elif not task.stopped and now >= task.deadline:
                self._stop(crew, worker, task, ReportStatus.TIMED_OUT)
            elif not task.stopped and self._stop_at is not None and (now >= self._stop_at or isinstance(task.work, Comparison)):
                self._stop(crew, worker, task, None)
        self._assign(now)

    def _assign(self, now: float) -> None:
        generations = self._generations
        while self._queue and generations.hopeless:
            ticket = self._queue.popleft().ticket
            report = ticket.report(self._options.boot, ReportStatus.ERRORED, generations.error, fingerprint=generations.failed_fingerprint)
            self._telling.finished(ticket, report)
        crew = generations.in_charge
        if crew is None:
            return
        idle = sum(worker.idle for worker in crew.workers.values())
        for waiting in list(self._queue):
            if not idle:
                return
            if self._begin(crew, waiting, now):
                self._queue.remove(waiting)
                idle -= 1
        # What nobody waits for comes last.
        for role in messages.ROLES:
            while (worker := crew.idle_worker(role)) and (comparison := crew.prepared.next_comparison(role)):
                self._compare(crew, worker, comparison, now)

    def _begin(self, crew: Crew, waiting: Waiting, now: float) -> bool:
        """Gives a run to a worker, if there is one for it."""
        recorded = crew.prepared.replays(waiting.key) if waiting.begun is None else None
        worker = None
        if recorded is not None:
            worker = crew.replayer_of(recorded.key)
            if worker is None or not worker.idle:
                if now < (worker.task.since if worker and worker.task else waiting.ticket.taken_at) + PATIENCE_SECONDS:
                    return False
                worker = crew.idle_worker("replay")
        worker = worker or crew.idle_worker("dbt")
        if worker is None:
            return False
        started_at, deadline = waiting.begun or (datetime.now(UTC), now + waiting.ticket.request.timeout_seconds)
        task = Task(waiting.ticket, started_at, now, deadline, waiting.key)
        if worker.role == "replay":
            task.recorded = recorded
        else:
            task.records = crew.prepared.records(task.key, now)
        begun = worker.begin(task, now)
        if not begun:
            self._came_to_nothing(crew, task, now)
        return begun

    def _compare(self, crew: Crew, worker: Worker, comparison: Comparison, now: float) -> None:
        recorded = comparison.recorded if worker.role == "replay" else None
        task = Task(comparison, datetime.now(UTC), now, now + comparison.request.timeout_seconds, recorded=recorded)
        if not worker.begin(task, now):
            self._came_to_nothing(crew, task, now)

    def _came_to_nothing(self, crew: Crew, task: Task, now: float) -> None:
        """What it would have told of the recording, it will not."""
        if isinstance(task.work, Comparison):
            crew.prepared.compared(task.work, None, now)
        elif task.records and task.key is not None:
            crew.prepared.ran(task.key, task.work.request, None, now)

    def _stop(self, crew: Crew, worker: Worker, task: Task, status: ReportStatus | None) -> None:
        """Interrupts a worker's run. It takes no other: a signal that comes late must not hit one."""
        task.stopped = worker.leaving = True
        task.stop_status = status
        task.kill_at = time.monotonic() + self._stop_grace_seconds / (2 if status is None else 1)
        crew.interrupt(worker)

    def _hear(self, speaker: object) -> None:
        if speaker is self._woken:
            with suppress(BlockingIOError):
                while self._woken.recv(4096):
                    pass
        elif speaker is self._generations.listening.socket:
            self._generations.accept()
        for crew in self._generations.all_crews():
            if speaker is crew.connection:
                for worker in self._generations.hear(crew):
                    self._worker_ended(crew, worker)
                return
        for crew in self._generations.crews():
            for worker in crew.workers.values():
                if speaker is worker.connection:
                    self._hear_worker(crew, worker, worker.connection)
                    return

    def _hear_worker(self, crew: Crew, worker: Worker, connection: Connection) -> None:
        try:
            message = messages.receive(connection)
        except (EOFError, OSError):
            self._worker_ended(crew, worker)
            return
        task, now = worker.task, time.monotonic()
        if not isinstance(message, messages.Done | messages.Unreplayed) or task is None:
            raise TypeError(f"a worker said {message.kind} without a run")
        worker.task = None
        worker.runs += 1
        self._generations.worked()
        if isinstance(message, messages.Done):
            self._done(crew, task, message, now)
        else:
            self._unreplayed(crew, task, message, now)
        if worker.leaving or worker.runs >= self._options.worker_max_runs * (REPLAYS_PER_RUN if worker.role == "replay" else 1):
            worker.hang_up()

    def _done(self, crew: Crew, task: Task, done: messages.Done, now: float) -> None:
        for note in done.notes:
            log.warning("beside a run", run=done.run, attempt=done.attempt, note=note)
        if isinstance(task.work, Comparison):
            crew.prepared.compared(task.work, done, now)
            return
        if task.records and task.key is not None:
            crew.prepared.ran(task.key, task.work.request, done, now)
        elif task.recorded is not None and done.status is ReportStatus.COMPLETED:
            crew.prepared.replayed(task.work.request, task.recorded, done)
        status = done.status or task.stop_status
        if status is None:
            self._lose(task.work, _CLOSING)
        else:
            text = done.message or (_why(status, task.work) if done.status is None else None)
            self._telling.finished(task.work, self._report(crew, task, status, text, done))

    def _unreplayed(self, crew: Crew, task: Task, message: messages.Unreplayed, now: float) -> None:
        """Hands the run to dbt, unless it was to stop."""
        if isinstance(task.work, Comparison):
            crew.prepared.compared(task.work, None, now, why_not=message.reason)
            return
        log.info("run goes to dbt", run=message.run, attempt=message.attempt, reason=message.reason)
        if message.outdated and task.recorded is not None:
            crew.prepared.recordings.forget(task.recorded)
        self._give_back(crew, task, task.work)

    def _give_back(self, crew: Crew, task: Task, ticket: Ticket) -> None:
        """A replay did not come to its end: dbt takes the run over, within the same time, unless it was to stop."""
        if not task.stopped:
            self._queue.appendleft(Waiting(ticket, task.key, (task.started_at, task.deadline)))
        elif task.stop_status is None:
            self._lose(ticket, _CLOSING)
        else:
            self._telling.finished(ticket, self._report(crew, task, task.stop_status, _why(task.stop_status, ticket)))

    def _worker_ended(self, crew: Crew, worker: Worker) -> None:
        task, expected = worker.task, worker.leaving
        self._generations.forget(crew, worker, left_sessions=task is not None)
        if task is None:
            if not expected:
                self._generations.back_off()
        else:
            self._came_to_nothing(crew, task, time.monotonic())
            if isinstance(task.work, Ticket):
                self._died(crew, task, task.work)
        if not expected:
            log.error("worker died", target=self._target, worker=worker.number, run=task.work.request.run if task else None)

    def _died(self, crew: Crew, task: Task, ticket: Ticket) -> None:
        if task.stop_status is not None:
            text = f"{_why(task.stop_status, ticket)}; it did not end when it was asked to, and was killed"
            self._telling.finished(ticket, self._report(crew, task, task.stop_status, text))
        elif task.recorded is not None:
            self._give_back(crew, task, ticket)
        else:
            self._lose(ticket, _CLOSING if task.stopped else "its worker died")

    # --- small parts ---

    def _tasks(self) -> Iterator[tuple[Crew, Worker, Task]]:
        for crew in self._generations.crews():
            for worker in crew.workers.values():
                if worker.task is not None:
                    yield crew, worker, worker.task

    def _speakers(self) -> list[Connection | socket.socket]:
        connections = [crew.connection for crew in self._generations.all_crews()]
        connections += [worker.connection for crew in self._generations.crews() for worker in crew.workers.values()]
        listening = [self._generations.listening.socket] if self._generations.listening.hears else []
        return [self._woken, *listening, *(connection for connection in connections if connection is not None)]

    def _until(self, now: float) -> float | None:
        """Seconds until something is due; None: only when somebody speaks."""
        due = self._generations.due(now)
        impatient = []
        for waiting in self._queue:
            due += (waiting.ticket.taken_at + QUEUE_SECONDS, *(waiting.begun[1:] if waiting.begun else ()))
            impatient.append(waiting.ticket.taken_at + PATIENCE_SECONDS)
        for _, _, task in self._tasks():
            if task.kill_at is not None:
                due.append(task.kill_at)
            elif not task.stopped:
                due.append(min(task.deadline, self._stop_at or task.deadline))
            if self._queue and task.recorded is not None:
                impatient.append(task.since + PATIENCE_SECONDS)
        due += [moment for moment in impatient if moment > now]
        return max(0.0, min(due) - now) if due else None

    def _report(self, crew: Crew, task: Task, status: ReportStatus, message: str | None, done: messages.Done | None = None) -> Report:
        assert isinstance(task.work, Ticket)  # noqa: S101  # nobody waits for a comparison's
        replayed = task.recorded is not None
        return task.work.report(
            self._options.boot,
            status,
            message,
            started_at=task.started_at,
            engine=Engine.PREPARED if replayed else Engine.DBT,
            fingerprint=crew.fingerprint,
            done=done,
            unprepared=() if replayed else crew.prepared.unprepared(task.key, done),
        )

    def _lose(self, work: Ticket | Comparison, reason: str) -> None:
        if isinstance(work, Ticket):
            self._telling.lost(work, reason)

    def _wake_up(self) -> None:
        with suppress(OSError):  # full: it is awake already; closed: it has ended
            self._wake.send(b"x")


def _why(status: ReportStatus, ticket: Ticket) -> str:
    if status is ReportStatus.TIMED_OUT:
        return f"stopped at its time limit of {ticket.request.timeout_seconds:g} s"
    return "cancelled"
