"""The processes of one small installation, each of which can be killed, stopped and started again at a step that the test chooses.

No hook in the code is needed to stand at a step: a lock on a table of the internal database holds a process within its
transaction, a lock on the checked table holds a run while dbt executes it, and SIGSTOP holds the runner or the broker.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from confluent_kafka import Consumer, Producer

from stringx.embedded.child import Child
from stringx.embedded.kafka import Broker

#: Ready, even on a machine that does much else.
PATIENCE_SECONDS = 120.0
LEASE_SECONDS = 3.0
#: No other request to the runner is as long.
SUBMISSION_BYTES = 800

#: Asynchronous and inline: each in a table of its own, so that a lock on it holds its runs alone.
TABLES = {"raw.slow": "async", "raw.small": "inline"}

_PROJECT = {
    "dbt_project.yml": "name: killing\nversion: '1.0'\nprofile: stringx\nmodel-paths: [models]\n",
    "models/sources.yml": "version: 2\nsources:\n  - name: raw\n    tables:\n      - name: slow\n      - name: small\n",
    "profiles.yml": """
stringx:
  target: demo
  outputs:
    demo:
      type: postgres
      host: "{{ env_var('STRINGX_TARGET_HOST') }}"
      port: "{{ env_var('STRINGX_TARGET_PORT') | int }}"
      user: "{{ env_var('STRINGX_TARGET_USER') }}"
      password: "{{ env_var('STRINGX_TARGET_PASSWORD') }}"
      dbname: "{{ env_var('STRINGX_TARGET_DBNAME') }}"
      schema: raw
      threads: 1
""",
}
_GATE = """
table: {table}
target: demo
mode: {mode}
timeout: 2m
rules:
  - name: id_is_there
    check: not_null
    column: id
