"""A triggers topic that was deleted and made again under the Kafka door."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from kafka_bench import GOOD, Bench, eventually

from stringx.settings import Settings

SettingsMaker = Callable[..., Settings]


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
