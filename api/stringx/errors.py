"""The errors that cross a boundary of StringX. A module that has one for itself derives it from `StringXError`, too.

    StringXError
    ├── Refusal                what somebody sent cannot be taken: dead letter on Kafka, 4xx over HTTP
    │   ├── Malformed          not JSON, not a CloudEvent, wrong bytes (400)
    │   ├── TooLarge           more bytes than the settings let in (413)
    │   ├── WrongContentType   not a content type that is read (415)
    │   ├── Invalid            readable, but a field is wrong (422)
    │   │   └── Unstorable     the database cannot hold one of its values (422)
    │   ├── Stale              a precondition of the request does not hold: the thing has changed (412)
    │   ├── Unconditional      a change that must say what it changes (428)
    │   └── Conflict           at odds with what is stored: a known id with another content (422 for triggers, 409 elsewhere)
    ├── NotFound               no such run, gate, trigger (404)
    ├── GateFileErrors         gate files that cannot be applied; nothing was changed
    ├── InlineRunnerBroken     a dispatcher's own workers have failed for good; it ends, to be started again
    ├── ConfigurationError     a setting is missing or wrong; the process does not start
    └── Unavailable            a part that we need does not answer: pause, back off, try again
        ├── ApiUnavailable     to a client of ours: StringX itself
        ├── DatabaseUnavailable
        ├── KafkaUnavailable
        └── RunnerUnavailable  after a submit: it may have taken the runs, or not
            ├── RunnerUnreachable  no connection was made, or it does not serve us: it took nothing
            ├── RunnerRefused  it said no to what was sent, and would again; it took nothing
            └── RunnerBusy     it answers, and has no worker free; it took nothing

A check that fails is not an error: it is a value (`model.Outcome`).
"""

from __future__ import annotations

from dataclasses import dataclass, field


class StringXError(Exception):
    """Base of all errors of ours."""


class Refusal(StringXError):
    """Something that was sent cannot be taken; says which field and what would mend it.

    `code` is stable and for machines; `field` is a dotted path (`slice.0.column`), None where the whole is meant;
    `event_id` and `event_source` are what could be read of the sender's identity, so that a refusal can be answered.
    """

    code = "refused"
    status = 400

    def __init__(
        self,
        reason: str,
        *,
        field: str | None = None,
        code: str | None = None,
        event_id: str | None = None,
        event_source: str | None = None,
    ) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field
        self.code = code or type(self).code
        self.event_id = event_id
        self.event_source = event_source


class Malformed(Refusal):
    code = "malformed"
    status = 400


class TooLarge(Refusal):
    code = "too_large"
    status = 413


class WrongContentType(Refusal):
    code = "wrong_content_type"
    status = 415


class Invalid(Refusal):
    code = "invalid"
    status = 422


class Unstorable(Invalid):
    code = "unstorable"


class Conflict(Refusal):
    code = "conflict"
    status = 422


class Stale(Refusal):
    code = "stale"
    status = 412


class Unconditional(Refusal):
    code = "unconditional"
    status = 428


class NotFound(StringXError):
    """There is no such thing; the message names it."""


@dataclass(frozen=True)
class Problem:
    """One fault in a file: where it stands and what would mend it."""

    file: str
    line: int
    column: int
    message: str
    #: JSON Pointer (RFC 6901) to the field that it is about; empty where that is the whole
    pointer: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class GateFileErrors(StringXError):
    """One or more gate files cannot be applied."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class ConfigurationError(StringXError):
    """A setting is missing or wrong; the message names the setting and the fix, never its value if it is secret."""


class InlineRunnerBroken(StringXError):
    """A dispatcher's own workers have failed for good: it ends with this, and whoever supervises it starts it again."""


class Unavailable(StringXError):
    """A part that StringX needs does not answer; trying again later is right."""


class ApiUnavailable(Unavailable):
    pass


class DatabaseUnavailable(Unavailable):
    pass


class KafkaUnavailable(Unavailable):
    pass


class RunnerUnavailable(Unavailable):
    pass


class RunnerUnreachable(RunnerUnavailable):
    """It is certain that the runner did not take what was sent."""


class RunnerRefused(RunnerUnavailable):
    """The runner answers, and does not take what was sent; sending it again would change nothing."""


class RunnerBusy(RunnerUnavailable):
    """The runner answers but is full; `retry_after_seconds` is its own advice."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
