"""The pool of one target: a thread that supervises its runs, and what others may call meanwhile.

The thread alone waits, hears and tells. What others call takes the lock, changes what is wanted, and wakes it; only a run for which
there is an idle worker is given to that at once.
"""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from stringx.errors import Unavailable
from stringx.model import DistrustedGate
from stringx.runner import messages
from stringx.runner.crew import Ticket, Waiting
from stringx.runner.generations import GenerationOptions, Generations
from stringx.runner.inquiries import Question
from stringx.runner.nursery import Nursery
from stringx.runner.recordings import key_of
from stringx.runner.supervision import CLOSING, Supervision
from stringx.runner.telling import Receiver, Telling

_BROKEN = "the runner's pool has failed"


@dataclass(frozen=True)
class PoolOptions:
    """What a pool is told, beside what its generations are."""

    boot: str
    worker_max_runs: int


class Pool:
    """The workers of one target. All that is public may be called by any thread, and waits for the lock alone, but for `join`."""

    def __init__(self, options: PoolOptions, generations: GenerationOptions, nursery: Nursery, receiver: Receiver) -> None:
        self.workers = generations.workers + generations.replay_workers
        self._stop_grace_seconds = generations.stop_grace_seconds
        self._receiver = receiver
        self._telling = Telling(receiver, options.boot)
        #: held by whoever calls the generations or the supervision
        self._lock = threading.RLock()
        self._generations = Generations(generations, nursery)
        self._supervision = Supervision(self._generations, self._telling, worker_max_runs=options.worker_max_runs)
        self._replays = generations.replay_workers > 0
        self._broken = False
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"pool {generations.target}", daemon=True)

    # --- lifecycle ---

    def start(self) -> None:
        """Begins to parse the project; does not wait for it."""
        self._thread.start()

    def close(self) -> None:
        """Takes nothing more and hands back what is queued; all has ended after the grace.

        What executes may end within the first half of it, is then stopped, and at last killed.
        """
        with self._lock:
            self._supervision.close(time.monotonic() + self._stop_grace_seconds / 2)
        self._wake_up()

    def join(self, timeout_seconds: float) -> bool:
        """Waits for the end of all processes; False where they still run after that time."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def terminate(self) -> None:
        """Kills all processes, with what they execute."""
        with self._lock:
            self._supervision.closing = True
            self._generations.kill_processes()
        self._wake_up()

    # --- use ---

    def submit(self, ticket: Ticket) -> None:
        """What comes of it is told, also where nothing can."""
        # Before the lock: the supervising thread need not wait until a gate of many rules is hashed.
        waiting = Waiting(ticket, key_of(ticket.request) if self._replays else None)
        try:
            with self._lock:
                broken = self._broken
                if not broken:
                    self._supervision.submit(waiting, time.monotonic())
        finally:
            self._wake_up()
        if broken:
            self._receiver.lost(ticket, _BROKEN)

    def stop(self, ticket: Ticket) -> None:
        """Stops a run, wherever it is; its report says `cancelled`. Nothing where it has ended."""
        with self._lock:
            self._supervision.stop(ticket, time.monotonic())
        self._wake_up()

    def inquire(self, question: Question) -> Future[messages.Answered]:
        """Asks the project in charge, beside its runs. Unavailable where none is."""
        with self._lock:
            if self._broken or self._supervision.closing:
                raise Unavailable(_BROKEN if self._broken else CLOSING)
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
            if self._supervision.closing or self._broken or not (self.ready or self._generations.hopeless):
                return 0
            return max(0, self.workers - self._supervision.runs)

    def executing(self, ticket: Ticket) -> bool:
        with self._lock:
            return self._supervision.executing(ticket)

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
                self._supervision.lose_all(_BROKEN)
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
                self._supervision.advance(now)
                done = self._supervision.closing and self._generations.all_ended
                speakers, timeout = self._speakers(), self._supervision.seconds_until_due(now)
            self._telling.tell()
            if done:
                return
            for speaker in wait(speakers, timeout):
                with self._lock:
                    self._hear(speaker)

    def _speakers(self) -> list[Connection | socket.socket]:
        connections = [crew.connection for crew in self._generations.all_crews()]
        connections += [worker.connection for crew in self._generations.crews() for worker in crew.workers.values()]
        listening = [self._generations.listening.socket] if self._generations.listening.hears else []
        return [self._woken, *listening, *(connection for connection in connections if connection is not None)]

    def _hear(self, speaker: object) -> None:
        """Nothing of one that was hung up on meanwhile."""
        if speaker is self._woken:
            with suppress(BlockingIOError):
                while self._woken.recv(4096):
                    pass
        elif speaker is self._generations.listening.socket:
            self._generations.accept()
        for crew in self._generations.all_crews():
            if speaker is crew.connection:
                for worker in self._generations.hear(crew):
                    self._supervision.worker_ended(crew, worker)
                return
        for crew in self._generations.crews():
            for worker in crew.workers.values():
                if speaker is worker.connection:
                    self._supervision.hear(crew, worker, worker.connection)
                    return

    def _wake_up(self) -> None:
        with suppress(OSError):  # full: it is awake already; closed: it has ended
            self._wake.send(b"x")
