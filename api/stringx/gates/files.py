"""Gate files: `<folder>/<workspace>/<table>.yaml` → gates, or everything that is wrong with them as `file:line:column`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from stringx.errors import ConfigurationError, GateFileErrors, Problem
from stringx.gates.parse import parse
from stringx.model import Gate
from stringx.model.values import WORKSPACE_NAME

#: A larger file is not read.
LARGEST_BYTES = 1_048_576


@dataclass(frozen=True)
class GateFile:
    """A gate and the file that it stands in, relative to the gates' folder."""

    gate: Gate
    file: str


def read(folder: Path, *, inline_targets: Collection[str] | None = None) -> list[GateFile]:
    """All gates of a folder, by workspace and table. Raises GateFileErrors with all that is wrong with any of them.

    With `inline_targets`, a gate with `mode: inline` on another target is wrong too: the backend could not run it.
    ConfigurationError where there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}: name the folder of gate files with --dir or STRINGX_GATES_DIR")
    gates: list[GateFile] = []
    problems: list[Problem] = []
    for path in sorted(folder.iterdir()):
        if _hidden(path):
            continue
        if path.is_dir():
            _read_workspace(path, folder, inline_targets, gates, problems)
        elif _is_yaml(path):
            problems.append(Problem(str(path), 1, 1, "stands in no workspace: put it into a folder that is called after its workspace"))
    if problems:
        raise GateFileErrors(problems)
    return gates


def _read_workspace(
    folder: Path, root: Path, inline_targets: Collection[str] | None, gates: list[GateFile], problems: list[Problem]
) -> None:
    if not WORKSPACE_NAME.fullmatch(folder.name):
        problems.append(
            Problem(str(folder), 1, 1, "is no name of a workspace: lower-case letters, digits, '-' and '_', at most 63 of them")
        )
        return
    for path in sorted(folder.iterdir()):
        if _hidden(path):
            continue
        if path.is_dir():
            problems.append(
                Problem(str(path), 1, 1, "is a folder within a workspace, which is not read: put gate files right into the workspace")
            )
        elif path.suffix.lower() == ".yml" or (_is_yaml(path) and path.suffix != ".yaml"):
            problems.append(Problem(str(path), 1, 1, f"is not read under this name: call it {path.stem}.yaml"))
        elif _is_yaml(path):
            text = _text(path)
            found = (
                [text]
                if isinstance(text, Problem)
                else parse(text, workspace=folder.name, name=path.stem, file=str(path), inline_targets=inline_targets)
            )
            if isinstance(found, Gate):
                gates.append(GateFile(found, path.relative_to(root).as_posix()))
            else:
                problems.extend(found)


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _is_yaml(path: Path) -> bool:
    return path.suffix.lower() in (".yaml", ".yml")


def _text(path: Path) -> str | Problem:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        return Problem(str(path), 1, 1, f"cannot be read: {error.strerror}")
    if len(raw) > LARGEST_BYTES:
        return Problem(str(path), 1, 1, f"is larger than {LARGEST_BYTES} bytes: a gate file holds one table's rules")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        return Problem(str(path), before.count(b"\n") + 1, error.start - before.rfind(b"\n"), "is not UTF-8: save it as UTF-8")
