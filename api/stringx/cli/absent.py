"""Names that a person typed: one that is empty, or that nothing has, is told with what was probably meant."""

from __future__ import annotations

from typing import Any

import click

from stringx.cli.output import warn
from stringx.client import Client
from stringx.nearest import did_you_mean, nearest

#: Names that are told where none is alike.
NAMED = 5


class Named(click.ParamType[str]):
    """Some text; `hint` says what to give in place of none."""

    name = "text"

    def __init__(self, hint: str) -> None:
        self.hint = hint

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not str(value).strip():
            self.fail(f"it is empty: {self.hint}", param, ctx)
        return str(value)


RUN = Named("give a run's id, or at least the first 8 characters of it; `stringx runs` lists them")


def warn_of_absent(api: Client, workspace: str | None, table: str | None = None) -> None:
    """Says on stderr, where nothing was found of a workspace or a table, that there is neither a gate nor a run of it."""
    gates = api.gates().gates
    workspaces = {gate.workspace for gate in gates}
    if workspace is not None and workspace not in workspaces and not api.runs(workspace=workspace, limit=1).runs:
        warn(f"there is no gate and no run in workspace {workspace}{_meant(workspace, workspaces)}")
        return
    tables = {gate.table for gate in gates if workspace in (None, gate.workspace)}
    if table is not None and table.lower() not in tables and not api.runs(workspace=workspace, table=table, limit=1).runs:
        warn(f"there is no gate and no run of table {table}{_meant(table.lower(), tables)}")


def _meant(name: str, known: set[str]) -> str:
    meant = did_you_mean(nearest(name, sorted(known), alike=0.8))
    if meant:
        return f"; {meant}"
    return f"; there are: {', '.join(sorted(known))}" if 0 < len(known) <= NAMED else ""
