"""What the API answers and the CLI prints: triggers, runs, gates and dead letters as people and machines read them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, PlainSerializer

from stringx.model.gates import Decision, Engine, Gate, Mode
from stringx.model.slices import Slice
from stringx.model.triggers import Door
from stringx.model.values import Value
from stringx.model.verdicts import CheckResult, FailingRule, Outcome, Timings, VerdictName

#: A slice as its predicates, each with only the fields that it has.
PlainSlice = Annotated[Slice, PlainSerializer(lambda slice_: slice_.as_json(), return_type=list[dict[str, Any]])]
PlainGate = Annotated[Gate, PlainSerializer(lambda gate: gate.as_json(), return_type=dict[str, Any])]

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
    metadata: dict[str, Any]
    received_at: AwareDatetime
    run: str | None
    run_state: RunState | None
    gate_version: int | None
    verdict: VerdictName | None
    decision: Decision | None
    message: str | None
    counts: dict[Outcome, int] | None
    #: the rules that did not pass, warnings included
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


class RunDetail(RunSummary):
    """A run with everything that says why it is open or closed."""

    checks: tuple[CheckResult, ...]
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
    file: str | None
    applied_at: AwareDatetime
    #: how many rules it has of its own, and how many selections of the dbt project's tests
    rules: int
    selections: int


class GateDetail(GateSummary):
    gate: PlainGate


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
