#!/usr/bin/env python3
"""Tells StringX through Kafka that a table was loaded. One file to copy into a pipeline: it needs Python and confluent-kafka.

    send_kafka_trigger.py --bootstrap broker:9092 --table raw.flights --slice flight_date=2013-02-08 --wait

It ends once the broker has the trigger; with --wait once its acknowledgement is read from the verdicts' topic. An id that was judged
before is acknowledged no second time, and waited for in vain; `stringx trigger --kafka --wait` finds what was said then. Exit codes: 0 sent
(with --wait: open), 1 closed by rules, 2 wrong usage or refused, 3 could not be judged or sent, 4 waited too long.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
import uuid
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

OPEN, CLOSED, REFUSED, NOT_JUDGED, WAITED_TOO_LONG = range(5)
# Seconds for the broker, where --timeout does not say: no shorter than a connection takes, and no longer than anybody waits.
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 5.0, 30.0


class NotSent(Exception):
    pass


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bootstrap", required=True, help="bootstrap.servers, such as broker:9092")
    parser.add_argument("--table", required=True, help="schema.table or database.schema.table")
    parser.add_argument("--topic", default="stringx.triggers", help="where triggers go (default: %(default)s)")
    parser.add_argument("--slice", action="append", default=[], metavar="COLUMN=VALUE", help="what was loaded; may be given several times")
    parser.add_argument("--slice-json", type=json.loads, help='the same as JSON: {"column": "day", "in": ["2013-02-01", "2013-02-02"]}')
    parser.add_argument(
        "--id",
        default=uuid.uuid4().hex,
        help="the same id is taken once: give your load's own (default: a new one); with --wait, new ones only",
    )
    parser.add_argument("--source", default="send_kafka_trigger", help="who sends; an id is one of its source's (default: %(default)s)")
    parser.add_argument("--workspace", help="whose gate (default: default)")
    parser.add_argument("--priority", type=int, help="-100 to 100; higher goes first")
    parser.add_argument("--engine", choices=("prepared", "dbt"), help="of this run (default: the gate's); dbt has dbt execute it")
    parser.add_argument("--reply-to", help="another topic for the acknowledgement, where the gate allows it")
    parser.add_argument("--metadata", action="append", default=[], metavar="KEY=VALUE", help="comes back with the acknowledgement")
    parser.add_argument("--correlation-id", help="goes along as a header")
    parser.add_argument("--property", action="append", default=[], metavar="NAME=VALUE", help="of librdkafka: security.protocol=SASL_SSL")
    parser.add_argument("--properties-file", type=Path, help="the same, one a line: for passwords, which other users see on a command line")
    parser.add_argument("--timeout", type=float, help="seconds for the broker to take it (default: as many as --wait, from 5 to 30)")
    parser.add_argument(
        "--wait", type=float, nargs="?", const=600, metavar="SECONDS", help="wait for the acknowledgement (600 unless told otherwise)"
    )
    parser.add_argument("--verdicts-topic", default="stringx.verdicts", help="where acknowledgements come (default: %(default)s)")
    given = parser.parse_args()
    if given.timeout is None:
        given.timeout = LONGEST_TIMEOUT if given.wait is None else min(LONGEST_TIMEOUT, max(SHORTEST_TIMEOUT, given.wait))
    if given.slice and given.slice_json is not None:
        parser.error("--slice and --slice-json say the same thing: give one of them")
    return given


def pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        print(f"send_kafka_trigger: {text!r}: write NAME=VALUE", file=sys.stderr)
        sys.exit(REFUSED)
    return name.strip(), value.strip()


def properties(given: argparse.Namespace) -> dict[str, str]:
    try:
        lines = given.properties_file.read_text().splitlines() if given.properties_file else []
    except (OSError, ValueError) as error:
        print(f"send_kafka_trigger: --properties-file: {error}", file=sys.stderr)
        sys.exit(REFUSED)
    named = [pair(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    # librdkafka would write a line for each of its tries; what went wrong in the end is said once, by us.
    return {"bootstrap.servers": given.bootstrap, "log_level": "0", **dict(named), **dict(pair(text) for text in given.property)}


def trigger(given: argparse.Namespace) -> dict[str, Any]:
    """The record's value; only `table` is required."""
    predicates = [{"column": column, "equals": value} for column, value in map(pair, given.slice)]
    fields = {
        "id": given.id,
        "source": given.source,
        "table": given.table,
        "slice": given.slice_json if given.slice_json is not None else predicates or None,
        "workspace": given.workspace,
        "priority": given.priority,
        "engine": given.engine,
        "reply_to": given.reply_to,
        "metadata": dict(pair(text) for text in given.metadata) or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def send(given: argparse.Namespace, value: dict[str, Any]) -> None:
    """Returns once the broker has the record; NotSent where it does not take it."""
    faults: list[KafkaError] = []
    delivered: list[Message] = []

    def report(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            faults.append(error)
        else:
            delivered.append(message)

    producer = Producer({**properties(given), "enable.idempotence": True, "message.timeout.ms": int(given.timeout * 1000)})
    headers = {"content-type": "application/json"} | ({"correlationid": given.correlation_id} if given.correlation_id else {})
    # The table as the key keeps one table's triggers in their order.
    producer.produce(given.topic, key=given.table, value=json.dumps(value), headers=headers, on_delivery=report)
    producer.flush(given.timeout + 5)
    if not delivered:
        raise NotSent(f"{given.bootstrap} did not take the trigger: {faults[0].str() if faults else 'no answer in time'}")
    place = delivered[0]
    print(f"sent {given.id} to {place.topic()}, partition {place.partition()}, offset {place.offset()}", file=sys.stderr)


def reader(given: argparse.Namespace) -> Consumer:
    """Reads the verdicts' topic from its present end on: made before the trigger is sent, it cannot miss the answer."""
    # librdkafka asks for a group; nothing is committed in it.
    consumer = Consumer({**properties(given), "group.id": f"send-{uuid.uuid4().hex}", "enable.auto.commit": False})
    topic = consumer.list_topics(given.verdicts_topic, timeout=given.timeout).topics[given.verdicts_topic]
    if topic.error is not None:
        raise KafkaException(topic.error)
    partitions = []
    for number in topic.partitions:
        ends = consumer.get_watermark_offsets(TopicPartition(given.verdicts_topic, number), timeout=given.timeout)
        partitions.append(TopicPartition(given.verdicts_topic, number, ends[1] if ends else OFFSET_END))
    consumer.assign(partitions)
    return consumer


def answer(given: argparse.Namespace, consumer: Consumer) -> dict[str, Any] | None:
    """The acknowledgement of our trigger; None where none came in time."""
    deadline = time.monotonic() + given.wait
    while (left := deadline - time.monotonic()) > 0:
        message = consumer.poll(min(left, 1.0))
        if message is None or message.error() is not None:
            continue
        found = acknowledgement_in(message.value() or b"")
        if found is None:
            place = f"{message.topic()}, partition {message.partition()}, offset {message.offset()}"
            print(f"send_kafka_trigger: {place}: no acknowledgement, passed over", file=sys.stderr)
        elif (found.get("trigger_id"), found.get("trigger_source")) == (given.id, given.source):
            return found
    return None


def acknowledgement_in(value: bytes) -> dict[str, Any] | None:
    """None for a record of somebody else: the topic may be shared."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("state") in ("judged", "unmatched", "refused") else None


def exit_code(acknowledgement: dict[str, Any]) -> int:
    if acknowledgement["state"] == "refused":
        return REFUSED
    if acknowledgement.get("decision") == "open":
        return OPEN
    return CLOSED if acknowledgement.get("verdict") == "failed" else NOT_JUDGED


def main() -> int:
    given = arguments()
    value = trigger(given)
    try:
        if given.wait is None:
            send(given, value)
            return OPEN
        consumer = reader(given)
        try:
            send(given, value)
            acknowledgement = answer(given, consumer)
        finally:
            consumer.close()
    except NotSent as error:
        print(f"send_kafka_trigger: {error}", file=sys.stderr)
        return NOT_JUDGED
    except KafkaException as error:
        print(f"send_kafka_trigger: {given.bootstrap}: {error.args[0].str()}", file=sys.stderr)
        return NOT_JUDGED
    if acknowledgement is None:
        likely = (
            f"either the run takes longer, the id was judged before (it is acknowledged once), StringX does not run at {given.bootstrap}, "
            f"or it reads another topic than {given.topic} or answers in another than {given.verdicts_topic}"
        )
        print(f"send_kafka_trigger: no acknowledgement within {given.wait:g} seconds: {likely}", file=sys.stderr)
        return WAITED_TOO_LONG
    print(json.dumps(acknowledgement, indent=2, ensure_ascii=False))
    return exit_code(acknowledgement)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception:  # noqa: BLE001  # Python's own exit code would be 1, which tells a pipeline "closed by rules"
        traceback.print_exc()
        sys.exit(NOT_JUDGED)
