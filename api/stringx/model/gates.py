"""The versioned configuration of one table: rules, target, mode, policy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BeforeValidator, Field, StrictInt, WithJsonSchema, model_validator

from stringx.model.slices import ColumnType
from stringx.model.values import (
    SHARE,
    CheckName,
    ColumnName,
    RuleName,
    ShortText,
    TableName,
    Text,
    TopicName,
    Value,
    WorkspaceName,
    canonical_json,
    fingerprint,
)


class Mode(StrEnum):
    INLINE = "inline"
    ASYNC = "async"


class Engine(StrEnum):
    """How tests are executed; the outcome is the same."""

    #: what dbt sends for them, sent again in an open session: as far as that is proven to be the same, else by dbt
    PREPARED = "prepared"
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


class When(StrEnum):
    """Which verdicts are told."""

    #: those that close the gate
    CLOSED = "closed"
    ALWAYS = "always"


class Relation(StrEnum):
    """What a gate's table is to the dbt project."""

    SOURCE = "source"
    MODEL = "model"
    #: nothing yet: it is only in the database
    PLAIN = "plain"


#: What is written as a share is, though it may be none.
_LIKE_A_SHARE = re.compile(r"([0-9]+)(?:\.([0-9]+))?%")


def _limit(value: object) -> object:
    count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not count and not (isinstance(value, str) and SHARE.fullmatch(value)):
        fix = limit_meant(value)
        raise ValueError(f"must be a count of failures, 0 or more, or a share, as 5% or 0.1%{fix and f': {fix}'}")
    return value


def limit_meant(value: object) -> str:
    """What keeps a value from being a limit, with the fix; nothing where it is not nearly one."""
    return _text_meant(value) if isinstance(value, str) else _share_meant(value)


def _text_meant(text: str) -> str:
    without_blanks = "".join(text.split())
    if text != without_blanks and SHARE.fullmatch(without_blanks):
        return f"leave the blank out, write {without_blanks}"
    if text.isascii() and text.isdigit():
        return "take the quotes away" + (f" for a count, or write {text}% for a share" if SHARE.fullmatch(f"{text}%") else "")
    share = _LIKE_A_SHARE.fullmatch(without_blanks)
    if share is None:
        return ""
    if Decimal(without_blanks.removesuffix("%")) > 100:
        return "a share is at most 100%"
    return "a share has at most four digits behind the point" if len(share[2] or "") > 4 else ""


def _share_meant(value: object) -> str:
    """The share that a number below 1 was meant as."""
    share = f"{(Decimal(str(value)) * 100).normalize():f}%" if isinstance(value, float) and 0 < value < 1 else ""
    return f"write {share}" if SHARE.fullmatch(share) else ""


#: A count of failures, or a share of what a rule looked at, with at most four digits behind the point: `0.5%`.
Limit = Annotated[
    int | str,
    BeforeValidator(_limit),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^(?:{SHARE.pattern})$"}]}),
]


class Threshold(Value):
    """How many failures are too many: more than `warn` warns, more than `error` fails. Each a count, or a share of what was looked at."""

    warn: Limit | None = None
    error: Limit | None = None

    @property
    def has_share(self) -> bool:
        """Whether what was looked at has to be counted to judge by it."""
        return isinstance(self.warn, str) or isinstance(self.error, str)

    @staticmethod
    def exceeded(limit: Limit, failures: int, total: int | None) -> bool:
        """Whether these are more than the limit allows; ValueError for a share where `total`, of which it is one, is not known."""
        if isinstance(limit, int):
            return failures > limit
        if total is None:
            raise ValueError("a share of what was not counted")
        return failures * 100 > Decimal(limit.removesuffix("%")) * total

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.warn is None and self.error is None:
            raise ValueError("must have 'warn', 'error' or both: the largest count of failures that is still accepted")
        return self


# Neither is written where it says nothing: a gate from before there were these fields keeps its fingerprint.
#: A part of a dimension's score, beside the other rules'.
Weight = Annotated[StrictInt, Field(ge=0, le=1000), Field(exclude_if=lambda weight: weight == 1)]
#: Whether a gate is never open without the outcome, whatever `on_error` says.
Required = Annotated[bool, Field(strict=True, exclude_if=lambda required: not required)]


