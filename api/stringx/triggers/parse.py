"""From bytes to a `Trigger`, or to a `Refusal` that says which field is wrong and what would mend it. Pure.

A record's value is plain JSON, or a CloudEvent 1.0 in structured or binary mode whose `data` is that JSON. Strict about
the trigger's own fields; extension attributes and headers that are not ours are ignored.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stringx.errors import Invalid, Malformed, Refusal, TooLarge
from stringx.model import DEFAULT_WORKSPACE, Door, ShortText, TableName, Trigger, TriggerBody, WorkspaceName, canonical_json
from stringx.settings import Settings
from stringx.triggers import trace
from stringx.triggers.fields import kind, reason, refuse_fields
from stringx.triggers.record import KafkaRecord, Legible
from stringx.triggers.strict_json import parse_json
from stringx.triggers.trace import TraceContext, trace_context

_CORRELATION_HEADERS = ("correlationid", "correlation_id", "x-correlation-id", "ce_correlationid")
#: The headers that are read. Names are compared without regard to case.
_OUR_HEADERS = frozenset(("content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", *_CORRELATION_HEADERS, *trace.HEADERS))
#: Any of these says that the record is a CloudEvent in binary mode.
_BINARY_MODE = frozenset(("ce_specversion", "ce_id", "ce_source", "ce_type"))
_EXAMPLE = '{"table": "raw.orders"}'
_SEND = f"send the trigger as its value, a JSON object such as {_EXAMPLE}"
_SHORT_TEXT: TypeAdapter[str] = TypeAdapter(ShortText)
_TABLE: TypeAdapter[str] = TypeAdapter(TableName)
_WORKSPACE: TypeAdapter[str] = TypeAdapter(WorkspaceName)


def parse_body(data: object, *, settings: Settings) -> TriggerBody:
    """The trigger in a document that `parse_json` read. Invalid names the field; TooLarge beyond `max_trigger_bytes`."""
    if not isinstance(data, dict):
        raise Invalid(f"must be a JSON object such as {_EXAMPLE}, not {kind(data)}")
    try:
        body = TriggerBody.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        refuse_fields(error)
    size = len(canonical_json(body.as_json()).encode())
    if size > settings.max_trigger_bytes:
        raise _too_large(size, settings)
    return body


def parse_record(record: KafkaRecord, settings: Settings) -> Trigger:
    """The trigger in a Kafka record; a Refusal carries the sender's id and source where they could be read."""
    try:
        if record.headers_error is not None:
            raise Malformed(record.headers_error, field="headers")
        if record.value is None:
            raise Malformed(f"the record has no value{' (a tombstone)' if record.key is not None else ''}: {_SEND}")
        if not record.value:
            raise Malformed(f"the record's value is empty: {_SEND}")
        event = read_event(record.headers, record.value, settings)
        body = parse_body(event.data, settings=settings)
        return Trigger(
            workspace=body.workspace,
            source=event.source or body.source or record.default_source,
            id=event.id or body.id or record.identity,
            table=body.table,
            slice=body.slice,
            reply_to=body.reply_to,
            priority=body.priority,
            engine=body.engine,
            metadata=body.metadata,
            door=Door.KAFKA,
            traceparent=event.trace.parent,
            tracestate=event.trace.state,
            correlation_id=event.correlation_id,
            position=record.position,
        )
    except Refusal as refusal:
        if refusal.event_id is None:
            known = legible(record)
            refusal.event_id, refusal.event_source = known.id, known.source
        raise


def legible(record: KafkaRecord) -> Legible:
    """What can be read of a record, whatever is wrong with it; never raises."""
    headers = {name.lower(): value for name, value in record.headers}
    event = _loaded(record.value)
    data = event.get("data") if "specversion" in event else event
    body = data if isinstance(data, dict) else {}
    event_id, source = _short_text(headers.get("ce_id")), _short_text(headers.get("ce_source"))
    if event_id is None:
        event_id, source = _short_text(event.get("id")), _short_text(event.get("source"))
    correlation_ids = [_short_text(headers.get(name)) for name in _CORRELATION_HEADERS] + [_short_text(event.get("correlationid"))]
    context = trace_context({name: (headers.get(name) or b"").decode(errors="replace") for name in trace.HEADERS}, event)
    return Legible(
        id=event_id,
        source=(source or record.default_source) if event_id is not None else None,
        table=_checked(_TABLE, body.get("table")),
        workspace=_checked(_WORKSPACE, body.get("workspace", DEFAULT_WORKSPACE)),
        correlation_id=next(filter(None, correlation_ids), None),
        traceparent=context.parent,
        tracestate=context.state,
    )


def _loaded(value: bytes | None) -> dict[str, Any]:
    try:
        document = json.loads(value or b"null")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


@dataclass(frozen=True)
class Event:
    """What carries a trigger's body, with the identity and the context that the envelope gives."""

    data: object
    id: str | None
    source: str | None
    trace: TraceContext
    correlation_id: str | None


