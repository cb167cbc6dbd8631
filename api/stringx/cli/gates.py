"""`stringx gates`: gate files → versions in the database (`apply`, `validate`, `withdraw`); what is in force, over HTTP (`list`, `show`,
`status`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stringx import settings as settings_module
from stringx.cli import connection
from stringx.cli.absent import warn_of_absent
from stringx.cli.gates_init import init
from stringx.cli.gates_online import held_against_targets
from stringx.cli.output import output_option, print_json, print_table, warn
from stringx.cli.prepared import engine_rows, print_unprepared
from stringx.cli.served import served
from stringx.cli.tables import SHORT_ID, Short, clock, shortened
from stringx.errors import GateFileErrors
from stringx.gates import files
from stringx.model import DEFAULT_WORKSPACE, Mode, Rule, Selection, canonical_json
from stringx.reasons import number

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stringx.gates.served import Served
    from stringx.settings import Settings
    from stringx.store.gates import Change

#: Characters of a rule's name, and of its check's, that a narrow table shows.
SHORT_NAME, SHORT_CHECK = 32, 24

#: Which gate files; `_place` reads both.
path_argument = click.argument("path", required=False, type=click.Path(path_type=Path))
dir_option = click.option(
    "--dir", "folder", type=click.Path(path_type=Path), help="Folder of <workspace>/<table>.yaml; default: STRINGX_GATES_DIR."
)


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def gates(context: click.Context, output: str) -> None:
    """Gates: list those in force, show one, validate and apply gate files."""
    if context.invoked_subcommand is None:
        context.invoke(list_gates, output=output, workspace=None)


gates.add_command(init)


@gates.command()
@path_argument
@dir_option
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--prune", is_flag=True, help="Withdraw the gates of the folder's workspaces that have no file there.")
@output_option
def apply(path: Path | None, folder: Path | None, dry_run: bool, prune: bool, output: str) -> None:
    """Put the gates of a folder, or of one file PATH, in force: a new version of each that is new or changed.

    All or nothing: with one error in any file, nothing changes, and every error is shown. Gates of tables that the folder does
    not have stay as they are, unless --prune withdraws them.
    """
    from stringx.store import gates as store

    given = settings_module.load()
    settings = connection.with_database(given)  # before the files: without it nothing is known of the backend that they are for
    place = _place(path, folder, settings)
    if prune and place.is_file():  # however it was named: all other gates of its workspace would be withdrawn
        raise click.UsageError(f"--prune withdraws what a folder does not have, and {place} is a file: name the folder")
    found = _read(place, settings, output, served=served(given, warn))
    pruned = files.workspaces(place) if prune else []
    with _database(settings) as opened:
        changes = (store.plan if dry_run else store.apply)(opened, found, prune=pruned)
        elsewhere = {one: count for one, count in store.in_force(opened).items() if one not in pruned} if prune else {}
    for workspace, count in elsewhere.items():
        warn(
            f"workspace {workspace} has no folder in {place}, so what it has in force stays: {number(count, 'gate')}. "
            "To withdraw them too, give it an empty folder there, or name each to `stringx gates withdraw`"
        )
    _print_changes(changes, dry_run, output)


@gates.command()
@click.argument("table")
@click.option("--workspace", default=DEFAULT_WORKSPACE, show_default=True)
@output_option
def withdraw(table: str, workspace: str, output: str) -> None:
    """Take the gate of TABLE out of force: from now on its triggers are `unmatched`.

    Its versions and runs stay, and runs that are queued are still judged. Applying its file, also with the others of its folder,
    puts it in force again.
    """
    from stringx.store import gates as store

    with _database(connection.with_database(settings_module.load())) as opened:
        change = store.withdraw(opened, workspace, table)
    if output == "json":
        print_json(_as_json(change))
        return
    done = "is withdrawn" if change.action == "withdrawn" else "had been withdrawn before"
    click.echo(f"the gate of {change.table} in workspace {change.workspace} {done}; version {change.number} was the last one in force")
    click.echo("remove its file too: applying it puts the gate in force again", err=True)


@gates.command()
@path_argument
@dir_option
@click.option("--online", is_flag=True, help="Ask the runners too: whether tables and columns are there, and each rule compiles.")
@output_option
def validate(path: Path | None, folder: Path | None, online: bool, output: str) -> None:
    """Check the gate files of a folder, or one file PATH, and change nothing. Exit code 2 where one is wrong.

    With --online also whether each gate would work on its target: nothing is run on the data.
    """
    settings = settings_module.load()
    where = _place(path, folder, settings)
    found = _read(where, settings, output, online=online)
    if output == "json":
        print_json(
            {"gates": [{"workspace": file.gate.workspace, "table": file.gate.table, "file": file.file} for file in found], "problems": []}
        )
    else:
        click.echo(f"{number(len(found), 'gate')}, no problem")
        if not online:
            warn("whether their targets and runners are served was not looked at: `stringx gates apply --dry-run` does")


@gates.command("list")
@click.option("--workspace", help="Those of one workspace; default: of all.")
@output_option
def list_gates(workspace: str | None, output: str) -> None:
    """The gates in force."""
    with connection.api(settings_module.load()) as client:
        answer = client.gates(workspace)
        if not answer.gates:
            warn_of_absent(client, workspace)
    if output == "json":
        print_json(answer.as_json())
        return
    print_table(
        ["workspace", "table", "version", "mode", "target", "rules", "selected", "file"],
        (
            (gate.workspace, gate.table, gate.version, gate.mode.value, gate.target, gate.rules, gate.selections, gate.file)
            for gate in answer.gates
        ),
        optional=("file", "selected", "rules"),
    )


@gates.command()
@click.argument("table")
@click.option("--workspace", help="Default: `default`.")
@output_option
def show(table: str, workspace: str | None, output: str) -> None:
    """The gate of TABLE that is in force, with its rules."""
    with connection.api(settings_module.load()) as client:
        answer = client.gate(table, workspace)
    if output == "json":
        print_json(answer.as_json())
        return
    gate = answer.gate
    slices = ", ".join(f"{column} ({kind})" for column, kind in sorted(gate.slice_columns.items())) or "none: the whole table"
    print_table(
        [f"{answer.table}, version {answer.version}", ""],
        (
            ("description", answer.description),
            ("owners", ", ".join(answer.owners)),
            ("workspace", answer.workspace),
            ("mode", f"{gate.mode} on {gate.target}" + (f", runner {gate.runner}" if gate.mode is Mode.ASYNC else "")),
            ("timeout", f"{gate.timeout_seconds} s"),
            ("slices by", slices),
            *engine_rows(answer.prepared),
            ("could not be judged", f"{gate.on_error}; nothing to check: {gate.on_no_checks}; no rows: {gate.on_no_rows}"),
            ("from", f"{answer.file or 'the API'}, applied {answer.applied_at.astimezone():%Y-%m-%d %H:%M:%S}"),
        ),
    )
    print_table(
        ["rule", "check", "column", "kind", "dimension", "level", "severity", "scope", "arguments"],
        [_rule_row(rule) for rule in gate.rules] + [_selection_row(selection) for selection in gate.select],
        optional=("level", "kind", "scope", "dimension"),
        below="arguments",
    )
    if answer.prepared is not None:
        print_unprepared(answer.prepared.unprepared)


@gates.command()
@click.argument("table")
@click.option("--workspace", help="Default: `default`.")
@output_option
def status(table: str, workspace: str | None, output: str) -> None:
    """Whether the data of TABLE may be used: its newest trigger's verdict, and the slices that are still closed."""
    with connection.api(settings_module.load()) as client:
        answer = client.gate_status(table, workspace)
    if output == "json":
        print_json(answer.as_json())
        return
    newest = answer.trigger
    decided = (answer.decision, answer.verdict) if answer.decision else ("not judged yet", None)
    print_table(
        [f"{answer.table}, gate version {answer.gate_version}", ""],
        (
            ("decision", decided[0]),
            ("verdict", decided[1]),
            ("newest trigger", newest.slice if newest else "there is none yet"),
            *((("received", f"{newest.received_at.astimezone():%Y-%m-%d %H:%M:%S}"), ("run", newest.run)) if newest else ()),
            *engine_rows(answer.prepared),
        ),
    )
    if answer.prepared is not None:
        print_unprepared(answer.prepared.unprepared)
    if answer.closed:
        click.echo("\nSlices that are still closed:")
        print_table(
            ["slice", "verdict", "judged", "run", "reason"],
            (
                (run.slice, run.verdict, clock(run.timings.judged_at), Short(run.run, run.run[:SHORT_ID]), run.reason)
                for run in answer.closed
            ),
            optional=("judged",),
            below="reason",
        )


