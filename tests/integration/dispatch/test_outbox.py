"""The outbox drained: everything arrives, in order, marked only once Kafka has it; on a real broker and on one that breaks."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Consumer, Message
from fake_publisher import FakeKafka
from queued import Store, eventually

from stringx.acks.kafka import kafka_publisher
from stringx.acks.outbox import Drain, Publisher, PublisherFactory
from stringx.errors import KafkaUnavailable, Unavailable
from stringx.kafka_clients import ensure_topics
from stringx.settings import Settings
from stringx.store import outbox
from stringx.store.database import connect, transaction

StartDrain = Callable[..., threading.Event]


@pytest.fixture
def drain(store: Store) -> Iterator[StartDrain]:
    """Starts a drain in a thread, as a dispatcher does; returns what stops it."""
    started: list[tuple[threading.Event, threading.Thread, Any]] = []

    def start(publisher: PublisherFactory) -> threading.Event:
        stopped = threading.Event()
        engine = connect(store.settings)
        thread = threading.Thread(target=Drain(store.settings, engine, publisher, stopped).run)
        thread.start()
        started.append((stopped, thread, engine))
        return stopped

    yield start
    for stopped, thread, engine in started:
        stopped.set()
        thread.join(30)
        assert not thread.is_alive()
        engine.dispose()


def add(store: Store, ids: Sequence[str], topic: str = "stringx.verdicts", value: bytes = b"{}") -> None:
    with transaction(store.engine) as connection:
        for name in ids:
            outbox.add(connection, [outbox.NewRecord(name, topic, b"raw.flights", [("ce_id", name)], value)])


def published(store: Store) -> list[str]:
    return [row["id"] for row in store.rows("select id from outbox where published_at is not null order by seq")]


def test_records_go_out_in_the_order_in_which_they_were_added(store: Store, drain: StartDrain) -> None:
    kafka = FakeKafka()
    ids = [f"e-{number:04}" for number in range(1200)]
    add(store, ids)
    drain(kafka.publisher)

    eventually(lambda: published(store) == ids)
    assert kafka.ids() == ids


def test_an_outage_loses_nothing(store: Store, drain: StartDrain) -> None:
    kafka = FakeKafka()
    kafka.down = True
    add(store, ["a", "b"])
    drain(kafka.publisher)
    add(store, ["c"])
    assert published(store) == []
    kafka.down = False

    eventually(lambda: published(store) == ["a", "b", "c"])
    kafka.down = True
    add(store, ["d"])
    kafka.down = False
    eventually(lambda: published(store) == ["a", "b", "c", "d"])


def test_what_was_sent_and_not_reported_as_delivered_is_sent_again_with_its_id(store: Store, drain: StartDrain) -> None:
    """A process killed between the sending and the mark: the next one repeats, and a consumer knows the event by its id."""
    kafka = FakeKafka()
    kafka.swallows_deliveries = True
    add(store, ["a"])
    stop = drain(kafka.publisher)
    eventually(lambda: kafka.ids() == ["a"])
    stop.set()
    kafka.swallows_deliveries = False
    drain(kafka.publisher)

    eventually(lambda: published(store) == ["a"])
    assert kafka.ids() == ["a", "a"]


def test_a_record_that_is_refused_for_good_waits_longer_each_time_and_holds_up_nobody(store: Store, drain: StartDrain) -> None:
    kafka = FakeKafka()
    kafka.refused_topics.add("nowhere")
    add(store, ["bad"], topic="nowhere")
    add(store, ["good"])
    drain(kafka.publisher)

    eventually(lambda: published(store) == ["good"])
    eventually(lambda: store.one("select tries from outbox where id = 'bad'")["tries"] == 2)
    row = store.one("select error, extract(epoch from not_before - now()) as pause from outbox where id = 'bad'")
    assert row["error"] == "UNKNOWN_TOPIC: no such topic"
    assert row["pause"] > 1
    kafka.refused_topics.clear()
    eventually(lambda: published(store) == ["bad", "good"])


def test_one_drains_at_a_time_and_another_takes_over(store: Store, drain: StartDrain) -> None:
    first, second = FakeKafka(), FakeKafka()
    stop = drain(first.publisher)
    eventually(lambda: first.producers)
    drain(second.publisher)
    add(store, ["a"])
    eventually(lambda: published(store) == ["a"])
    assert (first.ids(), second.producers) == (["a"], 0)
    stop.set()
    add(store, ["b"])

    eventually(lambda: published(store) == ["a", "b"])
    assert second.ids() == ["b"]


# --- the real broker ---


@pytest.fixture
def kafka_settings(make_settings: Callable[..., Settings], topics: dict[str, str]) -> Settings:
    del topics
    return make_settings()


def consumed(settings: Settings, topic: str, count: int) -> list[Message]:
    """The first `count` records of a topic, read as anybody would."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    consumer.subscribe([topic])
    found: list[Message] = []
    deadline = time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} records came"
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message)
    consumer.close()
    return found


