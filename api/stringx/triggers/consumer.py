"""The Kafka door's client: a consumer in our group on the triggers' topic, and what its quirks ask for.

It is told when an offset may be committed (`store`); committing is librdkafka's, in the background. It is used by one thread.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import methodcaller
from typing import Any, Literal, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from stringx import logs
from stringx.errors import ConfigurationError
from stringx.kafka_clients import client_logger
from stringx.settings import PREFIX, Settings
from stringx.triggers.pace import Pace
from stringx.triggers.record import KafkaRecord

Protocol = Literal["consumer", "classic"]

REQUEST_SECONDS = 5.0
#: A member asks the coordinator to take it as soon as it has found it; one that has not for so long never will.
UNASKED_MS = 1000
#: Properties that only the classic protocol has; librdkafka refuses them beside the other one.
_CLASSIC_PROPERTIES = frozenset({"partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms", "group.protocol.type"})
#: What a consumer that loses nothing needs; other values of these are refused.
_REQUIRED: dict[str, str | int | bool] = {
    "enable.auto.commit": True,
    # An offset is stored once the database has what stands before it, and only then committed.
    "enable.auto.offset.store": False,
    # `latest` would lose what is sent to a new partition before it is first read.
    "auto.offset.reset": "earliest",
}

#: `message.headers()`, for a header whose name is not UTF-8: confluent-kafka (2.16) then returns a half-made list with an error
#: set. Called from C, as here, that is noticed and raised as SystemError; Python's own fast path for calls does not look, and
#: hands the list out. Never ask twice: the second time there is no error, and to look at the list ends the process.
_headers_of = cast(Callable[[Message], list[tuple[str, bytes | None]] | None], methodcaller("headers"))

log = logs.get(__name__)


class ConsumerLost(Exception):
    """This client is of no use any more: a new one is needed."""


class TriggerConsumer:
    """A member of the group. `assigned` and `revoked` are called within `poll`, with the partitions' numbers."""

    #: librdkafka's `close` may hang; what it has not committed by then is read again, and known.
    close_seconds = 10.0

    def __init__(
        self,
        settings: Settings,
        protocol: Protocol,
        *,
        assigned: Callable[[Collection[int]], None],
        revoked: Callable[[Collection[int]], None],
    ) -> None:
        self.topic = settings.kafka_triggers_topic
        #: the group took this member: the broker has the protocol
        self.joined = False
        self._assigned = assigned
        self._revoked = revoked
        self._pace = Pace(seconds=10.0)
        #: None: not known yet
        self._broker_has_protocol: bool | None = None
        try:
            self._consumer = Consumer(self._properties(settings, protocol), logger=client_logger("consumer"))
        except KafkaException as error:
            raise ConfigurationError(f"{PREFIX}KAFKA_PROPERTIES: {error.args[0].str()}") from error
        self._consumer.subscribe([self.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)

    def poll(self, timeout_seconds: float) -> KafkaRecord | None:
        """The next record, without its topic's id; None when time was up, or something else happened. Raises ConsumerLost."""
        message = self._consumer.poll(timeout_seconds)
        if self._broker_has_protocol is False:
            raise ConsumerLost("the broker does not have group.protocol=consumer")
        if message is None:
            return None
        error = message.error()
        if error is None:
            return _record(self.topic, message)
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001  # librdkafka's own codes are named so
            raise ConsumerLost(error.str())
        if self._pace.may(error.code()):
            log.warning("kafka error", error=error.str(), code=error.name())
        return None

    def pause(self) -> None:
        """No records from any partition that is assigned now; a rebalance undoes it."""
        self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        self._consumer.resume(self._consumer.assignment())

    def store(self, last: KafkaRecord) -> None:
        """This record and those before it in its partition are taken care of: their offset may be committed."""
        try:
            self._consumer.store_offsets(offsets=[TopicPartition(self.topic, last.partition, last.offset + 1)])
        except KafkaException as error:
            # The partition has gone to another member, which reads the record again; the inbox knows it.
            log.info("offset not stored", partition=last.partition, offset=last.offset, error=error.args[0].str())

    def seek(self, partition: int, offset: int | None) -> bool:
        """Goes on from `offset` (None: from the partition's first record); False where that cannot be done at this moment."""
        try:
            self._consumer.seek(TopicPartition(self.topic, partition, OFFSET_BEGINNING if offset is None else offset))
        except KafkaException as error:
            log.info("seek put off", partition=partition, error=error.args[0].str())
            return False
        return True

    def lag(self) -> dict[int, tuple[int, int]]:
        """Of each assigned partition that has more than was read: the next offset to be read, and the end of the log.

        Asks the brokers, some seconds at most for each partition; empty where they do not answer.
        """
        try:
            assigned = self._consumer.assignment()
            committed = {found.partition: found.offset for found in self._consumer.committed(assigned, timeout=REQUEST_SECONDS)}
            behind = {}
            for at in self._consumer.position(assigned):
                low, high = self._consumer.get_watermark_offsets(
                    TopicPartition(self.topic, at.partition), timeout=REQUEST_SECONDS, cached=False
                )
                reached = next((offset for offset in (at.offset, committed[at.partition]) if offset >= 0), low)
                if reached < high:
                    behind[at.partition] = (reached, high)
        except KafkaException as error:
            if self._pace.may("lag"):
                log.warning("lag unknown", error=error.args[0].str())
            return {}
        return behind

    def close(self) -> bool:
        """Commits what was stored and leaves the group, within `close_seconds`; False when it hung and was abandoned."""
        closing = threading.Thread(target=self._close, name="kafka consumer close", daemon=True)
        closing.start()
        closing.join(self.close_seconds)
        return not closing.is_alive()

    def _close(self) -> None:
        self._consumer.close()

    def _properties(self, settings: Settings, protocol: Protocol) -> dict[str, object]:
        given = settings.kafka_properties
        for name, value in _REQUIRED.items():
            if name in given and given[name].lower() != str(value).lower():
                raise ConfigurationError(
                    f"{PREFIX}KAFKA_PROPERTIES: {name} must be {str(value).lower()}: with another value triggers are lost"
                )
        properties: dict[str, object] = {
            "client.id": "stringx",
            "auto.commit.interval.ms": 1000,
            "queued.max.messages.kbytes": 16_384,
            "reconnect.backoff.max.ms": 1000,
            # How soon a topic or a partition that is new is seen.
            "topic.metadata.refresh.interval.ms": 30_000,
            **settings.kafka_client(),
            **_REQUIRED,
            "group.id": settings.kafka_group,
            "group.protocol": protocol,
            "error_cb": self._on_error,
            "on_commit": self._on_commit,
        }
        if protocol == "classic":
            properties.setdefault("partition.assignment.strategy", "cooperative-sticky")
        else:
            properties |= {"statistics.interval.ms": 1000, "stats_cb": self._on_statistics}
        return properties

    def _on_assign(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self.joined = True
        self._assigned([partition.partition for partition in partitions])

    def _on_revoke(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._revoked([partition.partition for partition in partitions])

    def _on_statistics(self, text: str) -> None:
        if self._broker_has_protocol is None:
            self._broker_has_protocol = True if self.joined else has_protocol(json.loads(text))

    def _on_error(self, error: KafkaError) -> None:
        if self._pace.may(error.code()):
            log.warning("kafka error", error=error.str(), code=error.name())

    def _on_commit(self, error: KafkaError | None, _partitions: Sequence[TopicPartition]) -> None:
        # Not fatal: what was not committed is read again. _NO_OFFSET says that nothing was new.
        if error is not None and error.code() != KafkaError._NO_OFFSET and self._pace.may("commit"):  # noqa: SLF001
            log.warning("offsets not committed", error=error.str(), code=error.name())


def _record(topic: str, message: Message) -> KafkaRecord:
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise ConsumerLost("a record without a position")
    headers: list[tuple[str, bytes | None]] = []
    headers_error = None
    try:
        headers = _headers_of(message) or []
    except (UnicodeError, SystemError):
        headers_error = "the name of a header must be UTF-8"
    _, timestamp_ms = message.timestamp()
    return KafkaRecord(
        topic=topic,
        topic_id=None,
        partition=partition,
        offset=offset,
        timestamp_ms=timestamp_ms,
        key=message.key(),
        value=message.value(),
        headers=tuple(headers),
        headers_error=headers_error,
    )


def has_protocol(statistics: Mapping[str, Any]) -> bool | None:
    """Whether the broker has `group.protocol=consumer`, by librdkafka's statistics; None where they do not tell yet.

    On a broker before 4.0 librdkafka (2.16) finds the coordinator, never asks it to join, and says nothing at all. The heartbeats
    by which a member asks are not in the statistics by name: they are what was sent beside the requests that are.
    """
    group, coordinator = statistics.get("cgrp", {}), statistics["brokers"].get("GroupCoordinator", {})
    named = sum(number for name, number in coordinator.get("req", {}).items() if name != "ConsumerGroupHeartbeat")
    if coordinator.get("tx", 0) > named:
        return True
    if coordinator.get("state") == "UP" and group.get("state") == "up" and group["stateage"] > UNASKED_MS:
        return False
    return None


def protocols(settings: Settings) -> tuple[Protocol, ...]:
    """The group protocols to try, the best first: a broker says only when a member joins whether it has the newer one."""
    match settings.kafka_group_protocol:
        case "consumer":
            return ("consumer",)
        case "classic":
            return ("classic",)
        case _:
            return ("classic",) if _CLASSIC_PROPERTIES & settings.kafka_properties.keys() else ("consumer", "classic")
