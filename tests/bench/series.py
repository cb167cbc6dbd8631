"""Many triggers at once: published as fast as Kafka takes them, and waited for until each is acknowledged."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import lab
from confluent_kafka import Producer
from installation import PATIENCE_SECONDS, Installation, say

#: How often the database is asked whether all is done. The end is read from it as well: looking late costs nothing.
LOOK_SECONDS = 0.5

_PUBLISHED = """
select count(*), extract(epoch from max(outbox.published_at))::float8, count(distinct outbox.run_id)
from triggers join outbox on outbox.trigger_id = triggers.id
where triggers.workspace = %s and triggers.source = %s and outbox.published_at is not null
"""
_OUTCOMES = """
select verdict.verdict, verdict.engine, verdict.rows, count(*)
from verdicts as verdict join triggers using (run_id)
where triggers.workspace = %s and triggers.source = %s group by 1, 2, 3
"""


@dataclass(frozen=True)
class Done:
    """What came of a series: from the first publication until Postgres noted the last acknowledgement that Kafka has."""

    seconds: float
    runs: int


def send(installation: Installation, engine: str, tables: Sequence[str], n: int, *, coalescing: bool, chance: random.Random) -> Done:
    """Publishes `n` triggers over the tables and blocks until the last is acknowledged.

    Each is about all rows. Without coalescing each names them by a slice that no other has, so that none can join another's run.
    RuntimeError where one has another verdict than the lab's data have; TimeoutError where nothing is acknowledged any more.
    """
    source = f"bench-{uuid.uuid4().hex}"
    order = [tables[number % len(tables)] for number in range(n)]
    chance.shuffle(order)
    # No linger: in a long series it is the queue that fills batches, and in a short one nobody waits.
    producer = Producer(
        {"bootstrap.servers": installation.bootstrap, "linger.ms": 0, "log_level": 0, "queue.buffering.max.messages": n + 1}
    )
    began = time.time()
    for number, table in enumerate(order):
        beyond = lab.BEYOND + (0 if coalescing else number)
        content = {
            "workspace": engine,
            "table": f"raw.{table}",
            "id": str(number),
            "source": source,
            "slice": {"column": "id", "from": 0, "to": beyond},
        }
        producer.produce(installation.topic, value=json.dumps(content).encode(), key=table.encode())
    if producer.flush(PATIENCE_SECONDS):
        raise TimeoutError("Kafka did not take all triggers")
    ended, runs = _wait(installation, engine, source, n)
    _check(installation, engine, source, n)
    return Done(ended - began, runs)


def _wait(installation: Installation, engine: str, source: str, n: int) -> tuple[float, int]:
    before, moved_at = 0, time.monotonic()
    while True:
        ((count, ended, runs),) = installation.rows(_PUBLISHED, engine, source)
        if count >= n:
            return ended, runs
        if count > before:
            before, moved_at = count, time.monotonic()
        if time.monotonic() - moved_at > PATIENCE_SECONDS:
            raise TimeoutError(f"{count} of {n} triggers are acknowledged, and no more come")
        installation.check_processes()
        time.sleep(LOOK_SECONDS)  # being woken for each acknowledgement would take time from what is measured


def _check(installation: Installation, engine: str, source: str, n: int) -> None:
    outcomes = installation.rows(_OUTCOMES, engine, source)
    wrong = [outcome for outcome in outcomes if (outcome[0], outcome[2]) != ("passed", lab.ROWS)]
    if wrong or sum(count for *_, count in outcomes) != n:
        raise RuntimeError(f"verdicts that cannot be: {outcomes}")
    others = {used: count for _, used, _, count in outcomes if used != engine}
    if others:
        say(f"of {engine}'s {n} triggers, others were used for {others}; they are in its figures")
