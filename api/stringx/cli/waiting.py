"""The option `--wait [SECONDS]`, and waiting over HTTP until a trigger is settled."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeVar

import click

from stringx.client import Client
from stringx.errors import ApiUnavailable
from stringx.model import TriggerAnswer

Command = TypeVar("Command", bound=Callable[..., Any])

#: Seconds of a `--wait` that names none.
DEFAULT_WAIT_SECONDS = 600.0
LONGEST_WAIT_SECONDS = 86_400.0
#: Seconds that one request waits; a longer wait is several of them, so that no proxy between finds it idle for too long.
REQUEST_WAIT_SECONDS = 30.0
#: Between two requests where the API did not let us wait, or was not there.
PAUSE_SECONDS = 1.0

#: Also one below 0, which is told as such.
_NUMBER = re.compile(r"-?[\d.]+")

_FORM = (
    f"write --wait alone for {DEFAULT_WAIT_SECONDS:g} seconds, or with a number of seconds from 0 to {LONGEST_WAIT_SECONDS:g}: --wait 90"
)


class WaitingCommand(click.Command):
    """Lets `--wait` stand without its seconds, also right before an argument: only a number that follows it is taken for them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        filled = []
        follows = None
        for word, following in pairwise([*args, ""]):
            bare = word == "--wait" and not _NUMBER.fullmatch(following)
            if bare and not following.startswith("-"):
                follows = following
            filled.append(f"--wait={DEFAULT_WAIT_SECONDS:g}" if bare else word)
        try:
            return super().parse_args(ctx, filled)
        except click.UsageError as error:
            # One argument too many, and it is the one that may have been meant as seconds.
            if follows and type(error) is click.UsageError:
                raise click.UsageError(f"--wait {follows}: {_FORM}", ctx) from error
            raise


class _Seconds(click.ParamType[float]):
    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds <= LONGEST_WAIT_SECONDS:
            self.fail(f"{value!r}: {_FORM}", param, ctx)
        return seconds


def wait_option(command: Command) -> Command:
    """Adds `--wait [SECONDS]` as the argument `wait`; the command is a WaitingCommand."""
    option = click.option(
        "--wait",
        type=_Seconds(),
        metavar="[SECONDS]",
        help=f"Wait for the verdict, {DEFAULT_WAIT_SECONDS:g} seconds unless told otherwise, and exit by it.",
    )
    return option(command)


def settled(api: Client, answer: TriggerAnswer, wait: float | None) -> TriggerAnswer:
    """The trigger once it is settled, or as it is after `wait` seconds; as it is where there is no wait."""
    if wait is None or answer.settled:
        return answer
    click.echo(f"stringx: {answer.state}; waiting for its verdict: stringx run {answer.run}", err=True)
    return _wait(api, answer, time.monotonic() + wait)


def _wait(api: Client, answer: TriggerAnswer, deadline: float) -> TriggerAnswer:
    """An API that goes away meanwhile is waited for, too."""
    while not answer.settled and (left := deadline - time.monotonic()) > 0:
        asked = time.monotonic()
        try:
            answer = api.trigger_state(answer.trigger, wait_seconds=min(left, REQUEST_WAIT_SECONDS))
        except ApiUnavailable:
            if deadline - time.monotonic() < PAUSE_SECONDS:
                raise
        if not answer.settled and time.monotonic() - asked < PAUSE_SECONDS:
            left = max(0.0, deadline - time.monotonic())
            time.sleep(min(PAUSE_SECONDS, left))  # nothing notifies: the API is away, or has too many waiters to let us wait
    return answer
