"""What the API answers and the CLI prints: triggers, runs, gates and dead letters as people and machines read them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, PlainSerializer

from stringx.model.gates import Decision, Engine, Gate, Mode, version_etag
from stringx.model.slices import Slice
from stringx.model.triggers import Door
from stringx.model.values import Value
from stringx.model.verdicts import CheckResult, FailingRule, Outcome, Scores, Timings, VerdictName

#: A slice as its predicates, each with only the fields that it has.
PlainSlice = Annotated[Slice, PlainSerializer(lambda slice_: slice_.as_json(), return_type=list[dict[str, Any]])]


def _effective(value: Any) -> Any:
    if isinstance(value, Value):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return {name: _effective(item) for name, item in fields.items() if item is not None}
    if isinstance(value, tuple):
        return [_effective(item) for item in value]
    return value


#: A gate as it judges: with the fields, too, that a stored one leaves out since they have their default.
PlainGate = Annotated[Gate, PlainSerializer(_effective, return_type=dict[str, Any])]

RunState = Literal["queued", "leased", "done"]


class Answer(Value):
    """Base of what is answered: every field is there, the empty ones as null. A client reads past fields it does not know."""

    model_config = ConfigDict(extra="ignore")

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


class TriggerAnswer(Answer):
    """A trigger that was taken, and what became of it."""

    #: ours; `GET /v1/triggers/{trigger}`
    trigger: str
    #: the sender's, by which with workspace and source it is taken exactly once
    id: str
    source: str
    workspace: str
    table: str
    slice: PlainSlice
    door: Door
    #: `unmatched`: the table has no gate, so there is no run and will be no verdict
    state: Literal["accepted", "unmatched"]
    reply_to: str | None
    priority: int | None
    #: that it asked for; null: the gate's
    engine: Engine | None = None
    metadata: dict[str, Any]
    received_at: AwareDatetime
    run: str | None
    run_state: RunState | None
    gate_version: int | None
    verdict: VerdictName | None
    decision: Decision | None
    message: str | None
    counts: dict[Outcome, int] | None
    #: the rules that did not pass, warnings included: what closes the gate first, then in the gate's order
    failing: tuple[FailingRule, ...]
    #: that the run was about; None where it has no verdict yet, or they could not be counted
    rows: int | None
    judged_at: AwareDatetime | None
    correlation_id: str | None
    #: True only in the answer to a POST whose trigger was there already
    duplicate: bool = False

    @property
    def settled(self) -> bool:
        """Nothing more will come of it: there is a verdict, or there never will be one."""
        return self.state == "unmatched" or self.verdict is not None


class RunSummary(Answer):
    """A run in a list."""

    run: str
    workspace: str
    table: str
    slice: PlainSlice
    mode: Mode
    engine: Engine
    state: RunState
    verdict: VerdictName | None
    decision: Decision | None
    message: str | None
    #: why it has its verdict, in one line: the rule that decided it with what it counted, else the message
    reason: str | None = None
    counts: dict[Outcome, int] | None
    #: that it was about: of the slice, or of the whole table; null where they were not counted
    rows: int | None
    gate_version: int
    #: every acknowledgement of its triggers is published
    acknowledged: bool
    #: the number of its newest attempt; 0 before the first
    attempt: int
    target: str
    #: the name of the runner it goes to, or `inline`
    runner: str
    priority: int
    timings: Timings


class Attempt(Answer):
    """One try at a run, whether or not its report was taken."""

    number: int
    dispatcher: str
    address: str | None
    boot: str | None
    leased_at: AwareDatetime
    ended_at: AwareDatetime | None
    outcome: str | None
    message: str | None


class RunTrigger(Answer):
    """A trigger of a run: several may have joined one."""

    trigger: str
    id: str
    source: str
    door: Door
    received_at: AwareDatetime


class RunCheck(CheckResult):
    """A check of a run, and what the gate that it was judged by says of its rule; null for a test of the dbt project."""

    model_config = ConfigDict(extra="ignore")

    description: str | None = None
    owner: str | None = None
    #: the check with its arguments
    demands: str | None = None


class UnpreparedTest(Answer):
    """A test that keeps a run with dbt."""

    #: dbt's name of it
    test: str
    reason: str


class RunDetail(RunSummary):
    """A run with everything that says why it is open or closed."""

    checks: tuple[RunCheck, ...]
    #: null where nothing was checked, and of runs from before there were scores
    scores: Scores | None = None
    #: of a run that was to be prepared and that dbt executed: the tests that it takes dbt for; empty where it was not for its tests
    unprepared: tuple[UnpreparedTest, ...] = ()
    attempts: tuple[Attempt, ...]
    triggers: tuple[RunTrigger, ...]
    gate_fingerprint: str
    project_fingerprint: str | None
    correlation_id: str | None
    traceparent: str | None


class RunPage(Answer):
    """Runs, newest first."""

    runs: tuple[RunSummary, ...]
    #: `cursor` of the next page; null on the last
    next: str | None


class GateSummary(Answer):
    """The version of a gate that is in force."""

    workspace: str
    table: str
    description: str
    owners: tuple[str, ...]
    target: str
    mode: Mode
    version: int
    fingerprint: str
    author: str | None = None
    message: str | None = None
    #: that it was applied from, and that manages it; null: the API does
    file: str | None
    applied_at: AwareDatetime
    #: how many rules it has of its own, and how many selections of the dbt project's tests
    rules: int
    selections: int

    @property
    def etag(self) -> str:
        return version_etag(self.version, self.fingerprint)


class DistrustedReplays(Answer):
    """That replays of a gate's version differed from dbt at a runner, which has dbt run it from then on."""

    #: of the runner's replica
    address: str
    target: str
    reason: str


