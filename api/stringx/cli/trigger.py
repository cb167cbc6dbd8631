"""`stringx trigger TABLE`: say that a table was loaded; with `--wait` it is a gate for CI, by its exit code."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import click
from rich.text import Text

from stringx import settings as environment
from stringx.cli import EXIT_CLOSED, EXIT_INTERRUPTED, EXIT_NOT_JUDGED, EXIT_USAGE, EXIT_WAITED_TOO_LONG, connection
from stringx.cli.output import cell, console, output_option, print_json, print_table
from stringx.cli.slices import read_slice
from stringx.client import Client
from stringx.errors import ApiUnavailable
from stringx.model import DEFAULT_WORKSPACE, Acknowledgement, Decision, Door, FailingRule, Outcome, TriggerAnswer, TriggerBody, VerdictName
from stringx.settings import Settings
from stringx.triggers.http import DEFAULT_SOURCES
from stringx.triggers.parse import parse_body

#: Seconds of a `--wait` that names none.
DEFAULT_WAIT_SECONDS = 600.0
#: Seconds that one request waits; a longer wait is several of them, so that no proxy between finds it idle for too long.
REQUEST_WAIT_SECONDS = 30.0
#: Between two requests where the API did not let us wait, or was not there.
PAUSE_SECONDS = 1.0
#: For the broker to take a trigger.
PUBLISH_SECONDS = 15.0


@dataclass(frozen=True)
class Told:
    """What is known of a trigger, by whichever way it was learnt."""

    #: `sent`: the broker has it, and nothing more is known
    state: Literal["sent", "accepted", "unmatched", "refused"]
    table: str
    slice: str
    run: str | None
    verdict: VerdictName | None
    decision: Decision | None
    message: str | None
    failing: tuple[FailingRule, ...]
    document: dict[str, Any]

    @property
    def exit_code(self) -> int:
        """Of `--wait`, for what is known once the wait is over."""
        if self.state == "refused":
            return EXIT_USAGE
        if self.state == "unmatched":
            return EXIT_NOT_JUDGED
        if self.decision is None:
            return EXIT_WAITED_TOO_LONG
        if self.decision is Decision.OPEN:
            return 0
        return EXIT_CLOSED if self.verdict is VerdictName.FAILED else EXIT_NOT_JUDGED


class _OptionalSeconds(click.Command):
    """Lets `--wait` stand without its seconds, also right before TABLE: what follows it is taken for seconds only if it is a number."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        filled = []
        for word, following in pairwise([*args, ""]):
            bare = word == "--wait" and not following.replace(".", "", 1).isdigit()
            filled.append(f"--wait={DEFAULT_WAIT_SECONDS:g}" if bare else word)
        return super().parse_args(ctx, filled)


@click.command(cls=_OptionalSeconds)
@click.argument("table")
@click.option("--slice", "slices", multiple=True, help="What was loaded: column=value, 'column>=value', 'column<value', 'column in a,b'.")
@click.option("--slice-json", help='The same as JSON: {"column": "day", "equals": "2013-02-08"}, or a list of these.')
@click.option("--workspace", default=DEFAULT_WORKSPACE, show_default=True, help="Whose gate.")
@click.option("--id", "event_id", help="The same id with the same content is taken once.  [default: a new one]")
@click.option("--priority", type=int, help="-100 to 100; higher goes first.")
@click.option("--reply-to", help="A Kafka topic for the acknowledgement, where the gate allows it.")
@click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="Comes back with the acknowledgement.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0, max=86_400),
    metavar="[SECONDS]",
    help=f"Wait for the verdict, {DEFAULT_WAIT_SECONDS:g} seconds unless told otherwise, and exit by it.",
)
@click.option("--kafka", is_flag=True, help="Send it through Kafka, not over HTTP.")
@output_option
def trigger(
    table: str,
    slices: Sequence[str],
    slice_json: str | None,
    workspace: str,
    event_id: str | None,
    priority: int | None,
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
        "reply_to": reply_to,
        "metadata": dict(_pair(option) for option in metadata),
    }
    body = parse_body({name: value for name, value in given.items() if value is not None}, settings=settings)
    try:
        told = _over_kafka(settings, body, wait) if kafka else _over_http(settings, body, wait)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)  # click's own is 1, which says "closed by rules"
    if output == "json":
        print_json(told.document)
    else:
        _show(told)
    if wait is not None:
        if told.exit_code == EXIT_WAITED_TOO_LONG:
            click.echo(f"stringx: no verdict within {wait:g} seconds", err=True)
        sys.exit(told.exit_code)


