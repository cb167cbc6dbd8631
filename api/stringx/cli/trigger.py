"""`stringx trigger TABLE`: say that a table was loaded; with `--wait` it is a gate for CI, by its exit code."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any

import click

from stringx import settings as environment
from stringx.cli import EXIT_INTERRUPTED, connection
from stringx.cli.absent import Named
from stringx.cli.output import output_option, warn
from stringx.cli.prepared import engine_option
from stringx.cli.slices import read_slice
from stringx.cli.told import Told, finish, judged_before, told_by_acknowledgement, told_by_answer
from stringx.cli.waiting import WaitingCommand, settled, wait_option
from stringx.client import Client
from stringx.errors import NotFound
from stringx.model import DEFAULT_WORKSPACE, Acknowledgement, Door, TriggerAnswer, TriggerBody
from stringx.settings import Settings
from stringx.triggers.http import DEFAULT_SOURCES
from stringx.triggers.parse import parse_body

#: For the broker to take a trigger.
PUBLISH_SECONDS = 15.0


#: An empty one, as of a variable that is not set, would be taken as often as it is sent.
ID = Named("give what stays the same when this trigger is sent again, or leave --id out for a new one")


@click.command(cls=WaitingCommand)
@click.argument("table")
@click.option("--slice", "slices", multiple=True, help="What was loaded: column=value, 'column>=value', 'column<value', 'column in a,b'.")
@click.option("--slice-json", help='The same as JSON: {"column": "day", "equals": "2013-02-08"}, or a list of these.')
@click.option("-w", "--workspace", default=DEFAULT_WORKSPACE, show_default=True, help="Whose gate.")
@click.option("--id", "event_id", type=ID, help="The same id with the same content is taken once.  [default: a new one]")
@click.option("--priority", type=int, help="-100 to 100; higher goes first.")
@engine_option
@click.option("--reply-to", help="A Kafka topic for the acknowledgement, where the gate allows it.")
@click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="Comes back with the acknowledgement.")
@wait_option
@click.option("--kafka", is_flag=True, help="Send it through Kafka, not over HTTP.")
@output_option
def trigger(
    table: str,
    slices: Sequence[str],
    slice_json: str | None,
    workspace: str,
    event_id: str | None,
    priority: int | None,
    engine: str | None,
    reply_to: str | None,
    metadata: Sequence[str],
    wait: float | None,
    kafka: bool,
    output: str,
) -> None:
    """Say that TABLE, or a slice of it, was loaded and wants a verdict.

    With --wait the exit code is a gate's: 0 open, 1 closed by rules, 2 wrong usage or refused, 3 could not be judged (no gate,
    an error, nothing answers), 4 waited too long. Without it, 0 says that the trigger was taken.
    """
    settings = environment.load()
    given: dict[str, Any] = {
        "id": event_id or uuid.uuid4().hex,
        "source": DEFAULT_SOURCES[Door.CLI],
        "table": table,
        "slice": read_slice(slices, slice_json).as_json(),
        "workspace": workspace,
        "priority": priority,
        "engine": engine,
        "reply_to": reply_to,
        "metadata": dict(_pair(option) for option in metadata),
    }
    body = parse_body({name: value for name, value in given.items() if value is not None}, settings=settings)
    try:
        told = _over_kafka(settings, body, wait, known=event_id is not None) if kafka else _over_http(settings, body, wait)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)  # click's own is 1, which says "closed by rules"
    finish(told, wait, output)


def _pair(option: str) -> tuple[str, str]:
    key, separator, value = option.partition("=")
    if not separator or not key:
        raise click.UsageError(f"--metadata {option!r}: write KEY=VALUE")
    return key, value


def _over_http(settings: Settings, body: TriggerBody, wait: float | None) -> Told:
    with connection.api(settings) as api:
        taken = api.trigger(body)
        answer = settled(api, taken, wait).model_copy(update={"duplicate": taken.duplicate})
        if not (taken.duplicate and taken.settled):
            return told_by_answer(answer)
        present = _version_in_force(api, answer) if answer.run is not None else None
        repeated = judged_before(answer.run, answer.judged_at or answer.received_at, answer.gate_version, present)
        return told_by_answer(answer, repeated)


def _version_in_force(api: Client, answer: TriggerAnswer) -> int | None:
    try:
        return api.gate(answer.table, answer.workspace).version
    except NotFound:  # it was withdrawn meanwhile
        return None


def _over_kafka(settings: Settings, body: TriggerBody, wait: float | None, *, known: bool) -> Told:
    """`known`: the id may have been sent before."""
    from stringx.cli.earlier import RECORDS, earlier_acknowledgement
    from stringx.embedded.replay import Acknowledgements, publish

    settings = connection.with_broker(settings)
    if wait is None:
        publish(settings, [body], PUBLISH_SECONDS)
        return told_by_acknowledgement(None, body)
    acknowledgements = Acknowledgements(settings, waiting=lambda: None, warn=warn, patience_seconds=min(wait, PUBLISH_SECONDS))
    try:
        deadline = time.monotonic() + wait
        # Looked for before it is sent: what is found then is not the answer to this sending.
        found = earlier = earlier_acknowledgement(settings, body, deadline) if known else None
        publish(settings, [body], PUBLISH_SECONDS)
        while found is None and (left := deadline - time.monotonic()) > 0:
            read = acknowledgements.poll(min(left, 1.0))
            if read is not None and (read.trigger_id, read.trigger_source) == (body.id, body.source):
                found = read
    finally:
        acknowledgements.close()
    if found is None and known:
        warn(
            f"if {body.id} was sent before, its verdict is not among the last {RECORDS} records of a partition of "
            f"{settings.kafka_verdicts_topic}: send another --id to have it judged anew, or ask without --kafka"
        )
    return told_by_acknowledgement(found, body, None if earlier is None else _judged_before(earlier))


def _judged_before(earlier: Acknowledgement) -> str:
    moment = None if earlier.timings is None else earlier.timings.judged_at or earlier.timings.received_at
    return judged_before(earlier.run, moment, earlier.gate_version)
