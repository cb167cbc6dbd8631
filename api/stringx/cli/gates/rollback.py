"""`stringx gates rollback`: an earlier version in force again."""

from __future__ import annotations

import click

from stringx import settings as settings_module
from stringx.cli import connection
from stringx.cli.gates.given import database, signed, signed_options, workspace_option
from stringx.cli.gates.planned import print_change
from stringx.cli.output import output_option, print_json, warn
from stringx.cli.served import served
from stringx.errors import Conflict, GateFileErrors
from stringx.gates.document import faults
from stringx.model import DEFAULT_WORKSPACE


@click.command()
@click.argument("table")
@click.option("--to", "wanted", type=click.IntRange(min=1), required=True, help="The version whose content is to be in force again.")
@workspace_option
@click.option("--take-over", is_flag=True, help="Of a gate that a file manages, too: from then on `gates apply` leaves it alone.")
@signed_options
@output_option
def rollback(table: str, wanted: int, workspace: str | None, take_over: bool, author: str | None, message: str | None, output: str) -> None:
    """Put an earlier version of the gate of TABLE in force again, as a new version.

    A gate that a file manages is rolled back by its file, or taken over. A version that today's checks refuse, or whose runner or
    target nobody serves any more, is refused as its file would be; `stringx gates history` lists the others.
    """
    from stringx.store import gates as store

    given = settings_module.load()
    of = workspace or DEFAULT_WORKSPACE
    try:
        with database(connection.with_database(given)) as opened:
            earlier = store.version(opened, of, table, wanted).gate
            if wrong := faults(earlier, file=f"version {wanted} of {earlier.table}", served=served(given, warn)):
                raise GateFileErrors(wrong)
            change = store.rollback(opened, of, table, wanted, take_over=take_over, **signed(author, message)).answer()
    except Conflict as conflict:
        raise Conflict(conflict.reason.replace("take_over=true", "--take-over"), code=conflict.code) from conflict
    if output == "json":
        print_json(change.as_json())
    elif change.action == "unchanged":
        click.echo(f"version {change.version}, which is in force, has the content of version {wanted}")
    else:
        print_change(change)