def _rule_row(rule: Rule) -> tuple[object, ...]:
    arguments = ", ".join(f"{name}: {canonical_json(value)}" for name, value in rule.arguments.items())
    condition = f"where {rule.row_condition}" if rule.row_condition else ""
    detail = "; ".join(part for part in (arguments, condition, _limits(rule)) if part)
    return (
        Short(rule.name, shortened(rule.name, SHORT_NAME)),
        Short(rule.check, shortened(rule.check, SHORT_CHECK)),
        rule.column,
        rule.kind.value,
        rule.dimension.value,
        rule.level.value,
        rule.severity.value,
        rule.scope.value,
        detail,
    )


def _limits(rule: Rule) -> str:
    """The threshold in words; empty where the rule has none."""
    if rule.threshold is None:
        return ""
    limits = (("warned", rule.threshold.warn), ("failed", rule.threshold.error))
    return ", ".join(f"{outcome} above {limit}" for outcome, limit in limits if limit is not None) + " failures"


def _selection_row(one: Selection) -> tuple[object, ...]:
    words = (one.dimension.value if one.dimension else None, one.level.value if one.level else None)
    return (
        "the project's own",
        one.select,
        None,
        one.kind.value,
        *words,
        one.severity.value if one.severity else "the test's",
        one.scope.value,
        None,
    )


