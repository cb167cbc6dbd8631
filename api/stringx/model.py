"""The words of StringX as frozen values: what travels between a door, the inbox, the runner, the judge and the store.

Every value is a pydantic model, so that the same class reads a request, checks it, and writes the JSON that goes to
Kafka, to the runner and into the database. Unknown fields are refused everywhere. Nothing here imports anything of ours.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, RootModel, StrictInt, StrictStr, model_validator

#: The workspace of a trigger that names none.
DEFAULT_WORKSPACE = "default"

#: A table as people write it: two or three plain identifiers joined by dots (`schema.table`, `database.schema.table`).
#: Anything else, SQL above all, is refused before it can be looked up.
TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}(\.[A-Za-z_][A-Za-z0-9_$]{0,62}){1,2}")
WORKSPACE_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
RULE_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
RUN_ID = re.compile(r"[0-9a-f]{32}")


def storable(text: str) -> str:
    """`text`, or ValueError where UTF-8 or Postgres could not hold it (lone surrogates, NUL)."""
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be valid Unicode (it holds half of a surrogate pair)") from error
    return text


def canonical_json(value: object) -> str:
    """The one JSON text of a value: keys sorted, no spaces; what fingerprints and keys are made of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fingerprint(value: object) -> str:
    """32 hexadecimal characters of SHA-256 over `canonical_json(value)`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:32]


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(what)
        return text

    return AfterValidator(check)


Text = Annotated[StrictStr, AfterValidator(storable)]
ShortText = Annotated[Text, Field(min_length=1, max_length=200)]
TableName = Annotated[StrictStr, _matching(TABLE_NAME, "must be schema.table or database.schema.table, made of plain identifiers")]
WorkspaceName = Annotated[StrictStr, _matching(WORKSPACE_NAME, "must be lower-case letters, digits, '-' and '_', at most 63 of them")]
RuleName = Annotated[StrictStr, _matching(RULE_NAME, "must be lower-case letters, digits and '_', starting with a letter")]
TopicName = Annotated[StrictStr, _matching(TOPIC_NAME, "must be a Kafka topic name: letters, digits, '.', '_' and '-'")]
RunId = Annotated[StrictStr, _matching(RUN_ID, "must be a run's id: 32 hexadecimal characters")]
ColumnName = Annotated[Text, Field(min_length=1, max_length=63)]
#: What a slice compares a column with. Numbers are integers: a slice on a float is never exact.
Scalar = Annotated[Text, Field(max_length=1000)] | StrictInt


class Value(BaseModel):
    """Base of all values: frozen, unknown fields refused, JSON with the public field names."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    def as_json(self) -> dict[str, Any]:
        """The value as plain JSON data, without the fields that are None."""
        return self.model_dump(mode="json", exclude_none=True)


# --- slices ---------------------------------------------------------------------------------------------------------


class ColumnType(StrEnum):
    """The type that a gate gives a slice column; values are checked against it, and bound as text of it."""

    DATE = "date"
    TIMESTAMP = "timestamp"
    INTEGER = "integer"
    TEXT = "text"


class Predicate(Value):
    """One column with a value, a list of values, or a half-open range `[from, to)` (either end may be left open)."""

    column: ColumnName
    equals: Scalar | None = None
    one_of: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=1000)] | None = Field(default=None, alias="in")
    start: Scalar | None = Field(default=None, alias="from")
    stop: Scalar | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _exactly_one_form(self) -> Self:
        forms = [self.equals is not None, self.one_of is not None, self.start is not None or self.stop is not None]
        if sum(forms) != 1:
            raise ValueError("must have exactly one of 'equals', 'in', or 'from'/'to'")
        return self

    def __str__(self) -> str:
        if self.equals is not None:
            return f"{self.column} = {self.equals}"
        if self.one_of is not None:
            return f"{self.column} in ({', '.join(str(value) for value in self.one_of)})"
        ends = [
            f"{self.column} >= {self.start}" if self.start is not None else "",
            f"{self.column} < {self.stop}" if self.stop is not None else "",
        ]
        return " and ".join(end for end in ends if end)


