"""A runner without dbt, entering at the composition root: it answers at once, and each of its faults can be switched on."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from stringx.errors import RunnerBusy, RunnerRefused, RunnerUnavailable, RunnerUnreachable
from stringx.model import (
    DbtResult,
    DbtStatus,
    DistrustedGate,
    LostAttempt,
    RefusedRun,
    Report,
    ReportBatch,
    ReportStatus,
    RunnerStatus,
    RunRequest,
    Submission,
    UnreadableReport,
)

Answer = Callable[[RunRequest, str], Report | UnreadableReport]


def report_of(request: RunRequest, boot: str, *, failures: int = 0) -> Report:
    """A report that fits the gate, each rule with as many failures."""
    now = datetime.now(UTC)
    status = DbtStatus.FAIL if failures else DbtStatus.PASS
    return Report(
        run=request.run,
        attempt=request.attempt,
        boot=boot,
        status=ReportStatus.COMPLETED,
        gate_fingerprint=request.gate_fingerprint,
        project_fingerprint="p" * 32,
        started_at=now,
        finished_at=now,
        results=tuple(
            DbtResult(rule=rule.name, test=f"test_{rule.name}", status=status, failures=failures, sliced=True)
            for rule in request.gate.rules
        ),
    )


class FakeRunner:
    """Holds what it is given until `finish`, or finishes at once where `finishes` is True."""

    def __init__(self, address: str = "fake:1", *, workers: int = 2, targets: tuple[str, ...] = ("demo",), finishes: bool = True) -> None:
        self.address = address
        self.boot = uuid.uuid4().hex
        self.workers = workers
        self.targets = targets
        self.finishes = finishes
        self.answer: Answer = report_of
        #: raised by the next submissions before anything is taken, one each
        self.refusals: list[RunnerUnavailable] = []
        #: taken, but the answer to the submission is lost
        self.loses_answers = 0
        #: by table: with which code its runs are refused, `busy` once, `unknown_target` always
        self.refuses: dict[str, str] = {}
        #: what it says of the workers that each target has for itself; it then takes no more than these
        self.workers_by_target: dict[str, int] = {}
        #: what it says that it holds beyond those that execute
        self.queue = 0
        #: refused with the whole submission they are in
        self.poison: frozenset[str] = frozenset()
        #: what it says of the dbt projects in charge
        self.fingerprints: dict[str, str | None] = {}
        #: a submission is taken, and answered once this is set
        self.answers = threading.Event()
        self.answers.set()
        #: what it says of its targets' newest dbt projects that are not in charge, and of the gates that it does not replay
        self.errors: dict[str, str] = {}
        self.distrusted: dict[str, tuple[DistrustedGate, ...]] = {}
        #: as an inline runner: only a new process would mend it
        self.broken = False
        self.down = False
        #: how often it was asked for its status
        self.asked = 0
        self.submitted: list[RunRequest] = []
        self.acknowledged: list[tuple[str, int]] = []
        self.cancelled: list[str] = []
        self.calls: list[str] = []
        self._changed = threading.Condition()
        self._running: dict[tuple[str, int], RunRequest] = {}
        self._reports: dict[tuple[str, int], Report | UnreadableReport] = {}
        self._lost: dict[tuple[str, int], LostAttempt] = {}

    # --- the port ---

    def submit(self, installation: str, runs: Sequence[RunRequest]) -> Submission:
        submission = self._submit(installation, runs)
        self.answers.wait()
        return submission

    def _submit(self, installation: str, runs: Sequence[RunRequest]) -> Submission:
        del installation
        with self._changed:
            if self.refusals:
                raise self.refusals.pop(0)
            if self.down:
                raise RunnerUnreachable(f"{self.address}: connection refused")
            if bad := [request.run for request in runs if request.gate.table in self.poison]:
                raise RunnerRefused(f"{self.address} answers 422: {len(bad)} of {len(runs)} are poison")
            accepted, refused = [], []
            for request in runs:
                code = self.refuses.get(request.gate.table)
                if code == "busy":
                    del self.refuses[request.gate.table]
                if code is None and request.gate.target not in self.targets:
                    code = "unknown_target"
                if code is not None:
                    refused.append(RefusedRun(run=request.run, attempt=request.attempt, code=code, reason=f"the test says {code}"))
                    continue
                self.submitted.append(request)
                self._running[(request.run, request.attempt)] = request
                accepted.append((request.run, request.attempt))
            if self.finishes:
                self._finish_all()
            self._changed.notify_all()
            if self.loses_answers:
                self.loses_answers -= 1
                raise RunnerUnavailable(f"{self.address}: timed out")
            return Submission(boot=self.boot, accepted=tuple(accepted), refused=tuple(refused))

    def reports(self, installation: str, wait_seconds: float) -> ReportBatch:
        del installation
        with self._changed:
            self._must_answer()
            self._changed.wait_for(lambda: self._reports or self._lost or self.down, min(wait_seconds, 0.2))
            self._must_answer()
            return ReportBatch(boot=self.boot, held=self._held(), reports=tuple(self._reports.values()), lost=tuple(self._lost.values()))

    def acknowledge(self, installation: str, finished: Sequence[tuple[str, int]]) -> None:
        del installation
        with self._changed:
            self._must_answer()
            for run in finished:
                self._reports.pop(run, None)
                self._lost.pop(run, None)
                self.acknowledged.append(run)

    def cancel(self, installation: str, run: str) -> bool:
        del installation
        with self._changed:
            self._must_answer()
            self.cancelled.append(run)
            for key, request in list(self._running.items()):
                if key[0] == run:
                    del self._running[key]
                    report = report_of(request, self.boot)
                    update = {"status": ReportStatus.CANCELLED, "message": "cancelled", "results": ()}
                    self._reports[key] = report.model_copy(update=update)
                    self._changed.notify_all()
                    return True
            return False

    def status(self, installation: str) -> RunnerStatus:
        del installation
        with self._changed:
            self._must_answer()
            self.asked += 1
            return RunnerStatus(
                boot=self.boot,
                version="0",
                workers=self.workers,
                free=max(0, self.workers - len(self._running)),
                free_by_target={
                    target: workers - sum(request.gate.target == target for request in self._running.values())
                    for target, workers in self.workers_by_target.items()
                },
                queue=self.queue,
                queued_by_target={self.targets[0]: max(0, len(self._running) - self.workers)} if self.queue else {},
                targets=self.targets,
                held=self._held(),
                fingerprints=dict(self.fingerprints),
                errors=self.errors,
                distrusted=self.distrusted,
            )

    # --- what the tests do to it ---

    def finish(self) -> None:
        """Everything that it executes is done."""
        with self._changed:
            self._finish_all()
            self._changed.notify_all()

    def lose(self, reason: str) -> None:
        """The workers of all that it executes die."""
        with self._changed:
            for run, attempt in self._running:
                self._lost[run, attempt] = LostAttempt(run=run, attempt=attempt, reason=reason)
            self._running.clear()
            self._changed.notify_all()

    def restart(self, *, keeps_reports: bool = True) -> None:
        """Killed and started again: what it executed is lost."""
        with self._changed:
            self.boot = uuid.uuid4().hex
            self._running.clear()
            if not keeps_reports:
                self._reports.clear()
            self.down = False
            self._changed.notify_all()

    def forget(self) -> None:
        """Loses what it executes without a restart."""
        with self._changed:
            self._running.clear()

    def go_down(self) -> None:
        with self._changed:
            self.down = True
            self._changed.notify_all()

    def come_up(self) -> None:
        with self._changed:
            self.down = False

    def executing(self) -> list[str]:
        with self._changed:
            return [run for run, _ in self._running]

    # --- the verbs of an inline runner ---

    def start(self) -> None:
        self.calls.append("start")

    def close(self) -> None:
        self.calls.append("close")

    def join(self, timeout_seconds: float) -> bool:
        del timeout_seconds
        self.calls.append("join")
        return True

    def terminate(self) -> None:
        self.calls.append("terminate")

    def _finish_all(self) -> None:
        for key, request in self._running.items():
            self._reports[key] = self.answer(request, self.boot)
        self._running.clear()

    def _held(self) -> tuple[tuple[str, int], ...]:
        return (*self._running, *self._reports)

    def _must_answer(self) -> None:
        if self.down:
            raise RunnerUnreachable(f"{self.address}: connection refused")


__all__ = ["FakeRunner", "RunnerBusy", "report_of"]
