"""What `scripts/compose-smoke` does, as one program that knows the composition only from outside: its ports and its containers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

PROJECT = "stringx-smoke"
TRIGGERS = "stringx.triggers"
VERDICTS = "stringx.verdicts"
LASTING = ("postgres", "kafka", "consume", "dispatch", "runner", "serve", "docs")
STARTED = time.monotonic()


def free_port(variable: str, wanted: int) -> int:
    """The port that the variable names, or `wanted`, or the next one on which nothing listens: StringX may run on this machine."""
    wanted = int(os.environ.get(variable, wanted))
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise SystemExit(f"compose-smoke: no free port from {wanted} on")


PORTS = {variable: free_port(variable, wanted) for variable, wanted in (("API_PORT", 5001), ("DOCS_PORT", 8001), ("KAFKA_PORT", 9092))}
API = f"http://127.0.0.1:{PORTS['API_PORT']}"
DOCS = f"http://127.0.0.1:{PORTS['DOCS_PORT']}"
BROKER = f"127.0.0.1:{PORTS['KAFKA_PORT']}"
#: librdkafka says several times a second that a broker which is being restarted does not answer.
CLIENT = {"bootstrap.servers": BROKER, "log_level": 0}
ENVIRONMENT = {**os.environ, **{name: str(port) for name, port in PORTS.items()}}


def say(text: str) -> None:
    print(f"compose-smoke: {time.monotonic() - STARTED:5.0f} s  {text}", file=sys.stderr, flush=True)


def docker(*words: str) -> str:
    """Runs `docker`; its output. CalledProcessError where it fails; its messages go to stderr."""
    return subprocess.run(["docker", *words], check=True, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT).stdout.strip()


def compose(*words: str, demo: bool = False) -> str:
    return docker("compose", "--progress", "quiet", "--project-name", PROJECT, *(["--profile", "demo"] if demo else []), *words)


def until(what: str, holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"compose-smoke: not within {seconds:.0f} s: {what}")
        time.sleep(0.2)  # containers do not notify


class Acknowledgements:
    """Reads the verdicts' topic from its beginning, in no group, as any pipeline could."""

    def __init__(self) -> None:
        self._consumer = Consumer({**CLIENT, "group.id": PROJECT, "enable.auto.commit": False})
        known = self._consumer.list_topics(VERDICTS, timeout=30).topics[VERDICTS].partitions
        self._consumer.assign([TopicPartition(VERDICTS, partition, 0) for partition in known])
        self.by_trigger: dict[str, dict[str, Any]] = {}

    def wait_for(self, trigger: str, seconds: float = 120) -> dict[str, Any]:
        """The acknowledgement of that trigger; the program ends where it does not come."""
        until(f"the acknowledgement of {trigger}", lambda: self._read() and trigger in self.by_trigger, seconds)
        return self.by_trigger[trigger]

    def wait_for_count(self, count: int, seconds: float = 240) -> None:
        until(f"{count} acknowledgements", lambda: self._read() and len(self.by_trigger) >= count, seconds)

    def _read(self) -> bool:
        for message in self._consumer.consume(100, timeout=0.2):
            value = message.value()
            if message.error() is None and value is not None:
                acknowledgement = json.loads(value)
                before = self.by_trigger.setdefault(acknowledgement["trigger_id"], acknowledgement)
                if before["verdict"] != acknowledgement["verdict"]:
                    raise SystemExit(f"compose-smoke: two verdicts for one trigger: {before} and {acknowledgement}")
        return True


def publish(day: str) -> str:
    """Publishes a trigger for the flights of one day; its id, once the broker has it."""
    trigger = f"smoke-{uuid.uuid4().hex}"
    failures: list[str] = []
    body = {"id": trigger, "table": "raw.flights", "slice": {"column": "flight_date", "equals": day}}
    producer = Producer(CLIENT)
    producer.produce(
        TRIGGERS, key="raw.flights", value=json.dumps(body), on_delivery=lambda error, _: failures.append(str(error)) if error else None
    )
    if producer.flush(60) or failures:
        raise SystemExit(f"compose-smoke: {TRIGGERS} does not take a record: {failures or 'no answer within 60 s'}")
    return trigger


