"""What the Kafka door takes from a real broker, and with which client."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from kafka_bench import GOOD, Bench, events, eventually, numbered
from structlog.testing import capture_logs

from stringx.errors import ConfigurationError
from stringx.settings import Settings
from stringx.store import tables
from stringx.triggers.kafka import KafkaDoor

SettingsMaker = Callable[..., Settings]


class TestWhatIsTaken:
    def test_plain_json_with_its_context_and_position(self, bench: Bench) -> None:
        bench.start_door()
        traceparent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        bench.send(
            GOOD,
            key=b"raw.flights",
            headers=[("traceparent", traceparent), ("tracestate", b"a=1"), ("correlationid", b"c-1"), ("other", b"\xff")],
        )
        [trigger] = bench.taken(1)
        assert (trigger.state, trigger.door, trigger.table_name, trigger.workspace) == ("accepted", "kafka", "raw.flights", "default")
        assert (trigger.traceparent, trigger.tracestate, trigger.correlation_id) == (traceparent.decode(), "a=1", "c-1")
        assert (trigger.position["topic"], trigger.position["partition"], trigger.position["offset"]) == (
            bench.settings.kafka_triggers_topic,
            0,
            0,
        )
        assert trigger.source == f"kafka:{bench.settings.kafka_triggers_topic}"
        [run] = bench.rows(tables.runs)
        assert (run.id, run.state) == (trigger.run_id, "queued")

    def test_cloudevents_in_both_modes(self, bench: Bench) -> None:
        bench.start_door()
        event = {"specversion": "1.0", "id": "e1", "source": "/etl", "type": "loaded", "data": {"table": "raw.flights"}, "sequence": "5"}
        bench.send(json.dumps(event).encode(), headers=[("content-type", b"application/cloudevents+json; charset=utf-8")])
        binary = {"specversion": b"1.0", "id": b"e2", "source": b"/etl", "type": b"loaded", "extension": b"\xff"}
        bench.send(GOOD, headers=[(f"ce_{name}", value) for name, value in binary.items()])
        assert [(one.source, one.event_id) for one in bench.taken(2)] == [("/etl", "e1"), ("/etl", "e2")]

    def test_the_same_event_twice_is_one_trigger(self, bench: Bench) -> None:
        bench.start_door()
        for value in (numbered(1), numbered(1), numbered(2)):
            bench.send(value)
        assert [one.event_id for one in bench.taken(2)] == ["n1", "n2"]
        assert bench.dead_letters() == []

    def test_what_was_sent_before_the_first_start(self, bench: Bench) -> None:
        bench.send(GOOD)
        bench.start_door()
        bench.taken(1)


class TestTheClient:
    @pytest.mark.parametrize("protocol", ["consumer", "classic", "auto"])
    def test_reads_with_each_group_protocol(self, make_settings: SettingsMaker, bench: Bench, protocol: str) -> None:
        bench.start_door(make_settings(kafka_partitions=1, kafka_group_protocol=protocol))
        bench.send(GOOD)
        bench.taken(1)

    def test_waits_for_a_broker_that_is_not_there_yet(self, make_settings: SettingsMaker, bench: Bench) -> None:
        with capture_logs() as log:
            door = KafkaDoor(make_settings(kafka_bootstrap="127.0.0.1:1"), bench.engine)
            door.start()
            eventually(lambda: events(log, "kafka is away"))
            door.close()
            assert door.join(30)

    def test_refuses_properties_with_which_triggers_would_be_lost(self, make_settings: SettingsMaker, bench: Bench) -> None:
        door = KafkaDoor(make_settings(kafka_properties={"auto.offset.reset": "latest"}), bench.engine)
        door.start()
        assert door.wait(30)
        with pytest.raises(ConfigurationError, match=r"auto\.offset\.reset must be earliest"):
            door.join(30)

    def test_hands_all_kafka_properties_to_the_client_which_knows_them(self, make_settings: SettingsMaker, bench: Bench) -> None:
        door = KafkaDoor(make_settings(kafka_properties={"security.protocl": "SASL_SSL"}), bench.engine)
        door.start()
        assert door.wait(30)
        with pytest.raises(ConfigurationError, match=r"STRINGX_KAFKA_PROPERTIES: .*security\.protocl"):
            door.join(30)
