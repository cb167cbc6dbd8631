"""The environment of a process that runs dbt, and what of it must not show in any text that dbt writes."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from stringx.settings import PREFIX

_SECRET_NAMES = ("PASSWORD", "PASSWD", "TOKEN", "SECRET", "PRIVATE_KEY")
#: A shorter one would be found in any text.
_SHORTEST_SECRET = 4


def environment_for_dbt() -> dict[str, str]:
    """This process's environment without StringX's own secrets: a project's Jinja can read whatever its process can."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX) or name.startswith(f"{PREFIX}TARGET_")}
    return {**kept, "DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def packed(environment: Mapping[str, str]) -> str:
    """To be sent: each byte a character, since a variable may hold any. Variables are separated as in /proc/PID/environ."""
    return b"\0".join(os.fsencode(f"{name}={value}") for name, value in environment.items()).decode("latin-1")


def put_in_place(packed_environment: str) -> None:
    """Makes it this process's, in place of what it has."""
    variables = [os.fsdecode(variable).partition("=") for variable in packed_environment.encode("latin-1").split(b"\0") if variable]
    os.environ.clear()
    os.environ.update({name: value for name, _, value in variables})
    time.tzset()


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """The values of an environment that are passwords, by their names."""
    return [
        value
        for name, value in environment.items()
        if len(value) >= _SHORTEST_SECRET and any(word in name.upper() for word in _SECRET_NAMES)
    ]


def without_secrets(text: str) -> str:
    """`text` without the passwords that this process knows from its environment."""
    for secret in secrets_in(os.environ):
        text = text.replace(secret, "*****")
    return text
