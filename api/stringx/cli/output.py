"""What every verb prints its result with: `--output table|json`. stdout holds the result and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from stringx.cli.tables import Listing, Records
from stringx.errors import ConfigurationError

Command = TypeVar("Command", bound=Callable[..., Any])

#: Columns of a table that goes to a file or a pipe: there is no terminal whose width would bound it.
PIPE_WIDTH = 200


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


def warn(line: str) -> None:
    """One line for people on stderr, under our name."""
    click.echo(f"stringx: {line}", err=True)


def write_file(path: Path, text: str) -> None:
    """Writes `path` below a folder of `--dir`, with the folders on the way to it. ConfigurationError where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.filename}: {error.strerror}. Name a folder with --dir that can be written to"
        ) from error


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, optional: Sequence[str] = (), below: str | None = None
) -> None:
    """A table on stdout that fits the terminal: see `stringx.cli.tables`, also for `optional` and `below`."""
    _print(Listing(tuple(columns), tuple(tuple(row) for row in rows), tuple(optional), below))


def print_records(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows of somebody's table on stdout, upright where they are too wide."""
    _print(Records(tuple(columns), tuple(tuple(row) for row in rows)))


def _print(table: Listing | Records) -> None:
    # Away from a terminal a listing may be wider than the console: it is not cut.
    console().print(table, crop=False, no_wrap=True, overflow="ignore")
