"""The outbox's records on Kafka: an idempotent producer, whose delivery reports alone say that a record is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from stringx.acks.outbox import Delivery
from stringx.errors import KafkaUnavailable
from stringx.kafka_clients import client_logger, ensure_topics
from stringx.settings import Settings
from stringx.store.outbox import OutboxRecord

#: What Kafka says of a record that it will not take however often it is sent; everything else is an outage.
REFUSALS = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001  # librdkafka's own codes are named so
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.POLICY_VIOLATION,
    }
)

#: librdkafka tries to deliver a record for so long; a shorter outage than this is not even noticed.
DELIVERY_MS = 60_000
#: A topic that the broker does not know is waited for so long: one that is just being made appears within it.
UNKNOWN_TOPIC_MS = 5_000
#: What is under way when the producer is given up is not waited for.
CLOSE_SECONDS = 1.0


class KafkaPublisher:
    """An `acks.outbox.Publisher`."""

    def __init__(self, settings: Settings) -> None:
        self._deliveries: list[Delivery] = []
        self._given_up: KafkaError | None = None
        self._producer = Producer(
            {
                **settings.kafka_client(),
                "enable.idempotence": True,
                "delivery.timeout.ms": DELIVERY_MS,
                "message.max.bytes": settings.kafka_max_record_bytes,
                "topic.metadata.propagation.max.ms": UNKNOWN_TOPIC_MS,
                "reconnect.backoff.max.ms": 1000,
                # A verdict is waited for: nothing is gained by collecting more of them.
                "linger.ms": 0,
                # Java's, so that a key has one partition whoever writes it.
                "partitioner": "murmur2_random",
            },
            logger=client_logger("producer"),
        )

    def send(self, record: OutboxRecord) -> None:
        try:
            self._producer.produce(
                record.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                on_delivery=partial(self._decided, record.id),
            )
        except BufferError as error:
            raise KafkaUnavailable("Kafka: the producer's queue is full") from error
        except KafkaException as error:
            fault: KafkaError = error.args[0]
            if fault.code() not in REFUSALS:
                raise KafkaUnavailable(f"Kafka: {fault.str()}") from error
            self._deliveries.append(Delivery(record.id, _told(fault)))

    def deliveries(self, timeout_seconds: float) -> Sequence[Delivery]:
        self._producer.poll(0 if self._deliveries else timeout_seconds)
        if self._given_up is not None and not self._deliveries:
            raise KafkaUnavailable(f"Kafka: {_told(self._given_up)}")
        decided, self._deliveries = self._deliveries, []
        return decided

    def close(self) -> None:
        """Gives up what is under way: it may or may not arrive, and is sent again with the same event id."""
        self._producer.purge()
        self._producer.flush(CLOSE_SECONDS)

    def _decided(self, event_id: str, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self._deliveries.append(Delivery(event_id))
        elif error.code() in REFUSALS:
            self._deliveries.append(Delivery(event_id, _told(error)))
        else:
            self._given_up = self._given_up or error


def _told(error: KafkaError) -> str:
    return f"{error.name()}: {error.str()}"


@contextmanager
def kafka_publisher(settings: Settings) -> Iterator[KafkaPublisher]:
    """A producer for as long as the block lasts, with the topics of ours there. Raises KafkaUnavailable."""
    ensure_topics(settings, {settings.kafka_verdicts_topic, settings.kafka_dead_letters_topic})
    publisher = KafkaPublisher(settings)
    try:
        yield publisher
    finally:
        publisher.close()
