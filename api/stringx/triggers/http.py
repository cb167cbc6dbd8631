"""The HTTP door: from a request's headers and body to a `Trigger`, or to a `Refusal` that says what would mend it. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from pydantic import TypeAdapter, ValidationError

from stringx.errors import Invalid, Refusal, WrongContentType
from stringx.model import Door, ShortText, Trigger
from stringx.settings import Settings
from stringx.triggers.fields import reason
from stringx.triggers.parse import parse_body, read_event

JSON = "application/json"
CLOUDEVENT = "application/cloudevents+json"

#: Says that the sender is our command line, and nothing else; who may send is the token's matter.
DOOR_HEADER = "StringX-Door"
IDEMPOTENCY_HEADER = "Idempotency-Key"

#: Source of a trigger that names none, by its door; a part of its identity: never change it.
DEFAULT_SOURCES = {Door.HTTP: "http", Door.CLI: "cli"}

_SHORT_TEXT: TypeAdapter[str] = TypeAdapter(ShortText)
_PREFER_WAIT = re.compile(r'wait\s*=\s*"?(\d{1,9})"?', re.IGNORECASE)


def parse_request(headers: Iterable[tuple[str, str]], body: bytes, settings: Settings) -> Trigger:
    """The trigger in `body`: plain JSON, or a CloudEvent, structured or with `ce-*` headers.

    Its id is the event's, the body's, or the `Idempotency-Key`; without any it gets a new one and is taken each time it is sent.
    """
    named = {name.lower(): value for name, value in headers}
    _check_content_type(named.get("content-type", ""))
    try:
        event = read_event([_as_record_header(name, value) for name, value in named.items()], body, settings)
    except Refusal as refusal:
        if refusal.field is not None:
            refusal.field = refusal.field.replace("headers.ce_", "headers.ce-")
        raise
    trigger = parse_body(event.data, settings=settings)
    door = Door.CLI if named.get(DOOR_HEADER.lower()) == Door.CLI else Door.HTTP
    return Trigger(
        workspace=trigger.workspace,
        source=event.source or trigger.source or DEFAULT_SOURCES[door],
        id=_identity(event.id or trigger.id, idempotency_key(named.get(IDEMPOTENCY_HEADER.lower()))),
        table=trigger.table,
        slice=trigger.slice,
        reply_to=trigger.reply_to,
        priority=trigger.priority,
        engine=trigger.engine,
        metadata=trigger.metadata,
        door=door,
        traceparent=event.trace.parent,
        tracestate=event.trace.state,
        correlation_id=event.correlation_id,
    )


def idempotency_key(header: str | None) -> str | None:
    """The key in an `Idempotency-Key` header, with or without the quotes of its draft standard; None where there is no header."""
    if header is None:
        return None
    key = header.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    try:
        return _SHORT_TEXT.validate_python(key)
    except ValidationError as error:
        raise Invalid(reason(error.errors()[0]), field=f"headers.{IDEMPOTENCY_HEADER}") from error


def preferred_wait(header: str | None) -> int | None:
    """The seconds in a `Prefer: wait=30` header (RFC 7240); what is not understood is ignored, as the standard has it."""
    for preference in (header or "").split(","):
        found = _PREFER_WAIT.fullmatch(preference.split(";")[0].strip())
        if found:
            return int(found[1])
    return None


def _check_content_type(header: str) -> None:
    content_type = header.split(";")[0].strip().lower()
    if content_type not in (JSON, CLOUDEVENT):
        what = f"not {content_type[:100]}" if content_type else "and is missing"
        raise WrongContentType(f"must be {JSON} or {CLOUDEVENT}, {what}", field="headers.Content-Type")


def _as_record_header(name: str, value: str) -> tuple[str, bytes]:
    """A header as a Kafka record has it: `ce-id` is `ce_id` there, and is not percent-encoded."""
    if name.startswith("ce-"):
        # https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values
        return f"ce_{name.removeprefix('ce-')}", unquote_to_bytes(value.encode("latin-1", "replace"))
    return name, value.encode("latin-1", "replace")


def _identity(given: str | None, key: str | None) -> str:
    if given is not None and key is not None and given != key:
        raise Invalid(f"differs from the trigger's own id {given!r}: send one of them", field=f"headers.{IDEMPOTENCY_HEADER}")
    return given or key or uuid.uuid4().hex