class Slice(RootModel[tuple[Predicate, ...]]):
    """The part of a table that a trigger is about: all its predicates hold. No predicate: the whole table."""

    model_config = ConfigDict(frozen=True)
    root: Annotated[tuple[Predicate, ...], Field(max_length=20)] = ()

    @model_validator(mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, data: Any) -> Any:
        return [data] if isinstance(data, dict) else data

    def __iter__(self) -> Iterator[Predicate]:  # type: ignore[override]  # a slice is its predicates, not its fields
        return iter(self.root)

    def __bool__(self) -> bool:
        return bool(self.root)

    def __str__(self) -> str:
        return " and ".join(str(predicate) for predicate in self.root) or "whole table"

    def as_json(self) -> list[dict[str, Any]]:
        return [predicate.as_json() for predicate in self.root]

    @property
    def key(self) -> str:
        """What two slices are compared by; equal for equal slices once `gates.slices.bind` made them canonical."""
        return fingerprint(self.as_json())


# --- triggers -------------------------------------------------------------------------------------------------------


class Door(StrEnum):
    KAFKA = "kafka"
    HTTP = "http"
    CLI = "cli"


class Position(Value):
    """Where a Kafka record stood; with the timestamp and the payload's hash it outlives a topic made anew."""

    topic: str
    topic_id: str | None = None
    partition: int
    offset: int
    #: milliseconds since the epoch, as the record carries it; -1 where it carries none
    timestamp_ms: int


class TriggerBody(Value):
    """What a person or a pipeline writes: the value of a Kafka record, the body of `POST /v1/triggers`."""

    table: TableName
    slice: Slice = Slice(())
    id: ShortText | None = None
    source: ShortText | None = None
    workspace: WorkspaceName = DEFAULT_WORKSPACE
    reply_to: TopicName | None = None
    #: higher goes first; within one priority, the order of arrival
    priority: Annotated[StrictInt, Field(ge=-100, le=100)] | None = None
    metadata: dict[Text, Any] = Field(default_factory=dict)


class Trigger(Value):
    """A trigger as a door hands it to the inbox: the body with its defaults filled in, and where it came from."""

    workspace: WorkspaceName
    #: with `workspace` and `id` the identity by which it is accepted exactly once
    source: ShortText
    id: ShortText
    table: TableName
    slice: Slice
    reply_to: TopicName | None
    priority: int | None
    metadata: dict[str, Any]
    door: Door
    #: W3C Trace Context, as it came; None where it did not
    traceparent: str | None = None
    correlation_id: str | None = None
    position: Position | None = None

    @property
    def content_fingerprint(self) -> str:
        """Equal for two deliveries of one trigger; the same identity with another one is refused."""
        content = self.as_json()
        return fingerprint({name: content.get(name) for name in ("table", "slice", "reply_to", "priority", "metadata")})


# --- gates ----------------------------------------------------------------------------------------------------------


class Mode(StrEnum):
    INLINE = "inline"
    ASYNC = "async"


class Engine(StrEnum):
    DBT = "dbt"


class Kind(StrEnum):
    ENGINEERING = "engineering"
    BUSINESS = "business"


class Dimension(StrEnum):
    COMPLETENESS = "completeness"
    ACCURACY = "accuracy"
    CONSISTENCY = "consistency"
    UNIQUENESS = "uniqueness"
    TIMELINESS = "timeliness"
    VALIDITY = "validity"


class Level(StrEnum):
    TABLE = "table"
    DATASET = "dataset"
    COLUMN = "column"
    ROW = "row"


class Severity(StrEnum):
    WARN = "warn"
    ERROR = "error"


class Scope(StrEnum):
    SLICE = "slice"
    TABLE = "table"


