"""`stringx up`: everything on this machine, and with `--demo` real verdicts about real data."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.live import Live

from stringx import settings as settings_module
from stringx.cli import EXIT_INTERRUPTED, EXIT_NOT_JUDGED, EXIT_WAITED_TOO_LONG, output
from stringx.cli.verdict_board import VerdictBoard
from stringx.client import Client
from stringx.embedded import addresses, replay
from stringx.embedded.addresses import Addresses
from stringx.embedded.home import Home
from stringx.embedded.stack import Stack
from stringx.errors import ConfigurationError
from stringx.kafka_clients import require_broker
from stringx.model import DEFAULT_WORKSPACE
from stringx.settings import PREFIX, Settings

#: How long `--once` waits for an acknowledgement after the one before it.
PATIENCE_SECONDS = 300.0
#: Kafka and Postgres want some seconds to end in order.
LEAST_GRACE_SECONDS = 10.0


@click.command()
@click.option("--demo", is_flag=True, help="Load the demo's data, and publish its triggers to Kafka.")
@click.option("--once", is_flag=True, help="With --demo: end after the last acknowledgement.")
@click.option("--fresh", is_flag=True, help="Delete what an earlier start kept, and start anew.")
@click.option("--output", "form", type=click.Choice(["table", "json"]), default="table", show_default=True, help="json: with --once.")
@click.option("--kafka", metavar="URL", help="bootstrap.servers of a broker to use, instead of one of its own.")
@click.option("--database", metavar="URL", help="postgresql:// of the internal database to use, instead of one of its own.")
@click.option("--home", metavar="DIR", type=click.Path(path_type=Path), help="Where data, addresses and tokens are kept.")
def up(demo: bool, once: bool, fresh: bool, form: str, kafka: str | None, database: str | None, home: Path | None) -> None:
    """Start StringX with all that it needs on this machine; Ctrl-C stops it.

    A Postgres and a Kafka broker of its own are started unless others are named, here or by the settings. Progress goes to stderr.
    """
    if once and not demo:
        raise click.UsageError("--once wants --demo: it ends after the acknowledgements of the demo's triggers")
    if form == "json" and not once:
        raise click.UsageError("--output json wants --once: it prints one document at the end")
    named = {"kafka_bootstrap": kafka, "database_url": database, "home": home}
    settings = settings_module.load({name: value for name, value in named.items() if value is not None})
    place = Home(settings.home)
    if not place.acquire():
        _say_where_the_first_serves(place, once)
        return
    if not place.acquire_broker() and (fresh or "kafka_bootstrap" not in settings.model_fields_set):
        holder = f"process {place.broker_holder()} (`scripts/kafka`) runs the broker on the data in {place.folder}"
        raise ConfigurationError(f"{holder}: stop it, or give this one another --home")
    if "kafka_bootstrap" in settings.model_fields_set:
        require_broker(settings, "--kafka" if kafka is not None else f"{PREFIX}KAFKA_BOOTSTRAP")
    place.end_leftovers()
    if fresh:
        _say(f"deleting what an earlier start kept in {place.folder}")
        place.empty()
    stack = Stack(settings, place, demo, _say)
    grace_seconds = max(settings.stop_grace_seconds, LEAST_GRACE_SECONDS)
    code = 0
    with _signals_interrupt():
        try:
            stack.start()
            code = _serve(stack, once, form)
        except KeyboardInterrupt:
            code = EXIT_INTERRUPTED if once else 0
        finally:
            _stop(stack, grace_seconds)
            place.release()
    sys.exit(code)


def _serve(stack: Stack, once: bool, form: str) -> int:
    """The demo's triggers and their verdicts; then, unless `once`, until a signal. Returns the exit code."""
    settings = stack.settings.model_copy(update={"kafka_bootstrap": stack.addresses.kafka})
    check = stack.supervisor.check
    acknowledgements = replay.Acknowledgements(settings, waiting=check, warn=_say)
    board = VerdictBoard(replay.demo_triggers() if stack.demo else [])
    if stack.demo:
        _say(f"publishing {len(board.triggers)} triggers to {settings.kafka_triggers_topic}; the runner parses its dbt project first")
        replay.publish(settings, board.triggers)
        _collect(stack, acknowledgements, board, shown=form == "table")
    if once:
        acknowledgements.close()
        return _finish(stack, board, form)
    _say_where_to_look(stack, board)
    while True:
        check()
        acknowledgement = acknowledgements.poll(0.5)
        if acknowledgement is not None:
            _say(board.line(acknowledgement))


