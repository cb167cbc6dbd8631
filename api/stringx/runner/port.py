"""What the backend asks of a runner, whether it is in this process or behind HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from pydantic import Field, ValidationError

from stringx.model import Gate, ReportBatch, RunId, RunnerStatus, RunRequest, Submission, Value, fault_text


class RunnerPort(Protocol):
    """One replica of a runner. Every call raises RunnerUnavailable where it does not answer."""

    #: unique among all replicas that one backend knows
    address: str

    def submit(self, installation: str, runs: Sequence[RunRequest]) -> Submission:
        """Hands over runs. RunnerBusy, RunnerRefused and RunnerUnreachable: none was taken; RunnerUnavailable: any may have been."""

    def reports(self, installation: str, wait_seconds: float) -> ReportBatch:
        """What finished and is not acknowledged yet; blocks up to `wait_seconds` for the first."""

    def acknowledge(self, installation: str, finished: Sequence[tuple[str, int]]) -> None:
        """Lets the runner forget reports, each named by run and attempt."""

    def cancel(self, installation: str, run: str) -> bool:
        """Has a run stopped; False where the runner does not have it."""

    def status(self, installation: str) -> RunnerStatus: ...


def faults(error: ValidationError) -> str:
    """What does not fit, field by field, without the values."""
    found = error.errors(include_input=False, include_url=False)
    return "; ".join(": ".join(filter(None, (".".join(map(str, fault["loc"])), fault_text(fault)))) for fault in found)


# --- the same over HTTP: what is sent ----------------------------------------


class RunsBody(Value):
    """`POST /v1/runs`."""

    installation: str
    runs: Annotated[tuple[RunRequest, ...], Field(max_length=1000)]


class AckBody(Value):
    """`POST /v1/reports/ack`."""

    installation: str
    finished: Annotated[tuple[tuple[RunId, int], ...], Field(max_length=10_000)]


class ValidateBody(Value):
    """`POST /v1/validate`."""

    gates: Annotated[tuple[Gate, ...], Field(max_length=100)]


class CancelBody(Value):
    """`POST /v1/runs/{id}/cancel`."""

    installation: str
