"""What `stringx up` writes down for other programs of this machine: where its parts serve, and the tokens to use them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

from stringx.errors import ConfigurationError

TokenName = Literal["api", "runner"]


class Addresses(BaseModel):
    """URLs of the parts that serve; `kafka` is a bootstrap string."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    api: str
    runner: str
    docs: str
    kafka: str
    kafka_kind: Literal["apache", "memory", "named"]
    #: the internal database, with its password: the file is for its owner's eyes alone
    database: SecretStr | None = None
    #: what the backend itself runs dbt on; gate files are held against it
    inline_targets: tuple[str, ...] = ()
    #: the demo's data is there, and is what dbt connects to
    demo: bool = False

    @field_serializer("database")
    def _written_with_its_password(self, value: SecretStr | None) -> str | None:
        return None if value is None else value.get_secret_value()


def read(home: Path) -> Addresses | None:
    """What the newest `stringx up` of this home wrote; None where there was none. It may have ended since."""
    file = home / "addresses.json"
    try:
        return Addresses.model_validate_json(file.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"{file} cannot be read: remove it, and start `stringx up` again") from error


def write(home: Path, addresses: Addresses) -> None:
    write_private(home / "addresses.json", addresses.model_dump_json(indent=2) + "\n")


def read_token(home: Path, name: TokenName) -> str | None:
    """The token that `stringx up` made; None where it made none."""
    try:
        return (home / "tokens" / name).read_text().strip()
    except FileNotFoundError:
        return None


def ensure_token(home: Path, name: TokenName) -> str:
    """The token, made at the first call."""
    token = read_token(home, name)
    if not token:
        token = secrets.token_urlsafe(32)
        folder = home / "tokens"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / name, token + "\n")
    return token


def write_private(path: Path, text: str) -> None:
    """Replaces the file in one step; only its owner may read it."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.rename(path)
