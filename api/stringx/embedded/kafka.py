"""A Kafka broker of our own, for this machine: Apache Kafka where `java` and `mvn` are there and the jars can be had, else
librdkafka's in-memory cluster in a process of its own. `choose_broker` decides, and says which and why.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from stringx.embedded.child import POLL_SECONDS, Child, ChildFailed
from stringx.embedded.ports import HOST, any_free
from stringx.embedded.server import Server, ServerOnPort
from stringx.errors import StringXError

VERSION = "4.3.1"
OLDEST_JAVA = 17
#: Largest record that the broker lets in; a topic may set less or more for itself.
MAX_RECORD_BYTES = 8 * 1024 * 1024
_DOWNLOAD_SECONDS = 600

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>stringx</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""

_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class JarsMissing(StringXError):
    """Apache Kafka cannot be had on this machine; the message says why."""


class Broker(Protocol):
    """What both kinds have: the verbs, and how to reach them."""

    @property
    def kind(self) -> Literal["apache", "memory"]: ...
    def start(self, timeout_seconds: float = 60.0) -> None: ...
    def close(self) -> None: ...
    def join(self, timeout_seconds: float) -> bool: ...
    def terminate(self) -> None: ...
    @property
    def running(self) -> bool: ...
    @property
    def end(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def bootstrap(self) -> str: ...


class ApacheKafka(ServerOnPort):
    """One KRaft node with its data below `folder`. `start` blocks until it answers; it ends with the thread that started it."""

    kind: Literal["apache"] = "apache"
    name = "Apache Kafka"
    busy = ("BindException",)

    def __init__(self, folder: Path, jars: Path, *, port: int | None = None) -> None:
        """`port` None: any free one."""
        super().__init__(port)
        self.folder = folder
        # What starts fast: neither lives long enough, or has enough to do, for more of the compiler to pay.
        self._java = ("java", "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*")

    def start(self, timeout_seconds: float = 60.0) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._start_on_port(self._run, timeout_seconds)

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"

    def _run(self, port: int) -> Child:
        properties = self.folder / "server.properties"
        properties.write_text(_server_properties(port, any_free(), self.folder / "data"))
        self._format(properties)
        child = Child("kafka", [*self._java, "kafka.Kafka", str(properties)], folder=self.folder)
        child.log.write_bytes(b"")
        child.start()
        return child

    def _format(self, properties: Path) -> None:
        """Makes the storage once; what a kill left half-made is made anew."""
        data, done = self.folder / "data", self.folder / "formatted"
        if done.exists():
            return
        shutil.rmtree(data, ignore_errors=True)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # With "=": one id in 64 begins with a hyphen, and would be taken for an option.
        given = (f"--cluster-id={cluster}", "--config", str(properties))
        command = [*self._java, "kafka.tools.StorageTool", "format", *given]
        tool = subprocess.run(command, capture_output=True, text=True, check=False)
        if tool.returncode != 0:
            raise ChildFailed(f"Apache Kafka's storage cannot be made:\n{tool.stdout}{tool.stderr}")
        done.touch()

    def _asking(self) -> Callable[[], bool]:
        # Until the broker listens, librdkafka has nothing to say that is not known.
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200})

        def ask() -> bool:
            try:
                return bool(admin.list_topics(timeout=1.0).brokers)
            except KafkaException:
                return False

        return ask


class MemoryCluster(Server):
    """librdkafka's own cluster, in another process that any client on the machine can use; its records are gone when it ends.

    It chooses its port itself, and a new one at every start.
    """

    kind: Literal["memory"] = "memory"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self._bootstrap = ""

    def start(self, timeout_seconds: float = 60.0) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        address = self.folder / "bootstrap"
        address.unlink(missing_ok=True)
        # As a file, not as a module of this package, so that it starts without the rest of it.
        program = str(Path(__file__).with_name("memory_cluster.py"))
        self._child = Child("kafka", [sys.executable, program, str(address)], folder=self.folder)
        self._child.log.write_bytes(b"")
        self._child.start()
        deadline = time.monotonic() + timeout_seconds
        while not address.exists():
            if not self._child.running or time.monotonic() > deadline:
                words = self._child.last_words()
                self._child.terminate()
                raise ChildFailed(f"librdkafka's cluster does not start; {self._child.log} ends with:\n{words}")
            time.sleep(POLL_SECONDS)  # the file that it writes is all that it tells, and files are not waited for portably
        self._bootstrap = address.read_text()

    @property
    def bootstrap(self) -> str:
        return self._bootstrap


def choose_broker(folder: Path, *, port: int | None = None) -> tuple[Broker, str]:
    """The broker that this machine can have, not yet started, and one line for people that says which it is and why."""
    try:
        jars = fetch_jars()
    except JarsMissing as missing:
        return MemoryCluster(folder / "memory"), f"librdkafka's in-memory cluster ({missing})"
    return ApacheKafka(folder / f"kafka-{VERSION}", jars, port=port), f"Apache Kafka {VERSION}"


def fetch_jars(cache: Path | None = None) -> Path:
    """The folder of Apache Kafka's jars, fetched through Maven once per user; JarsMissing where they cannot be had."""
    cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stringx"
    jars = cache / f"kafka-{VERSION}"
    _check_java()
    if jars.exists():
        return jars
    if shutil.which("mvn") is None:
        raise JarsMissing("there is no `mvn` to fetch Apache Kafka with")
    cache.mkdir(parents=True, exist_ok=True)
    # One process at a time: Maven does not lock its local repository. The kernel releases the lock of one that is killed.
    with (cache / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.exists():
            _fetch(cache, jars)
    return jars


def _fetch(cache: Path, jars: Path) -> None:
    # In a folder of its own first: what a kill leaves half-fetched is never taken for the whole.
    with tempfile.TemporaryDirectory(dir=cache, prefix="kafka-") as unfinished:
        (Path(unfinished) / "pom.xml").write_text(_POM)
        command = ["mvn", "-B", "-q", _COPY, "-DincludeScope=runtime", "-DoutputDirectory=jars"]
        try:
            done = subprocess.run(command, cwd=unfinished, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise JarsMissing("Maven did not fetch Apache Kafka in time") from error
        if done.returncode != 0:
            said = re.findall(r"\[ERROR\] (\S.*?)(?: -> \[Help \d+\])?$", done.stdout, re.MULTILINE)
            raise JarsMissing(f"Maven could not fetch Apache Kafka: {said[0] if said else done.stderr.strip()[:300]}")
        (Path(unfinished) / "jars").rename(jars)


def _check_java() -> None:
    if shutil.which("java") is None:
        raise JarsMissing("there is no `java`")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S607  # the one in PATH is meant
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise JarsMissing(f"`java` is {version[1] if version else 'of an unknown version'}, Apache Kafka wants {OLDEST_JAVA} or later")


def _server_properties(port: int, controller_port: int, data: Path) -> str:
    return f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{HOST}:{controller_port}
listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}
advertised.listeners=PLAINTEXT://{HOST}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=3
message.max.bytes={MAX_RECORD_BYTES}
replica.fetch.max.bytes={MAX_RECORD_BYTES}
socket.request.max.bytes={4 * MAX_RECORD_BYTES}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A member that joins before the broker's coordinator knows a new topic gets its partitions with its next heartbeat: not after 5 s.
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=500
# A door that was killed keeps its partitions no longer than this: not for Kafka's 45 s.
group.consumer.min.session.timeout.ms=6000
group.consumer.session.timeout.ms=6000
log.cleaner.dedupe.buffer.size=2097152
log.segment.bytes=16777216
num.network.threads=1
num.io.threads=2
# Without these two, a restart after kill -9 waits 9 s for its own old session to expire.
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
"""
