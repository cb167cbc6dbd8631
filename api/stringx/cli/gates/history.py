"""`stringx gates history`: the versions that a gate has and had, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import click

from stringx import settings as settings_module
from stringx.cli import connection
from stringx.cli.gates.given import workspace_option
from stringx.cli.output import output_option, print_json, print_table
from stringx.cli.tables import clock, one_line
from stringx.model import GateVersionSummary


@click.command()
@click.argument("table")
@workspace_option
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many.")
@click.option("--cursor", help="The page after the one whose `next` this is.")
@output_option
def history(table: str, workspace: str | None, limit: int, cursor: str | None, output: str) -> None:
    """The versions of the gate of TABLE, the newest first: who applied each, and who withdrew it, when, and why."""
    with connection.api(settings_module.load()) as client:
        page = client.gate_versions(table, workspace, limit=limit, cursor=cursor)
    if output == "json":
        print_json(page.as_json())
        return
    print_table(
        ["version", "change", "when", "author", "from", "in force", "message"],
        (row for one in page.versions for row in _rows(one)),
        optional=("from", "author"),
        below="message",
    )
    if page.withdrawn_at is not None:
        click.echo(f"withdrawn at {page.withdrawn_at.astimezone():%Y-%m-%d %H:%M:%S}: none is in force")
    if page.next is not None:
        click.echo(f"older ones: --cursor {page.next}", err=True)


def _rows(one: GateVersionSummary) -> Iterator[tuple[object, ...]]:
    """What became of a version, the newest first."""
    if one.withdrawn is not None:
        yield one.version, "withdrawn", clock(one.withdrawn.at), one_line(one.withdrawn.author), None, None, one_line(one.withdrawn.message)
    in_force = "yes" if one.in_force else None
    yield one.version, "applied", clock(one.applied_at), one_line(one.author), one.file or "the API", in_force, one_line(one.message)
