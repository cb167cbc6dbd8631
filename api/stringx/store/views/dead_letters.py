"""Kafka records that were refused."""

from __future__ import annotations

import base64
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from stringx.errors import NotFound
from stringx.model import Bytes, DeadLetter, DeadLetterPage, DeadLetterSummary
from stringx.store.tables import dead_letters


def _dead_letter_fields(row: RowMapping) -> dict[str, Any]:
    same = ("id", "door", "topic", "partition", "code", "field", "reason", "event_id", "event_source", "value_bytes", "received_at")
    return {"offset": row["record_offset"], **{name: row[name] for name in same}}


def list_dead_letters(connection: Connection, *, limit: int = 50, before: int | None = None) -> DeadLetterPage:
    """Dead letters, the newest first; `before` is the `next` of the page before."""
    columns = [column for column in dead_letters.c if column.name not in ("key", "value", "headers")]
    statement = select(*columns).order_by(dead_letters.c.id.desc()).limit(limit + 1)
    if before is not None:
        statement = statement.where(dead_letters.c.id < before)
    rows = connection.execute(statement).mappings().all()
    page = rows[:limit]
    return DeadLetterPage(
        dead_letters=tuple(DeadLetterSummary(**_dead_letter_fields(row)) for row in page),
        next=str(page[-1]["id"]) if len(rows) > limit else None,
    )


def dead_letter(connection: Connection, letter_id: int) -> DeadLetter:
    """One dead letter with its bytes; NotFound."""
    row = connection.execute(select(dead_letters).where(dead_letters.c.id == letter_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no dead letter {letter_id}")
    return DeadLetter(**_dead_letter_fields(row), key=_bytes(row["key"]), value=_bytes(row["value"]), headers=row["headers"])


def _bytes(raw: bytes | None) -> Bytes | None:
    if raw is None:
        return None
    try:
        return Bytes(text=raw.decode())
    except UnicodeDecodeError:
        return Bytes(base64=base64.b64encode(raw).decode())
