"""The demo's verdicts are those of the data, and any Kafka client can ask for one more."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from expected_counts import EXPECTED
from up_process import Up, start

from stringx.embedded.kafka import fetch_jars
from stringx.embedded.postgres import EmbeddedPostgres

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    folder = Path(tempfile.mkdtemp(prefix="stringx-demo-"))
    folder.chmod(0o755)
    up = start(folder / "home", "--demo")
    up.wait_until_it_stays()
    yield up
    up.process.terminate()
    up.process.wait()
    shutil.rmtree(folder)


def condition(predicates: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """The slice of the demo's triggers as SQL of our own, and its parameters."""
    if not predicates:
        return "true", []
    assert [list(predicate) for predicate in predicates] == [["column", "equals"]]
    assert predicates[0]["column"] == "flight_date"
    return "flight_date = %s::date", [predicates[0]["equals"]]


@pytest.mark.usefixtures("target")
def test_every_failure_count_is_what_plain_sql_counts(up: Up, postgres: EmbeddedPostgres) -> None:
    runs = [up.api(f"/v1/runs/{run['run']}").json() for run in up.api("/v1/runs?limit=100").json()["runs"]]
    assert len(runs) == 13
    with psycopg.connect(postgres.url("demo")) as connection:
        for run in runs:
            where, parameters = condition(run["slice"])
            there = connection.execute(f"select count(*) from {run['table']} where {where}".encode(), parameters or None).fetchone()
            assert there == (run["rows"],), run["slice"]
            counted = {}
            for name, sql in EXPECTED[run["table"]].items():
                query = sql.format(slice=where)
                row = connection.execute(query.encode(), parameters if "%s" in query else None).fetchone()
                assert row is not None
                counted[name] = row[0]
            assert {check["name"]: check["failures"] for check in run["checks"]} == counted, run["slice"]


def test_a_foreign_client_gets_its_acknowledgement(up: Up) -> None:
    """Published by Kafka's own console producer, read by its console consumer; no code of ours or of librdkafka's at either end."""
    trigger_id = uuid.uuid4().hex
    trigger = {"id": trigger_id, "table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-08"}}
    foreign = ConsoleTools(up.addresses.kafka) if up.addresses.kafka_kind == "apache" else OtherProgram(up.addresses.kafka)
    foreign.publish("stringx.triggers", json.dumps(trigger))
    answer = foreign.read("stringx.verdicts", trigger_id)
    assert (answer["state"], answer["verdict"], answer["decision"]) == ("judged", "failed", "closed")
    assert [rule["name"] for rule in answer["failing"] if rule["outcome"] == "failed"] == ["few_flights_are_cancelled"]


class ConsoleTools:
    """The console tools of Apache Kafka."""

    def __init__(self, bootstrap: str) -> None:
        self._java = ["java", "-Xmx128m", "-cp", f"{fetch_jars()}/*"]
        self._bootstrap = ["--bootstrap-server", bootstrap]

    def publish(self, topic: str, value: str) -> None:
        command = [*self._java, "org.apache.kafka.tools.ConsoleProducer", *self._bootstrap, "--topic", topic]
        subprocess.run(command, input=f"{value}\n".encode(), check=True, capture_output=True)

    def read(self, topic: str, trigger_id: str) -> dict[str, Any]:
        """The first event of `topic` that is about the trigger. Its end is the consumer's: 60 s without a record."""
        tool = "org.apache.kafka.tools.consumer.ConsoleConsumer"
        arguments = ["--topic", topic, "--from-beginning", "--timeout-ms", "60000"]
        with subprocess.Popen(
            [*self._java, tool, *self._bootstrap, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as consumer:
            assert consumer.stdout is not None
            try:
                for line in consumer.stdout:
                    event: dict[str, Any] = json.loads(line)
                    if event["trigger_id"] == trigger_id:
                        return event
            finally:
                consumer.kill()
        raise AssertionError("no acknowledgement came")


class OtherProgram:
    """A plain client, for a machine without Java: librdkafka's in-memory cluster has no other."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def publish(self, topic: str, value: str) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap})
        producer.produce(topic, value.encode())
        assert producer.flush(30) == 0

    def read(self, topic: str, trigger_id: str) -> dict[str, Any]:
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"})
        consumer.subscribe([topic])
        try:
            while (message := consumer.poll(60)) is not None:
                event: dict[str, Any] = json.loads(message.value() or b"{}")
                if event.get("trigger_id") == trigger_id:
                    return event
        finally:
            consumer.close()
        raise AssertionError("no acknowledgement came")
