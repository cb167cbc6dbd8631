"""The way of a trigger through all real parts in one process: Kafka, inbox, dispatch, dbt, settle, outbox, Kafka."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from queued import eventually
from queued import gate as gate_of
from sqlalchemy import Engine, text

from stringx import model
from stringx.acks.kafka import kafka_publisher
from stringx.dispatch.dispatcher import Dispatcher
from stringx.embedded.postgres import EmbeddedPostgres
from stringx.gates import files
from stringx.gates.files import GateFile
from stringx.kafka_clients import ensure_topics
from stringx.model import GateDetail, Rule, RunDetail, RunnerReplicaStatus
from stringx.runner.service import Runner
from stringx.settings import Settings
from stringx.store import gates, views
from stringx.store.database import connect, transaction
from stringx.store.status import status
from stringx.triggers.kafka import KafkaDoor


@dataclass
class Way:
    settings: Settings
    engine: Engine

    def publish(self, **trigger: Any) -> str:
        """Sends a trigger as a pipeline would; returns its id."""
        name = uuid.uuid4().hex
        producer = Producer({"bootstrap.servers": self.settings.kafka_bootstrap})
        body = json.dumps({"id": name, "source": "a-pipeline", **trigger}).encode()
        producer.produce(self.settings.kafka_triggers_topic, value=body, headers=[("correlationid", b"load-7")])
        assert producer.flush(30) == 0
        return name

    def judged(self, **trigger: Any) -> RunDetail:
        """The run of a trigger, once it has its verdict."""
        name = self.publish(**trigger)

        def runs() -> list[str]:
            with transaction(self.engine) as connection:
                judged = "select run_id from triggers join verdicts using (run_id) where event_id = :name"
                return list(connection.execute(text(judged), {"name": name}).scalars())

        eventually(runs, seconds=120)
        with transaction(self.engine) as connection:
            return views.run(connection, runs()[0])

    def gate(self, table: str) -> GateDetail:
        with transaction(self.engine) as connection:
            return views.gate(connection, "default", table)

    def acknowledgements(self, count: int) -> dict[str, dict[str, Any]]:
        """The first `count` events on the topic of verdicts, by trigger."""
        consumer = Consumer(
            {"bootstrap.servers": self.settings.kafka_bootstrap, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"}
        )
        found: dict[str, dict[str, Any]] = {}
        with closing(consumer):
            consumer.subscribe([self.settings.kafka_verdicts_topic])

            def read() -> bool:
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    value = json.loads(message.value() or b"")
                    headers = dict(message.headers() or [])
                    found[value["trigger_id"]] = value | {name: headers.get(name, b"").decode() for name in ("ce_type", "ce_correlationid")}
                return len(found) == count

            eventually(read, seconds=120)
        return found


#: A check that asks the database while it is rendered, and so is never replayed.
LOOKS = """{% test looks_at_columns(model, column_name) %}
{% set columns = adapter.get_columns_in_relation(model) %}
select * from {{ model }} where {{ column_name }} is null and {{ columns | length }} >= 0
{% endtest %}
"""


@pytest.fixture
def way(make_settings: Callable[..., Settings], topics: dict[str, str], target: dict[str, str], tmp_path: Path) -> Iterator[Way]:
    """A door, a dispatcher with an inline runner, and a runner for what is asynchronous; on a project of their own."""
    del topics, target
    project = shutil.copytree(make_settings().dbt_project_dir, tmp_path / "project")
    (project / "macros" / "looks_at_columns.sql").write_text(LOOKS)
    settings = make_settings(inline_targets=("demo",), runner_workers=1, stop_grace_seconds=20.0, dbt_project_dir=project)
    engine = connect(settings)
    with transaction(engine) as connection:
        gates.apply(connection, files.read(settings.gates_dir))
    outside = Runner(settings, targets=("demo",), workers=1, state_dir=settings.runner_state, address="runner")
    inline = Runner(settings, targets=("demo",), workers=1, state_dir=settings.home / "inline", address="inline")
    dispatcher = Dispatcher(
        settings,
        connect(settings),
        inline,
        connect=lambda _url: outside,
        publisher=partial(kafka_publisher, settings),
        find=lambda _url: ("runner",),
    )
    outside.start()
    dispatcher.start()
    ensure_topics(settings, {settings.kafka_triggers_topic})
    door = KafkaDoor(settings, engine)
    door.start()
    yield Way(settings, engine)
    for process in (door, dispatcher, outside):
        process.close()
        assert process.join(60)
    engine.dispose()


def test_triggers_on_kafka_are_judged_by_dbt_and_acknowledged_on_kafka(way: Way, postgres: EmbeddedPostgres) -> None:
    blizzard = way.publish(table="raw.flights", slice={"column": "flight_date", "equals": "2013-02-08"})
    quiet = way.publish(table="raw.flights", slice={"column": "flight_date", "equals": "2013-02-05"}, metadata={"load": 7})
    inline = way.publish(table="raw.airlines")
    empty = way.publish(table="raw.flights", slice={"column": "flight_date", "equals": "1913-02-08"})
    unknown = way.publish(table="raw.nobody_knows")

    acknowledged = way.acknowledgements(5)

    assert {name: acknowledged[name].get("decision") for name in (blizzard, quiet, inline, empty, unknown)} == {
        blizzard: "closed",
        quiet: "open",
        inline: "open",
        empty: "open",
        unknown: None,
    }
    assert acknowledged[inline]["mode"] == "inline"
    assert acknowledged[unknown]["ce_type"] == "stringx.trigger.unmatched.v1"
    closed = acknowledged[blizzard]
    assert (closed["ce_type"], closed["verdict"], closed["mode"]) == ("stringx.verdict.v1", "failed", "async")
    assert (closed["correlation_id"], closed["ce_correlationid"]) == ("load-7", "load-7")
    assert acknowledged[quiet]["metadata"] == {"load": 7}
    assert (acknowledged[empty]["verdict"], acknowledged[empty]["rows"]) == ("warned", 0)
    assert acknowledged[empty]["message"] == "no rows in the slice: only checks of the whole table had any"
    counts = {rule["name"]: rule.get("failures") for rule in closed["failing"]}
    with psycopg.connect(postgres.url("demo")) as connection:
        rows = connection.execute("select count(*) from raw.flights where flight_date = '2013-02-08'").fetchone()
        assert rows == (closed["rows"],)
        assert connection.execute("select count(*) from raw.airlines").fetchone() == (acknowledged[inline]["rows"],)
        cancelled = connection.execute("select count(*) from raw.flights where flight_date = '2013-02-08' and dep_time is null").fetchone()
    assert cancelled is not None
    assert counts["few_flights_are_cancelled"] == cancelled[0]


def test_what_keeps_a_gate_with_dbt_is_told_and_a_trigger_may_force_it(way: Way) -> None:
    plain = gate_of("raw.planes").rules[0].model_copy(update={"name": "known", "column": "tailnum"})
    looking = plain.model_copy(update={"name": "looks", "check": "looks_at_columns"})
    kept, replayed = gate_of("raw.planes", rules=(plain, looking), slice_columns={}), gate_of("raw.airports", rules=(), slice_columns={})
    replayed = replayed.model_copy(update={"rules": (plain.model_copy(update={"column": "faa"}),)})
    with transaction(way.engine) as connection:
        gates.apply(connection, [GateFile(gate, f"default/{gate.table}.yaml") for gate in (kept, replayed)])

    run = way.judged(table="raw.planes")
    assert (run.verdict, run.engine) == ("passed", model.Engine.DBT)
    (told,) = run.unprepared
    assert told.test.endswith("looks")
    assert "dbt sends 2 statements" in told.reason
    prepared = way.gate("raw.planes").prepared
    assert prepared is not None
    assert (prepared.run, prepared.engine, prepared.unprepared) == (run.run, model.Engine.DBT, (told,))

    eventually(lambda: way.judged(table="raw.airports").engine is model.Engine.PREPARED, seconds=120)
    forced = way.judged(table="raw.airports", engine="dbt")
    assert (forced.verdict, forced.engine, forced.unprepared) == ("passed", model.Engine.DBT, ())
    assert way.judged(table="raw.airports").engine is model.Engine.PREPARED
    prepared = way.gate("raw.airports").prepared
    assert prepared is not None
    assert (prepared.engine, prepared.unprepared, prepared.distrusted) == (model.Engine.PREPARED, (), ())


def test_a_rule_edited_while_triggers_flow_judges_the_next_run_and_earlier_verdicts_keep_their_version(way: Way) -> None:
    passes = gate_of("raw.planes").rules[0].model_copy(update={"name": "known", "column": "tailnum"})
    fails = passes.model_copy(update={"check": "expression_is_true", "column": None, "arguments": {"expression": "tailnum is null"}})

    def apply(rule: Rule) -> None:
        gate = gate_of("raw.planes", rules=(rule,), slice_columns={})
        with transaction(way.engine) as connection:
            gates.apply(connection, [GateFile(gate, "default/raw.planes.yaml")])

    apply(passes)
    first = way.judged(table="raw.planes")
    flowing = [way.publish(table="raw.planes") for _ in range(3)]
    apply(fails)
    edited = way.judged(table="raw.planes")
    assert (first.decision, edited.decision, edited.gate_version) == ("open", "closed", first.gate_version + 1)
    found = way.acknowledgements(5)
    with transaction(way.engine) as connection:
        runs = [views.run(connection, run) for run in {found[name]["run"] for name in flowing} | {first.run, edited.run}]
        for run in runs:
            version = gates.version(connection, "default", "raw.planes", run.gate_version)
            assert (version.gate.rules[0].check, version.fingerprint) == (
                "not_null" if run.decision == "open" else "expression_is_true",
                run.gate_fingerprint,
            )


def test_a_project_that_does_not_parse_is_told_and_the_one_before_goes_on(way: Way) -> None:
    def replicas() -> list[RunnerReplicaStatus]:
        with transaction(way.engine) as connection:
            return list(status(connection, way.settings.lease_seconds).runners)

    def errors() -> list[str]:
        return [error for replica in replicas() for error in replica.errors.values()]

    eventually(lambda: len([replica for replica in replicas() if replica.reachable and replica.fingerprints.get("demo")]) == 2, seconds=120)
    before = {replica.runner: replica.fingerprints for replica in replicas()}
    broken = way.settings.dbt_project_dir / "models" / "broken.yml"
    broken.write_text("models: [")
    eventually(lambda: len(errors()) == 2, seconds=120)
    assert all("broken.yml" in error for error in errors())
    assert {replica.runner: replica.fingerprints for replica in replicas()} == before, "those in charge"
    assert way.judged(table="raw.airlines").verdict == "passed"
    broken.unlink()
    eventually(lambda: not errors(), seconds=120)
