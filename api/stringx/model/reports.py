"""What the backend asks of a runner, and what a runner reports."""

from __future__ import annotations

from base64 import b64decode
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, StrictInt, model_validator

from stringx.model.gates import Engine, Gate, Severity
from stringx.model.slices import Slice
from stringx.model.values import RunId, Value

#: An attempt as somebody tells it: as large as the database's integers, and 0 where it is of none.
Attempt = Annotated[int, Field(ge=0, lt=2**31)]


class RunRequest(Value):
    """What the backend asks a runner to do. The gate travels whole, so that the run is judged by what it was queued with."""

    run: RunId
    #: the fencing token: only the newest attempt's report is accepted
    attempt: Annotated[StrictInt, Field(ge=1, lt=2**31)]
    gate: Gate
    gate_version: int
    #: of `gate`; echoed by the report
    gate_fingerprint: str
    slice: Slice
    #: None: the gate's. Not written then, so that a runner from before there was this field reads it; another one it refuses
    engine: Annotated[Engine | None, Field(exclude_if=lambda engine: engine is None)] = None
    timeout_seconds: Annotated[float, Field(gt=0)]
    correlation_id: str | None = None
    traceparent: str | None = None


class RunnerWord(Value):
    """Base of what a runner tells. It may be newer than the backend, which reads past fields that it does not know."""

    model_config = ConfigDict(extra="ignore")


class ReportStatus(StrEnum):
    COMPLETED = "completed"
    ERRORED = "errored"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class DbtStatus(StrEnum):
    """dbt's own statuses of a test."""

    PASS = "pass"  # noqa: S105  # dbt's word, not a password
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"


class LookedAt(StrEnum):
    """What a check looks at, one by one: its failures are some of these, and a threshold's share is of them."""

    ROWS = "rows"
    GROUPS = "groups"
    KEYS = "keys"
    VALUES = "values"
    COLUMNS = "columns"
    PERIODS = "periods"
    SLICES = "slices"
    #: the table, the slice or the column is right as a whole, or it fails as a whole
    WHOLE = "whole"


class DbtResult(RunnerWord):
    """What dbt said of one test."""

    #: the name of the gate's rule that the test was made from, or None for a selected one
    rule: str | None = None
    #: the selector that chose it, or None for a rule's
    select: str | None = None
    #: dbt's name of the test
    test: str
    status: DbtStatus
    #: that the test was run with: for a selected one its own, unless the gate gave another; None in a report of an earlier version
    severity: Severity | None = None
    #: dbt's count; None where it could not count
    failures: int | None = None
    message: str | None = None
    #: that the test looked at, where its rule's threshold is a share of them; None where they were not counted
    rows: Annotated[StrictInt | None, Field(ge=0, exclude_if=lambda rows: rows is None)] = None
    #: what `rows` counts, as `LookedAt` or as a later version has it, and `failures` with it; None: rows, and what the check counts
    looked_at: Annotated[str | None, Field(exclude_if=lambda looked_at: looked_at is None)] = None
    #: False: the slice was not laid on (scope `table`)
    sliced: bool
    #: the SQL that dbt compiled
    sql: str | None = None
    duration_seconds: float = 0.0
    columns: tuple[str, ...] = ()
    #: failing rows, masked and cut by the runner; JSON scalars
    sample: tuple[tuple[Any, ...], ...] = ()


