"""The runner: takes runs, has a pool per target execute them, and keeps each report until it is acknowledged or expires."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from stringx import logs
from stringx.errors import ConfigurationError, RunnerBusy, RunnerUnreachable
from stringx.model import (
    Gate,
    LostAttempt,
    RefusedRun,
    Report,
    ReportBatch,
    RunnerStatus,
    RunRequest,
    Submission,
    TableCatalog,
    Validation,
    fingerprint,
)
from stringx.runner import inquiries
from stringx.runner.crew import Ticket
from stringx.runner.environment import environment_for_dbt
from stringx.runner.generations import GenerationOptions
from stringx.runner.nursery import Nursery
from stringx.runner.pool import Pool, PoolOptions
from stringx.runner.project_watch import ProjectWatch
from stringx.runner.report_writing import ReportWriting
from stringx.runner.reports import ReportShelf, checked
from stringx.runner.retention import Retention
from stringx.runner.state_folder import StateFolder
from stringx.settings import Settings

log = logs.get(__name__)

#: A batch of reports: at most so many, and not many more characters.
BATCH_REPORTS = 50
BATCH_CHARACTERS = 8_000_000
BUSY_RETRY_SECONDS = 1.0
#: Lost attempts that are kept for one backend.
MOST_LOST = 1_000
#: Finished reports are written even where the workers have taken all the time that there was to end.
LAST_WRITE_SECONDS = 1.0


class Runner:
    """A `RunnerPort` that executes here. All of it may be called from any thread; only `reports` and `join` wait."""

    def __init__(
        self,
        settings: Settings,
        *,
        targets: Sequence[str],
        workers: int,
        state_dir: Path,
        address: str,
        nursery: Nursery | None = None,
    ) -> None:
        """`workers` of each target. `nursery`: one that is not its own to end.

        ConfigurationError where there is no dbt project or no profile.
        """
        if not (settings.dbt_project_dir / "dbt_project.yml").is_file():
            raise ConfigurationError(f"STRINGX_DBT_PROJECT_DIR: {settings.dbt_project_dir} holds no dbt_project.yml")
        if not (settings.profiles_dir / "profiles.yml").is_file():
            raise ConfigurationError(f"STRINGX_DBT_PROFILES_DIR: {settings.profiles_dir} holds no profiles.yml")
        self.address = address
        self.boot = uuid.uuid4().hex
        self._version = version("stringx")
        self._settings = settings
        self._targets = tuple(targets)
        self._workers = workers
        self._state_dir = state_dir
        self._own_nursery = nursery is None
        self._nursery = nursery or Nursery()
        self._pools: dict[str, Pool] = {}
        self._changed = threading.Condition()
        #: what is queued or executed, by installation and run: one attempt, the newest
        self._tickets: dict[tuple[str, str], Ticket] = {}
        #: attempts without a report, and why, by installation: until they are acknowledged
        self._lost: dict[str, dict[tuple[str, int], str]] = {}
        self._closing = False
        self._when_broken: Callable[[], None] | None = None

    # --- lifecycle ---

    def start(self) -> None:
        """Begins to parse the project for each target, and takes runs at once; they wait for it."""
        settings, environment = self._settings, environment_for_dbt()
        self._state = StateFolder(self._state_dir, self.boot)
        self._shelf = ReportShelf(self._state.reports)
        self._writing = ReportWriting(self._shelf)
        self._retention = Retention(self._shelf, settings.runner_keep_reports_days)
        self._watch = ProjectWatch(settings.dbt_project_dir, settings.profiles_dir, self._refresh)
        for place, target in enumerate(self._targets):
            work = self._state.work / str(place)
            work.mkdir()
            generations = GenerationOptions(
                target=target,
                project=settings.dbt_project_dir,
                profiles=settings.profiles_dir,
                environment=environment,
                work=work,
                distrust=self._state.distrust(target),
                session_prefix=f"{_sessions(self._state.name, self.boot)}{fingerprint(target)[:4]}",
                left_sessions=(_sessions(self._state.name, self._state.earlier_boot),) if self._state.earlier_boot else (),
                workers=self._workers,
                replay_workers=settings.runner_replay_workers,
                check_share=settings.prepared_check_share,
                stop_grace_seconds=settings.stop_grace_seconds,
            )
            self._pools[target] = Pool(PoolOptions(self.boot, settings.worker_max_runs), generations, self._nursery, self)
        for pool in self._pools.values():
            pool.start()
        self._writing.start()
        self._retention.start()
        self._watch.start()

    def close(self) -> None:
        """Takes nothing more; hands back what is queued; what executes may end within the grace of the settings."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()  # nobody waits for reports any more
        self._retention.close()
        self._watch.close()
        for pool in self._pools.values():
            pool.close()

    def join(self, timeout_seconds: float) -> bool:
        """Waits for the end of all processes; False where some still run after that time."""
        deadline = time.monotonic() + timeout_seconds
        parts: list[Pool | Retention | ProjectWatch] = [*self._pools.values(), self._retention, self._watch]
        ended = all(part.join(max(0.0, deadline - time.monotonic())) for part in parts)
        if ended and self._own_nursery:
            self._nursery.close()
            ended = self._nursery.join(max(0.0, deadline - time.monotonic()))
        self._writing.close()  # after the pools: what they finished at last is written, too
        if not (self._writing.join(max(LAST_WRITE_SECONDS, deadline - time.monotonic())) and ended):
            return False
        self._state.release()
        return True

    def terminate(self) -> None:
        """Kills all processes; what they executed is lost, what had finished is on disk, but for the last moment's."""
        for pool in self._pools.values():
            pool.terminate()

    # --- the port ---

    def submit(self, installation: str, runs: Sequence[RunRequest]) -> Submission:
        """Takes runs. One that it holds already is accepted again; of one run, a newer attempt replaces the older.

        An attempt older than the one it holds is neither accepted nor refused: nobody waits for it. RunnerBusy where it is full,
        which each target is by itself.
        """
        checked(installation)
        accepted: list[tuple[str, int]] = []
        refused: list[RefusedRun] = []
        with self._changed:
            if self._closing:
                raise RunnerUnreachable("the runner is closing")
            if self.broken:
                raise RunnerUnreachable("a pool of the runner has failed; only a new process mends it")
            finished = dict(sorted(self._shelf.keys(installation)))
            for request in runs:
                ticket = self._tickets.get((installation, request.run))
                newest = max(ticket.request.attempt if ticket else 0, finished.get(request.run, 0))
                if request.attempt <= newest:
                    if request.attempt == newest:
                        accepted.append((request.run, request.attempt))
                elif request.gate.target not in self._pools:
                    reason = f"this runner serves {', '.join(self._targets) or 'no target'}, not {request.gate.target}"
                    refused.append(_refused(request, "unknown_target", reason))
                elif not self._room(request.gate.target, ticket):
                    refused.append(_refused(request, "busy", f"it holds all the runs that it may for {request.gate.target}"))
                else:
                    self._take(Ticket(installation, request), instead_of=ticket)
                    accepted.append((request.run, request.attempt))
        if runs and not accepted and all(one.code == "busy" for one in refused) and len(refused) == len(runs):
            raise RunnerBusy(f"the runner is full: {refused[0].reason}", BUSY_RETRY_SECONDS)
        return Submission(boot=self.boot, accepted=tuple(accepted), refused=tuple(refused))

    def reports(self, installation: str, wait_seconds: float) -> ReportBatch:
        """What finished and is not acknowledged; blocks up to `wait_seconds` where there is nothing."""
        checked(installation)
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or self._shelf.keys(installation) or self._lost.get(installation), max(0.0, wait_seconds)
            )
            lost = tuple(
                LostAttempt(run=run, attempt=attempt, reason=reason) for (run, attempt), reason in self._lost.get(installation, {}).items()
            )
        # Read before `held` is made: what finishes in between is held, and comes with the next batch.
        reports = self._shelf.read(installation, reports=BATCH_REPORTS, characters=BATCH_CHARACTERS)
        return ReportBatch(boot=self.boot, held=self._held(installation), reports=tuple(reports), lost=lost)

    def acknowledge(self, installation: str, finished: Sequence[tuple[str, int]]) -> None:
        checked(installation)
        for run, attempt in finished:
            self._shelf.forget(installation, run, attempt)
        with self._changed:
            for held in finished:
                self._lost.get(installation, {}).pop(held, None)

    def cancel(self, installation: str, run: str) -> bool:
        """Has a run stopped; its report tells how it ended. False where the runner does not have it."""
        checked(installation)
        with self._changed:
            ticket = self._tickets.get((installation, run))
            if ticket is not None:
                self._pools[ticket.request.gate.target].stop(ticket)
        return ticket is not None or any(known == run for known, _ in self._shelf.keys(installation))

    def status(self, installation: str) -> RunnerStatus:
        checked(installation)
        free = {target: pool.free for target, pool in self._pools.items()}
        with self._changed:
            tickets = list(self._tickets.values())
        waiting = Counter(target for one in tickets if not self._pools[target := one.request.gate.target].executing(one))
        return RunnerStatus(
            boot=self.boot,
            version=self._version,
            workers=sum(pool.workers for pool in self._pools.values()),
            free=sum(free.values()),
            free_by_target=free,
            queue=self._settings.runner_queue,
            queued_by_target={target: waiting[target] for target in self._pools},
            targets=self._targets,
            held=self._held(installation),
            fingerprints={target: pool.fingerprint for target, pool in self._pools.items()},
            errors={target: pool.error for target, pool in self._pools.items() if pool.error is not None},
            distrusted={target: pool.distrusted for target, pool in self._pools.items() if pool.distrusted},
        )

    # --- for its own HTTP service ---

    def validate(self, gates: Sequence[Gate]) -> Validation:
        """What of these gates would not work on their targets; nothing is run. Blocks. Unavailable where a target does not answer."""
        return inquiries.validate(self._pools, gates)

    def table(self, name: str, target: str) -> TableCatalog:
        """What a table is like. Blocks. NotFound where there is none; Unavailable where the target does not answer."""
        return inquiries.describe(self._pools, name, target)

    def state(self, installation: str, run: str) -> tuple[int, Literal["queued", "executing", "finished"]] | None:
        """The newest attempt of a run that it has, and how far it is; None where it has none."""
        checked(installation)
        with self._changed:
            ticket = self._tickets.get((installation, run))
        if ticket is not None:
            executing = self._pools[ticket.request.gate.target].executing(ticket)
            return ticket.request.attempt, "executing" if executing else "queued"
        attempts = [attempt for known, attempt in self._shelf.keys(installation) if known == run]
        return (max(attempts), "finished") if attempts else None

    @property
    def ready(self) -> bool:
        """Every target has a project in charge, and what is submitted is executed."""
        return not self._closing and all(pool.ready for pool in self._pools.values())

    @property
    def broken(self) -> bool:
        """A pool failed by a fault of ours: only a new process mends it."""
        return any(pool.broken for pool in self._pools.values())

    def on_broken(self, tell: Callable[[], None]) -> None:
        """Has `tell` called, in a pool's thread, when a pool has failed; at once where one has. It must not block."""
        with self._changed:
            self._when_broken = tell
        if self.broken:
            tell()

    # --- what the pools tell ---

    def finished(self, ticket: Ticket, report: Report) -> None:
        """Keeps the report, and only then lets the run go."""
        if not self._holds(ticket):
            return  # a newer attempt has taken its place
        self._shelf.put(ticket.installation, report)
        self._let_go(ticket)
        self._writing.finished(report)

    def lost(self, ticket: Ticket, reason: str) -> None:
        """Tells the backend, with the reports, so that it need not wait until the lease runs out."""
        with self._changed:
            if not self._let_go(ticket):
                return
            lost = self._lost.setdefault(ticket.installation, {})
            lost[ticket.request.run, ticket.request.attempt] = reason
            if len(lost) > MOST_LOST:  # its backend is gone: another one learns it by the lease
                del lost[next(iter(lost))]
        log.warning("attempt lost", run=ticket.request.run, attempt=ticket.request.attempt, reason=reason)

    def broke(self) -> None:
        with self._changed:
            tell = self._when_broken
        log.error("a pool has failed; its runs are given back, and this runner takes no more")
        if tell is not None:
            tell()

    # --- small parts ---

    def _room(self, target: str, instead_of: Ticket | None) -> bool:
        """Whether one more run may be held for a target, as `status` says; a backlog of one takes no room from another."""
        held = sum(ticket.request.gate.target == target for ticket in self._tickets.values() if ticket is not instead_of)
        return held < self._pools[target].workers + self._settings.runner_queue

    def _take(self, ticket: Ticket, instead_of: Ticket | None) -> None:
        self._tickets[ticket.installation, ticket.request.run] = ticket
        if instead_of is not None:
            self._pools[instead_of.request.gate.target].stop(instead_of)
        self._pools[ticket.request.gate.target].submit(ticket)

    def _holds(self, ticket: Ticket) -> bool:
        with self._changed:
            return self._tickets.get((ticket.installation, ticket.request.run)) is ticket

    def _let_go(self, ticket: Ticket) -> bool:
        """False where a newer attempt has taken its place."""
        with self._changed:
            held = self._holds(ticket)
            if held:
                del self._tickets[ticket.installation, ticket.request.run]
            self._changed.notify_all()
            return held

    def _held(self, installation: str) -> tuple[tuple[str, int], ...]:
        with self._changed:
            executing = [ticket.key for ticket in self._tickets.values() if ticket.installation == installation]
            return tuple(dict.fromkeys([*executing, *self._shelf.keys(installation)]))

    def _refresh(self) -> None:
        log.info("project changed")
        for pool in self._pools.values():
            pool.refresh()


def _sessions(name: str, boot: str) -> str:
    """How the application names of one boot's sessions in the target database start."""
    return f"stringx-{name}-{boot[:8]}-"


def _refused(request: RunRequest, code: Literal["busy", "unknown_target"], reason: str) -> RefusedRun:
    return RefusedRun(run=request.run, attempt=request.attempt, code=code, reason=reason)
