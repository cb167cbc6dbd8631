"""A broker of our own that any program of the machine can use; Apache Kafka's records outlive it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from stringx.embedded import kafka
from stringx.embedded.child import ChildFailed, identity
from stringx.embedded.kafka import ApacheKafka, Broker, JarsMissing, MemoryCluster, choose_broker, fetch_jars
from stringx.embedded.ports import HOST


@pytest.fixture(params=["chosen", "memory"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """The kind that this machine can have, and the one that every machine can."""
    broker = choose_broker(tmp_path)[0] if request.param == "chosen" else MemoryCluster(tmp_path)
    broker.start()
    yield broker
    broker.terminate()


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 5_000_000})
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def first_record(bootstrap: str, topic: str) -> bytes | None:
    """Of any partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "fetch.message.max.bytes": 5_000_000})
    found = consumer.list_topics(topic, timeout=30).topics[topic]
    consumer.assign([TopicPartition(topic, number, 0) for number in found.partitions])
    message = consumer.poll(30)
    consumer.close()
    return message.value() if message is not None and message.error() is None else None


def test_records_go_in_and_come_out_of_another_client(broker: Broker) -> None:
    produce(broker.bootstrap, "letters", b"a")
    assert first_record(broker.bootstrap, "letters") == b"a"


def test_it_listens_on_this_machine_alone(broker: Broker) -> None:
    assert broker.bootstrap.startswith(f"{HOST}:")


def test_large_records_are_let_in(broker: Broker) -> None:
    large = b"x" * 2_000_000
    produce(broker.bootstrap, "large", large)
    assert first_record(broker.bootstrap, "large") == large


def test_it_ends_when_it_is_asked_to(broker: Broker) -> None:
    assert broker.running
    broker.close()
    assert broker.join(30.0)
    assert not broker.running


def test_it_starts_again_after_a_kill_with_what_its_kind_keeps(broker: Broker) -> None:
    produce(broker.bootstrap, "kept", b"a")
    before = broker.bootstrap
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    assert broker.join(30.0)
    broker.start()
    if broker.kind == "apache":
        assert broker.bootstrap == before
        assert first_record(broker.bootstrap, "kept") == b"a"
    produce(broker.bootstrap, "new", b"b")
    assert first_record(broker.bootstrap, "new") == b"b"


def test_it_ends_with_an_owner_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import pathlib, time
from stringx.embedded.kafka import choose_broker
broker, _ = choose_broker(pathlib.Path({str(tmp_path)!r}))
broker.start()
print(broker.pid, flush=True)
time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
    again, _ = choose_broker(tmp_path)
    again.start()
    assert identity(pid) is None
    again.terminate()


class TestChoice:
    @pytest.fixture
    def bare_machine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder of commands that is all there is, and no jars from earlier."""
        commands = tmp_path / "commands"
        commands.mkdir()
        monkeypatch.setenv("PATH", str(commands))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        return commands

    def command(self, folder: Path, name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    def test_without_java_it_is_the_memory_cluster_and_it_is_said(self, bare_machine: Path, tmp_path: Path) -> None:
        assert list(bare_machine.iterdir()) == []
        broker, said = choose_broker(tmp_path)
        assert broker.kind == "memory"
        assert said == "librdkafka's in-memory cluster (there is no `java`)"

    def test_an_old_java_does_not_do(self, bare_machine: Path) -> None:
        self.command(bare_machine, "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
        with pytest.raises(JarsMissing, match="`java` is 11, Apache Kafka wants 17 or later"):
            fetch_jars()

    def test_without_maven_the_jars_cannot_be_had(self, bare_machine: Path) -> None:
        self.command(bare_machine, "java", "echo 'openjdk version \"21\" 2023-09-19' >&2")
        with pytest.raises(JarsMissing, match="no `mvn`"):
            fetch_jars()

    def test_a_download_that_fails_says_why_and_leaves_nothing(self, bare_machine: Path, tmp_path: Path) -> None:
        self.command(bare_machine, "java", "echo 'openjdk version \"21\" 2023-09-19' >&2")
        self.command(bare_machine, "mvn", r"printf '\033[0m[ERROR] Could not get it -> [Help 1]\n[ERROR] \n[ERROR] See also\n'; exit 1")
        with pytest.raises(JarsMissing, match=r"Could not get it$"):
            fetch_jars()
        assert [path.name for path in (tmp_path / "cache" / "stringx").iterdir()] == ["kafka.lock"]

    def test_jars_are_fetched_once(self, bare_machine: Path, tmp_path: Path) -> None:
        self.command(bare_machine, "java", "echo 'openjdk version \"21\" 2023-09-19' >&2")
        self.command(bare_machine, "mvn", f"{shutil.which('mkdir', path=os.defpath)} jars")
        jars = fetch_jars()
        assert jars == tmp_path / "cache" / "stringx" / f"kafka-{kafka.VERSION}"
        (bare_machine / "mvn").unlink()
        assert fetch_jars() == jars


def test_it_starts_whatever_id_its_cluster_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker, _ = choose_broker(tmp_path)
    drawn = uuid.UUID(bytes=b"\xfb" * 16)  # as text it begins with a hyphen
    monkeypatch.setattr(kafka.uuid, "uuid4", lambda: drawn)
    broker.start()
    broker.close()
    assert broker.join(30)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    broker, _ = choose_broker(tmp_path)
    if not isinstance(broker, ApacheKafka):
        return  # the memory cluster takes any port
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        broker.port = taken.getsockname()[1]
        with pytest.raises(ChildFailed, match="is taken by another program"):
            broker.start(timeout_seconds=0.1)
    assert not broker.running