def published() -> int:
    """How many records the triggers' topic has."""
    consumer = Consumer({**CLIENT, "group.id": PROJECT})
    partitions = consumer.list_topics(TRIGGERS, timeout=30).topics[TRIGGERS].partitions
    count = sum(consumer.get_watermark_offsets(TopicPartition(TRIGGERS, partition), timeout=30)[1] for partition in partitions)
    consumer.close()
    return count


def expect(acknowledgement: dict[str, Any], decision: str) -> None:
    if acknowledgement["decision"] != decision:
        raise SystemExit(f"compose-smoke: expected {decision}: {json.dumps(acknowledgement, indent=2)}")


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # addresses of the composition
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def is_healthy(container: str) -> bool:
    return docker("inspect", "--format", "{{.State.Health.Status}}", container) == "healthy"


def kill_and_restart(service: str, acknowledgements: Acknowledgements) -> None:
    """One trigger is under way when the container is killed, one is published after its restart: both get their verdict."""
    under_way = publish("2013-02-08")
    container = compose("ps", "--quiet", service)
    docker("kill", "--signal", "KILL", container)
    docker("start", container)
    until(f"{service} is healthy again", lambda: is_healthy(container))
    after = publish("2013-02-03")
    expect(acknowledgements.wait_for(under_way), "closed")
    expect(acknowledgements.wait_for(after), "open")
    say(f"{service}: killed and restarted, both triggers acknowledged")


def run() -> None:
    say("building the image, starting everything with the demo")
    compose("build", "--quiet")
    found = docker("run", "--rm", "--entrypoint", "sh", "stringx", "-c", "id -u; command -v cc gcc g++ clang make || true")
    if found != "10001":
        raise SystemExit(f"compose-smoke: the image must run as user 10001 and have no compiler: {found}")
    compose("up", "--detach", "--wait", "--wait-timeout", "300", demo=True)

    acknowledgements = Acknowledgements()
    count = published()
    acknowledgements.wait_for_count(count)
    say(f"the demo's {count} triggers are acknowledged")

    if [status_of(f"{API}/readyz"), status_of(f"{API}/v1/runs"), status_of(f"{DOCS}/")] != [200, 401, 200]:
        raise SystemExit("compose-smoke: the API must be ready and want a token, and the docs portal must answer")
    inside = ["docker", "compose", "--project-name", PROJECT, "exec", "--no-TTY", "serve"]
    gate = ["stringx", "trigger", "raw.flights", "--slice", "flight_date=2013-02-08", "--wait"]
    asked = subprocess.run([*inside, *gate], check=False, capture_output=True, text=True, env=ENVIRONMENT)
    if asked.returncode != 1:
        raise SystemExit(f"compose-smoke: the blizzard's day must be closed, exit code 1: {asked.returncode}\n{asked.stdout}{asked.stderr}")
    say("API, docs portal and command line answer")

    for service in LASTING:
        kill_and_restart(service, acknowledgements)

    compose("up", "--detach", "--wait", "--no-recreate", "--scale", "runner=3", "runner")
    for trigger in [publish("2013-02-03") for _ in range(6)]:
        expect(acknowledgements.wait_for(trigger), "open")
    say("three runners: six triggers acknowledged")


def main() -> None:
    compose("down", "--volumes", "--remove-orphans", demo=True)
    try:
        run()
    except BaseException:
        print(compose("ps", "--all", demo=True), compose("logs", "--tail", "60", demo=True), sep="\n", file=sys.stderr)
        raise
    finally:
        compose("down", "--volumes", "--remove-orphans", "--timeout", "20", demo=True)
    say("passed; everything is taken down")


if __name__ == "__main__":
    main()
