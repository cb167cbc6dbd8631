"""The shape of a gate file, as pydantic models: what a person may write, and the JSON Schema that an editor completes it by.

It is close to `model.Gate`, and made for people: a timeout with its unit, and defaults that depend on the check.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, WithJsonSchema

from stringx.gates import thresholds
from stringx.gates.rule_library import LIBRARY, SHORT_NAMES, Check, arguments, public_name
from stringx.gates.tests import column_sql
from stringx.model import (
    DEFAULT_WORKSPACE,
    Decision,
    Dimension,
    Engine,
    Gate,
    Kind,
    Level,
    Mode,
    Notice,
    Relation,
    Rule,
    Samples,
    Scope,
    Selection,
    Severity,
    Threshold,
    limit_meant,
    values,
)
from stringx.model.slices import ColumnType
from stringx.model.values import CHECK_NAME, SHARE, ColumnName, RuleName, ShortText, TableName, Text, TopicName, Value
from stringx.settings import INLINE_RUNNER

_TIMEOUT = re.compile(r"([1-9][0-9]{0,5})(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_SECONDS = 86_400
_SELECT = re.compile(r"(tag:|path:)?[^\s:+@*,]+")


def _seconds(value: object) -> int:
    match = _TIMEOUT.fullmatch(value) if isinstance(value, str) else None
    seconds = int(match[1]) * _SECONDS[match[2]] if match else value
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= _LONGEST_SECONDS:
        raise ValueError("must be a length of time from one second to a day: 60s, 5m, 1h, or a number of seconds")
    return seconds


def _selector(text: str) -> str:
    if not _SELECT.fullmatch(text):
        raise ValueError("must be `tag:NAME`, `path:FOLDER` or the name of one test")
    return text


def _runner(name: str) -> str:
    if name == INLINE_RUNNER:
        raise ValueError("is the backend itself: write `mode: inline` without `runner`, or name a runner of STRINGX_RUNNERS")
    return name


def _limits(value: object) -> object:
    """A limit alone does not say what it means to go above it."""
    share = isinstance(value, str) and SHARE.fullmatch(value)
    if share or (isinstance(value, int) and not isinstance(value, bool)):
        raise ValueError(f"write {{error: {value}}} to fail above {value}, {{warn: {value}}} to warn, or both with two limits")
    if fix := limit_meant(value):
        raise ValueError(f"must be {{error: LIMIT}}, {{warn: LIMIT}} or both: {fix}")
    return value


def _reachable(threshold: Threshold) -> Threshold:
    """Of a count and a share it depends on the rows which is the smaller."""
    warn, error = threshold.warn, threshold.error
    if warn is None or error is None or isinstance(warn, str) != isinstance(error, str):
        return threshold
    if Decimal(str(warn).removesuffix("%")) >= Decimal(str(error).removesuffix("%")):
        raise ValueError(f"warns above {warn} and fails above {error}, so that it never warns: make `warn` the smaller, or leave it out")
    return threshold


Timeout = Annotated[
    int,
    BeforeValidator(_seconds),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1, "maximum": _LONGEST_SECONDS}, {"type": "string", "pattern": f"^{_TIMEOUT.pattern}$"}]}
    ),
]
#: The library's names are listed, so that an editor offers them; any other is a test of the user's own dbt project.
CheckName = Annotated[
    values.CheckName,
    WithJsonSchema({"anyOf": [{"enum": sorted([*LIBRARY, *SHORT_NAMES])}, {"type": "string", "pattern": f"^{CHECK_NAME.pattern}$"}]}),
]
#: Looked at here and not in the model: a stored gate may have one that never warns.
Limits = Annotated[Threshold, BeforeValidator(_limits), AfterValidator(_reachable)]
RunnerName = Annotated[ShortText, AfterValidator(_runner)]
Weight = Annotated[StrictInt, Field(ge=0, le=1000)]
Required = Annotated[bool, Field(strict=True)]
Selector = Annotated[Text, Field(min_length=1, max_length=200), AfterValidator(_selector)]


class SliceShape(Value):
    """The columns that a trigger's slice may name."""

    columns: dict[ColumnName, ColumnType] = Field(description="Columns with their types.", min_length=1)


class SelectionShape(Value):
    """Tests of the dbt project itself, among those of this table."""

    select: Selector = Field(description="`tag:NAME`, `path:FOLDER` or the name of one test.")
    kind: Kind = Field(Kind.ENGINEERING, description="Whose rule it is.")
    dimension: Dimension | None = Field(None, description="What quality it measures.")
    level: Level | None = Field(None, description="What it looks at.")
    severity: Severity | None = Field(None, description="What a failure means; left out, the test's own severity and thresholds hold.")
    scope: Scope = Field(Scope.SLICE, description="The slice of the trigger, or always the whole table.")
    weight: Weight = Field(1, description="The part of each of its tests in the scores.")
    required: Required = Field(
        False, description="The gate is closed where one of its tests could not be judged, whatever `on_error` says."
    )


#: As if there were no threshold.
_NONE_IS_ACCEPTED = Threshold(error=0)


def list_argument(check: Check) -> str | None:
    """The argument that a rule's `columns` stands for; None where the check takes no list of columns, or several. The public checks of
    several columns call it `column_list`, whatever they do with it."""
    names = [name for name, argument in check.arguments.items() if argument.sort is arguments.COLUMNS or name == "column_list"]
    return names[0] if len(names) == 1 else None


def as_listed(columns: Sequence[str], check: Check, arguments: Mapping[str, Any]) -> list[str]:
    """A rule's `columns` as that argument has them: as SQL, but for checks that compare names, or are told to quote them."""
    names = check.of_columns or arguments.get("quote_columns")
    return list(columns) if names else [column_sql(column) for column in columns]


