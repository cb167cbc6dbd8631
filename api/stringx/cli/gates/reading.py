"""Gate files as the verbs read them: all faults at once, for people and for machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stringx.cli.gates.online import held_against_targets
from stringx.cli.output import print_json, warn
from stringx.errors import GateFileErrors
from stringx.gates import files

if TYPE_CHECKING:
    from stringx.gates.served import Served
    from stringx.settings import Settings


def read(
    where: Path, settings: Settings, output: str, *, workspace: str | None, served: Served | None = None, online: bool = False
) -> list[files.GateFile]:
    """The gates of a folder or a file; its errors are raised, with `--output json` printed as well. `online`: held against their
    targets, too."""
    if where.is_dir() and workspace is None:
        files.refuse_empty(where)
    try:
        found = files.read(where, root=settings.gates_dir, served=served, workspace=workspace)
        if online and (wrong := held_against_targets(found, where, settings)):
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
