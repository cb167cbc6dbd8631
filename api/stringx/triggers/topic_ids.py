"""Which topic of a name the broker has: one that was deleted and made anew is another one."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection

from stringx import logs
from stringx.errors import KafkaUnavailable
from stringx.kafka_clients import admin_client
from stringx.settings import Settings

REQUEST_SECONDS = 5.0
#: The id of a topic on a broker that has no topic ids.
_NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA"

log = logs.get(__name__)

#: A request for a topic's id that is on its way; None where no answer is to be had.
Asked = Future[Any] | None


class TopicIds:
    """The id of a topic, which tells it from another one of the same name, made after it was deleted."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.kafka_triggers_topic
        self._admin = admin_client(settings)
        #: None: not known yet
        self._available: bool | None = None
        self._last: str | None = None
        #: the last answer was the broker's own: the topic has that id now
        self.certain = False

    def ask(self) -> Asked:
        """Sends a request to the broker, and does not wait for its answer. Raises KafkaUnavailable before the first answer."""
        self.certain = False
        try:
            if self._available is None:
                # librdkafka's own cluster knows no admin calls, and lets them time out.
                self._available = not str(self._admin.list_topics(self._topic, timeout=REQUEST_SECONDS).cluster_id).startswith(
                    "mockCluster"
                )
            if not self._available:
                return None
            return self._admin.describe_topics(TopicCollection([self._topic]), request_timeout=REQUEST_SECONDS)[self._topic]
        except KafkaException as error:
            self._without_answer(error)
            return None

    def answer(self, asked: Asked, timeout_seconds: float | None = None) -> str | None:
        """The topic's id now, or the last one known where the broker does not answer; None on a broker that cannot tell it.

        Waits for the answer. Raises KafkaUnavailable before the first one, TimeoutError after `timeout_seconds`.
        """
        if asked is None:
            return self._last
        try:
            found = str(asked.result(timeout_seconds).topic_id)
        except KafkaException as error:
            return self._without_answer(error)
        self._last = None if found == _NO_TOPIC_ID else found
        self.certain = True
        return self._last

    def _without_answer(self, error: KafkaException) -> str | None:
        if self._last is not None:
            return self._last
        fault: KafkaError = error.args[0]
        if fault.code() in (KafkaError._UNSUPPORTED_FEATURE, KafkaError.TOPIC_AUTHORIZATION_FAILED):  # noqa: SLF001
            log.info("topic ids not available", error=fault.str())
            self._available = False
            return None
        raise KafkaUnavailable(f"Kafka: {fault.str()}") from error
