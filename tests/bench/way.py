"""One trigger at a time, from its publication on Kafka to its verdict, and what the clocks say of the way between.

When is a verdict stored? When its transaction has committed and somebody else can know of it. Its columns do not say: `judged_at` is
when that transaction began. So the benchmark waits as a client would, on LISTEN: Postgres delivers the NOTIFY of the verdict's own
transaction after the commit is on disk, and never without it. Both ends are read from one monotonic clock, that of this process. It
is an upper bound: what the notification takes is in it (the step `known`).

The steps between are read from the database (its times, and those of the commits, which Postgres keeps with
`track_commit_timestamp`) and from the runner's report. All run on this machine, so that the wall clock is one.
"""

from __future__ import annotations

import json
import time
import uuid
from contextlib import closing
from itertools import pairwise
from types import TracebackType

import lab
import psycopg
from confluent_kafka import Producer
from installation import PATIENCE_SECONDS, Installation, eventually

#: What a trigger's steps end with, in their order; `published` comes before them.
STEPS = (
    "door begins",
    "door committed",
    "claim begins",
    "worker begins",
    "worker done",
    "settle begins",
    "verdict committed",
    "known",
    "acknowledged",
)

# A savepoint's rows have the commit time of the transaction around it. Neither row is ever updated.
_TIMES = """
select extract(epoch from trigger.received_at)::float8, extract(epoch from pg_xact_commit_timestamp(trigger.xmin))::float8,
       extract(epoch from attempt.leased_at)::float8, extract(epoch from verdict.started_at)::float8,
       extract(epoch from verdict.finished_at)::float8, extract(epoch from verdict.judged_at)::float8,
       extract(epoch from pg_xact_commit_timestamp(verdict.xmin))::float8, extract(epoch from outbox.published_at)::float8
from triggers as trigger
join attempts as attempt using (run_id) join verdicts as verdict using (run_id) join outbox on outbox.trigger_id = trigger.id
where trigger.event_id = %s
"""
_OUTCOME = """
select verdict.verdict, verdict.engine, verdict.rows, (select count(*) from check_results where run_id = verdict.run_id)
from verdicts as verdict join triggers using (run_id) where event_id = %s
"""


class Way:
    """Sends triggers to one installation, each when the one before has been acknowledged. Used by one thread."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._producer = Producer({"bootstrap.servers": installation.bootstrap, "linger.ms": 0, "log_level": 0})
        self._database = psycopg.connect(installation.database_url, autocommit=True)
        self._listening = psycopg.connect(installation.database_url, autocommit=True)
        self._listening.execute("listen stringx_verdicts")

    def __enter__(self) -> Way:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._producer.flush(0)
        with closing(self._database), closing(self._listening):
            pass

    def check(self, engine: str, table: str) -> tuple[float, list[float], str]:
        """Seconds from publication to the stored verdict, the seconds of each of the STEPS, and the engine that was really used.

        RuntimeError where the verdict is not the one that the lab's data have.
        """
        trigger = uuid.uuid4().hex
        content = json.dumps({"workspace": engine, "table": f"raw.{table}", "id": trigger, "source": "bench"})
        published_at, began = time.time(), time.perf_counter()
        self._producer.produce(self._installation.topic, value=content.encode(), key=table.encode())
        if self._producer.flush(PATIENCE_SECONDS):
            raise TimeoutError("Kafka did not take a trigger")
        notified = next(self._listening.notifies(timeout=PATIENCE_SECONDS, stop_after=1), None)
        seconds, known_at = time.perf_counter() - began, time.time()
        if notified is None:
            raise TimeoutError(f"no verdict on raw.{table}")
        ((run,),) = self._database.execute("select run_id from triggers where event_id = %s", [trigger])
        if notified.payload != run:
            raise RuntimeError(f"a verdict on run {notified.payload} that was not asked for")
        eventually(lambda: self._acknowledged(trigger), f"the acknowledgement of {trigger}")
        used = self._engine_of(trigger)
        (times,) = self._database.execute(_TIMES, [trigger])
        moments = [published_at, *times[:-1], known_at, times[-1]]
        return seconds, [after - before for before, after in pairwise(moments)], used

    def _acknowledged(self, trigger: str) -> bool:
        self._installation.check_processes()
        sql = "select from outbox join triggers on triggers.id = trigger_id where event_id = %s and published_at is not null"
        return self._database.execute(sql, [trigger]).fetchone() is not None

    def _engine_of(self, trigger: str) -> str:
        (outcome,) = self._database.execute(_OUTCOME, [trigger])
        verdict, engine, rows, checks = outcome
        if (verdict, rows, checks) != ("passed", lab.ROWS, lab.TESTS):
            raise RuntimeError(f"a verdict that cannot be: {verdict} with {checks} checks on {rows} rows")
        return str(engine)
