"""Dead letters: records that could not be taken, with their reason, kept for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from stringx.errors import Refusal
from stringx.model import made_storable
from stringx.store.outbox import headers_as_json
from stringx.store.tables import dead_letters


@dataclass(frozen=True)
class KeptRecord:
    """What is kept of a refused record; key, value and headers already cut."""

    topic: str
    partition: int
    offset: int
    #: what it is known by: a record delivered twice is one dead letter
    position_key: str
    key: bytes | None
    value: bytes | None
    #: of the whole value
    value_bytes: int | None
    headers: Sequence[tuple[str, str | bytes | None]]


def add(connection: Connection, door: str, kept: KeptRecord, refusal: Refusal) -> bool:
    """Stores a dead letter; False where this record's is there already."""
    stored = connection.execute(
        insert(dead_letters)
        .values(
            door=door,
            topic=kept.topic,
            partition=kept.partition,
            record_offset=kept.offset,
            position_key=kept.position_key,
            code=refusal.code,
            field=_text(refusal.field),
            reason=_text(refusal.reason),
            event_source=_text(refusal.event_source),
            event_id=_text(refusal.event_id),
            key=kept.key,
            value=kept.value,
            value_bytes=kept.value_bytes,
            headers=headers_as_json(kept.headers),
        )
        .on_conflict_do_nothing(index_elements=[dead_letters.c.position_key])
        .returning(dead_letters.c.id)
    )
    return stored.one_or_none() is not None


def _text(text: str | None) -> str | None:
    """A reason may quote what was sent: a dead letter must be storable whatever it is about."""
    return None if text is None else made_storable(text)
