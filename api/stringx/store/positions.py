"""How far the Kafka door has come in each partition, written in the transaction that stores what it took.

This, and not the offset committed in Kafka, is what was really taken: an offset can be committed of a topic that was made
anew since, or past a record that never arrived.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from stringx.model import Position
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


#: Parts of a statement that notes what was taken, and never goes back, whoever reads a partition again; `before` has the next offsets
#: that were expected until then. Parameters as `values` gives them.
ADVANCE = """
before as (
    select partition, next_offset from positions
    where topic = :topic and topic_id = :topic_id and partition = any(cast(:partitions as int[]))
), advanced as (
    insert into positions (topic, topic_id, partition, next_offset)
    select :topic, :topic_id, * from unnest(cast(:partitions as int[]), cast(:next_offsets as bigint[]))
    on conflict (topic, topic_id, partition) do update
    set next_offset = greatest(positions.next_offset, excluded.next_offset), updated_at = now()
)
"""


def values(taken: Sequence[Position]) -> dict[str, object]:
    """The parameters of `ADVANCE` for what was taken of one topic, in its order; of nothing, where nothing was."""
    # In one order, so that two doors never wait for each other.
    next_offsets = sorted({position.partition: position.offset + 1 for position in taken}.items())
    return {
        "topic": taken[0].topic if taken else "",
        "topic_id": (taken[0].topic_id or "") if taken else "",
        "partitions": [partition for partition, _ in next_offsets],
        "next_offsets": [offset for _, offset in next_offsets],
    }