def _collect(stack: Stack, acknowledgements: replay.Acknowledgements, board: VerdictBoard, *, shown: bool) -> None:
    """Waits for the acknowledgement of each trigger, and shows them as they come: a table on a terminal, else lines on stderr."""
    console = output.console()
    live = Live(board.table(), console=console, auto_refresh=False) if shown and console.is_terminal else None
    if live:
        live.start(refresh=True)
    newest = time.monotonic()
    try:
        while board.missing and time.monotonic() - newest < PATIENCE_SECONDS:
            stack.supervisor.check()
            acknowledgement = acknowledgements.poll(0.2)
            if acknowledgement is None or not board.take(acknowledgement):
                continue
            newest = time.monotonic()
            if live:
                live.update(board.table(), refresh=True)
            else:
                _say(board.line(acknowledgement))
    finally:
        if live:
            live.stop()
    if shown and not live:
        console.print(board.table())
    for trigger in board.missing:
        _say(f"no acknowledgement came for {trigger.table}, {trigger.slice}")


def _finish(stack: Stack, board: VerdictBoard, form: str) -> int:
    if form == "json":
        runs = dict.fromkeys(answer.run for answer in board.answers.values() if answer.run is not None)
        with Client(stack.addresses.api, _api_token(stack)) as client:
            output.print_json({"runs": [_run_json(client.run(run).as_json()) for run in runs]})
    if board.missing:
        return EXIT_WAITED_TOO_LONG
    return EXIT_NOT_JUDGED if any(answer.run is None for answer in board.answers.values()) else 0


def _run_json(run: dict[str, Any]) -> dict[str, Any]:
    """A run as `--once --output json` tells it. Its acknowledgement has been read from the topic: that is why it is here."""
    names = ("run", "table", "slice", "mode", "engine", "verdict", "decision", "gate_version")
    checks = ("name", "kind", "dimension", "level", "severity", "outcome", "failures")
    shown = {name: run[name] for name in names}
    return {**shown, "acknowledged": True, "checks": [{name: check[name] for name in checks} for check in run["checks"]]}


def _api_token(stack: Stack) -> str:
    if stack.settings.api_token is not None:
        return stack.settings.api_token.get_secret_value()
    return addresses.ensure_token(stack.home.folder, "api")


def _say(line: str) -> None:
    click.echo(line, err=True)


def _say_where_to_look(stack: Stack, board: VerdictBoard) -> None:
    stringx = _this_command()
    if stack.settings.home != Settings.model_fields["home"].default:
        stringx = f"STRINGX_HOME={stack.home.folder} {stringx}"
    _say("")
    _say_addresses(stack.addresses)
    _say(f"  token of the API    {stack.home.folder / 'tokens' / 'api'}")
    _say("\nThe next three commands:")
    for command in _next_commands(stack, next((answer.run for answer in board.closed()), None)):
        _say(f"  {stringx} {command}")
    _say("\nCtrl-C stops everything that was started here.")


def _next_commands(stack: Stack, closed_run: str | None) -> list[str]:
    """Three that answer something here and now."""
    if stack.has_demo and ("default", "raw.flights") in stack.gates:
        last = "trigger raw.flights --slice flight_date=2013-02-09 --wait"
    elif stack.gates:
        workspace, table = stack.gates[0]
        whose = "" if workspace == DEFAULT_WORKSPACE else f" --workspace {workspace}"
        last = f"trigger {table}{whose} --wait" if stack.has_target else f"gates show {table}{whose}"
    else:
        last = "gates apply"  # it says what keeps them from being applied, and applies them once that is mended
    return ["runs", f"run {closed_run}" if closed_run else "gates", last]


def _this_command() -> str:
    """How this command was called, as briefly as it can be called again from here."""
    command = Path(sys.argv[0]).absolute()
    if command.name == "__main__.py":
        return "python -m stringx"
    if shutil.which(command.name) == str(command):
        return command.name
    return str(command.relative_to(Path.cwd())) if command.is_relative_to(Path.cwd()) else str(command)


def _say_addresses(found: Addresses) -> None:
    _say("StringX serves:")
    _say(f"  API                 {found.api}/openapi.json")
    _say(f"  dbt docs portal     {found.docs}")
    _say(f"  Kafka               {found.kafka}")


def _say_where_the_first_serves(place: Home, once: bool) -> None:
    found = addresses.read(place.folder)
    if once:
        raise ConfigurationError(f"another `stringx up` serves from {place.folder}: stop it, or give this one another --home")
    if found is None:
        raise ConfigurationError(f"another `stringx up` is starting or stopping in {place.folder}: try again once it has")
    _say(f"another `stringx up` serves from {place.folder} already.")
    _say_addresses(found)


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM and SIGINT raise KeyboardInterrupt within the block, wherever it is: even while it waits for a server."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(stack: Stack, grace_seconds: float) -> None:
    _say("stopping")
    try:
        stack.stop(grace_seconds)
    except KeyboardInterrupt:  # asked twice: at once
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        stack.stop(0.0)
