"""Programs that are not ours, which ask on Kafka and read the answer."""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import Any

from confluent_kafka import Consumer, Producer

from stringx.embedded.kafka import fetch_jars


class ConsoleTools:
    """The console tools of Apache Kafka."""

    def __init__(self, bootstrap: str) -> None:
        self._java = ["java", "-Xmx128m", "-cp", f"{fetch_jars()}/*"]
        self._bootstrap = ["--bootstrap-server", bootstrap]

    def publish(self, topic: str, value: str) -> None:
        command = [*self._java, "org.apache.kafka.tools.ConsoleProducer", *self._bootstrap, "--topic", topic]
        subprocess.run(command, input=f"{value}\n".encode(), check=True, capture_output=True)

    def read(self, topic: str, trigger_id: str) -> dict[str, Any]:
        """The first event of `topic` that is about the trigger. Its end is the consumer's: 60 s without a record."""
        tool = "org.apache.kafka.tools.consumer.ConsoleConsumer"
        arguments = ["--topic", topic, "--from-beginning", "--timeout-ms", "60000"]
        with subprocess.Popen(
            [*self._java, tool, *self._bootstrap, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as consumer:
            assert consumer.stdout is not None
            try:
                for line in consumer.stdout:
                    event: dict[str, Any] = json.loads(line)
                    if event["trigger_id"] == trigger_id:
                        return event
            finally:
                consumer.kill()
        raise AssertionError("no acknowledgement came")


class OtherProgram:
    """A plain client, for a machine without Java: librdkafka's in-memory cluster has no other."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def publish(self, topic: str, value: str) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap})
        producer.produce(topic, value.encode())
        assert producer.flush(30) == 0

    def read(self, topic: str, trigger_id: str) -> dict[str, Any]:
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"})
        consumer.subscribe([topic])
        try:
            while (message := consumer.poll(60)) is not None:
                event: dict[str, Any] = json.loads(message.value() or b"{}")
                if event.get("trigger_id") == trigger_id:
                    return event
        finally:
            consumer.close()
        raise AssertionError("no acknowledgement came")