class Rule(Value):
    """A check written in the gate; it becomes one dbt test: `test_<check>` of the project, or of dbt itself, with these arguments."""

    name: RuleName
    #: the name of a dbt generic test: one of dbt's four, or one of the dbt project's macros
    check: CheckName
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
    weight: Weight = 1
    required: Required = False
    #: shown beside the failing rows; not written where there are none, as above
    context_columns: Annotated[tuple[ColumnName, ...], Field(exclude_if=lambda columns: not columns)] = ()

    @property
    def demands(self) -> str:
        """`share_of_rows condition: dep_time is null, below: 0.25`."""
        parts = [self.column] if self.column else []
        parts += [f"{name}: {value if isinstance(value, str) else canonical_json(value)}" for name, value in self.arguments.items()]
        parts += [f"where {self.row_condition}"] if self.row_condition else []
        return f"{self.check} {', '.join(parts)}".rstrip()

    @property
    def words(self) -> dict[str, str | None]:
        """What is said of it to people: `description`, `owner`, `demands`."""
        return {"description": self.description or None, "owner": self.owner or None, "demands": self.demands}


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
    weight: Weight = 1
    required: Required = False


class Samples(Value):
    """How much of the failing rows is shown, and what of it never leaves the runner."""

    rows: Annotated[StrictInt, Field(ge=0, le=100)] = 5
    mask: tuple[ColumnName, ...] = ()


class Notice(Value):
    """A Kafka topic that is told of a gate's verdicts, beside the one of all verdicts."""

    topic: TopicName
    when: When = When.ALWAYS

    def tells(self, decision: Decision) -> bool:
        return self.when is When.ALWAYS or decision is Decision.CLOSED


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
    engine: Engine = Engine.PREPARED
    timeout_seconds: Annotated[StrictInt, Field(ge=1, le=86_400)] = 300
    priority: Annotated[StrictInt, Field(ge=-100, le=100)] = 0
    slice_columns: dict[ColumnName, ColumnType] = Field(default_factory=dict)
    #: the decision when the table could not be judged: `errored`, `timed_out`
    on_error: Decision = Decision.CLOSED
    on_no_checks: Decision = Decision.CLOSED
    #: the decision when there were no rows to check. Not written where it is `open`: a gate from before there was this field keeps
    #: its fingerprint, and a runner from then reads it.
    on_no_rows: Annotated[Decision, Field(exclude_if=lambda decision: decision is Decision.OPEN)] = Decision.OPEN
    #: None: as the dbt project has it
    relation: Relation | None = None
    #: `warn`: what would close the gate is told, and leaves it open
    severity: Annotated[Severity, Field(exclude_if=lambda severity: severity is Severity.ERROR)] = Severity.ERROR
    #: of rules that have none
    threshold: Threshold | None = None
    samples: Samples = Samples()
    #: topics that a trigger's `reply_to` may name
    reply_to: tuple[TopicName, ...] = ()
    #: who else is told, each once for every trigger
    notify: Annotated[tuple[Notice, ...], Field(exclude_if=lambda notices: not notices)] = ()
    select: tuple[Selection, ...] = ()
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _rule_names_are_unique(self) -> Self:
        for name, times in Counter(rule.name for rule in self.rules).items():
            if times > 1:
                raise ValueError(f"rule {name!r} stands twice: rule names are unique within a gate")
        return self

    @cached_property
    def fingerprint(self) -> str:
        """Of the content: two versions with the same one judge alike. Kept: of the same few gates it is asked with every run."""
        return fingerprint(self.as_json())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("fingerprint", None)  # its content is another
        return copied


def version_etag(number: int, fingerprint: str) -> str:
    """Of a version among those of its gate, as HTTP has it (RFC 9110, 8.8.3)."""
    return f'"{number}-{fingerprint}"'


class GateVersion(Value):
    """One stored version of a gate; versions are appended, never changed."""

    id: int
    number: int
    gate: Gate
    fingerprint: str
    #: who asked for it, as they said; None: a version from before this was kept
    author: str | None = None
    #: why, as they said
    message: str | None = None
    #: the file it was applied from, relative to the gates' folder; None: it came by the API
    file: str | None = None
    applied_at: AwareDatetime

    @property
    def etag(self) -> str:
        return version_etag(self.number, self.fingerprint)
