"""A message that a table, or a slice of it, changed and wants a verdict."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StrictInt

from stringx.model.gates import Engine
from stringx.model.slices import Slice
from stringx.model.values import DEFAULT_WORKSPACE, ShortText, TableName, Text, TopicName, Value, WorkspaceName, fingerprint


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
    #: of this one run; None: the gate's. `dbt` forces the reference
    engine: Engine | None = None
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
    engine: Engine | None = None
    metadata: dict[str, Any]
    door: Door
    #: W3C Trace Context, as it came; None where it did not
    traceparent: str | None = None
    #: only beside a `traceparent`
    tracestate: str | None = None
    correlation_id: str | None = None
    position: Position | None = None

    @property
    def content_fingerprint(self) -> str:
        """Equal for two deliveries of one trigger; the same identity with another one is refused."""
        return self._fingerprint(self.slice.as_written())

    def has_content(self, stored: str) -> bool:
        """Whether this is the fingerprint of its content; also in the older form, a slice as it came, in which triggers are stored."""
        return stored in (self.content_fingerprint, self._fingerprint(self.slice.as_json()))

    def _fingerprint(self, slice_: object) -> str:
        content = self.as_json() | {"slice": slice_}
        # One that names no engine has the fingerprint that it had before there was one to name.
        engine = {} if self.engine is None else {"engine": self.engine}
        return fingerprint({name: content.get(name) for name in ("table", "slice", "reply_to", "priority", "metadata")} | engine)
