"""The demo's part of a producer and of a reader of verdicts: both over Kafka, like any other program on the machine."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from pydantic import ValidationError

from stringx.errors import KafkaUnavailable
from stringx.model import Acknowledgement, TriggerBody
from stringx.settings import Settings

SOURCE = "stringx up --demo"
FIRST_DAY = date(2013, 2, 1)
DAYS = 10
TOPIC_SECONDS = 60.0

#: librdkafka's own lines; a broker that is gone is said by the supervisor.
_QUIET: dict[str, str | int | bool] = {"log_level": 0}


def demo_triggers() -> list[TriggerBody]:
    """The loads of the demo, as their pipeline would tell of them; with fresh ids each time."""
    start = uuid.uuid4().hex[:12]
    whole = [_trigger(start, table) for table in ("raw.airports", "raw.planes", "raw.weather")]
    days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    return whole + [_trigger(start, "raw.flights", flight_date=day.isoformat()) for day in days]


def _trigger(start: str, table: str, **equals: str) -> TriggerBody:
    return TriggerBody.model_validate(
        {
            "id": "-".join((start, table, *equals.values())),
            "source": SOURCE,
            "table": table,
            "slice": [{"column": column, "equals": value} for column, value in equals.items()],
        }
    )


def publish(settings: Settings, triggers: Sequence[TriggerBody], timeout_seconds: float = 30.0) -> None:
    """Writes the triggers to the topic and waits until the broker has them all; KafkaUnavailable where it does not take one."""
    faults: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            faults.append(error)

    producer = Producer(settings.kafka_client(**_QUIET, **{"enable.idempotence": True}))
    for trigger in triggers:
        producer.produce(
            settings.kafka_triggers_topic,
            key=trigger.table,
            value=json.dumps(trigger.as_json()),
            on_delivery=delivered,
        )
    left = producer.flush(timeout_seconds)
    if faults or left:
        raise KafkaUnavailable(f"the broker did not take {left + len(faults)} triggers: {faults[0] if faults else 'no answer'}")


class Acknowledgements:
    """Reads `stringx.verdicts` from its end on; made before triggers are published, it misses none of theirs."""

    def __init__(
        self, settings: Settings, waiting: Callable[[], None], warn: Callable[[str], None], patience_seconds: float = TOPIC_SECONDS
    ) -> None:
        """Blocks until the topics are there, calling `waiting` meanwhile; KafkaUnavailable where they do not come in that time.

        `warn` is told in one line of each record that is no acknowledgement.
        """
        self._warn = warn
        self._bootstrap = settings.kafka_bootstrap
        self._fault = ""
        group = f"{settings.kafka_group}-up-{uuid.uuid4().hex}"  # asked for by librdkafka; nothing is committed in it
        properties: dict[str, str | int | bool] = {"group.id": group, "enable.auto.commit": False, "allow.auto.create.topics": True}
        self._consumer = Consumer(settings.kafka_client(**_QUIET, **properties))
        deadline = time.monotonic() + patience_seconds
        partitions: list[TopicPartition] = []
        for topic in (settings.kafka_triggers_topic, settings.kafka_verdicts_topic):
            partitions = self._partitions(topic)
            while not partitions:
                if time.monotonic() > deadline:
                    raise KafkaUnavailable(self._fault)
                waiting()
                partitions = self._partitions(topic)
        self._consumer.assign([self._end(partition, deadline) for partition in partitions])

    def poll(self, timeout_seconds: float) -> Acknowledgement | None:
        """The next one, or None where none came in that time. Anybody may write to the topic: what is no acknowledgement is passed over."""
        message = self._consumer.poll(timeout_seconds)
        if message is None or message.error() is not None:
            return None
        try:
            # Fields that a later version may add are left out.
            return Acknowledgement.model_validate_json(message.value() or b"", extra="ignore")
        except ValidationError:
            self._warn(f"{message.topic()}, partition {message.partition()}, offset {message.offset()}: no acknowledgement, passed over")
            return None

    def close(self) -> None:
        self._consumer.close()

    def _partitions(self, topic: str) -> list[TopicPartition]:
        try:
            # All topics are asked for: asking for one by name would make it, with settings that are not ours.
            found = self._consumer.list_topics(timeout=1.0).topics.get(topic)
        except KafkaException as error:
            self._fault = f"{self._bootstrap} does not answer: {error.args[0].str()}"
            return []
        self._fault = f"the topic {topic} is not there: make it, or let StringX make it (STRINGX_KAFKA_CREATE_TOPICS)"
        return [TopicPartition(topic, number) for number in found.partitions] if found and found.error is None else []

    def _end(self, partition: TopicPartition, deadline: float) -> TopicPartition:
        """The partition with the offset after its last record: a fixed one, whenever it is first read."""
        while True:
            try:
                answer: Any = self._consumer.get_watermark_offsets(partition, timeout=2.0)
                return TopicPartition(partition.topic, partition.partition, answer[1] if answer else OFFSET_END)
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise KafkaUnavailable(f"{partition.topic}: {error}") from error
