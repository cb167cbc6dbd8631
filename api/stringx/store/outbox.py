"""The outbox: Kafka records that are to be published, written in the transaction that is their reason."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, func, update

from stringx.model import made_storable
from stringx.store.database import OUTBOX_CHANNEL, sql
from stringx.store.tables import outbox

#: Longest wait between two tries to publish one record.
LONGEST_PAUSE_SECONDS = 60
#: Records that are added by one statement.
BATCH = 1_000


@dataclass(frozen=True)
class OutboxRecord:
    """A record that has not been published yet."""

    id: str
    seq: int
    topic: str
    key: bytes | None
    headers: tuple[tuple[str, str | bytes | None], ...]
    value: bytes | None
    #: times that it was tried and not delivered
    tries: int
    trigger_id: str | None
    run_id: str | None


@dataclass(frozen=True)
class NewRecord:
    """A record to be published."""

    #: of the event: a record that is already there under this id stays as it is
    id: str
    topic: str
    key: bytes | None
    headers: Sequence[tuple[str, str | bytes | None]]
    value: bytes | None
    trigger_id: str | None = None
    run_id: str | None = None


#: Adds records; a statement, or a part of one, with what `values` gives as its parameters.
INSERT = """
    insert into outbox (id, topic, key, headers, value, trigger_id, run_id)
    select * from unnest(
        cast(:ids as text[]), cast(:topics as text[]), cast(:keys as bytea[]), cast(:headers as jsonb[]),
        cast(:values as bytea[]), cast(:triggers as text[]), cast(:outbox_runs as text[])
    )
    on conflict (id) do nothing
"""


def values(records: Sequence[NewRecord]) -> dict[str, object]:
    """The parameters of `INSERT`."""
    return {
        "ids": [record.id for record in records],
        "topics": [record.topic for record in records],
        "keys": [record.key for record in records],
        "headers": [json.dumps(headers_as_json(record.headers)) for record in records],
        "values": [record.value for record in records],
        "triggers": [record.trigger_id for record in records],
        "outbox_runs": [record.run_id for record in records],
    }


def add(connection: Connection, records: Sequence[NewRecord]) -> None:
    """Has records published after this transaction, in this order."""
    for first in range(0, len(records), BATCH):
        connection.execute(
            sql(f"with new as ({INSERT}) select pg_notify(:channel, '')"),  # composed of our own text
            {**values(records[first : first + BATCH]), "channel": OUTBOX_CHANNEL},
        )


def unpublished(connection: Connection, limit: int) -> list[OutboxRecord]:
    """The oldest records that are still to be published and whose pause is over, in the order in which they were added."""
    rows = connection.execute(
        sql("""
            select id, seq, topic, key, headers, value, tries, trigger_id, run_id from outbox
            where published_at is null and not_before <= now() order by seq limit :limit
        """),
        {"limit": limit},
    )
    return [
        OutboxRecord(
            id=row.id,
            seq=row.seq,
            topic=row.topic,
            key=row.key,
            headers=headers_from_json(row.headers),
            value=row.value,
            tries=row.tries,
            trigger_id=row.trigger_id,
            run_id=row.run_id,
        )
        for row in rows
    ]


def mark_published(connection: Connection, ids: Sequence[str]) -> None:
    """Call it on the delivery report only: a record marked too early would be lost by a crash."""
    connection.execute(
        sql("update outbox set published_at = now(), error = null where id = any(:ids) and published_at is null"), {"ids": list(ids)}
    )


def mark_failed(connection: Connection, event_id: str, error: str) -> None:
    """Notes why a record was not delivered, and pauses it: 1 s after the first try, twice as long after each further one."""
    pause = func.least(func.power(2, func.least(outbox.c.tries, 10)), LONGEST_PAUSE_SECONDS)
    connection.execute(
        update(outbox)
        .where(outbox.c.id == event_id, outbox.c.published_at.is_(None))
        .values(tries=outbox.c.tries + 1, error=error[:2000], not_before=func.now() + timedelta(seconds=1) * pause)
    )


def headers_as_json(headers: Sequence[tuple[str, str | bytes | None]]) -> list[list[object]]:
    """Kafka headers as JSON: `[[name, text], …]`, `{"base64": …}` for a value that is not text."""
    return [[made_storable(name), _header_value(value)] for name, value in headers]


def headers_from_json(stored: Sequence[Sequence[object]]) -> tuple[tuple[str, str | bytes | None], ...]:
    """The inverse of `headers_as_json`."""
    headers: list[tuple[str, str | bytes | None]] = []
    for name, value in stored:
        if isinstance(value, dict):
            headers.append((str(name), base64.b64decode(value["base64"])))
        else:
            headers.append((str(name), None if value is None else str(value)))
    return tuple(headers)


def _header_value(value: str | bytes | None) -> object:
    if value is None:
        return None
    raw = value.encode(errors="surrogatepass") if isinstance(value, str) else value
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text:  # Postgres' JSONB holds neither NUL nor bytes that are not text
        return {"base64": base64.b64encode(raw).decode()}
    return text
