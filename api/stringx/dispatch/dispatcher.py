"""The dispatcher process: all the loops of `dispatch`, and the outbox, started and stopped together."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from sqlalchemy import Engine

from stringx import logs
from stringx.acks.outbox import Drain, PublisherFactory
from stringx.dispatch.collect import Collector
from stringx.dispatch.context import TICK_SECONDS, Context, Pause, Threads, logs_of
from stringx.dispatch.discovery import resolve
from stringx.dispatch.feed import Feeder
from stringx.dispatch.heartbeat import Heartbeat
from stringx.dispatch.reaper import Reaper
from stringx.dispatch.replica import Replica
from stringx.dispatch.settlement import hand_back
from stringx.errors import DatabaseUnavailable, InlineRunnerBroken, RunnerUnavailable, Unavailable
from stringx.runner.port import RunnerPort
from stringx.settings import INLINE_RUNNER, Settings
from stringx.store import runs
from stringx.store.database import OUTBOX_CHANNEL, RUNS_CHANNEL, installation_id, transaction
from stringx.store.listener import Listener

#: Names of the threads that talk to no runner.
OWN_LOOPS = ("dispatch", "listen", "outbox", "reap")

log = logs.get(__name__)


class RunnerClient(RunnerPort, Protocol):
    """The port of a replica that is elsewhere; `close` ends the calls that wait for it."""

    def close(self) -> None: ...


class InlineRunner(RunnerPort, Protocol):
    """A runner within this process, with the verbs of whatever runs."""

    @property
    def broken(self) -> bool:
        """Only a new process mends it."""

    def start(self) -> None: ...
    def close(self) -> None: ...
    def join(self, timeout_seconds: float) -> bool: ...
    def terminate(self) -> None: ...


@dataclass(frozen=True)
class _Served:
    """A replica, the loop that collects from it, and its client where it is elsewhere."""

    replica: Replica
    collector: Collector
    client: RunnerClient | None

    def close(self) -> None:
        if self.client is not None:
            self.client.close()


class Dispatcher:
    """Claims, submits, settles, reaps and publishes; any number of them work on one database.

    `connect` makes the port of a runner's replica of its URL, `publisher` a producer, `find` the replicas behind a runner's
    URL. `inline` has not been started: `start` does it first, before there are threads and Kafka clients, since it forks.
    `engine` is the dispatcher's from now on: `join` closes its connections.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        inline: InlineRunner | None,
        *,
        connect: Callable[[str], RunnerClient],
        publisher: PublisherFactory,
        find: Callable[[str], tuple[str, ...]] = resolve,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._inline = inline
        self._connect = connect
        self._find = find
        self.name = inline.address if inline is not None else f"dispatcher:{socket.gethostname()}:{uuid.uuid4().hex}"
        self._closing = threading.Event()
        self._stopped = threading.Event()
        self._ended = threading.Event()
        self._threads = Threads(self.close)
        self._listener = Listener(settings, RUNS_CHANNEL, OUTBOX_CHANNEL)
        self._drain = Drain(settings, engine, publisher, self._stopped)
        self._lock = threading.Lock()
        self._served: dict[str, _Served] = {}
        self._context: Context | None = None

    def start(self) -> None:
        """Does not wait for the database, a runner or Kafka: whatever is away is tried until it is there."""
        if self._inline is not None:
            self._inline.start()
        self._threads.start("dispatch", self._begin)

    def close(self) -> None:
        """Claims no more from now on; `join` waits for what goes on. Never blocks."""
        self._closing.set()
        self._ended.set()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Blocks until the dispatcher is closed, by `close` or by an error of its own; False when time was up first."""
        return self._ended.wait(timeout_seconds)

    def join(self, timeout_seconds: float) -> bool:
        """Lets inline runs end within `stop_grace_seconds` and hands back the others, then stops; False when time was up first.

        Runs at runners outside stay leased: whichever dispatcher is there when they finish settles them. Raises the error
        that ended a loop, if one did. Call it once.
        """
        deadline = time.monotonic() + timeout_seconds
        self._finish_inline(min(deadline, time.monotonic() + self._settings.stop_grace_seconds))
        self._stop()
        # A submission under way is waited for. Other calls to runners are not: what a poll still brings stays with the runner.
        self._threads.join(("feed ",), time.monotonic() + (deadline - time.monotonic()) / 2)
        ended = all(self._quiet(served, deadline) for served in self._all())
        for served in self._all():
            served.close()
        # A heartbeat under way may be in the database; at a runner outside, its call has just been ended.
        self._threads.join(("heartbeat ",), min(deadline, time.monotonic() + TICK_SECONDS))
        if self._inline is not None:
            self._inline.close()
        ended = self._threads.join(OWN_LOOPS, deadline) and ended
        if self._inline is not None:
            ended = self._inline.join(max(0.0, deadline - time.monotonic())) and ended
        if ended:
            self._listener.close()
            self._engine.dispose()
        self._threads.raise_failure()
        return ended

    def terminate(self) -> None:
        """Stops at once; leases run out by themselves."""
        self.close()
        self._stop()
        if self._inline is not None:
            self._inline.terminate()

    # --- how it starts ------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Once the database says who this backend is, starts all loops; then resolves the runners' names again and again."""
        installation = self._installation()
        if installation is None:
            return
        context = Context(self._settings, self._engine, self.name, installation, self._closing, self._stopped)
        self._context = context
        inline_targets = self._settings.inline_targets if self._inline is not None else ()
        self._threads.start("listen", self._listen)
        self._threads.start("outbox", self._drain.run)
        self._threads.start("reap", Reaper(context, self._replicas_by_runner, inline_targets).run)
        if self._inline is not None:
            self._serve(context, INLINE_RUNNER, self._inline, None)
        while not self._closing.is_set():
            if self._inline is not None and self._inline.broken:
                raise InlineRunnerBroken("a pool of this dispatcher's own workers has failed; only a new process mends it")
            for runner, url in self._settings.runners.items():
                self._discover(context, runner, url)
            self._closing.wait(self._settings.runner_discovery_seconds)

    def _installation(self) -> str | None:
        pause = Pause(self._closing)
        while not self._closing.is_set():
            try:
                with transaction(self._engine) as connection:
                    return installation_id(connection)
            except DatabaseUnavailable as error:
                log.warning("waiting for the database", error=str(error))
                pause.wait()
        return None

    def _discover(self, context: Context, runner: str, url: str) -> None:
        try:
            found = set(self._find(url))
        except RunnerUnavailable as error:
            # A name server that is away says nothing about the runners.
            log.warning("runner not found", runner=runner, error=str(error))
            return
        for served in self._all():
            replica = served.replica
            if replica.gone.is_set():
                served.close()
                with self._lock:
                    del self._served[replica.address]
            elif replica.runner == runner:
                if replica.address in found:
                    replica.leaving.clear()
                else:
                    replica.leaving.set()
        for address in sorted(found - {served.replica.address for served in self._all()}):
            client = self._connect(address)
            self._serve(context, runner, client, client)

    def _serve(self, context: Context, runner: str, port: RunnerPort, client: RunnerClient | None) -> None:
        replica = Replica(runner, port)
        collector = Collector(context, replica)
        with self._lock:
            self._served[replica.address] = _Served(replica, collector, client)
        self._threads.start(f"heartbeat {replica.address}", Heartbeat(context, replica).run)
        self._threads.start(f"collect {replica.address}", collector.run)
        self._threads.start(f"feed {replica.address}", Feeder(context, replica, partial(self._peers, replica)).run)

    def _listen(self) -> None:
        """Wakes the loops that a NOTIFY is for."""
        pause = Pause(self._stopped)
        while not self._stopped.is_set():
            try:
                notifications = self._listener.wait(60)
                pause.reset()
            except DatabaseUnavailable as error:
                log.warning("listening failed", error=str(error))
                pause.wait()
                continue
            told = {(notification.channel, notification.payload) for notification in notifications}
            # Empty after a connection was made, too: what was told before then was missed.
            for served in self._all():
                if not told or any(channel == RUNS_CHANNEL for channel, _ in told):
                    served.replica.fed.set()
                if not told or (RUNS_CHANNEL, runs.CANCEL) in told:
                    served.replica.roused.set()
            if not told or any(channel == OUTBOX_CHANNEL for channel, _ in told):
                self._drain.more.set()

    # --- how it ends --------------------------------------------------------------------------------------------------

    def _finish_inline(self, deadline: float) -> None:
        """Waits until the own workers hold nothing that is not settled; queues again at once what they do not finish."""
        context = self._context
        if self._inline is None or context is None or self._inline.address not in self._served:
            return
        served = self._served[self._inline.address]
        try:
            while self._inline.status(context.installation).held and time.monotonic() < deadline:
                served.collector.settled.wait(min(TICK_SECONDS, max(0.0, deadline - time.monotonic())))
                served.collector.settled.clear()
            with transaction(self._engine) as connection:
                left = runs.locked_at(connection, self._inline.address)
                for run in left:
                    hand_back(connection, self._settings, run, "the dispatcher stopped", 0)
            for run in left:
                self._inline.cancel(context.installation, run.id)
        except Unavailable as error:
            log.warning("inline runs left to their leases", error=str(error))
        else:
            for run in left:
                with logs_of(run):
                    log.info("run handed back", address=self._inline.address, reason="the dispatcher stopped")

    def _stop(self) -> None:
        self._stopped.set()
        self._listener.wake()
        self._drain.more.set()
        for served in self._all():
            served.replica.roused.set()
            served.replica.fed.set()

    def _quiet(self, served: _Served, deadline: float) -> bool:
        """Waits until a collector is not in the middle of settling; it will not begin again."""
        free = served.collector.settling.acquire(timeout=max(0.0, deadline - time.monotonic()))
        if free:
            served.collector.settling.release()
        return free

    def _all(self) -> list[_Served]:
        with self._lock:
            return list(self._served.values())

    def _peers(self, replica: Replica) -> list[Replica]:
        """The other replicas of its runner."""
        others = (served.replica for served in self._all())
        return [other for other in others if other.runner == replica.runner and other is not replica]

    def _replicas_by_runner(self) -> dict[str, list[Replica]]:
        found: dict[str, list[Replica]] = {name: [] for name in self._settings.runners}
        for served in self._all():
            if served.replica.runner in found:
                found[served.replica.runner].append(served.replica)
        return found
