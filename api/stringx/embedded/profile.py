"""What a dbt profile reads from the environment, so that `stringx up` can say what connects it before dbt says what does not."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

#: One with a default is not asked for.
_READ = re.compile(r"""env_var\(\s*['"](\w+)['"]\s*\)""")


def unset_variables(profile: Path, targets: Collection[str], environment: Mapping[str, str]) -> list[str]:
    """The variables that these outputs of the profile read and that are not set, not as a file either (`…_FILE`), in their order.

    Empty where there is no profile, or none that can be read: dbt says that itself.
    """
    try:
        document = yaml.safe_load(profile.read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return []
    read = [name for text in _texts(_outputs(document, targets)) for name in _READ.findall(text)]
    return [name for name in dict.fromkeys(read) if not environment.get(name) and not environment.get(f"{name}_FILE")]


def _outputs(document: Any, targets: Collection[str]) -> list[Any]:
    found = []
    for profile in document.values() if isinstance(document, dict) else ():
        outputs = profile.get("outputs") if isinstance(profile, dict) else None
        found += [output for name, output in outputs.items() if name in targets] if isinstance(outputs, dict) else []
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
