"""`stringx gates export`: the gates in force as gate files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stringx import settings as settings_module
from stringx.cli import connection
from stringx.cli.gates.given import database
from stringx.cli.output import output_option, print_json, warn, write_file
from stringx.errors import ConfigurationError, GateFileErrors, NotFound
from stringx.gates import document, files
from stringx.model import DEFAULT_WORKSPACE, Gate, GateVersion
from stringx.reasons import number

if TYPE_CHECKING:
    from sqlalchemy import Connection


@click.command()
@click.argument("table", required=False)
@click.option("-w", "--workspace", help="Those of one workspace; default: of all, and for one TABLE `default`.")
@click.option("-f", "--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write <workspace>/<table>.yaml below it.")
@click.option("--force", is_flag=True, help="Write over files that say something else.")
@output_option
def export(table: str | None, workspace: str | None, folder: Path | None, force: bool, output: str) -> None:
    """Write the gates in force, or that of TABLE, as gate files: to stdout, or with --dir into a folder.

    Applying them changes nothing. Comments of the files that they came from are not kept; a file that says the same already stays
    as it is.
    """
    with database(connection.with_database(settings_module.load())) as opened:
        found = _wanted(opened, table, workspace)
    if not found:
        raise NotFound(f"no gate is in force{f' in workspace {workspace}' if workspace else ''}: `stringx gates list` lists those that are")
    if folder is not None:
        written = _write(folder, [one.gate for one in found], force=force)
        warn("comments are not stored, and so not written")
        print_json({"written": written}) if output == "json" else click.echo(f"{number(len(written), 'file')} written")
    elif output == "json":
        print_json({"gates": [_as_json(one) for one in found]})
    else:
        click.echo("---\n".join(f"# {_name(one.gate)}\n{document.text(one.gate)}" for one in found), nl=False)
        warn("comments are not stored, and so not written")


def _wanted(opened: Connection, table: str | None, workspace: str | None) -> list[GateVersion]:
    from stringx.store import gates as store

    if table is None:
        return store.list_current(opened, workspace)
    version = store.current(opened, workspace or DEFAULT_WORKSPACE, table)
    if version is None:
        raise NotFound(store.absence(opened, workspace or DEFAULT_WORKSPACE, table))
    return [version]


def _name(gate: Gate) -> str:
    return f"{gate.workspace}/{gate.table}.yaml"


def _as_json(version: GateVersion) -> dict[str, object]:
    gate = version.gate
    return {"workspace": gate.workspace, "table": gate.table, "version": version.number, "document": document.document(gate)}


def _write(folder: Path, gates: list[Gate], *, force: bool) -> list[str]:
    """The files that were written; those that say the same already are left. ConfigurationError, and nothing written, where one
    says something else."""
    wanted = {folder / _name(gate): gate for gate in gates if not _says(folder / _name(gate), gate)}
    others = [str(path) for path in wanted if path.exists()]
    if others and not force:
        raise ConfigurationError(f"{', '.join(others)}: says something else; --force writes over it, nothing was written")
    for path, gate in wanted.items():
        write_file(path, document.text(gate))
    return [str(path) for path in wanted]


def _says(path: Path, gate: Gate) -> bool:
    """Whether there is a file, and it is that gate."""
    try:
        return path.is_file() and files.read(path)[0].gate.fingerprint == gate.fingerprint
    except GateFileErrors:
        return False
