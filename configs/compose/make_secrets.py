"""Makes the composition's passwords and tokens at its first start; run by the service `secrets` of docker-compose.yml.

Each folder below the one given is a volume of its own, and a container sees only the volumes that it needs. What is there
stays as it is, so that a second start changes nothing; `docker compose down --volumes` removes the secrets with the data.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path


def write(path: Path, text: str) -> None:
    """A crash leaves the whole text or what was there before."""
    unfinished = path.with_suffix(".new")
    unfinished.write_text(text)
    # Readable by any user: the volume is the fence. A container that mounts it is meant to read it, another cannot see it.
    unfinished.chmod(0o444)
    os.replace(unfinished, path)  # noqa: PTH105  # the word for an atomic change


def made_once(path: Path) -> str:
    """The secret that `path` holds; a new one of 256 random bits where it holds none."""
    if not path.exists():
        write(path, secrets.token_urlsafe(32))
    return path.read_text()


def make(root: Path) -> None:
    """Makes what is missing below `root`, whose folders are there, and the copies that other services read."""
    made_once(root / "postgres" / "password")
    backend_password = made_once(root / "postgres" / "backend_password")
    reader_password = made_once(root / "postgres" / "reader_password")
    write(root / "database" / "url", f"postgresql://stringx:{backend_password}@postgres:5432/stringx")
    write(root / "target" / "password", reader_password)
    made_once(root / "api" / "token")
    made_once(root / "runner" / "token")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
