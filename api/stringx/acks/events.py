"""An acknowledgement as a Kafka record: a CloudEvent 1.0 in binary mode, its value the JSON of `model.Acknowledgement`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from stringx.model import DEFAULT_WORKSPACE, Acknowledgement, canonical_json
from stringx.settings import Settings

#: What `state` is called in `ce_type`; a consumer tells the events apart by it, so a change of shape gets a new version.
EVENT_TYPES = {
    "judged": "stringx.verdict.v1",
    "unmatched": "stringx.trigger.unmatched.v1",
    "refused": "stringx.trigger.refused.v1",
}

#: Longest message or description that an event carries, in characters; the whole text is in the store.
MESSAGE_CHARACTERS = 2_000
#: Left free within the largest record for its key and headers.
ENVELOPE_BYTES = 16_384


@dataclass(frozen=True)
class AcknowledgementRecord:
    """Key, headers and value of the record that tells one acknowledgement."""

    #: the table's name, so that one table's events keep their order; None where a refused trigger named none
    key: bytes | None
    headers: tuple[tuple[str, str], ...]
    value: bytes


def event_id(trigger_row: str, what: Literal["verdict", "unmatched", "refused"]) -> str:
    """The `ce_id` of one acknowledgement, and its id in the outbox. Never change its form: consumers drop repeats by it."""
    return f"{trigger_row}-{what}"


def acknowledgement_record(settings: Settings, ack: Acknowledgement, event_id: str) -> AcknowledgementRecord:
    """The record of `ack`; long texts are cut, all of them where the record would be larger than a topic of ours lets in."""
    headers = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": f"stringx/{ack.workspace or DEFAULT_WORKSPACE}",
        "ce_type": EVENT_TYPES[ack.state],
        "ce_time": _time_of(ack).isoformat(),
        "ce_subject": ack.table,
        "ce_correlationid": ack.correlation_id,
        "traceparent": ack.traceparent,
        "tracestate": ack.tracestate,
    }
    value = _json(_cut(ack, MESSAGE_CHARACTERS))
    if len(value) > settings.kafka_max_record_bytes - ENVELOPE_BYTES:
        value = _json(_cut(ack, 0))
    return AcknowledgementRecord(
        key=ack.table.encode(errors="replace") if ack.table is not None else None,
        headers=tuple((name, text) for name, text in headers.items() if text is not None),
        value=value,
    )


def _time_of(ack: Acknowledgement) -> datetime:
    """When the thing that is told happened; now where nothing of it was stored before."""
    if ack.timings is None:
        return datetime.now(UTC)
    return ack.timings.judged_at or ack.timings.received_at


def _json(ack: Acknowledgement) -> bytes:
    # What a sender wrote in a refused trigger may hold half of a surrogate pair; the answer is still sent.
    return canonical_json(ack.as_json()).encode(errors="replace")


def _cut(ack: Acknowledgement, characters: int) -> Acknowledgement:
    texts = ("message", "description", "owner", "demands")
    failing = tuple(rule.model_copy(update={text: _shortened(getattr(rule, text), characters) for text in texts}) for rule in ack.failing)
    return ack.model_copy(update={"failing": failing, "message": _shortened(ack.message, max(characters, 200))})


def _shortened(text: str | None, characters: int) -> str | None:
    if text is None or len(text) <= characters:
        return text
    return f"{text[:characters]}…" if characters else None
