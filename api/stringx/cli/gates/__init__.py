"""`stringx gates`: gate files → versions in the database, and back; and over HTTP what is in force, and was."""

from __future__ import annotations

import click

from stringx.cli.gates.exported import export
from stringx.cli.gates.first import init
from stringx.cli.gates.from_files import apply, diff, validate, withdraw
from stringx.cli.gates.shown import list_gates, show, status
from stringx.cli.gates.versions import history, rollback
from stringx.cli.output import output_option


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def gates(context: click.Context, output: str) -> None:
    """Gates: list those in force, show one and its history; validate and apply gate files, and write them."""
    if context.invoked_subcommand is None:
        context.invoke(list_gates, output=output, workspace=None)


for _command in (init, validate, diff, apply, export, history, rollback, withdraw, list_gates, show, status):
    gates.add_command(_command)
