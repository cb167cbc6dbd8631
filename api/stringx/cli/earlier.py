"""The acknowledgement of a trigger that was sent before: a CI job that is started again with the same id gets the same verdict.

A trigger that is known already is not acknowledged a second time, so that its acknowledgement must be found where it is.
"""

from __future__ import annotations

import time
import uuid

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from pydantic import ValidationError

from stringx.errors import KafkaUnavailable
from stringx.model import Acknowledgement, TriggerBody
from stringx.settings import Settings

#: How far back it looks in each partition of the verdicts topic: a second or two of reading.
RECORDS = 5000
METADATA_SECONDS = 5.0


def earlier_acknowledgement(settings: Settings, body: TriggerBody, deadline: float) -> Acknowledgement | None:
    """What `stringx.verdicts` says of a trigger with this id, source and content; None where its last records do not.

    Blocks until they are read, or until `deadline` of the monotonic clock. KafkaUnavailable where the broker does not answer.
    """
    group = f"{settings.kafka_group}-look-back-{uuid.uuid4().hex}"  # asked for by librdkafka; nothing is committed in it
    own: dict[str, str | int | bool] = {"log_level": 0, "group.id": group, "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer(settings.kafka_client(**own))
    try:
        partitions = _last_records(consumer, settings.kafka_verdicts_topic)
        consumer.assign(partitions)
        return _search(consumer, body, {partition.partition for partition in partitions}, deadline)
    except KafkaException as error:
        raise KafkaUnavailable(f"{settings.kafka_verdicts_topic}: {error.args[0].str()}") from error
    finally:
        consumer.close()


def _last_records(consumer: Consumer, topic: str) -> list[TopicPartition]:
    found = []
    for number in consumer.list_topics(timeout=METADATA_SECONDS).topics[topic].partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=METADATA_SECONDS)
        found.append(TopicPartition(topic, number, max(low, high - RECORDS)))
    return found


def _search(consumer: Consumer, body: TriggerBody, unread: set[int | None], deadline: float) -> Acknowledgement | None:
    while unread and (left := deadline - time.monotonic()) > 0:
        message = consumer.poll(left)
        if message is None:
            continue
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # so it is named
                unread.discard(message.partition())
            continue
        try:
            found = Acknowledgement.model_validate_json(message.value() or b"", extra="ignore")
        except ValidationError:
            continue  # anybody may write to the topic
        if _answers(found, body):
            return found
    return None


def _answers(found: Acknowledgement, body: TriggerBody) -> bool:
    """Whether it is of this trigger and of nothing else. What was refused was not kept: the same id is judged anew."""
    if found.state == "refused" or (found.trigger_id, found.trigger_source) != (body.id, body.source):
        return False
    if found.slice is None or found.slice.as_written() != body.slice.as_written():
        return False
    return (found.workspace, found.table, found.metadata) == (body.workspace, body.table.lower(), body.metadata)
