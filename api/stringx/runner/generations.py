"""The generations of one target: which is in charge, which is being parsed, which are on their way out; and who connects.

Not thread-safe: the pool's thread calls, under the pool's lock.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

from stringx import logs
from stringx.errors import Unavailable
from stringx.runner import messages
from stringx.runner.crew import KILL_AGAIN_SECONDS, Crew, Worker
from stringx.runner.distrust import Distrust
from stringx.runner.environment import packed
from stringx.runner.inquiries import Inquiries, Question
from stringx.runner.listening import Listening
from stringx.runner.nursery import Nursery
from stringx.runner.prepared import Prepared

log = logs.get(__name__)

#: After a generation or a worker that died of itself the next start waits; each further time twice as long.
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0
#: A project that is not parsed after this time is given up; its target is tried again after a while.
PARSE_SECONDS = 300.0
#: Starts that failed, one after another, until runs are no longer kept waiting for the next.
HOPEFUL_RETRIES = 3


@dataclass(frozen=True)
class GenerationOptions:
    """What is the same for all generations of a target."""

    target: str
    project: Path
    profiles: Path
    #: of all processes that run dbt
    environment: Mapping[str, str]
    #: the target's own folder; it exists and is empty
    work: Path
    #: the target's own file, for the gates that are distrusted
    distrust: Path
    #: starts the application names of all sessions in the target database
    session_prefix: str
    #: prefixes of sessions that an earlier boot may have left there
    left_sessions: tuple[str, ...]
    workers: int
    replay_workers: int
    #: of the replayed runs that are repeated with dbt
    check_share: float
    stop_grace_seconds: float


class Generations:
    """Starts generations and forks workers as they are needed."""

    def __init__(self, options: GenerationOptions, nursery: Nursery) -> None:
        self._options = options
        self._nursery = nursery
        self.in_charge: Crew | None = None
        self._next: Crew | None = None
        self._retiring: list[Crew] = []
        self._ending: list[Crew] = []
        self._inquiries = Inquiries()
        self._distrust = Distrust(options.distrust)
        #: why the newest project is not in charge, and that project's fingerprint where it could be read
        self.error: str | None = None
        self.failed_fingerprint: str | None = None
        self._stale = True  # there is none yet
        self._end_sessions = options.left_sessions
        self._last_number = 0
        #: one after another, without a project in charge between them
        self._failed_starts = 0
        #: pauses after deaths, one after another, without a run executed between them
        self._pauses = 0
        self._not_before = 0.0
        self.listening = Listening(options.work)

    def close(self) -> None:
        """Stops listening; all processes have ended."""
        self.listening.close()

    def crews(self) -> list[Crew]:
        """All that have workers, or may have."""
        return [crew for crew in (self.in_charge, self._next, *self._retiring) if crew is not None]

    def all_crews(self) -> list[Crew]:
        """Those, too, that have been let go and have not ended."""
        return [*self.crews(), *self._ending]

    @property
    def all_ended(self) -> bool:
        return not self.all_crews()

    @property
    def hopeless(self) -> bool:
        """Nothing is in charge, and nothing will be before the project or the machine changes."""
        return (
            self.in_charge is None
            and self._next is None
            and self.error is not None
            and (not self._stale or self._failed_starts > HOPEFUL_RETRIES)
        )

    def refresh(self) -> None:
        """The project has changed: parse it anew."""
        self._stale = True
        self._not_before = 0.0

    def back_off(self) -> None:
        """Something died of itself: wait a little before the next start. What dies beside it has died of the same."""
        now = time.monotonic()
        if now >= self._not_before:
            self._not_before = now + min(FIRST_RETRY_SECONDS * 2**self._pauses, LONGEST_RETRY_SECONDS)
            self._pauses += 1

    def worked(self) -> None:
        """A run was executed: what died before did not die of its start."""
        self._pauses = 0

    def inquire(self, question: Question) -> Future[messages.Answered]:
        """Asks the project in charge. Unavailable where there is none."""
        if self.in_charge is None:
            raise Unavailable(f"no dbt project is in charge of {self._options.target}: {self.error or 'the first is being parsed'}")
        self._last_number += 1
        self.in_charge.inquire(self._last_number, question)
        return self._inquiries.asked(self.in_charge.number, self._last_number)

    def advance(self, now: float) -> None:
        """Does what is due."""
        if self._next is not None and now >= self._next.started_at + PARSE_SECONDS:
            self._give_up(self._next)
        if self._stale and self._next is None and now >= self._not_before:
            self._stale = False
            self._next = self._spawn()
        if self.in_charge is not None and now >= self._not_before:
            self._fill(self.in_charge, "dbt", self._options.workers)
            self._fill(self.in_charge, "replay", self._options.replay_workers)
        self._let_go()

    def wind_up(self) -> None:
        """Starts nothing any more, and lets go whoever is idle."""
        self._stale = False
        if self._next is not None:
            self._next.kill_processes()
            self._end(self._next)
            self._next = None
        if self.in_charge is not None:
            self._retiring.append(self.in_charge)
            self.in_charge = None
        self._let_go()

    def due(self, now: float) -> list[float]:
        """When there is something to do without anybody having spoken."""
        due = [moment for moment in (self._not_before, self.listening.deaf_until) if moment > now]
        due += [crew.kill_at for crew in self._ending if crew.kill_at is not None]
        if self._next is not None:
            due.append(self._next.started_at + PARSE_SECONDS)
        return due

    def hear(self, crew: Crew) -> list[Worker]:
        """A generation has spoken; gives those of its workers that have ended."""
        message = crew.hear()
        if crew in self._ending:
            return []
        if isinstance(message, messages.GenerationGone):
            return self._generation_ended(crew, message.how)
        if isinstance(message, messages.Ready):
            self._take_over(crew, message.fingerprint)
        elif isinstance(message, messages.Failed):
            self._refused(crew, message)
        elif isinstance(message, messages.WorkerGone):
            self._inquiries.ended(message.worker)
            worker = crew.workers.get(message.worker)
            # One that is connected may have left a report on its connection, whose end tells as well.
            if worker is not None and worker.connection is None:
                return [worker]
        return []

    def forget(self, crew: Crew, worker: Worker, *, left_sessions: bool) -> None:
        """A worker has ended; its successor ends the sessions that it left."""
        crew.workers.pop(worker.number, None)
        worker.hang_up()
        self._end_sessions += worker.end_sessions  # it did not come to that
        if left_sessions:
            self._end_sessions += (crew.session_name(worker),)

    def accept(self) -> None:
        """A worker connects, or who answers a question. Blocks for its greeting, which it sends at once."""
        accepted = self.listening.accept()
        if accepted is None:
            return
        connection, hello = accepted
        number = getattr(hello, "generation", None)
        crew = next((crew for crew in self.crews() if crew.number == number), None)
        if isinstance(hello, messages.Answered):
            self._inquiries.answered(hello)
            connection.close()
            return
        if crew is not None and isinstance(hello, messages.WorkerHello) and hello.worker in crew.workers:
            worker = crew.workers[hello.worker]
            worker.connection, worker.end_sessions = connection, ()
            if hello.note:
                log.warning("sessions left", target=self._options.target, note=hello.note)
        else:  # it was let go meanwhile
            connection.close()

    def abandon(self) -> None:
        """Lets all processes end by themselves, which ends their queries too; nobody hears of it."""
        if self._next is not None:
            self._next.kill_processes()  # it has no queries, and would not look up from parsing
        for crew in self.all_crews():
            crew.leave()

    def wait_for_all(self) -> None:
        """Blocks until what was abandoned has ended, or had to be killed."""
        while living := [crew for crew in self.all_crews() if not crew.gone()]:
            spoken = wait([crew.connection for crew in living if crew.connection is not None], KILL_AGAIN_SECONDS)
            for crew in living:
                if crew.connection in spoken:
                    crew.hear()

    def kill_processes(self) -> None:
        """Kills everything; their ends are heard as of any that dies."""
        for crew in self.all_crews():
            crew.kill_processes()

    # --- how ---

    def _fill(self, crew: Crew, role: messages.Role, wanted: int) -> None:
        # One that is being stopped has no successor yet: that one ends its sessions, if it has to be killed.
        staying = sum(worker.role == role and (worker.task is not None or not worker.leaving) for worker in crew.workers.values())
        for _ in range(wanted - staying):
            self._last_number += 1
            crew.fork(self._last_number, role, self._end_sessions)
            self._end_sessions = ()

    def _spawn(self) -> Crew | None:
        self._last_number += 1
        options = self._options
        start = messages.Start(
            socket=self.listening.path,
            key=self.listening.key,
            generation=self._last_number,
            project=options.project.absolute(),
            profiles=options.profiles.absolute(),
            target=options.target,
            environment=packed(options.environment),
            folder=options.work / f"generation-{self._last_number}",
            session_prefix=f"{options.session_prefix}-g{self._last_number}",
            stop_grace_seconds=options.stop_grace_seconds,
        )
        try:
            return Crew(start, Prepared(options.check_share), self._nursery)
        except OSError as error:  # out of memory or processes
            self.error = f"dbt's process cannot be started: {error}"
            self._start_failed()
            return None

    def _take_over(self, crew: Crew, fingerprint: str) -> None:
        crew.fingerprint = fingerprint
        crew.prepared.recordings.distrusted = self._distrust.under(fingerprint)
        if self.in_charge is not None:
            self._retiring.append(self.in_charge)
        self.in_charge, self._next = crew, None
        self.error = self.failed_fingerprint = None
        self._failed_starts = self._pauses = 0
        log.info("project in charge", target=self._options.target, fingerprint=fingerprint, generation=crew.number, pid=crew.pid)

    def _refused(self, crew: Crew, message: messages.Failed) -> None:
        self.error, self.failed_fingerprint = message.message, message.fingerprint
        log.error("project refused", target=self._options.target, fingerprint=message.fingerprint, reason=message.message)
        self._next = None
        self._end(crew)

    def _give_up(self, crew: Crew) -> None:
        crew.kill_processes()
        self._end(crew)
        self._next = None
        self.error = f"dbt had not parsed the project after {PARSE_SECONDS:g} s, and was stopped"
        self.failed_fingerprint = None
        log.error("project given up", target=self._options.target, generation=crew.number, reason=self.error)
        self._failed_starts = HOPEFUL_RETRIES  # what waits has waited long enough
        self._start_failed()

    def _generation_ended(self, crew: Crew, how: str) -> list[Worker]:
        """It ended of itself, and takes its workers with it; after a while comes a new one."""
        ended = list(crew.workers.values())
        self._end(crew)
        if crew in self._retiring:
            self._retiring.remove(crew)
            return ended
        log.error("generation ended", target=self._options.target, generation=crew.number, how=how)
        if crew is self._next:
            self._next = None
            what = "cannot be started" if crew.pid is None else "ended before it had parsed the project"
            self.error = f"dbt's process {what} ({how}); its last words are in the runner's log"
            self._start_failed()
        else:
            self.in_charge = None
            self._stale = True
            self.back_off()
        return ended

    def _start_failed(self) -> None:
        self._failed_starts += 1
        self._stale = True
        self.back_off()

    def _let_go(self) -> None:
        """Generations that were replaced keep only the workers that still execute."""
        for crew in list(self._retiring):
            for worker in crew.workers.values():
                if worker.idle:
                    worker.hang_up()
            if not crew.workers:
                self._retiring.remove(crew)
                self._end(crew)
        self._ending = [crew for crew in self._ending if not crew.gone()]

    def _end(self, crew: Crew) -> None:
        self._inquiries.generation_ended(crew.number)
        crew.leave()
        self._ending.append(crew)