class Decision(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class Threshold(Value):
    """How many failures are too many: more than `warn` warns, more than `error` fails. Both counts, not shares."""

    warn: Annotated[StrictInt, Field(ge=0)] | None = None
    error: Annotated[StrictInt, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.warn is None and self.error is None:
            raise ValueError("must have 'warn', 'error' or both: the largest count of failures that is still accepted")
        return self


class Rule(Value):
    """A check written in the gate; it becomes one dbt test: `test_<check>` of the project, or of dbt itself, with these arguments."""

    name: RuleName
    #: the name of a dbt generic test: one of dbt's four, or one of the dbt project's macros
    check: RuleName
    column: ColumnName | None = None
    arguments: dict[Text, Any] = Field(default_factory=dict)
    kind: Kind
    dimension: Dimension
    level: Level
    severity: Severity
    threshold: Threshold | None = None
    #: SQL; only rows for which it is true are checked
    row_condition: Text | None = None
    scope: Scope = Scope.SLICE
    description: Text = ""
    owner: Text = ""


class Selection(Value):
    """Tests of the dbt project itself, chosen among those attached to the gate's table."""

    #: `tag:NAME`, `path:FOLDER` or the name of a test
    select: Annotated[Text, Field(min_length=1, max_length=200)]
    kind: Kind
    dimension: Dimension | None = None
    level: Level | None = None
    #: None: the test's own severity and thresholds, as dbt judges them
    severity: Severity | None = None
    scope: Scope = Scope.SLICE


class Samples(Value):
    """How much of the failing rows is shown, and what of it never leaves the runner."""

    rows: Annotated[StrictInt, Field(ge=0, le=100)] = 5
    mask: tuple[ColumnName, ...] = ()


class Gate(Value):
    """The configuration of one table in one workspace, as one version of it stands."""

    workspace: WorkspaceName
    table: TableName
    description: Text = ""
    owners: tuple[Text, ...] = ()
    target: ShortText
    #: the name of the runner that asynchronous runs go to
    runner: ShortText = "default"
    mode: Mode = Mode.ASYNC
    engine: Engine = Engine.DBT
    timeout_seconds: Annotated[StrictInt, Field(ge=1, le=86_400)] = 300
    priority: Annotated[StrictInt, Field(ge=-100, le=100)] = 0
    slice_columns: dict[ColumnName, ColumnType] = Field(default_factory=dict)
    #: the decision when the table could not be judged: `errored`, `timed_out`
    on_error: Decision = Decision.CLOSED
    on_no_checks: Decision = Decision.CLOSED
    samples: Samples = Samples()
    #: topics that a trigger's `reply_to` may name
    reply_to: tuple[TopicName, ...] = ()
    select: tuple[Selection, ...] = ()
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _rule_names_are_unique(self) -> Self:
        names = [rule.name for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"rule {name!r} stands twice: rule names are unique within a gate")
        return self

    @property
    def fingerprint(self) -> str:
        """Of the content: two versions with the same one judge alike."""
        return fingerprint(self.as_json())


class GateVersion(Value):
    """One stored version of a gate; versions are appended, never changed."""

    id: int
    number: int
    gate: Gate
    fingerprint: str
    #: the file it was applied from, relative to the gates' folder
    file: str | None = None
    applied_at: AwareDatetime


# --- the runner's requests and reports ------------------------------------------------------------------------------


class RunRequest(Value):
    """What the backend asks a runner to do. The gate travels whole, so that the run is judged by what it was queued with."""

    run: RunId
    #: the fencing token: only the newest attempt's report is accepted
    attempt: Annotated[StrictInt, Field(ge=1)]
    gate: Gate
    gate_version: int
    #: of `gate`; echoed by the report
    gate_fingerprint: str
    slice: Slice
    timeout_seconds: Annotated[float, Field(gt=0)]
    correlation_id: str | None = None
    traceparent: str | None = None


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


class DbtResult(Value):
    """What dbt said of one test."""

    #: the name of the gate's rule that the test was made from, or None for a selected one
    rule: str | None = None
    #: the selector that chose it, or None for a rule's
    select: str | None = None
    #: dbt's name of the test
    test: str
    status: DbtStatus
    #: dbt's count; None where it could not count
    failures: int | None = None
    message: str | None = None
    #: False: the slice was not laid on (scope `table`)
    sliced: bool
    #: the SQL that dbt compiled
    sql: str | None = None
    duration_seconds: float = 0.0
    columns: tuple[str, ...] = ()
    #: failing rows, masked and cut by the runner; JSON scalars
    sample: tuple[tuple[Any, ...], ...] = ()


class Report(Value):
    """What a runner says of one attempt: kept by it, on disk, until the backend has acknowledged it."""

    run: RunId
    attempt: int
    #: of the runner's process that ran it
    boot: str
    status: ReportStatus
    #: why it is not `completed`: dbt's own words where there are some
    message: str | None = None
    engine: Engine = Engine.DBT
    gate_fingerprint: str
    #: of the dbt project that it ran with; None where it could not be read
    project_fingerprint: str | None = None
    started_at: AwareDatetime
    finished_at: AwareDatetime
    results: tuple[DbtResult, ...] = ()


class RefusedRun(Value):
    """A run that a runner did not take: `busy` (try again) or `unknown_target` (no use to try this runner again)."""

    run: RunId
    attempt: int
    code: Literal["busy", "unknown_target"]
    reason: str


class Submission(Value):
    """The answer to `POST /v1/runs`: what was taken, and what was not."""

    boot: str
    accepted: tuple[tuple[RunId, int], ...] = ()
    refused: tuple[RefusedRun, ...] = ()


class UnreadableReport(Value):
    """A report that does not fit `Report`: it is set apart with its bytes and never blocks its neighbours."""

    run: str
    attempt: int
    raw: str
    error: str


class ReportBatch(Value):
    """The answer to `GET /v1/reports`: what finished and is not yet acknowledged, and what is still held."""

    boot: str
    held: tuple[tuple[RunId, int], ...] = ()
    reports: tuple[Report | UnreadableReport, ...] = ()


class RunnerStatus(Value):
    """`GET /v1/status` of a runner."""

    boot: str
    version: str
    workers: int
    free: int
    targets: tuple[str, ...]
    #: run and attempt of what it executes or has queued, and of reports not yet acknowledged, for the asking installation
    held: tuple[tuple[RunId, int], ...]
    #: per target, of the dbt project in charge; None while the first is being parsed
    fingerprints: dict[str, str | None]
    #: per target, why the newest dbt project is not in charge
    errors: dict[str, str]


# --- verdicts -------------------------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """Of one rule in a run."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"


class CheckResult(Value):
    """The outcome of one rule in a run."""

    name: str
    kind: Kind
    dimension: Dimension | None
    level: Level | None
    severity: Severity
    scope: Scope
    outcome: Outcome
    #: dbt's raw failure count; None where it could not count
    failures: int | None
    message: str | None = None
    test: str | None = None
    sql: str | None = None
    duration_seconds: float = 0.0
    columns: tuple[str, ...] = ()
    sample: tuple[tuple[Any, ...], ...] = ()


class VerdictName(StrEnum):
    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    ERRORED = "errored"
    TIMED_OUT = "timed_out"
    NO_CHECKS = "no_checks"
    CANCELLED = "cancelled"


class Verdict(Value):
    """The outcome of a run, and what it means for the data."""

    verdict: VerdictName
    decision: Decision
    #: why it could not be judged; None for a verdict by rules
    message: str | None = None
    checks: tuple[CheckResult, ...] = ()

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many checks had each outcome; every outcome is there, zeros too."""
        return {outcome: sum(check.outcome is outcome for check in self.checks) for outcome in Outcome}


class FailingRule(Value):
    """One rule that did not pass, as an acknowledgement tells it."""

    name: str
    kind: Kind
    severity: Severity
    scope: Scope
    outcome: Outcome
    failures: int | None = None
    message: str | None = None


class Timings(Value):
    """When a run passed each step, by the database's clock; `judged_at` is when the verdict was stored."""

    received_at: AwareDatetime
    queued_at: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    judged_at: datetime | None = None


class Acknowledgement(Value):
    """The data of a verdict event on `stringx.verdicts`; the envelope is a CloudEvent in binary mode."""

    #: `judged`: there is a verdict. `unmatched`: the table has no gate. `refused`: the trigger could not be accepted.
    state: Literal["judged", "unmatched", "refused"]
    trigger_id: str | None
    trigger_source: str | None
    workspace: str | None = None
    table: str | None = None
    slice: Slice | None = None
    run: str | None = None
    attempt: int | None = None
    mode: Mode | None = None
    engine: Engine | None = None
    gate_version: int | None = None
    verdict: VerdictName | None = None
    decision: Decision | None = None
    message: str | None = None
    counts: dict[Outcome, int] | None = None
    failing: tuple[FailingRule, ...] = ()
    timings: Timings | None = None
    project_fingerprint: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
