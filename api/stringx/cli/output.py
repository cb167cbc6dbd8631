"""What every verb prints its result with: `--output table|json`. stdout holds the result and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Command = TypeVar("Command", bound=Callable[..., Any])

#: Columns of a table that goes to a file or a pipe: there is no terminal whose width would bound it.
PIPE_WIDTH = 200

STYLES = {
    "open": "green",
    "closed": "red",
    "passed": "green",
    "warned": "yellow",
    "failed": "red",
    "errored": "magenta",
    "timed_out": "magenta",
    "no_checks": "magenta",
    "cancelled": "dim",
}


def output_option(command: Command) -> Command:
    """Adds `--output table|json` as the argument `output`."""
    option = click.option(
        "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="A table for people, or JSON."
    )
    return option(command)


def console(*, stderr: bool = False) -> Console:
    """A console without colour, and wide, where it does not write to a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, width=None if stream.isatty() else PIPE_WIDTH)


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; None is shown as nothing, words such as `closed` in their colour. Cells are never read as markup."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    console().print(table)


def cell(value: object) -> Text:
    text = "" if value is None else str(value)
    # Control characters of a stranger's data must not steer the terminal.
    shown = "".join(character if character.isprintable() or character == "\n" else "�" for character in text)
    return Text(shown, style=STYLES.get(shown, ""))
