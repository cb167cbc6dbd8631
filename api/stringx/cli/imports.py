"""`stringx import`: rules that were written for another program, as a gate file."""

from __future__ import annotations

from pathlib import Path

import click

from stringx.cli.output import warn
from stringx.errors import ConfigurationError, GateFileErrors
from stringx.gates import document, dqx, files, located
from stringx.gates.parse import parse_document
from stringx.model import DEFAULT_WORKSPACE, TABLE_NAME, Gate
from stringx.reasons import number


def _table(context: click.Context, parameter: click.Parameter, table: str) -> str:
    if not TABLE_NAME.fullmatch(table):
        raise click.BadParameter(f"{table!r} is not schema.table or database.schema.table", context, parameter)
    return table.lower()


@click.group("import")
def import_() -> None:
    """Rules that were written for another program, as a gate file."""


@import_.command("dqx")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--table", required=True, metavar="TABLE", callback=_table, help="The table that the checks are of: schema.table.")
@click.option("--target", required=True, help="The output of the dbt profile that the table is reached by.")
@click.option(
    "--output-file",
    type=click.Path(path_type=Path),
    help="Write the gate file there, <workspace>/<table>.yaml, where there is none; default: print it.",
)
def import_dqx(file: Path, table: str, target: str, output_file: Path | None) -> None:
    """The checks of FILE, YAML or JSON in the form of Databricks' DQX, as the gate file of TABLE.

    All or nothing: with one check that has no counterpart, nothing is written, and everything that is wrong is shown. Exit code 2 then.
    """
    gate = _gate(file, table, target)
    text = document.text(gate)
    if output_file is None:
        click.echo(text, nl=False)
    else:
        _write(output_file, text)
        click.echo(f"{output_file}: {number(len(gate.rules), 'rule')}; `stringx gates validate {output_file}` looks at it again", err=True)
    warn("DQX's SQL is Spark's: look at the expressions, where the target is another database")


def _gate(file: Path, table: str, target: str) -> Gate:
    text = files.text_of(file)
    checks = located.read(text)
    if not isinstance(checks.data, list) and not checks.faults:
        raise ConfigurationError(f"{file} is not a list of DQX checks: each is `- criticality: …` with `check: {{function: …}}`")
    found = parse_document(dqx.as_gate(checks, table, target), workspace=DEFAULT_WORKSPACE, name=table, file=str(file))
    if isinstance(found, Gate):
        return found
    raise GateFileErrors(found)


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigurationError(f"{path} is there already: name another file, or take it away first") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
