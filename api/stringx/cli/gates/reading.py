"""Gate files as the verbs read them: all faults at once, for people and for machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stringx.cli.gates.online import Held, held_against_targets
from stringx.cli.output import print_json, warn
from stringx.cli.served import by_runners
from stringx.errors import GateFileErrors, RunnerUnavailable
from stringx.gates import files
from stringx.gates.served import Served

if TYPE_CHECKING:
    from stringx.settings import Settings


def read(
    where: Path,
    settings: Settings,
    output: str,
    *,
    workspace: str | None,
    served: Served | None = None,
    online: bool = False,
    pruning: bool = False,
) -> list[files.GateFile]:
    """The gates of a folder or a file; its errors are raised, with `--output json` printed as well. `online`: held against their
    targets, too; RunnerUnavailable where not all could be, and nothing is wrong with the others. Without `served` they are held
    against what the settings alone can tell."""
    if where.is_dir() and workspace is None:
        files.refuse_empty(where, pruning=pruning)
    served = served or (by_runners(settings) if online else Served(triggers_topic=settings.kafka_triggers_topic))
    found, wrong = files.told(where, root=settings.gates_dir, served=served, workspace=workspace)
    held = held_against_targets(found, where, settings) if online else Held()
    wrong = sorted([*wrong, *held.wrong], key=lambda one: (one.file, one.line, one.column))
    if output == "json" and (wrong or held.unasked):
        problems = [{"file": one.file, "line": one.line, "column": one.column, "message": one.message} for one in wrong]
        unasked = [{"files": of, "reason": reason} for reason, of in held.unasked.items()]
        print_json({"gates": [], "problems": problems, **({"unasked": unasked} if unasked else {})})
    if wrong:
        for line in held.lines():
            warn(line)
        raise GateFileErrors(wrong)
    if held.unasked:
        raise RunnerUnavailable("; ".join(held.lines()))
    for file in found:
        if not file.gate.rules and not file.gate.select:
            warn(f"{file.file}: it has neither `rules` nor `select`: each run is `no_checks`, {file.gate.on_no_checks}")
    return found
