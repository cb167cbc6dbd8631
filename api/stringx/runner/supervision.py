"""The runs of one target: which wait, which worker executes which and until when, and what comes of each.

Not thread-safe: the pool calls, under its lock. Nothing here waits or tells anybody. Times are on the clock of `time.monotonic`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from stringx import logs
from stringx.model import Engine, ReportStatus
from stringx.runner import messages
from stringx.runner.crew import Crew, Task, Ticket, Waiting, Worker
from stringx.runner.generations import Generations
from stringx.runner.prepared import Comparison
from stringx.runner.telling import Telling

log = logs.get(__name__)

CLOSING = "the runner is closing"
#: A run that no worker has begun after this time is given back: another replica may be faster.
QUEUE_SECONDS = 600.0
#: A run waits for its replay worker unless that has been busy with one thing for so long; then whoever is idle takes it, be it with dbt.
PATIENCE_SECONDS = 0.25


class Supervision:
    """Gives each worker one run at a time, and stops a run that takes too long or is no longer wanted."""

    def __init__(self, generations: Generations, telling: Telling, *, worker_max_runs: int) -> None:
        self._generations = generations
        self._telling = telling
        self._worker_max_runs = worker_max_runs
        self._queue: deque[Waiting] = deque()
        #: nothing begins any more
        self.closing = False
        #: when, after `close`, what still executes is stopped
        self._stop_at: float | None = None

    @property
    def runs(self) -> int:
        """How many are here, a comparison being one."""
        return len(self._queue) + sum(1 for _ in self._tasks())

    def executing(self, ticket: Ticket) -> bool:
        return any(task.work is ticket for _, _, task in self._tasks())

    # --- what is wanted ---

    def submit(self, waiting: Waiting, now: float) -> None:
        """It begins at once where a worker is idle."""
        self._queue.append(waiting)
        if not self.closing:
            self._assign(now)

    def stop(self, ticket: Ticket, now: float) -> None:
        """Stops a run, wherever it is; its report says `cancelled`. Nothing where it has ended."""
        for waiting in [waiting for waiting in self._queue if waiting.ticket is ticket]:
            self._queue.remove(waiting)
            self._telling.finished(ticket, ReportStatus.CANCELLED, "cancelled before it began")
        for crew, worker, task in self._tasks():
            if task.work is ticket and not task.stopped:
                self._stop(crew, worker, task, ReportStatus.CANCELLED, now)

    def close(self, stop_at: float) -> None:
        """Begins nothing any more, and hands back what is queued. What still executes at `stop_at` is stopped."""
        self.closing = True
        self._stop_at = stop_at

    def lose_all(self, reason: str) -> None:
        """No run comes to an end any more."""
        for work in [*(waiting.ticket for waiting in self._queue), *(task.work for _, _, task in self._tasks())]:
            if isinstance(work, Ticket):  # nobody waits for a comparison
                self._telling.lost(work, reason)

    # --- what is due ---

    def advance(self, now: float) -> None:
        """Does all of it."""
        self._give_back_overdue(now)
        if self.closing:
            self._generations.wind_up()
        else:
            self._generations.advance(now)
        self._stop_overdue(now)
        self._assign(now)

    def seconds_until_due(self, now: float) -> float | None:
        """None: not before somebody speaks."""
        due = self._generations.due(now)
        impatient = []
        for waiting in self._queue:
            due += (waiting.ticket.taken_at + QUEUE_SECONDS, waiting.deadline)
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

    def _give_back_overdue(self, now: float) -> None:
        """What is queued and no longer to begin."""
        for waiting in list(self._queue):
            ticket, timed_out = waiting.ticket, ReportStatus.TIMED_OUT
            if self.closing:
                self._telling.lost(ticket, CLOSING)
            elif now >= ticket.taken_at + QUEUE_SECONDS:
                self._telling.lost(ticket, f"no worker began it within {QUEUE_SECONDS:g} s")
            elif now >= waiting.deadline:
                self._telling.finished(ticket, timed_out, ticket.why_stopped(timed_out), started_at=waiting.started_at)
            else:
                continue
            self._queue.remove(waiting)

    def _stop_overdue(self, now: float) -> None:
        for crew, worker, task in self._tasks():
            if task.kill_at is not None and now >= task.kill_at:
                task.kill_at = None
                crew.kill(worker)
            elif not task.stopped and now >= task.deadline:
                self._stop(crew, worker, task, ReportStatus.TIMED_OUT, now)
            elif not task.stopped and self._stop_at is not None and (now >= self._stop_at or isinstance(task.work, Comparison)):
                self._stop(crew, worker, task, None, now)

    def _assign(self, now: float) -> None:
        while self._queue and self._generations.hopeless:
            error, fingerprint = self._generations.error, self._generations.failed_fingerprint
            self._telling.finished(self._queue.popleft().ticket, ReportStatus.ERRORED, error, fingerprint=fingerprint)
        crew = self._generations.in_charge
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
                recorded = comparison.recorded if role == "replay" else None
                deadline = now + comparison.request.timeout_seconds
                self._give(crew, worker, Task(comparison, datetime.now(UTC), now, deadline, recorded=recorded))

    def _begin(self, crew: Crew, waiting: Waiting, now: float) -> bool:
        """Gives a run to a worker, if there is one for it."""
        ticket, worker = waiting.ticket, None
        recorded = crew.prepared.replays(waiting.key) if waiting.started_at is None else None
        if recorded is not None:
            worker = crew.replayer_of(recorded.key)
            if worker is None or not worker.idle:
                if now < (worker.task.since if worker and worker.task else ticket.taken_at) + PATIENCE_SECONDS:
                    return False
                worker = crew.idle_worker("replay")
        worker = worker or crew.idle_worker("dbt")
        if worker is None:
            return False
        if worker.role == "dbt":
            recorded = None
        deadline = min(waiting.deadline, now + ticket.request.timeout_seconds)
        records = recorded is None and crew.prepared.records(waiting.key, now)
        started_at = waiting.started_at or datetime.now(UTC)
        return self._give(crew, worker, Task(ticket, started_at, now, deadline, waiting.key, recorded, records))

    def _give(self, crew: Crew, worker: Worker, task: Task) -> bool:
        if worker.begin(task, task.since):
            return True
        self._came_to_nothing(crew, task, task.since)
        return False

    def _stop(self, crew: Crew, worker: Worker, task: Task, status: ReportStatus | None, now: float) -> None:
        """Interrupts a worker's run. It takes no other: a signal that comes late must not hit one."""
        task.stopped = worker.leaving = True
        task.stop_status = status
        grace_seconds = crew.start.stop_grace_seconds
        task.kill_at = now + (grace_seconds / 2 if status is None else grace_seconds)
        crew.interrupt(worker)

    # --- what came of a run ---

    def hear(self, crew: Crew, worker: Worker, connection: Connection) -> None:
        """What a worker says on its connection, or that it has ended."""
        try:
            message = messages.receive(connection)
        except (EOFError, OSError):
            self.worker_ended(crew, worker)
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
        if worker.leaving or worker.worn_out(self._worker_max_runs):
            worker.hang_up()

    def worker_ended(self, crew: Crew, worker: Worker) -> None:
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
            log.error("worker died", target=crew.start.target, worker=worker.number, run=task.work.request.run if task else None)

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
        if done.status is None:
            self._was_stopped(crew, task, task.work, done=done)
        else:
            self._finished(crew, task, task.work, done.status, done.message, done)

    def _unreplayed(self, crew: Crew, task: Task, message: messages.Unreplayed, now: float) -> None:
        if isinstance(task.work, Comparison):
            crew.prepared.compared(task.work, None, now, why_not=message.reason)
            return
        log.info("run goes to dbt", run=message.run, attempt=message.attempt, reason=message.reason)
        if message.outdated and task.recorded is not None:
            crew.prepared.recordings.forget(task.recorded)
        if task.stopped:
            self._was_stopped(crew, task, task.work)
        else:
            self._hand_to_dbt(task, task.work)

    def _died(self, crew: Crew, task: Task, ticket: Ticket) -> None:
        if task.stopped:
            self._was_stopped(crew, task, ticket, how="; it did not end when it was asked to, and was killed")
        elif task.recorded is not None:
            self._hand_to_dbt(task, ticket)
        else:
            self._telling.lost(ticket, "its worker died")

    def _hand_to_dbt(self, task: Task, ticket: Ticket) -> None:
        """A replay did not come to its end: dbt takes the run over, within the same time."""
        self._queue.appendleft(Waiting(ticket, task.key, task.started_at, task.deadline))

    def _was_stopped(self, crew: Crew, task: Task, ticket: Ticket, *, done: messages.Done | None = None, how: str = "") -> None:
        status = task.stop_status
        if status is None:
            self._telling.lost(ticket, CLOSING)
        else:
            message = (done.message if done else None) or f"{ticket.why_stopped(status)}{how}"
            self._finished(crew, task, ticket, status, message, done)

    def _came_to_nothing(self, crew: Crew, task: Task, now: float) -> None:
        """What it would have told of the recording, it will not."""
        if isinstance(task.work, Comparison):
            crew.prepared.compared(task.work, None, now)
        elif task.records and task.key is not None:
            crew.prepared.ran(task.key, task.work.request, None, now)

    def _finished(
        self, crew: Crew, task: Task, ticket: Ticket, status: ReportStatus, message: str | None, done: messages.Done | None
    ) -> None:
        replayed = task.recorded is not None
        self._telling.finished(
            ticket,
            status,
            message,
            started_at=task.started_at,
            engine=Engine.PREPARED if replayed else Engine.DBT,
            fingerprint=crew.fingerprint,
            done=done,
            unprepared=() if replayed else crew.prepared.unprepared(task.key, done),
        )

    def _tasks(self) -> Iterator[tuple[Crew, Worker, Task]]:
        for crew in self._generations.crews():
            for worker in crew.workers.values():
                if worker.task is not None:
                    yield crew, worker, worker.task