class Report(RunnerWord):
    """What a runner says of one attempt: kept by it, on disk, until the backend has acknowledged it, or until it expires."""

    run: RunId
    attempt: Attempt
    #: of the runner's process that ran it
    boot: str
    status: ReportStatus
    #: why it is not `completed`, dbt's own words where there are some; of one that is, why `rows` is None
    message: str | None = None
    #: that gave the results
    engine: Engine = Engine.DBT
    #: of a run that dbt executed though its gate's engine is `prepared`: the tests that it takes dbt for, each with the reason. Not
    #: written where there is none: a backend from before there was this field reads the report.
    unprepared: Annotated[tuple[tuple[str, str], ...], Field(exclude_if=lambda reasons: not reasons)] = ()
    gate_fingerprint: str
    #: of the dbt project that it ran with; None where it could not be read
    project_fingerprint: str | None = None
    started_at: AwareDatetime
    finished_at: AwareDatetime
    #: that the run is about, counted before the tests: of the slice, or of the whole table; None where they were not counted
    rows: Annotated[StrictInt, Field(ge=0)] | None = None
    #: where they were not counted: there is one at least. False: there may be none
    has_rows: bool = False
    results: tuple[DbtResult, ...] = ()


class RefusedRun(RunnerWord):
    """A run that a runner did not take: `busy` (try again) or `unknown_target` (no use to try this runner again)."""

    run: RunId
    attempt: Attempt
    code: Literal["busy", "unknown_target"]
    reason: str


class Submission(RunnerWord):
    """The answer to `POST /v1/runs`: what was taken, and what was not."""

    boot: str
    accepted: tuple[tuple[RunId, Attempt], ...] = ()
    refused: tuple[RefusedRun, ...] = ()


class UnreadableReport(RunnerWord):
    """A report that does not fit `Report`: it is set apart with its bytes and never blocks its neighbours."""

    run: str
    attempt: Attempt
    raw: str
    #: of `raw`: base64 where the bytes may be no text
    encoding: Literal["text", "base64"] = "text"
    error: str

    @model_validator(mode="after")
    def _can_be_decoded(self) -> Self:
        """Here, where a runner's answer is read: what settles it relies on its bytes."""
        try:
            self.raw_bytes  # noqa: B018  # whether it can be told
        except ValueError as error:
            raise ValueError(f"raw is no {self.encoding}: {error}") from error
        return self

    @property
    def raw_bytes(self) -> bytes:
        """As they were found."""
        return b64decode(self.raw, validate=True) if self.encoding == "base64" else self.raw.encode(errors="surrogatepass")


class LostAttempt(RunnerWord):
    """An attempt of which there will be no report: its worker died, say."""

    run: RunId
    attempt: Attempt
    reason: str


class ReportBatch(RunnerWord):
    """The answer to `GET /v1/reports`: what finished, or was lost, and is kept until it is acknowledged, and what is still held."""

    boot: str
    held: tuple[tuple[RunId, Attempt], ...] = ()
    reports: tuple[Report | UnreadableReport, ...] = ()
    lost: tuple[LostAttempt, ...] = ()


class DistrustedGate(RunnerWord):
    """A version of a gate whose replays differed from dbt: dbt runs it until the dbt project or the runner's version changes."""

    workspace: str
    table: str
    #: of the version
    gate_fingerprint: str
    #: how a replay differed
    reason: str


class RunnerStatus(RunnerWord):
    """`GET /v1/status` of a runner."""

    boot: str
    version: str
    workers: int
    #: of all targets together
    free: int
    #: per target, runs that would begin at once: each target has workers of its own
    free_by_target: dict[str, int] = Field(default_factory=dict)
    #: runs that it holds for each target beyond those that execute; a runner of an earlier version does not tell
    queue: int = 0
    #: per target, runs that wait for a worker now
    queued_by_target: dict[str, int] = Field(default_factory=dict)
    targets: tuple[str, ...]
    #: run and attempt of what it executes or has queued, and of reports not yet acknowledged, for the asking installation
    held: tuple[tuple[RunId, Attempt], ...]
    #: per target, of the dbt project in charge; None while the first is being parsed
    fingerprints: dict[str, str | None]
    #: per target, why the newest dbt project is not in charge
    errors: dict[str, str]
    #: per target, the gates whose replays differed from dbt. Not written where there are none, so that a backend from before there
    #: was this field reads it.
    distrusted: Annotated[dict[str, tuple[DistrustedGate, ...]], Field(default_factory=dict, exclude_if=lambda distrusted: not distrusted)]
