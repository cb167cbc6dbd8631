"""`stringx gates init`: a first gate file for a table, from what its database knows of it."""

from __future__ import annotations

from pathlib import Path

import click

from stringx import settings as settings_module
from stringx.cli import runners
from stringx.cli.output import output_option, print_json, write_file
from stringx.gates import first_file
from stringx.gates.parse import parse
from stringx.model import DEFAULT_WORKSPACE, TABLE_NAME, WORKSPACE_NAME, Gate
from stringx.reasons import number


@click.command()
@click.argument("table")
@click.option("--target", help="The output of the dbt profile that has it; default: the first of STRINGX_TARGETS.")
@click.option("--runner", default="default", show_default=True, help="The runner that is asked, and that the gate is for.")
@click.option("-w", "--workspace", default=DEFAULT_WORKSPACE, show_default=True)
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Folder of <workspace>/<table>.yaml; default: STRINGX_GATES_DIR.")
@click.option("--force", is_flag=True, help="Replace the file that is there.")
@output_option
def init(table: str, target: str | None, runner: str, workspace: str, folder: Path | None, force: bool, output: str) -> None:
    """Write a first gate file for TABLE, from its columns, keys and constraints.

    The runner is asked for them; no row is read. Foreign keys, unique keys, columns that are never null and constraints become rules,
    dates become columns to slice by.
    """
    if not TABLE_NAME.fullmatch(table):
        raise click.UsageError(f"{table!r} is no table: write schema.table or database.schema.table, of letters, digits, '_' and '$' alone")
    if not WORKSPACE_NAME.fullmatch(workspace):
        raise click.UsageError(f"{workspace!r} is no workspace: lower-case letters, digits, '-' and '_', at most 63 of them")
    settings = settings_module.load()
    name = table.lower()
    path = (folder or settings.gates_dir) / workspace / f"{name}.yaml"
    if path.exists() and not force:
        raise click.UsageError(f"{path} is there already: --force replaces it")
    with runners.known(settings).replicas(runner) as replicas:
        catalog = runners.first_answer(replicas, lambda replica: replica.table(name, target or settings.targets[0]))
    text = first_file.text(catalog, runner=runner)
    gate = parse(text, workspace=workspace, name=name, file=str(path))
    if not isinstance(gate, Gate):
        raise AssertionError(f"the file is not as it should be: {gate}")  # a fault of ours, not of what was given
    write_file(path, text)
    if output == "json":
        print_json({"workspace": workspace, "table": name, "file": str(path), "rules": len(gate.rules)})
        return
    click.echo(f"{path}: {number(len(gate.rules), 'rule')}. Read it, and add what the data must be; then `stringx gates validate --online`")
