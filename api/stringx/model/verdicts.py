"""The outcome of a run, and the event that says that it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, Field

from stringx.model.gates import Decision, Dimension, Engine, Gate, Kind, Level, Mode, Rule, Scope, Severity
from stringx.model.slices import Slice
from stringx.model.values import Value


class Outcome(StrEnum):
    """Of one rule in a run."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"


#: What closes a gate comes first.
WORST_FIRST = (Outcome.FAILED, Outcome.ERRORED, Outcome.SKIPPED, Outcome.WARNED, Outcome.PASSED)


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
    #: why: of a rule, what its count means by the gate; of one that broke, and of a test of the project, dbt's words
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


class Scores(Value):
    """How much of the checks' weights a run reached, from 0 to 100, by `stringx.scores`."""

    #: None where a check could not be judged
    overall: Annotated[float, Field(ge=0, le=100)] | None = None
    #: without those of which a check could not be judged, and those without checks
    dimensions: dict[Dimension, Annotated[float, Field(ge=0, le=100)]] = Field(default_factory=dict)


class Verdict(Value):
    """The outcome of a run, and what it means for the data."""

    verdict: VerdictName
    decision: Decision
    #: why it could not be judged, or that there were no rows; None for a verdict by rules
    message: str | None = None
    checks: tuple[CheckResult, ...] = ()
    #: None where nothing was checked
    scores: Scores | None = None

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
    #: as the gate has them that it was judged by; None where it says nothing, and for a test of the dbt project
    description: str | None = None
    owner: str | None = None
    #: the check with its arguments
    demands: str | None = None


Judged = TypeVar("Judged", bound=CheckResult | FailingRule)


def worst_first(rules: Iterable[Judged]) -> list[Judged]:
    """Those that close the gate before the others, otherwise as they stand."""
    return sorted(rules, key=lambda rule: WORST_FIRST.index(rule.outcome))


def with_rules(gate: Gate, checks: Sequence[CheckResult]) -> list[tuple[CheckResult, Rule | None]]:
    """All checks of a verdict, each with the rule of the gate that it is of; None for a test of the dbt project.

    The judge puts one for each rule first, in the gate's order: a test of the project may have the name of a rule.
    """
    rules = [*gate.rules, *[None] * len(checks)]
    return [(check, rule if rule is not None and rule.name == check.name else None) for check, rule in zip(checks, rules, strict=False)]


def failing_rules(gate: Gate, checks: Sequence[CheckResult]) -> tuple[FailingRule, ...]:
    """Those of all checks of a verdict that did not pass: what closes the gate first, then in the gate's order."""
    return tuple(
        worst_first(
            FailingRule(
                name=check.name,
                kind=check.kind,
                severity=check.severity,
                scope=check.scope,
                outcome=check.outcome,
                failures=check.failures,
                message=check.message,
                **({} if rule is None else rule.words),
            )
            for check, rule in with_rules(gate, checks)
            if check.outcome is not Outcome.PASSED
        )
    )


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
    trigger_id: str | None = None
    trigger_source: str | None = None
    workspace: str | None = None
    table: str | None = None
    slice: Slice | None = None
    #: of the trigger's table, slice, `reply_to`, `priority`, engine and metadata: equal for what is the same trigger again
    content_fingerprint: str | None = None
    run: str | None = None
    attempt: int | None = None
    mode: Mode | None = None
    engine: Engine | None = None
    gate_version: int | None = None
    verdict: VerdictName | None = None
    decision: Decision | None = None
    message: str | None = None
    counts: dict[Outcome, int] | None = None
    #: that the run was about: of the slice, or of the whole table; None where they were not counted
    rows: Annotated[int, Field(ge=0)] | None = None
    #: None where nothing was checked, and of runs from before there were scores
    scores: Scores | None = None
    failing: tuple[FailingRule, ...] = ()
    timings: Timings | None = None
    project_fingerprint: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
