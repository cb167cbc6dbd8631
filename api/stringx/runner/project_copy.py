"""A private copy of the dbt project: what is parsed and run, so that an edit or a half-done `git pull` is never half run."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

#: What dbt and people leave in a project without it being part of the project.
NOT_THE_PROJECT = frozenset({"target", "logs", ".git", ".venv", "venv", "node_modules", "__pycache__", ".user.yml", ".DS_Store"})


def copy_project(project: Path, profiles: Path, destination: Path) -> None:
    """Copies the project to `destination/project` and the profiles to `destination/profiles`; OSError where it cannot."""
    ignore = shutil.ignore_patterns(*NOT_THE_PROJECT)
    shutil.copytree(project, destination / "project", ignore=ignore)
    (destination / "profiles").mkdir()
    shutil.copy2(profiles / "profiles.yml", destination / "profiles" / "profiles.yml")


def project_fingerprint(project: Path) -> str:
    """32 hexadecimal characters over the names and the contents of all files of a project; the same on every machine."""
    digest = hashlib.sha256()
    for path in _files(project):
        content = path.read_bytes()
        name = path.relative_to(project).as_posix()
        digest.update(f"{len(name.encode())}:{name}:{len(content)}:".encode() + content)
    return digest.hexdigest()[:32]


def project_signature(project: Path, profiles: Path) -> str:
    """Changes whenever a file of the project, or the profiles, is written, made or removed. Cheap: reads no contents."""
    digest = hashlib.sha256()
    for path in [*_files(project), profiles / "profiles.yml"]:
        try:
            state = path.stat()
        except FileNotFoundError:  # removed since it was listed
            continue
        digest.update(f"{path}|{state.st_size}|{state.st_mtime_ns}|{state.st_ino}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name not in NOT_THE_PROJECT)
        yield from (Path(parent) / name for name in sorted(names) if name not in NOT_THE_PROJECT)
