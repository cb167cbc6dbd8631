"""What the verbs of gates are given alike: which files, of which workspace, who asks and why; and the internal database."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pydantic import TypeAdapter, ValidationError

from stringx.model import Author, Message, Signature, fault_text, made_storable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stringx.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

#: Of one table; `workspaces_option` is of many.
workspace_option = click.option("-w", "--workspace", help="Default: `default`.")


class _Fitting(click.ParamType[str | None]):
    """A text as the model has it; what could not be stored of it is replaced. An empty one, as of a variable that is not set, says
    nothing."""

    name = "text"

    def __init__(self, fits: Any) -> None:
        self._fits: TypeAdapter[str] = TypeAdapter(fits)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | None:
        if not value:
            return None
        try:
            return self._fits.validate_python(made_storable(value))
        except ValidationError as error:
            self.fail(fault_text(error.errors()[0]), param, ctx)


def place_options(command: Command) -> Command:
    """Adds which gate files: as the arguments `path` and `folder`, of which `place` makes one, and `workspace`."""
    path = click.argument("path", required=False, type=click.Path(path_type=Path))
    folder = click.option(
        "-f",
        "--file",
        "--dir",
        "folder",
        type=click.Path(path_type=Path),
        help="Folder of <workspace>/<table>.yaml, or one such file; default: STRINGX_GATES_DIR.",
    )
    workspace = click.option("-w", "--workspace", help="Only the files of one workspace.")
    return path(folder(workspace(command)))


def signed_options(command: Command) -> Command:
    """Adds who asks and why, as the arguments `author` and `message`."""
    author = click.option(
        "--author", type=_Fitting(Author), help="Who asks for it; default: git's user.email, else the user of this machine."
    )
    message = click.option("-m", "--message", type=_Fitting(Message), help="Why: it is kept with the versions that are new or withdrawn.")
    return author(message(command))


def place(path: Path | None, folder: Path | None, settings: Settings) -> Path:
    if path is not None and folder is not None:
        raise click.UsageError(f"name one of the two: {path}, or --file {folder}")
    return path or folder or settings.gates_dir


def signed(author: str | None, message: str | None, folder: Path | None = None) -> Signature:
    """Who and why. `folder` is where git is asked for its `user.email`; default: here."""
    return {"author": author or made_storable(_email(folder) or _user()), "message": message}


def _email(folder: Path | None) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    place = folder if folder is None or folder.is_dir() else folder.parent
    asked = subprocess.run([git, "config", "--get", "user.email"], cwd=place, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name; which of the two, Python's version decides
        return f"uid {os.getuid()}"


@contextmanager
def database(settings: Settings) -> Iterator[Connection]:
    """A transaction on the internal database."""
    from stringx.store import database as internal

    engine = internal.connect(settings)
    try:
        with internal.transaction(engine) as opened:
            yield opened
    finally:
        engine.dispose()