class PreparedUse(Answer):
    """What became of a gate's engine `prepared`: who judged its version in force last, and what keeps it with dbt."""

    #: the newest judged run that was to be prepared; null where there is none of this version yet
    run: str | None
    #: that judged it
    engine: Engine | None
    judged_at: AwareDatetime | None
    #: the tests that this run took dbt for
    unprepared: tuple[UnpreparedTest, ...]
    #: where dbt runs it because replays of it differed; as its runner's replicas say
    distrusted: tuple[DistrustedReplays, ...]


class GateDetail(GateSummary):
    gate: PlainGate
    #: as its file says it, and as `PUT` takes it
    document: dict[str, Any] = Field(default_factory=dict)
    #: null for a gate whose engine is `dbt`
    prepared: PreparedUse | None = None


class GateList(Answer):
    gates: tuple[GateSummary, ...]


class GateStatus(Answer):
    """Whether a table's data may be used: its newest trigger's verdict, and beside it the slices that are still closed."""

    workspace: str
    table: str
    gate_version: int
    #: of the newest accepted trigger; null until it is judged, and where there was no trigger yet
    verdict: VerdictName | None
    decision: Decision | None
    trigger: TriggerAnswer | None
    #: null for a gate whose engine is `dbt`
    prepared: PreparedUse | None = None
    #: for each slice whose newest judged run is closed, that run; newest first
    closed: tuple[RunSummary, ...]


class DeadLetterSummary(Answer):
    """A Kafka record that was refused, and why."""

    id: int
    door: Door
    topic: str | None
    partition: int | None
    offset: int | None
    code: str
    field: str | None
    reason: str
    event_id: str | None
    event_source: str | None
    #: of the whole value, in bytes; null for a record without a value
    value_bytes: int | None
    received_at: AwareDatetime


class Bytes(Answer):
    """Bytes as text where they are UTF-8, else in base64; exactly one of the two."""

    text: str | None = None
    base64: str | None = None


class DeadLetter(DeadLetterSummary):
    key: Bytes | None
    #: cut to the first `STRINGX_DEAD_LETTER_BYTES`
    value: Bytes | None
    #: list of [name, value]; a value is text, `{"base64": …}`, or null
    headers: list[Any]


class DeadLetterPage(Answer):
    """Dead letters, newest first."""

    dead_letters: tuple[DeadLetterSummary, ...]
    #: `cursor` of the next page; null on the last
    next: str | None