def test_records_arrive_on_kafka_as_they_were_added(store: Store, drain: StartDrain, kafka_settings: Settings) -> None:
    topic = kafka_settings.kafka_verdicts_topic
    add(store, ["a", "b", "c"], topic=topic, value=b'{"verdict": "passed"}')
    with transaction(store.engine) as connection:
        outbox.add(connection, [outbox.NewRecord("raw", topic, b"raw.flights", [("h", b"\xff"), ("n", None)], None)])
    drain(partial(kafka_publisher, kafka_settings))

    messages = consumed(kafka_settings, topic, 4)
    assert [message.headers() for message in messages] == [
        [("ce_id", b"a")],
        [("ce_id", b"b")],
        [("ce_id", b"c")],
        [("h", b"\xff"), ("n", None)],
    ]
    assert [message.value() for message in messages] == [b'{"verdict": "passed"}'] * 3 + [None]
    assert {message.key() for message in messages} == {b"raw.flights"}
    eventually(lambda: published(store) == ["a", "b", "c", "raw"])


def test_a_record_that_is_too_large_for_kafka_does_not_hold_up_its_neighbours(
    store: Store, drain: StartDrain, kafka_settings: Settings
) -> None:
    topic = kafka_settings.kafka_verdicts_topic
    add(store, ["large"], topic=topic, value=b"x" * (kafka_settings.kafka_max_record_bytes + 1))
    add(store, ["small"], topic=topic)
    drain(partial(kafka_publisher, kafka_settings))

    eventually(lambda: published(store) == ["small"])
    assert "MSG_SIZE_TOO_LARGE" in store.one("select error from outbox where id = 'large'")["error"]


def test_a_topic_that_cannot_be_does_not_hold_up_its_neighbours(store: Store, drain: StartDrain, kafka_settings: Settings) -> None:
    add(store, ["bad"], topic="not a topic")
    add(store, ["good"], topic=kafka_settings.kafka_verdicts_topic)
    drain(partial(kafka_publisher, kafka_settings))

    eventually(lambda: published(store) == ["good"])
    eventually(lambda: store.one("select error from outbox where id = 'bad'")["error"])


def test_a_broker_that_is_away_is_waited_for(store: Store, drain: StartDrain, make_settings: Callable[..., Settings]) -> None:
    add(store, ["a"])
    away = make_settings(kafka_bootstrap="127.0.0.1:1")
    failures: list[Unavailable] = []

    @contextmanager
    def publisher() -> Iterator[Publisher]:
        try:
            with kafka_publisher(away) as made:
                yield made
        except Unavailable as error:
            failures.append(error)
            raise

    drain(publisher)
    eventually(lambda: failures)
    assert isinstance(failures[0], KafkaUnavailable)
    assert published(store) == []


def test_topics_are_made_as_the_settings_say(kafka_settings: Settings) -> None:
    from confluent_kafka.admin import AdminClient

    wanted = {kafka_settings.kafka_verdicts_topic, kafka_settings.kafka_dead_letters_topic}
    ensure_topics(kafka_settings, wanted)
    ensure_topics(kafka_settings, wanted)

    cluster = AdminClient({"bootstrap.servers": kafka_settings.kafka_bootstrap}).list_topics(timeout=10)
    assert wanted <= set(cluster.topics)
    if not str(cluster.cluster_id).startswith("mockCluster"):
        assert {len(cluster.topics[name].partitions) for name in wanted} == {kafka_settings.kafka_partitions}