class RuleShape(Value):
    """A rule of this gate; it becomes a dbt test."""

    name: RuleName = Field(description="Unique within the gate.")
    check: CheckName = Field(description="A check of the library, or a generic test of the dbt project.")
    column: ColumnName | None = Field(None, description="The column, for a check of one column.")
    columns: tuple[ColumnName, ...] = Field((), description="The columns, for a check of several.")
    arguments: dict[Text, Any] = Field(default_factory=dict, description="The check's arguments.")
    kind: Kind | None = Field(None, description="Whose rule it is; default: by the check.")
    dimension: Dimension | None = Field(None, description="What quality it measures; default: by the check.")
    level: Level | None = Field(None, description="What it looks at; default: by the check.")
    severity: Severity = Field(Severity.ERROR, description="`error` closes the gate, `warn` says so and leaves it open.")
    threshold: Limits | None = Field(None, description="How many failures are accepted.")
    row_condition: Text | None = Field(None, description="SQL; only rows for which it is true are checked.", min_length=1)
    scope: Scope = Field(Scope.SLICE, description="The slice of the trigger, or always the whole table.")
    context_columns: tuple[ColumnName, ...] = Field((), description="Columns that are shown beside those of the failing rows.")
    weight: Weight = Field(1, description="Its part in the scores, beside the other rules'.")
    required: Required = Field(False, description="The gate is closed where it could not be judged, whatever `on_error` says.")
    description: Text = ""
    owner: Text = ""

    def rule(self, of_gate: Threshold | None = None) -> Rule:
        """The rule, with what its check says where it is silent; KeyError where that says nothing. `of_gate` is its gate's threshold."""
        name = public_name(self.check)
        check = LIBRARY.get(name)
        several = list_argument(check) if check and self.columns else None
        return Rule(
            name=self.name,
            check=name,
            column=self.column,
            arguments=self.arguments | ({several: as_listed(self.columns, check, self.arguments)} if check and several else {}),
            kind=self.kind or (check.kind if check else Kind.ENGINEERING),
            dimension=self.dimension or LIBRARY[name].dimension,
            level=self.level or LIBRARY[name].level,
            severity=self.severity,
            threshold=self.threshold or (_NONE_IS_ACCEPTED if of_gate and not thresholds.takes_that_of_gate(name, of_gate) else None),
            row_condition=self.row_condition,
            scope=Scope.TABLE if check and check.of_columns else self.scope,
            description=self.description,
            owner=self.owner,
            weight=self.weight,
            required=self.required,
            context_columns=self.context_columns,
        )


class GateShape(Value):
    """The gate of one table: what is checked, where, and what the outcome means."""

    table: TableName = Field(description="The table, in lower case; the file is called after it.")
    description: Text = ""
    owners: tuple[Text, ...] = Field((), description="Who answers for the table.")
    relation: Relation | None = Field(
        None,
        description="What the table is to the dbt project: `source`, `model`, or `plain`: only in the database. Left out, dbt is asked.",
    )
    target: ShortText = Field(description="The output of the dbt profile that the table is reached by.")
    runner: RunnerName = Field("default", description="The runner that does it, for `mode: async`.")
    mode: Mode = Field(Mode.ASYNC, description="`async`: the runner does it. `inline`: the backend itself, at once; for small checks.")
    engine: Engine = Field(
        Engine.PREPARED, description="How the rules are executed: `prepared` where that is proven to be the same as `dbt`."
    )
    timeout: Timeout = Field(300, description="How long a run may take: 60s, 5m, 1h, or seconds.")
    priority: Annotated[StrictInt, Field(ge=-100, le=100)] = Field(0, description="Higher goes first.")
    slice: SliceShape | None = Field(None, description="What a trigger's slice may name; left out, triggers are about the whole table.")
    on_error: Decision = Field(Decision.CLOSED, description="The decision when the table could not be judged.")
    on_no_checks: Decision = Field(Decision.CLOSED, description="The decision when there is nothing to check.")
    on_no_rows: Decision = Field(Decision.OPEN, description="The decision when the slice, or the table, has no rows.")
    severity: Severity = Field(Severity.ERROR, description="`warn`: whatever its rules find is told, and leaves the gate open.")
    threshold: Limits | None = Field(None, description="How many failures are accepted, for rules that do not say, and that count rows.")
    samples: Samples = Field(Samples(), description="How many failing rows are shown, and which of their columns are masked.")
    reply_to: tuple[TopicName, ...] = Field((), description="Kafka topics that a trigger's `reply_to` may name.")
    notify: tuple[Notice, ...] = Field((), description="Kafka topics that are told of each verdict, or of those that close the gate.")
    select: tuple[SelectionShape, ...] = Field((), description="The dbt project's own tests.")
    rules: tuple[RuleShape, ...] = Field((), description="The gate's own rules.")

    def gate(self, workspace: str = DEFAULT_WORKSPACE) -> Gate:
        """The gate, once its rules' checks are known to be right."""
        return Gate(
            workspace=workspace,
            table=self.table,
            description=self.description,
            owners=self.owners,
            relation=self.relation,
            target=self.target,
            runner=self.runner,
            mode=self.mode,
            engine=self.engine,
            timeout_seconds=self.timeout,
            priority=self.priority,
            slice_columns=self.slice.columns if self.slice else {},
            on_error=self.on_error,
            on_no_checks=self.on_no_checks,
            on_no_rows=self.on_no_rows,
            severity=self.severity,
            threshold=self.threshold,
            samples=self.samples,
            reply_to=self.reply_to,
            notify=self.notify,
            select=tuple(Selection.model_validate(one.as_json()) for one in self.select),
            rules=tuple(one.rule(self.threshold) for one in self.rules),
        )
