"""How long until the first report: of a runner that is started, a worker that is replaced, a project that changed.

The runner alone, asked as a dispatcher asks it; no backend, Kafka or internal database is in these figures.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable

import figures
import lab
import processes
from installation import PATIENCE_SECONDS, Installation, Servers, eventually, say

from stringx.errors import RunnerUnavailable
from stringx.gates import files
from stringx.model import Report, RunRequest, Slice
from stringx.runner.client import HttpRunner

#: Looking this often is far below what is measured.
LOOK_SECONDS = 0.005
_INSTALLATION = "bench"


def measure(servers: Servers, *, tables: int, n: int) -> list[figures.Start]:
    """Each of the three `n` times, in turn."""
    samples: dict[str, list[float]] = {"runner": [], "worker": [], "project": []}
    installation = Installation(servers, tables=tables, engines=["dbt"])
    for number in range(n):
        say(f"start {number + 1} of {n}")
        lone = _Lone(installation)
        try:
            samples["runner"].append(lone.first_report())
            samples["worker"].append(lone.after_a_death())
            samples["project"].append(lone.after_a_change())
        finally:
            lone.close()
    return [figures.start(tables, what, found) for what, found in samples.items()]


class _Lone:
    """A runner without a backend."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._began = time.perf_counter()
        installation.start_process("runner")
        self._port = HttpRunner(installation.runner_url, installation.token)
        table = f"raw.{lab.names(installation.tables)[0]}"
        self._gate = files.read(installation.folder / "gates" / "dbt" / f"{table}.yaml")[0].gate

    def close(self) -> None:
        self._port.close()
        self._installation.stop_process("runner")

    def first_report(self) -> float:
        self._report()
        return time.perf_counter() - self._began

    def after_a_death(self) -> float:
        """From kill -9 of the only dbt worker to the next report."""
        generation = processes.generation(self._installation.pid("runner"))
        if generation is None:
            raise RuntimeError("the runner has no generation")
        (worker,) = processes.workers(generation, "dbt")
        began = time.perf_counter()
        os.kill(worker, signal.SIGKILL)
        # What is submitted before the runner has heard of the death may go to the dead.
        eventually(lambda: processes.workers(generation, "dbt") not in ([], [worker]), "a new worker", look_seconds=LOOK_SECONDS)
        self._report()
        return time.perf_counter() - began

    def after_a_change(self) -> float:
        """From a change of a file of the project to the first report that names the new project."""
        before = self._fingerprint()
        began = time.perf_counter()
        with (self._installation.project / "dbt_project.yml").open("a") as file:
            file.write("\n")
        eventually(lambda: self._fingerprint() != before, "the changed project is in charge", look_seconds=LOOK_SECONDS)
        if self._report().project_fingerprint == before:
            raise RuntimeError("a report of the project before the change")
        return time.perf_counter() - began

    def _fingerprint(self) -> str | None:
        return self._port.status(_INSTALLATION).fingerprints[lab.TARGET]

    def _report(self) -> Report:
        """Of a run that is submitted now."""
        request = RunRequest(
            run=uuid.uuid4().hex,
            attempt=1,
            gate=self._gate,
            gate_version=1,
            gate_fingerprint=self._gate.fingerprint,
            slice=Slice(),
            timeout_seconds=self._gate.timeout_seconds,
        )
        self._patiently(lambda: self._port.submit(_INSTALLATION, [request]))
        reports = self._port.reports(_INSTALLATION, PATIENCE_SECONDS / 5).reports
        if len(reports) != 1 or not isinstance(reports[0], Report) or len(reports[0].results) != lab.TESTS:
            raise RuntimeError(f"reports that cannot be: {reports}")
        self._port.acknowledge(_INSTALLATION, [(request.run, 1)])
        return reports[0]

    def _patiently(self, ask: Callable[[], object]) -> None:
        """Until the runner answers: one that is starting does not listen yet."""

        def asked() -> bool:
            self._installation.check_processes()
            try:
                ask()
            except RunnerUnavailable:
                return False
            return True

        eventually(asked, "the runner answers", look_seconds=LOOK_SECONDS)
