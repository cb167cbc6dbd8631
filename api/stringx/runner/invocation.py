"""One dbt invocation in this process: its arguments, what it says through its events, and how it is interrupted."""

from __future__ import annotations

import multiprocessing
import signal
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dbt.mp_context

# dbt locks with objects of the `spawn` context, which costs a helper process and leaves semaphores behind; nothing is spawned
# here, and the workers are forked. It must be set before dbt's manifest is imported.
dbt.mp_context._MP_CONTEXT = multiprocessing.get_context("fork")  # type: ignore[assignment]  # noqa: SLF001  # no public way

import dbt.adapters.base.impl  # noqa: E402
from dbt.adapters.factory import FACTORY  # noqa: E402
from dbt.cli.main import dbtRunner  # noqa: E402
from dbt.contracts.graph.manifest import Manifest  # noqa: E402
from dbt.flags import get_flags  # noqa: E402
from dbt_common.events.event_manager_client import cleanup_event_logger  # noqa: E402

from stringx.runner import dbt_remedies, duckdb_target  # noqa: E402
from stringx.runner.one_statement import guarded  # noqa: E402
from stringx.runner.render_reads import Reads  # noqa: E402

_BEHAVIOUR_FLAGS = dbt.adapters.base.impl.DEFAULT_BASE_BEHAVIOR_FLAGS
_BEHAVIOUR_FLAGS_AT_START = len(_BEHAVIOUR_FLAGS)


class StopSignal:
    """SIGINT: while armed it interrupts, else it is only remembered. A worker that was sent one takes no further run."""

    def __init__(self) -> None:
        self.asked = False
        self._armed = False

    def install(self) -> None:
        signal.signal(signal.SIGINT, self._arrived)

    def _arrived(self, _number: int, _frame: object) -> None:
        self.asked = True
        if self._armed:
            self._armed = False
            raise KeyboardInterrupt

    @contextmanager
    def armed(self) -> Iterator[None]:
        self._armed = True
        try:
            if self.asked:  # it came before this block
                raise KeyboardInterrupt
            yield
        finally:
            self._armed = False


@dataclass(frozen=True)
class Ran:
    """What dbt said of one test."""

    status: str
    failures: int | None
    message: str | None
    duration_seconds: float
    sql: str | None


@dataclass
class Invocation:
    """What came of one `dbt test`."""

    #: by unique id; after an interruption, of the tests that had finished
    results: dict[str, Ran] = field(default_factory=dict)
    #: the statements sent for each test, as they were sent
    statements: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    interrupted: bool = False
    #: why there are no results: dbt's own words
    error: str | None = None


@dataclass(frozen=True)
class DbtFolders:
    """Where one process's dbt reads and writes."""

    project: Path
    profiles: Path
    target: str
    #: for dbt's own artifacts and logs; nobody else writes there
    scratch: Path

    def arguments(self, command: str, *more: str) -> list[str]:
        return [
            *("--log-level", "none", "--log-level-file", "none", "--quiet", "--no-print", "--no-use-colors"),
            *("--no-send-anonymous-usage-stats", "--no-partial-parse", "--no-write-json", "--no-populate-cache"),
            "--no-fail-fast",  # a project may ask for it, and a test that did not run has no result
            *(command, *more),
            *("--project-dir", str(self.project), "--profiles-dir", str(self.profiles), "--target", self.target),
            *("--target-path", str(self.scratch / "target"), "--log-path", str(self.scratch / "logs")),
        ]


def parse(folders: DbtFolders) -> Manifest:
    """Parses the project; ParseFailed with dbt's own words where it does not parse. The first thing that dbt does in a process."""
    dbt_remedies.apply()
    outcome = dbtRunner().invoke(folders.arguments("parse"))
    if not outcome.success or not isinstance(outcome.result, Manifest):
        raise ParseFailed(str(outcome.exception or "dbt could not parse the project"))
    return outcome.result


class ParseFailed(Exception):
    """The dbt project does not parse."""


def adapter() -> Any:
    """The adapter of the last invocation; it opens sessions by the profile."""
    (adapter,) = FACTORY.adapters.values()
    return adapter


def forget_listeners() -> None:
    """Nobody is told of events any more: for a process that uses the adapter, and invokes nothing."""
    cleanup_event_logger()


def warnings_are_errors() -> bool:
    """Whether the flags of the last invocation have a test's warning be a failure."""
    flags = get_flags()  # type: ignore[no-untyped-call]
    return bool(flags.WARN_ERROR or flags.WARN_ERROR_OPTIONS.includes("LogTestResult"))


def run_tests(
    manifest: Manifest, folders: DbtFolders, stop: StopSignal, reads: Reads | None = None, *, trusted: Collection[str] = ()
) -> Invocation:
    """Runs every test of the manifest. Blocks; never raises for what dbt says.

    `reads` is told what dbt reads meanwhile. `trusted`: the ids of the tests that hold nothing of a gate's.
    """
    # Each adapter appends to this module-wide list, and each entry costs half a millisecond in every later run.
    del _BEHAVIOUR_FLAGS[_BEHAVIOUR_FLAGS_AT_START:]
    invocation = Invocation()
    outcome = None
    try:
        with guarded(manifest, trusted, adapter().type()), reads.noting(type(adapter())) if reads else nullcontext(), stop.armed():
            # A selection of our own: without one, a project's `default: true` selector decides, and may select nothing.
            arguments = folders.arguments("test", "--select", "fqn:*")
            outcome = dbtRunner(manifest=manifest, callbacks=[_recorder(invocation)]).invoke(arguments)
    except KeyboardInterrupt:
        invocation.interrupted = True
    if outcome is not None:
        _take(invocation, outcome)
    for used in FACTORY.adapters.values():  # none, where the profile could not be read
        duckdb_target.let_go(used)
    return invocation


def _take(invocation: Invocation, outcome: Any) -> None:
    if isinstance(outcome.exception, KeyboardInterrupt):
        invocation.interrupted = True
    elif outcome.result is None:
        invocation.error = str(outcome.exception or "dbt gave no result")
    else:
        for result in outcome.result.results:
            invocation.results[result.node.unique_id] = Ran(
                status=str(getattr(result.status, "value", result.status)),
                failures=result.failures,
                message=result.message,
                duration_seconds=result.execution_time,
                sql=getattr(result.node, "compiled_code", None),
            )


def _recorder(invocation: Invocation) -> Any:
    def record(event: Any) -> None:
        # Called in dbt's threads, for what is `HEARD` and for warnings. An exception would become the error of the test that is running.
        if event.info.name == "SQLQuery":
            invocation.statements[event.data.node_info.unique_id].append(event.data.sql)
        elif event.info.name == "NodeFinished":
            result = event.data.run_result
            status = result.status
            if status in ("pass", "warn", "fail"):
                invocation.results.setdefault(
                    event.data.node_info.unique_id,
                    Ran(status, result.num_failures, result.message or None, result.execution_time, None),
                )

    return record
