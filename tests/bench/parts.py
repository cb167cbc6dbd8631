"""What the parts that a trigger's way is made of take with nothing of ours in them, one at a time and as rested as a trigger finds them.

A trigger goes once through Kafka, is committed three times, and makes two requests to the runner.
"""

from __future__ import annotations

import time
import uuid
from contextlib import ExitStack
from http import HTTPStatus
from types import TracebackType

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from installation import PATIENCE_SECONDS, Installation

from stringx.runner.wire import HttpWire

#: What can be sampled, as the table of figures calls it.
PARTS = ("a record through Kafka", "a commit, until notified", "a request to the runner")

_INSERT = "with row as (insert into bare values (1)) select pg_notify('bare', '')"


class BareParts:
    """Of one installation, on a topic and a table of their own. Used by one thread."""

    def __init__(self, installation: Installation) -> None:
        self.samples: dict[str, list[float]] = {part: [] for part in PARTS}
        self._topic = f"{installation.topic}.bare"
        client = {"bootstrap.servers": installation.bootstrap, "log_level": 0}
        self._producer = Producer({**client, "linger.ms": 0})
        self._consumer = Consumer({**client, "group.id": uuid.uuid4().hex, "enable.auto.commit": False})
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(psycopg.connect(installation.database_url))
        self._listening = self._stack.enter_context(psycopg.connect(installation.database_url, autocommit=True))
        self._wire = HttpWire(installation.runner_url)
        self._stack.callback(self._wire.close)

    def __enter__(self) -> BareParts:
        self._connection.execute("create table if not exists bare (value int)")
        self._connection.commit()
        self._listening.execute("listen bare")
        # The first record makes the topic; what the consumer is to read comes after it.
        self._producer.produce(self._topic, b"", partition=0)
        self._producer.flush(PATIENCE_SECONDS)
        self._consumer.assign([TopicPartition(self._topic, 0, 0)])
        self._consume()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._consumer.close()
        self._stack.close()

    def sample(self, part: str) -> None:
        """Times one of the PARTS."""
        taken = {PARTS[0]: self._through_kafka, PARTS[1]: self._commit, PARTS[2]: self._request}[part]
        began = time.perf_counter()
        taken()
        self.samples[part].append(time.perf_counter() - began)

    def _through_kafka(self) -> None:
        """From handing a record to a producer until a consumer has it."""
        self._producer.produce(self._topic, b"bare", partition=0)
        self._consume()

    def _commit(self) -> None:
        """One statement that writes a row, and its commit, until whoever listens was notified."""
        self._connection.execute(_INSERT)
        self._connection.commit()
        if next(self._listening.notifies(timeout=PATIENCE_SECONDS, stop_after=1), None) is None:
            raise TimeoutError("no notification of a commit")

    def _request(self) -> None:
        """A request to the runner that asks for nothing, on an open connection."""
        answer = self._wire.send("GET", "/livez", headers={}, body=None, connect_seconds=PATIENCE_SECONDS, answer_seconds=PATIENCE_SECONDS)
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"the runner answers {answer.status}")

    def _consume(self) -> None:
        message = self._consumer.poll(PATIENCE_SECONDS)
        if message is None or message.error() is not None:
            raise TimeoutError(f"no record of {self._topic}: {message and message.error()}")
