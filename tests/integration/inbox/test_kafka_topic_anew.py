"""A triggers topic that was deleted and made again under the Kafka door."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from kafka_bench import GOOD, Bench, events, eventually, numbered
from structlog.testing import capture_logs

from stringx.errors import KafkaUnavailable
from stringx.settings import Settings
from stringx.triggers.consumer import ConsumerLost, TriggerConsumer
from stringx.triggers.record import KafkaRecord
from stringx.triggers.topic_ids import TopicIds

SettingsMaker = Callable[..., Settings]
DatabaseAway = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def admin(bench: Bench) -> AdminClient:
    """Of a broker whose topics can be deleted."""
    admin = AdminClient({"bootstrap.servers": bench.settings.kafka_bootstrap})
    if str(admin.list_topics(timeout=30).cluster_id).startswith("mockCluster"):
        pytest.skip("librdkafka's own cluster cannot delete topics")
    return admin


def make_anew(admin: AdminClient, topic: str) -> None:
    """Deletes the topic and makes another one of its name, with one partition."""
    admin.delete_topics([topic], request_timeout=30)[topic].result()

    def made() -> bool:
        try:
            admin.create_topics([NewTopic(topic, 1, 1)], request_timeout=30)[topic].result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
            return False  # the old one is still on its way out
        return True

    eventually(made)


class TestATopicMadeAnew:
    """It starts again at offset 0: nothing may be taken for a record of the topic before it."""

    @pytest.mark.parametrize("protocol", ["consumer", "classic"])
    @pytest.mark.parametrize("new_records", [2, 5, 8], ids=["fewer", "as-many", "more"])
    def test_under_a_running_door_loses_nothing(
        self,
        protocol: str,
        new_records: int,
        make_settings: SettingsMaker,
        admin: AdminClient,
        bench: Bench,
    ) -> None:
        admin.create_topics([NewTopic(bench.settings.kafka_triggers_topic, 1, 1)])[bench.settings.kafka_triggers_topic].result()
        bench.start_door(make_settings(kafka_partitions=1, kafka_group_protocol=protocol))
        for _ in range(5):
            bench.send(GOOD)
        bench.taken(5)
        make_anew(admin, bench.settings.kafka_triggers_topic)
        for _ in range(new_records):
            bench.send(GOOD)
        found = bench.taken(5 + new_records)
        assert [one.position["offset"] for one in found[5:]] == list(range(new_records))
        assert len({one.position["topic_id"] for one in found}) == 2

    def test_while_no_door_runs_loses_nothing(self, admin: AdminClient, bench: Bench) -> None:
        door = bench.start_door()
        for _ in range(3):
            bench.send(GOOD)
        bench.taken(3)
        door.close()
        assert door.join(30)
        make_anew(admin, bench.settings.kafka_triggers_topic)
        for _ in range(5):
            bench.send(GOOD)
        bench.start_door()
        found = bench.taken(8)
        assert [one.position["offset"] for one in found[3:]] == list(range(5))


class TestATopicMadeAnewWhileTheDatabaseIsAway:
    """What the door holds is all that is left of the topic before."""

    @pytest.mark.parametrize("protocol", ["consumer", "classic"])
    def test_loses_nothing_that_was_held(
        self, protocol: str, make_settings: SettingsMaker, admin: AdminClient, bench: Bench, database_away: DatabaseAway
    ) -> None:
        topic = bench.settings.kafka_triggers_topic
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
        with capture_logs() as log:
            bench.start_door(make_settings(kafka_partitions=1, kafka_group_protocol=protocol))
            bench.send(numbered(0))
            bench.taken(1)
            with database_away():
                bench.send(GOOD)
                eventually(lambda: [event for event in events(log, "records held") if event["records"] == 1])
                make_anew(admin, topic)
                for number in range(2, 4):
                    bench.send(numbered(number))
                if protocol == "consumer":
                    eventually(lambda: events(log, "partitions revoked"))
            found = bench.taken(4)
        assert [one.position["offset"] for one in found] == [0, 1, 0, 1]
        assert found[0].position["topic_id"] == found[1].position["topic_id"] != found[2].position["topic_id"]
        assert events(log, "offsets missing") == []

    def test_loses_nothing_that_the_consumer_before_held(
        self, make_settings: SettingsMaker, admin: AdminClient, bench: Bench, database_away: DatabaseAway
    ) -> None:
        lost = threading.Event()

        class Lost(TriggerConsumer):
            """The first one gives up when it is told to."""

            def poll(self, timeout_seconds: float) -> KafkaRecord | None:
                if lost.is_set():
                    lost.clear()
                    raise ConsumerLost("told to")
                return super().poll(timeout_seconds)

        topic = bench.settings.kafka_triggers_topic
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
        with capture_logs() as log:
            bench.start_door(make_settings(kafka_partitions=1, kafka_group_protocol="classic"), make_consumer=Lost)
            bench.send(numbered(0))
            bench.taken(1)
            with database_away():
                bench.send(numbered(1))
                eventually(lambda: [event for event in events(log, "records held") if event["records"] == 1])
                lost.set()
                eventually(lambda: events(log, "consumer lost: a new one takes over"))
                make_anew(admin, topic)
                bench.send(numbered(2))
            found = bench.taken(3)
        assert sorted(one.event_id for one in found) == ["n0", "n1", "n2"]

    def test_an_id_is_certain_only_where_the_broker_says_it(self, admin: AdminClient, bench: Bench) -> None:
        topic = bench.settings.kafka_triggers_topic
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
        ids = TopicIds(bench.settings)
        first = eventually(lambda: known(ids))
        assert ids.certain
        admin.delete_topics([topic], request_timeout=30)[topic].result()
        eventually(lambda: (ids.answer(ids.ask()), ids.certain) == (first, False))


def known(ids: TopicIds) -> str | None:
    """None while the broker does not yet know the topic."""
    try:
        return ids.answer(ids.ask())
    except KafkaUnavailable:
        return None