@contextmanager
def _database(settings: Settings) -> Iterator[Connection]:
    """A transaction on the internal database."""
    from stringx.store import database

    engine = database.connect(settings)
    try:
        with database.transaction(engine) as opened:
            yield opened
    finally:
        engine.dispose()


def _place(path: Path | None, folder: Path | None, settings: Settings) -> Path:
    if path is not None and folder is not None:
        raise click.UsageError(f"name one of the two: {path}, or --dir {folder}")
    return path or folder or settings.gates_dir


def _read(place: Path, settings: Settings, output: str, *, served: Served | None = None, online: bool = False) -> list[files.GateFile]:
    """The gates of a folder or a file; its errors are raised, with `--output json` printed as well. `online`: held against their
    targets, too."""
    if place.is_dir():
        files.refuse_empty(place)
    try:
        found = files.read(place, root=settings.gates_dir, served=served)
        if online and (wrong := held_against_targets(found, place, settings)):
            raise GateFileErrors(wrong)
        for file in found:
            if not file.gate.rules and not file.gate.select:
                warn(f"{file.file}: it has neither `rules` nor `select`: each run is `no_checks`, {file.gate.on_no_checks}")
        return found
    except GateFileErrors as error:
        if output == "json":
            problems = [{"file": one.file, "line": one.line, "column": one.column, "message": one.message} for one in error.problems]
            print_json({"gates": [], "problems": problems})
        raise


def _print_changes(changes: list[Change], dry_run: bool, output: str) -> None:
    if output == "json":
        print_json({"dry_run": dry_run, "changes": [_as_json(one) for one in changes]})
        return
    print_table(["workspace", "table", "action", "version"], ((one.workspace, one.table, one.action, one.number) for one in changes))
    changed = sum(one.action != "unchanged" for one in changes)
    click.echo(f"{number(changed, 'gate')} of {len(changes)} {'would change' if dry_run else 'changed'}")


def _as_json(change: Change) -> dict[str, object]:
    return {"workspace": change.workspace, "table": change.table, "action": change.action, "version": change.number}
