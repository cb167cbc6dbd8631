"""`stringx gates validate`, `diff`, `apply` and `withdraw`: gate files → versions in the database."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from stringx import settings as settings_module
from stringx.cli import EXIT_DIFFERENT, connection
from stringx.cli.gates.given import database, place, place_options, signed, signed_options
from stringx.cli.gates.planned import print_changes
from stringx.cli.gates.reading import read
from stringx.cli.output import output_option, print_json, warn
from stringx.cli.served import served
from stringx.gates import files
from stringx.model import DEFAULT_WORKSPACE
from stringx.reasons import number

prune_option = click.option("--prune", is_flag=True, help="Withdraw the gates of the folder's workspaces that have no file there.")
take_over_option = click.option("--take-over", is_flag=True, help="Gates that the API manages, too: from then on the files manage them.")


@click.command()
@place_options
@click.option("--online", is_flag=True, help="Ask the runners too: whether tables and columns are there, and each rule compiles.")
@output_option
def validate(path: Path | None, folder: Path | None, workspace: str | None, online: bool, output: str) -> None:
    """Check the gate files of a folder, or one file PATH, and change nothing. Exit code 2 where one is wrong.

    With --online also whether each gate would work on its target: nothing is run on the data.
    """
    settings = settings_module.load()
    found = read(place(path, folder, settings), settings, output, workspace=workspace, online=online)
    if output == "json":
        print_json(
            {"gates": [{"workspace": file.gate.workspace, "table": file.gate.table, "file": file.file} for file in found], "problems": []}
        )
    else:
        click.echo(f"{number(len(found), 'gate')}, no problem")
    if output != "json" and not online:
        warn("whether their targets and runners are served was not looked at: `stringx gates apply --dry-run` does")


@click.command()
@place_options
@prune_option
@take_over_option
@output_option
def diff(path: Path | None, folder: Path | None, workspace: str | None, prune: bool, take_over: bool, output: str) -> None:
    """Hold gate files against what is in force, and change nothing. Exit code 1 where they differ, 2 where a file is wrong."""
    from stringx.store import gates as store

    settings = connection.with_database(settings_module.load())
    where = place(path, folder, settings)
    pruned = _pruned(where, workspace) if prune else []
    found = read(where, settings, output, workspace=workspace, pruning=prune)
    with database(settings) as opened:
        changes = store.plan(opened, found, prune=pruned, take_over=take_over)
    print_changes([one.answer() for one in changes], dry_run=True, output=output)
    if any(one.action != "unchanged" for one in changes):
        sys.exit(EXIT_DIFFERENT)


@click.command()
@place_options
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@prune_option
@take_over_option
@signed_options
@output_option
def apply(
    path: Path | None,
    folder: Path | None,
    workspace: str | None,
    dry_run: bool,
    prune: bool,
    take_over: bool,
    author: str | None,
    message: str | None,
    output: str,
) -> None:
    """Put the gates of a folder, or of one file PATH, in force: a new version of each that is new or changed.

    All or nothing: with one error in any file, nothing changes, and every error is shown. Gates of tables that the folder does
    not have stay as they are, unless --prune withdraws them; so do those that the API manages, unless --take-over.
    """
    from stringx.store import gates as store

    given = settings_module.load()
    settings = connection.with_database(given)  # before the files: without it nothing is known of the backend that they are for
    where = place(path, folder, settings)
    pruned = _pruned(where, workspace) if prune else []
    found = read(where, settings, output, workspace=workspace, served=served(given, warn), pruning=prune)
    with database(settings) as opened:
        if dry_run:
            changes = store.plan(opened, found, prune=pruned, take_over=take_over)
        else:
            changes = store.apply(opened, found, prune=pruned, take_over=take_over, **signed(author, message, where))
        elsewhere = {one: count for one, count in store.in_force(opened).items() if one not in pruned} if prune and not workspace else {}
    for other, count in elsewhere.items():
        warn(
            f"workspace {other} has no folder in {where}, so what it has in force stays: {number(count, 'gate')}. "
            "To withdraw them too, give it an empty folder there, or name each to `stringx gates withdraw`"
        )
    print_changes([one.answer() for one in changes], dry_run=dry_run, output=output)
    kept = sum(one.action == "kept" for one in changes)
    if kept:
        warn(f"{number(kept, 'gate')} that the API manages stayed: `stringx gates export` writes such gates down, --take-over undoes them")


def _pruned(where: Path, workspace: str | None) -> list[str]:
    """The workspaces whose gates without a file go."""
    if where.is_file():  # however it was named: all other gates of its workspace would be withdrawn
        raise click.UsageError(f"--prune withdraws what a folder does not have, and {where} is a file: name the folder")
    known = files.workspaces(where) if where.is_dir() else []
    return [one for one in known if workspace in (None, one)]


@click.command()
@click.argument("table")
@click.option("-w", "--workspace", default=DEFAULT_WORKSPACE, show_default=True)
@signed_options
@output_option
def withdraw(table: str, workspace: str, author: str | None, message: str | None, output: str) -> None:
    """Take the gate of TABLE out of force: from now on its triggers are `unmatched`.

    Its versions and runs stay, and runs that are queued are still judged. Applying its file, also with the others of its folder,
    puts it in force again, as a new version.
    """
    from stringx.store import gates as store

    with database(connection.with_database(settings_module.load())) as opened:
        present = store.current(opened, workspace, table)
        change = store.withdraw(opened, workspace, table, **signed(author, message))
    if output == "json":
        print_json(change.answer().as_json())
        return
    done = "is withdrawn" if change.action == "withdrawn" else "had been withdrawn before"
    click.echo(f"the gate of {change.table} in workspace {change.workspace} {done}; version {change.number} was the last one in force")
    if present is not None and present.file is not None:
        warn(f"remove its file, {present.file}, too: applying it puts the gate in force again")
