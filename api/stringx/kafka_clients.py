"""What the Kafka clients of ours share: the topics that must be there, and logs that an outage does not flood."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stringx import logs
from stringx.errors import ConfigurationError, KafkaUnavailable
from stringx.settings import PREFIX, Settings

#: One line of librdkafka's in so many seconds.
LOG_SECONDS = 10.0
ADMIN_SECONDS = 5.0

log = logs.get(__name__)


class _OneInAWhile(logging.Filter):
    """In an outage librdkafka logs about twenty lines a second, each saying the same."""

    def __init__(self) -> None:
        super().__init__()
        self._silent_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  # whichever line it is
        now = time.monotonic()
        if now < self._silent_until:
            return False
        self._silent_until = now + LOG_SECONDS
        return True


def client_logger(name: str) -> logging.Logger:
    """What a client takes as its `logger`: without it librdkafka writes to stderr by itself."""
    logger = logging.getLogger(f"librdkafka.{name}")
    if not logger.filters:
        logger.addFilter(_OneInAWhile())
    return logger


def admin_client(settings: Settings, **more: str | int | bool) -> AdminClient:
    """ConfigurationError where librdkafka does not take the properties of the settings, or `more`."""
    try:
        return AdminClient({**settings.kafka_client(), "reconnect.backoff.max.ms": 1000, **more}, logger=client_logger("admin"))
    except KafkaException as error:
        raise ConfigurationError(f"{PREFIX}KAFKA_PROPERTIES: {error.args[0].str()}") from error


def require_broker(settings: Settings, named_by: str) -> None:
    """Blocks for some seconds at most; KafkaUnavailable where no broker answers, which says what `named_by` named."""
    try:
        admin_client(settings, log_level=0).list_topics(timeout=ADMIN_SECONDS)
    except KafkaException as error:
        raise KafkaUnavailable(
            f"{named_by}: no broker answers at {settings.kafka_bootstrap} ({error.args[0].str()}): start it, or name another"
        ) from error


def ensure_topics(settings: Settings, names: Collection[str]) -> None:
    """Makes those of the topics that are missing, where the settings let us; blocks for some seconds at most.

    KafkaUnavailable where the broker does not answer. A topic that may not be made is left to whoever writes to it or reads it.
    """
    admin = admin_client(settings)
    try:
        cluster = admin.list_topics(timeout=ADMIN_SECONDS)
        missing = sorted(set(names) - set(cluster.topics))
        if not settings.kafka_create_topics or not missing:
            return
        if str(cluster.cluster_id).startswith("mockCluster"):
            # librdkafka's own cluster knows no admin calls: it makes a topic when somebody asks for its metadata.
            for name in missing:
                admin.list_topics(name, timeout=ADMIN_SECONDS)
            return
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka: {error.args[0].str()}") from error
    for name, made in admin.create_topics([_topic(settings, name) for name in missing], request_timeout=ADMIN_SECONDS).items():
        try:
            made.result()
            log.info("topic made", topic=name)
        except KafkaException as error:
            fault = error.args[0]
            if fault.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue
            if fault.retriable() or fault.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):  # noqa: SLF001  # so they are named
                raise KafkaUnavailable(f"Kafka: topic {name}: {fault.str()}") from error
            log.warning("topic not made", topic=name, error=fault.str())


def _topic(settings: Settings, name: str) -> NewTopic:
    return NewTopic(
        name,
        num_partitions=settings.kafka_partitions,
        replication_factor=settings.kafka_replication,
        config={"retention.ms": str(settings.kafka_retention_ms), "max.message.bytes": str(settings.kafka_max_record_bytes)},
    )