def _pair(option: str) -> tuple[str, str]:
    key, separator, value = option.partition("=")
    if not separator or not key:
        raise click.UsageError(f"--metadata {option!r}: write KEY=VALUE")
    return key, value


# --- HTTP -----------------------------------------------------------------------------------------------------------


def _over_http(settings: Settings, body: TriggerBody, wait: float | None) -> Told:
    with connection.api(settings) as api:
        answer = api.trigger(body)
        if wait is not None:
            if not answer.settled:
                click.echo(f"stringx: {answer.state}; waiting for its verdict: stringx run {answer.run}", err=True)
            answer = _wait(api, answer, time.monotonic() + wait)
    return Told(
        state=answer.state,
        table=answer.table,
        slice=str(answer.slice),
        run=answer.run,
        verdict=answer.verdict,
        decision=answer.decision,
        message=answer.message,
        failing=answer.failing,
        document=answer.as_json(),
    )


def _wait(api: Client, answer: TriggerAnswer, deadline: float) -> TriggerAnswer:
    """The trigger once it is settled, or as it is at the deadline. An API that goes away meanwhile is waited for, too."""
    while not answer.settled and (left := deadline - time.monotonic()) > 0:
        asked = time.monotonic()
        try:
            answer = api.trigger_state(answer.trigger, wait_seconds=min(left, REQUEST_WAIT_SECONDS))
        except ApiUnavailable:
            if deadline - time.monotonic() < PAUSE_SECONDS:
                raise
        if not answer.settled and time.monotonic() - asked < PAUSE_SECONDS:
            time.sleep(min(PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))
    return answer


# --- Kafka ----------------------------------------------------------------------------------------------------------


def _over_kafka(settings: Settings, body: TriggerBody, wait: float | None) -> Told:
    from stringx.embedded.replay import Acknowledgements, publish

    settings = connection.with_broker(settings)
    if wait is None:
        publish(settings, [body], PUBLISH_SECONDS)
        return _told_by(None, body)
    acknowledgements = Acknowledgements(settings, waiting=lambda: None, warn=_warn, patience_seconds=min(wait, PUBLISH_SECONDS))
    try:
        publish(settings, [body], PUBLISH_SECONDS)
        deadline = time.monotonic() + wait
        found = None
        while found is None and (left := deadline - time.monotonic()) > 0:
            read = acknowledgements.poll(min(left, 1.0))
            if read is not None and (read.trigger_id, read.trigger_source) == (body.id, body.source):
                found = read
    finally:
        acknowledgements.close()
    return _told_by(found, body)


def _warn(line: str) -> None:
    click.echo(f"stringx: {line}", err=True)


def _told_by(acknowledgement: Acknowledgement | None, body: TriggerBody) -> Told:
    """What an acknowledgement tells; without one it is not known whether the trigger was accepted."""
    if acknowledgement is None:
        document = {"trigger": None, **body.as_json(), "state": "sent", "verdict": None, "decision": None}
        return Told("sent", body.table, str(body.slice), None, None, None, None, (), document)
    return Told(
        state="accepted" if acknowledgement.state == "judged" else acknowledgement.state,
        table=body.table,
        slice=str(body.slice),
        run=acknowledgement.run,
        verdict=acknowledgement.verdict,
        decision=acknowledgement.decision,
        message=acknowledgement.message,
        failing=acknowledgement.failing,
        document=acknowledgement.as_json(),
    )


# --- what is shown --------------------------------------------------------------------------------------------------


def _show(told: Told) -> None:
    out = console()
    what = f"{told.table}, {told.slice}"
    if told.decision is not None and told.verdict is not None:
        out.print(Text.assemble(cell(told.decision), " (", cell(told.verdict), f"): {what}"))
    else:
        out.print(cell(f"{told.state}: {what}"))
    if told.message:
        out.print(cell(told.message))
    if told.failing:
        columns = ("rule", "outcome", "failures", "severity", "kind", "message")
        print_table(columns, [_row(rule) for rule in told.failing])
    if told.run is not None:
        out.print(cell(f"run {told.run}"))


def _row(rule: FailingRule) -> tuple[object, ...]:
    # dbt's message of a test that failed says the count again; one that broke says why.
    message = rule.message if rule.outcome is Outcome.ERRORED else None
    return rule.name, rule.outcome, rule.failures, rule.severity, rule.kind, message