"""


def eventually(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited too long: {what}"
        time.sleep(0.02)


def write_project(folder: Path) -> None:
    """A dbt project and gates for the two tables."""
    for name, content in _PROJECT.items():
        path = folder / "dbt_project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    gates = folder / "gates" / "default"
    gates.mkdir(parents=True)
    for table, mode in TABLES.items():
        (gates / f"{table}.yaml").write_text(_GATE.format(table=table, mode=mode))


class Process:
    """One of our commands, with all that it starts."""

    def __init__(self, name: str, verb: str, folder: Path, environment: dict[str, str]) -> None:
        self.name = name
        self._child = Child(name, [sys.executable, "-m", "stringx", verb], folder=folder, environment=environment)

    def start(self) -> bool:
        """Starts it, unless it runs; True where it did not."""
        if self._child.running:
            return False
        self._child.start()
        return True

    def kill(self) -> None:
        """kill -9, at whatever instruction it is."""
        self._child.terminate()

    def end(self) -> int | None:
        """SIGTERM; its exit code."""
        self._child.close()
        assert self._child.join(PATIENCE_SECONDS), f"{self._child.name} does not end"
        return self._child.exit_code

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """SIGSTOP for the block, unless it is killed within."""
        pid = self._child.pid
        assert pid is not None
        os.killpg(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGCONT)

    @property
    def running(self) -> bool:
        return self._child.running

    @property
    def last_words(self) -> str:
        return self._child.last_words(60)


@dataclass
class Event:
    ce_id: str
    value: dict[str, Any]


@dataclass
class Installation:
    """Our processes, the servers that they need, and everything that came out on the topic of verdicts."""

    database_url: str
    target_url: str
    broker: Broker
    topics: dict[str, str]
    runner_url: str
    token: str
    consume: Process
    dispatch: Process
    runner: Process
    #: a dispatcher with dbt workers of its own, for the test that needs them
    inline: Process
    #: where the runner writes what it keeps
    runner_state: Path
    events: list[Event] = field(default_factory=list)

    # --- looking ---

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(sql, values).fetchall()  # type: ignore[arg-type]  # the tests' own SQL

    def run_of(self, trigger: str) -> str | None:
        found = self.rows("select run_id from triggers where event_id = %s", trigger)
        return found[0][0] if found else None

    def run_state(self, trigger: str) -> str | None:
        found = self.rows("select state from runs where id = %s", self.run_of(trigger))
        return str(found[0][0]) if found else None

    def attempts(self, trigger: str) -> list[str | None]:
        found = self.rows("select outcome from attempts where run_id = %s order by number", self.run_of(trigger))
        return [outcome for (outcome,) in found]

    def verdicts(self, trigger: str) -> list[str]:
        return [verdict for (verdict,) in self.rows("select verdict from verdicts where run_id = %s", self.run_of(trigger))]

    def runner_says(self, trigger: str) -> str | None:
        """How far the runner is with the trigger's run; None where it does not have it, or does not answer."""
        ((installation,),) = self.rows("select id from installation")
        with suppress(httpx2.HTTPError):
            response = httpx2.get(
                f"{self.runner_url}/v1/runs/{self.run_of(trigger)}",
                params={"installation": installation},
                headers={"Authorization": f"Bearer {self.token}"},
            )
            if response.status_code == httpx2.codes.OK:
                return str(response.json()["state"])
        return None

    def on_disk(self, trigger: str) -> bool:
        """Whether the runner has written a report of the trigger's run."""
        return any(self.runner_state.glob(f"*/reports/*/{self.run_of(trigger)}.*.json"))

    def executing(self) -> bool:
        """dbt's statement waits for the lock on the checked table."""
        with psycopg.connect(self.target_url, autocommit=True) as connection:
            return bool(connection.execute("select 1 from pg_locks where not granted and locktype = 'relation'").fetchone())

    def blocked_on(self, table: str) -> bool:
        """A process of ours stands within its transaction, at that table."""
        return bool(
            self.rows(
                "select 1 from pg_locks join pg_stat_activity using (pid) "
                "where relation = %s::regclass and not granted and backend_type = 'client backend'",
                table,
            )
        )

    def request_waits(self) -> bool:
        """A request as long as a submission lies unread in a socket of the runner that was stopped."""
        port = int(self.runner_url.rpartition(":")[2])
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and int(fields[4].rpartition(":")[2], 16) > SUBMISSION_BYTES:
                return True
        return False

    # --- doing ---

    def publish(self, table: str = "raw.slow") -> str:
        """Sends a trigger to Kafka; returns its id."""
        name = uuid.uuid4().hex
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "log_level": 0})
        producer.produce(self.topics["KAFKA_TRIGGERS_TOPIC"], value=json.dumps({"table": table, "id": name, "source": "test"}).encode())
        assert producer.flush(PATIENCE_SECONDS) == 0
        return name

    @contextmanager
    def writes_held(self, table: str) -> Iterator[Callable[[], None]]:
        """Nobody writes into a table of the internal database, until the block ends or what it is given is called; reading goes on."""
        with _locked(self.database_url, f"lock table {table} in share mode") as release:
            yield release

    @contextmanager
    def runs_held(self, table: str = "raw.slow") -> Iterator[Callable[[], None]]:
        """Whatever reads the checked table waits, until the block ends or what it is given is called."""
        with _locked(self.target_url, f"lock table {table} in access exclusive mode") as release:
            yield release

    @contextmanager
    def broker_stopped(self) -> Iterator[None]:
        pid = self.broker.pid
        assert pid is not None
        os.killpg(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(pid, signal.SIGCONT)

    def start(self) -> bool:
        """Starts what does not run; True where that was anything."""
        started = [process.start() for process in (self.runner, self.dispatch, self.consume)]
        return any(started)

    def ready(self) -> bool:
        with suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.runner_url}/readyz").status_code == httpx2.codes.OK
        return False

    def assert_judged_once(self, trigger: str) -> None:
        """There is one verdict, it is the true one, and it was told: as one event, however often it was sent."""
        eventually(lambda: self.verdicts(trigger), f"the verdict of {trigger}")
        told = f"{self.rows('select id from triggers where event_id = %s', trigger)[0][0]}-verdict"
        eventually(lambda: any(event.ce_id == told for event in self.events), f"the acknowledgement of {trigger}")
        eventually(lambda: not self.rows("select 1 from outbox where published_at is null"), "everything is published")
        eventually(lambda: self.runner_says(trigger) is None and self.ready(), "the runner may forget the report")
        assert self.rows("select count(*) from triggers where event_id = %s", trigger) == [(1,)]
        assert self.verdicts(trigger) == ["passed"]
        assert self.run_state(trigger) == "done"
        assert self.attempts(trigger)[-1] == "settled"
        assert "settled" not in self.attempts(trigger)[:-1]
        events = [event for event in self.events if event.value["trigger_id"] == trigger]
        assert {event.ce_id for event in events} == {told}
        assert all(event.value == events[0].value for event in events)
        assert (events[0].value["verdict"], events[0].value["decision"]) == ("passed", "open")

    def read_events(self, stop: threading.Event) -> None:
        """Reads the topic of verdicts, as anybody would, until `stop`."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.broker.bootstrap,
                "group.id": uuid.uuid4().hex,
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": 500,
                "log_level": 0,
            }
        )
        with closing(consumer):
            consumer.subscribe([self.topics["KAFKA_VERDICTS_TOPIC"]])
            while not stop.is_set():
                message = consumer.poll(0.1)
                if message is not None and message.error() is None:
                    headers = dict(message.headers() or [])
                    self.events.append(Event((headers["ce_id"] or b"").decode(), json.loads(message.value() or b"")))


@contextmanager
def _locked(url: str, statement: str) -> Iterator[Callable[[], None]]:
    with psycopg.connect(url) as connection:
        connection.execute(statement)  # type: ignore[call-overload]  # the tests' own SQL
        yield connection.rollback
        connection.rollback()