def read_event(raw_headers: Sequence[tuple[str, bytes | None]], value: bytes, settings: Settings) -> Event:
    """The envelope of a message: plain JSON, a structured CloudEvent, or with `ce_*` headers a binary one."""
    if len(value) > settings.max_trigger_bytes:
        raise _too_large(len(value), settings)
    headers = _our_headers(raw_headers)
    content_type = headers.get("content-type", "").split(";")[0].strip().lower()
    attributes: Mapping[str, object] = {}
    if content_type.startswith("application/cloudevents-batch"):
        raise Malformed("a batch of CloudEvents is not taken: send one event per message", field="headers.content-type")
    if content_type.startswith("application/cloudevents") or not _BINARY_MODE & headers.keys():
        document = parse_json(value)
        # An event whose sender forgot the content type is known by its `specversion`, which no trigger has.
        if not content_type.startswith("application/cloudevents") and not (isinstance(document, dict) and "specversion" in document):
            return Event(document, None, None, trace_context(headers, {}), _correlation_id(headers, {}))
        if not isinstance(document, dict):
            raise Malformed(f"a CloudEvent in structured mode must be a JSON object, not {kind(document)}")
        attributes, data, prefix = document, _structured_data(document), ""
    else:
        attributes = {name.removeprefix("ce_"): value for name, value in headers.items() if name.startswith("ce_")}
        _check_content_type(content_type, "headers.content-type")
        data, prefix = parse_json(value), "headers.ce_"
    event_id, source = _check_attributes(attributes, prefix)
    return Event(data, event_id, source, trace_context(headers, attributes), _correlation_id(headers, attributes))


def _our_headers(raw_headers: Sequence[tuple[str, bytes | None]]) -> dict[str, str]:
    """The headers that are read, by lower-case name; of one that comes twice, the last, as Kafka's own clients read them.

    Each must be UTF-8, but for a trace state: one that cannot be read is never a reason to refuse.
    """
    headers = {}
    for name, value in raw_headers:
        if name.lower() not in _OUR_HEADERS or value is None:
            continue
        try:
            headers[name.lower()] = value.decode(errors="replace" if name.lower() in trace.STATE_HEADERS else "strict")
        except UnicodeDecodeError as error:
            raise Malformed("must be UTF-8", field=f"headers.{name}") from error
    return headers


def _check_attributes(attributes: Mapping[str, object], prefix: str) -> tuple[str, str]:
    """Id and source of an event that has what CloudEvents 1.0 requires."""
    if attributes.get("specversion") != "1.0":
        raise Malformed("must be '1.0': this is what tells a CloudEvent", field=f"{prefix}specversion")
    for name in ("id", "source", "type"):
        if name not in attributes:
            raise Malformed("is required by CloudEvents 1.0", field=f"{prefix}{name}")
    identity = []
    for name in ("id", "source"):
        try:
            identity.append(_SHORT_TEXT.validate_python(attributes[name]))
        except ValidationError as error:
            raise Invalid(reason(error.errors()[0]), field=f"{prefix}{name}") from error
    return identity[0], identity[1]


def _structured_data(event: Mapping[str, Any]) -> object:
    if "datacontenttype" in event:
        _check_content_type(str(event["datacontenttype"]).split(";")[0].strip().lower(), "datacontenttype")
    if "data_base64" in event:
        try:
            return parse_json(base64.b64decode(event["data_base64"], validate=True))
        except (binascii.Error, TypeError, ValueError) as error:
            raise Malformed("must be base64", field="data_base64") from error
    if "data" not in event:
        raise Malformed("is required: the trigger, as a JSON object", field="data")
    data: object = event["data"]
    return data


def _check_content_type(content_type: str, field: str) -> None:
    if content_type and content_type not in ("application/json", "text/json") and not content_type.endswith("+json"):
        raise Malformed("must be application/json", field=field)


def _correlation_id(headers: Mapping[str, str], attributes: Mapping[str, object]) -> str | None:
    for name in _CORRELATION_HEADERS:
        if headers.get(name):
            return _checked_correlation_id(headers[name], f"headers.{name}")
    if attributes.get("correlationid"):
        return _checked_correlation_id(attributes["correlationid"], "correlationid")
    return None


def _checked_correlation_id(value: object, field: str) -> str:
    try:
        return _SHORT_TEXT.validate_python(value)
    except ValidationError as error:
        raise Invalid(reason(error.errors()[0]), field=field) from error


def _short_text(value: object) -> str | None:
    return _checked(_SHORT_TEXT, value)


def _checked(kind_of_text: TypeAdapter[str], value: object) -> str | None:
    try:
        return kind_of_text.validate_python(value.decode() if isinstance(value, bytes) else value)
    except ValueError:  # pydantic's errors and the codec's are ValueErrors
        return None


def _too_large(size: int, settings: Settings) -> TooLarge:
    return TooLarge(f"has {size} bytes; a trigger {allowed_bytes(settings)}")


def allowed_bytes(settings: Settings) -> str:
    """How large a trigger may be, and what to do with a larger one."""
    return f"may have {settings.max_trigger_bytes} bytes (STRINGX_MAX_TRIGGER_BYTES): name the data, do not send it"
