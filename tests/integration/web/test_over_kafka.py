"""Triggers sent through a real broker by `stringx trigger --kafka` and by the script to copy, and answered there."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from commands import command, start
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from served import RULES, Served
from waiting import until

from stringx.acks.kafka import kafka_publisher
from stringx.acks.outbox import Drain
from stringx.cli.earlier import search
from stringx.embedded.replay import Acknowledgements, publish
from stringx.errors import KafkaUnavailable
from stringx.model import Acknowledgement, TriggerBody
from stringx.settings import Settings
from stringx.triggers.kafka import KafkaDoor

SCRIPT = Path(__file__).parents[3] / "scripts" / "send_kafka_trigger.py"
FLIGHTS = ("--slice", "flight_date=2013-02-08")


@pytest.fixture
def kafka(topics: dict[str, str], served: Served) -> Iterator[dict[str, str]]:
    """The topics, with a door that reads triggers and an outbox that is drained; what runs is judged: 431 failures of a rule."""
    stopped = threading.Event()
    door = KafkaDoor(served.settings, served.engine)
    drain = Drain(served.settings, served.engine, partial(kafka_publisher, served.settings), stopped)

    def judge() -> None:
        while not stopped.wait(0.05):
            for queued in served.client.runs(state="queued").runs:
                served.judge(queued.run, {RULES[1]: 431})

    threads = [threading.Thread(target=work) for work in (drain.run, judge)]
    door.start()
    for thread in threads:
        thread.start()
    yield topics
    stopped.set()
    drain.more.set()
    door.close()
    for thread in threads:
        thread.join()
    assert door.join(30)


def environment(topics: dict[str, str]) -> dict[str, str]:
    return {f"STRINGX_{name.upper()}": value for name, value in topics.items()}


def test_the_command_waits_for_its_acknowledgement_on_kafka(kafka: dict[str, str], served: Served) -> None:
    process = command("trigger", "raw.flights", *FLIGHTS, "--kafka", "--wait=90", "--metadata", "job=7", **environment(kafka))
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert "closed (failed): raw.flights, flight_date = 2013-02-08" in out
    assert (RULES[1] in out, "431" in out) == (True, True)
    (run,) = served.client.runs().runs
    assert [(one.source, one.door) for one in served.client.run(run.run).triggers] == [("cli", "kafka")]


def test_a_job_that_is_started_again_with_its_id_gets_the_same_verdict(kafka: dict[str, str], served: Served) -> None:
    def ask(table: str, *options: str) -> tuple[int, dict[str, Any]]:
        words = ("trigger", table, *options, "--kafka", "--id", "job-1", "--wait=90", "--output", "json")
        process = command(*words, **environment(kafka))
        out, err = process.communicate(timeout=120)
        assert out, err
        return process.returncode, json.loads(out)

    hours = ("--slice", "hour in 5,6")
    code, first = ask("raw.flights", *FLIGHTS, *hours)
    assert (code, first["decision"]) == (1, "closed")
    assert ask("RAW.Flights", *FLIGHTS, *hours) == (1, first)
    assert ask("raw.flights", *FLIGHTS, "--slice", "hour in 6,5") == (1, first)
    assert served.count("runs") == 1
    code, other = ask("raw.flights", "--slice", "flight_date=2013-02-09")
    assert (code, other["state"]) == (2, "refused")  # the verdict of another content is not this one's
    code, other = ask("raw.flights", *FLIGHTS, *hours, "--priority", "50")
    assert (code, other["state"]) == (2, "refused")
    process = command("trigger", "raw.flights", *FLIGHTS, *hours, "--kafka", "--id", "job-1", "--wait=90", **environment(kafka))
    line = process.communicate(timeout=120)[0].splitlines()[1]
    assert line.startswith("this id was judged before, at 20")
    assert line.endswith(f" by gate version 1; `stringx rerun {first['run']}` judges again")
    assert ask("raw.flights", *FLIGHTS, *hours) == (1, first)  # and what was refused in between is not, either


def test_a_broker_that_falls_silent_is_not_waited_for_to_the_end() -> None:
    consumer = Consumer({"bootstrap.servers": "127.0.0.1:1", "group.id": "looking-back", "log_level": 0})
    consumer.assign([TopicPartition("verdicts", 0, 0)])
    body = TriggerBody.model_validate({"table": "raw.flights", "id": "job-1", "source": "cli"})
    with pytest.raises(KafkaUnavailable, match="nothing came for"):
        search(consumer, body, {0}, time.monotonic() + 60, silent_seconds=0.5)
    consumer.close()


def test_a_job_whose_verdict_is_not_found_is_told_how_far_back_it_was_looked_for(kafka: dict[str, str]) -> None:
    process = command("trigger", "raw.flights", *FLIGHTS, "--kafka", "--id", "job-1", "--wait=0", **environment(kafka))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (4, "sent: raw.flights, flight_date = 2013-02-08\n"), err
    assert f"the last 5000 records of a partition of {kafka['kafka_verdicts_topic']}" in err


def test_the_command_is_told_what_was_refused_on_kafka(kafka: dict[str, str]) -> None:
    process = command("trigger", "raw.flights", "--slice", "carrier=UA", "--kafka", "--wait=90", "--output", "json", **environment(kafka))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, json.loads(out)["state"]) == (2, "refused"), err
    assert "slice.0.column" in json.loads(out)["message"]


def test_the_command_sends_to_kafka_without_waiting(kafka: dict[str, str], served: Served) -> None:
    process = command("trigger", "raw.flights", *FLIGHTS, "--kafka", "--id", "load-1", **environment(kafka))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "sent: raw.flights, flight_date = 2013-02-08\n"), err
    until(lambda: served.count("triggers") == 1, "the trigger")


def test_a_broker_that_is_not_there_ends_with_3_and_one_line(tmp_path: Path) -> None:
    soon = {"STRINGX_KAFKA_PROPERTIES": '{"message.timeout.ms": "1000"}'}
    nobody = {"STRINGX_KAFKA_BOOTSTRAP": "127.0.0.1:1", "STRINGX_HOME": str(tmp_path), **soon}
    process = command("trigger", "raw.flights", "--kafka", **nobody)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, len(err.splitlines())) == (3, "", 1), err


def test_a_broker_that_is_not_there_is_waited_for_as_long_as_is_said() -> None:
    nobody = Settings(kafka_bootstrap="127.0.0.1:1")
    with pytest.raises(KafkaUnavailable, match="did not take 1 triggers: no answer"):
        publish(nobody, [TriggerBody.model_validate({"table": "raw.flights"})], 0.5)


def script(topics: dict[str, str], *words: str) -> tuple[int, str, str]:
    where = ("--bootstrap", topics["kafka_bootstrap"], "--topic", topics["kafka_triggers_topic"])
    process = start(sys.executable, str(SCRIPT), *where, "--verdicts-topic", topics["kafka_verdicts_topic"], *words)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_the_script_sends_a_trigger_and_reads_its_acknowledgement(kafka: dict[str, str], tmp_path: Path) -> None:
    properties = tmp_path / "client.properties"
    properties.write_text("# of librdkafka\nclient.id = my-pipeline\n\n")
    options = ("--id", "load-1", "--metadata", "job=7", "--correlation-id", "c-1", "--properties-file", str(properties))
    code, out, err = script(kafka, "--table", "raw.flights", *FLIGHTS, *options, "--property", "acks=all", "--wait", "90")
    assert code == 1, err
    acknowledgement = json.loads(out)
    assert (acknowledgement["trigger_id"], acknowledgement["verdict"], acknowledgement["decision"]) == ("load-1", "failed", "closed")
    assert (acknowledgement["metadata"], acknowledgement["correlation_id"]) == ({"job": "7"}, "c-1")
    assert "sent load-1 to" in err


FOREIGN = [None, b"", b"\xff\x00", b"{", b"7", b"[]", b'{"state": "asleep"}', b'{"id": 1}']


def write_verdicts(topics: dict[str, str], *values: bytes | None) -> None:
    producer = Producer({"bootstrap.servers": topics["kafka_bootstrap"]})
    for value in values:
        producer.produce(topics["kafka_verdicts_topic"], value)
    assert producer.flush(30) == 0


def test_what_is_no_acknowledgement_is_passed_over_with_a_line(kafka: dict[str, str], served: Served) -> None:
    lines: list[str] = []
    reader = Acknowledgements(served.settings, waiting=lambda: None, warn=lines.append)
    write_verdicts(kafka, *FOREIGN, b'{"state": "unmatched", "trigger_id": "a", "of_a_later_version": {"b": 1}}')
    read: list[Acknowledgement] = []

    def both() -> bool:
        found = reader.poll(0.2)
        read.extend([found] if found is not None else [])
        return bool(read) and len(lines) == len(FOREIGN)

    until(both, "the acknowledgement, and a line for each other record")
    reader.close()
    assert [(one.state, one.trigger_id) for one in read] == [("unmatched", "a")]
    assert all(kafka["kafka_verdicts_topic"] in line and "no acknowledgement" in line for line in lines)


def test_the_script_passes_over_what_is_no_acknowledgement(topics: dict[str, str]) -> None:
    """Nothing else serves here: the records come while it waits for an answer to its trigger."""
    admin = AdminClient({"bootstrap.servers": topics["kafka_bootstrap"]})
    names = (topics["kafka_triggers_topic"], topics["kafka_verdicts_topic"])
    for made in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        made.result(30)
    where = ("--bootstrap", topics["kafka_bootstrap"], "--topic", names[0], "--verdicts-topic", names[1])
    process = start(sys.executable, str(SCRIPT), *where, "--table", "raw.flights", "--id", "load-1", "--wait", "90")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("sent load-1")
    answer = {"state": "judged", "trigger_id": "load-1", "trigger_source": "send_kafka_trigger", "decision": "open", "later": 1}
    write_verdicts(topics, *FOREIGN, json.dumps(answer).encode())
    out, err = process.communicate(timeout=120)
    assert (process.returncode, json.loads(out)) == (0, answer), err
    assert len(err.splitlines()) == len(FOREIGN)


def test_the_script_says_why_there_may_be_no_answer(topics: dict[str, str]) -> None:
    """Nothing serves here but the broker."""
    admin = AdminClient({"bootstrap.servers": topics["kafka_bootstrap"]})
    for made in admin.create_topics([NewTopic(topics[f"kafka_{name}_topic"], 1, 1) for name in ("triggers", "verdicts")]).values():
        made.result(30)
    code, out, err = script(topics, "--table", "raw.flights", "--wait", "1")
    assert (code, out) == (4, "")
    _sent, line = err.splitlines()
    assert line.startswith("send_kafka_trigger: no acknowledgement within 1 seconds: ")
    topics_named = (topics["kafka_triggers_topic"], topics["kafka_verdicts_topic"])
    for cause in ("takes longer", "judged before", topics["kafka_bootstrap"], *topics_named):
        assert cause in line


def test_the_script_sends_and_ends_with_the_delivery_report(kafka: dict[str, str], served: Served) -> None:
    month = json.dumps({"column": "flight_date", "from": "2013-02-01", "to": "2013-03-01"})
    code, out, err = script(kafka, "--table", "raw.flights", "--slice-json", month)
    assert (code, out) == (0, ""), err
    until(lambda: served.count("triggers") == 1, "the trigger")
    assert str(served.client.runs().runs[0].slice) == "flight_date >= 2013-02-01 and flight_date < 2013-03-01"


def test_the_script_says_what_is_wrong() -> None:
    nowhere = {"kafka_bootstrap": "127.0.0.1:1", "kafka_triggers_topic": "t", "kafka_verdicts_topic": "v"}
    code, out, err = script(nowhere, "--table", "raw.flights", "--timeout", "1")
    assert (code, out, len(err.splitlines())) == (3, "", 1), err
    assert err.startswith("send_kafka_trigger: 127.0.0.1:1 did not take the trigger")
    assert script(nowhere, "--table", "raw.flights", "--timeout", "1", "--wait")[0] == 3
    began = time.monotonic()
    assert script(nowhere, "--table", "raw.flights", "--wait", "1")[0] == 3
    assert time.monotonic() - began < 25, "it goes by --wait, and not by the 30 seconds of a trigger without"
    assert script(nowhere, "--table", "raw.flights", *FLIGHTS, "--slice-json", "{}")[0] == 2
    assert script(nowhere, "--slice", "d=1")[0] == 2
    assert script(nowhere, "--table", "raw.flights", "--slice", "d")[0] == 2
    assert script(nowhere, "--table", "raw.flights", "--properties-file", "/not/there")[0] == 2
    assert script(nowhere, "--table", "raw.flights", "--timeout", "nan")[0] == 3  # a fault that nobody thought of is not "closed by rules"


def test_the_script_needs_nothing_but_python_and_confluent_kafka() -> None:
    imports = {line.split()[1].partition(".")[0] for line in SCRIPT.read_text().splitlines() if line.startswith(("import ", "from "))}
    assert imports - set(sys.stdlib_module_names) == {"confluent_kafka"}
