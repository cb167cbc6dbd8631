"""`stringx gates`: gate files → versions in the database, and back; and over HTTP what is in force, and was."""

from __future__ import annotations

import click

from stringx.cli.output import output_option
from stringx.cli.verbs import Verbs

#: the way of a gate file first, then what is in force and was
COMMANDS = {
    "init": "gates.first:init",
    "validate": "gates.from_files:validate",
    "diff": "gates.from_files:diff",
    "apply": "gates.from_files:apply",
    "export": "gates.exported:export",
    "history": "gates.history:history",
    "rollback": "gates.rollback:rollback",
    "withdraw": "gates.from_files:withdraw",
    "list": "gates.shown:list_gates",
    "show": "gates.shown:show",
    "status": "gates.shown:status",
}


@click.group(cls=Verbs, verbs=COMMANDS, invoke_without_command=True)
@output_option
@click.pass_context
def gates(context: click.Context, output: str) -> None:
    """Gates: list those in force, show one and its history; validate and apply gate files, and write them."""
    if context.invoked_subcommand is None:
        from stringx.cli.gates.shown import list_gates

        context.invoke(list_gates, output=output, workspace=None)
