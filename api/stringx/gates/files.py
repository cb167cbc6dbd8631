"""Gate files: `<folder>/<workspace>/<table>.yaml` → gates, or everything that is wrong with them as `file:line:column`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stringx.errors import ConfigurationError, GateFileErrors, Problem
from stringx.gates.parse import parse
from stringx.gates.served import Served
from stringx.model import Gate
from stringx.model.values import WORKSPACE_NAME
from stringx.nearest import did_you_mean, nearest

#: A larger file is not read.
LARGEST_BYTES = 1_048_576

_IN_NO_WORKSPACE = "stands in no workspace: put it into a folder that is called after its workspace"


@dataclass(frozen=True)
class GateFile:
    """A gate and the file that it stands in, relative to the gates' folder."""

    gate: Gate
    file: str


def read(place: Path, *, root: Path | None = None, served: Served | None = None, workspace: str | None = None) -> list[GateFile]:
    """All gates of a folder, by workspace and table, or the one gate of a file that stands in its workspace's folder. `root` is
    the gates' folder as far as it is known: it is no workspace. With `workspace`, nothing of others is looked at.

    Raises GateFileErrors with all that is wrong with any of them; with `served`, a gate that asks for what is not served is wrong
    too. ConfigurationError where there is neither folder nor file.
    """
    gates, problems = told(place, root=root, served=served, workspace=workspace)
    if problems:
        raise GateFileErrors(problems)
    return gates


def told(
    place: Path, *, root: Path | None = None, served: Served | None = None, workspace: str | None = None
) -> tuple[list[GateFile], list[Problem]]:
    """As `read`, with what is wrong, in the order of the files, beside the gates of those that are right."""
    reading = _Reading(served)
    if place.is_file():
        if workspace is not None and place.absolute().parent.name != workspace:
            raise ConfigurationError(f"{place} does not stand in the folder of workspace {workspace}")
        reading.one_file(place, root)
    elif place.is_dir() and workspace is not None:
        reading.workspace(_folder_of(place, workspace))
    elif place.is_dir():
        reading.folder(place)
    elif _is_yaml(place):
        raise ConfigurationError(_no_such_file(place))
    else:
        raise ConfigurationError(f"there is no folder {place}: name the folder of gate files with --dir or STRINGX_GATES_DIR")
    return reading.gates, sorted(reading.problems, key=lambda one: (one.file, one.line, one.column))


def _folder_of(place: Path, workspace: str) -> Path:
    known = workspaces(place)
    if workspace not in known:
        meant = did_you_mean(nearest(workspace, known))
        raise ConfigurationError(f"there is no folder of workspace {workspace} in {place}{': ' + meant if meant else ''}")
    return place / workspace


def _no_such_file(path: Path) -> str:
    """With the file that was probably meant: of that folder, or, where there is no such folder, of the one beside it."""
    folder = path.parent if path.parent.is_dir() else path.parent.parent
    files = [str(one) for one in folder.glob("*.yaml" if folder == path.parent else "*/*.yaml")]
    meant = did_you_mean(nearest(str(path), files))
    return f"there is no file {path}{': ' + meant if meant else ''}"


def workspaces(folder: Path) -> list[str]:
    """The workspaces that have a folder there, also one without a gate file; no others, where `read` took the folder."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not _hidden(path))


def refuse_empty(folder: Path, *, pruning: bool = False) -> None:
    """ConfigurationError where no gate file stands below `folder`, naming the folder that was probably meant. With `pruning`, how to
    withdraw all that its workspaces have in force: an empty folder is more often a mistake."""
    if _holds_gates(folder):
        return
    # What people name instead: a folder above, or that of a single workspace.
    places = [folder / "gates", folder / "configs" / "gates", *([folder.parent] if folder.absolute().parent.name == "gates" else ())]
    near = next(filter(_holds_gates, places), None)
    if near is not None:
        raise ConfigurationError(f"there is no gate file below {folder}: did you mean {near}?")
    # A file under another name, or in another place, is a problem of that file, which `read` tells.
    if not any(_is_yaml(path) for pattern in ("*", "*/*") for path in folder.glob(pattern)):
        fix = "a gate stands in <workspace>/<table>.yaml"
        if pruning and (emptied := workspaces(folder)):
            fix += f"; to withdraw all gates of a workspace, name it: --prune --workspace {emptied[0]}"
        raise ConfigurationError(f"there is no gate file below {folder}: {fix}")


def _holds_gates(folder: Path) -> bool:
    return any(path.suffix == ".yaml" and not _hidden(path.parent) for path in folder.glob("*/*"))


class _Reading:
    """What was found so far."""

    def __init__(self, served: Served | None) -> None:
        self.gates: list[GateFile] = []
        self.problems: list[Problem] = []
        self._served = served

    def folder(self, folder: Path) -> None:
        for path in sorted(folder.iterdir()):
            if _hidden(path):
                continue
            if path.is_dir():
                self.workspace(path)
            elif _is_yaml(path):
                self._problem(path, _IN_NO_WORKSPACE)

    def one_file(self, path: Path, root: Path | None) -> None:
        folder = path.absolute().parent
        if not _is_yaml(path):
            self._problem(path, "is not a gate file: name a <table>.yaml, or the folder of all of them")
        elif _holds_gates(folder) or (root is not None and folder.resolve() == root.resolve()):
            self._problem(path, _IN_NO_WORKSPACE)
        elif self._named(folder):
            self._file(path)

    def workspace(self, folder: Path) -> None:
        if not self._named(folder):
            return
        by_table: dict[str, Path] = {}
        for path in sorted(folder.iterdir(), key=_as_it_should_be):
            if _hidden(path):
                continue
            if path.is_dir():
                self._problem(path, "is a folder within a workspace, which is not read: put gate files right into the workspace")
            elif _is_yaml(path):
                first = by_table.setdefault(path.stem.lower(), path)
                if first is path:
                    self._file(path)
                else:
                    self._problem(path, f"is a second file for the table {first.stem}, beside {first.name}: leave one of them out")

    def _named(self, folder: Path) -> bool:
        if WORKSPACE_NAME.fullmatch(folder.name):
            return True
        self._problem(folder, "is no name of a workspace: lower-case letters, digits, '-' and '_', at most 63 of them")
        return False

    def _file(self, path: Path) -> None:
        if path.suffix != ".yaml":
            self._problem(path, f"is not read under this name: call it {path.stem}.yaml")
            return
        text = _text(path)
        if isinstance(text, Problem):
            self.problems.append(text)
            return
        workspace = path.absolute().parent.name
        found = parse(text, workspace=workspace, name=path.stem, file=str(path), served=self._served)
        if isinstance(found, Gate):
            self.gates.append(GateFile(found, f"{workspace}/{path.name}"))
        else:
            self.problems.extend(found)

    def _problem(self, path: Path, message: str) -> None:
        self.problems.append(Problem(str(path), 1, 1, message))


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _as_it_should_be(path: Path) -> tuple[bool, Path]:
    """Of two files for one table, the one that has its name right comes first."""
    return path.suffix != ".yaml" or path.stem != path.stem.lower(), path


def _is_yaml(path: Path) -> bool:
    return path.suffix.lower() in (".yaml", ".yml")


def text_of(path: Path) -> str:
    """The text of a file, not of a folder of them; GateFileErrors where it cannot be read."""
    text = _text(path)
    if isinstance(text, Problem):
        raise GateFileErrors([text])
    return text


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
