"""How far the Kafka door has come in each partition, written in the transaction that stores what it took.

This, and not the offset committed in Kafka, is what was really taken: an offset can be committed of a topic that was made
anew since, or past a record that never arrived.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from stringx.store.database import sql
from stringx.store.tables import positions


@dataclass(frozen=True)
class Expected:
    """What is known of one partition."""

    #: the offset after the last one taken; None where none was
    next_offset: int | None
    #: records were taken of an earlier topic of this name, and none of this one
    anew: bool


def expected(connection: Connection, topic: str, topic_id: str | None, partitions: Collection[int]) -> dict[int, Expected]:
    """What is known of each of the partitions."""
    rows = connection.execute(
        select(positions.c.topic_id, positions.c.partition, positions.c.next_offset).where(
            positions.c.topic == topic, positions.c.partition.in_(partitions)
        )
    ).all()
    known = {row.partition: row.next_offset for row in rows if row.topic_id == (topic_id or "")}
    earlier = {row.partition for row in rows if row.topic_id not in ("", topic_id or "")}
    return {
        partition: Expected(known.get(partition), anew=topic_id is not None and partition in earlier and partition not in known)
        for partition in partitions
    }


def advance(connection: Connection, topic: str, topic_id: str | None, next_offsets: Mapping[int, int]) -> dict[int, int]:
    """Notes what was taken; never goes back, whoever reads a partition again. Returns the next offsets that were expected before."""
    # In one order, so that two doors never wait for each other.
    partitions = sorted(next_offsets)
    rows = connection.execute(
        sql("""
            with before as (
                select partition, next_offset from positions
                where topic = :topic and topic_id = :topic_id and partition = any(:partitions)
            ), taken as (
                insert into positions (topic, topic_id, partition, next_offset)
                select :topic, :topic_id, * from unnest(cast(:partitions as int[]), cast(:offsets as bigint[]))
                on conflict (topic, topic_id, partition) do update
                set next_offset = greatest(positions.next_offset, excluded.next_offset), updated_at = now()
            )
            select partition, next_offset from before
        """),
        {
            "topic": topic,
            "topic_id": topic_id or "",
            "partitions": partitions,
            "offsets": [next_offsets[partition] for partition in partitions],
        },
    )
    return {row.partition: row.next_offset for row in rows}
