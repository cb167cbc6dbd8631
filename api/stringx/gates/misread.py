"""What YAML takes for something else than was written, told by what is expected where it stands. Pure.

A gate file is looked at with the text in its place. So what is wrong with the text there says what is expected; where nothing is, the text
is what was meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from stringx.gates import rule_library
from stringx.gates.located import Fault, Found, Located, Misread, Path
from stringx.gates.rule_library.arguments import filled
from stringx.gates.shape import GateShape

#: Of a rule that was written in DQX's form only the place is known.
_IN_DQX: Path = ("rules",)


def told(document: Located, faults: Sequence[Fault], found: Found) -> Found:
    """`found`, with these faults of texts that YAML misreads in place of what is wrong with the texts as such."""
    merged = [(fault, [one for one in found if _is_of(one, fault)]) for fault in faults]
    left = [one for one in found if not any(one in others for _, others in merged)]
    return left + [(path, place, _message(document, path, document.misread[place], others)) for (path, place, _), others in merged]


def _is_of(one: Fault, misread: Fault) -> bool:
    path, place, _ = misread
    return (one[1] == place and (one[0] == path or path == _IN_DQX)) or one[0] == _argument_around(path)


def _message(document: Located, path: Path, misread: Misread, others: Found) -> str:
    if others:
        meant = misread.is_number and _fits(document, path, misread.value)
        return f"{misread.prefix}: {f'write {misread.value}, if that is meant' if meant else others[0][2]}"
    if document.data is None or path == _IN_DQX or _takes(document, path, misread.value):
        return misread.message
    return f"{misread.prefix}: put it in quotes, as '{misread.text}'"


def _argument_around(path: Path) -> Path | None:
    """The rule's argument within which `path` leads; what is wrong with its items is told of the whole."""
    return path[:4] if len(path) > 4 and path[0] == "rules" and path[2] == "arguments" else None


def _takes(document: Located, path: Path, value: object) -> bool:
    """Whether a rule's argument might be this value, or hold it at `path`; False of other places."""
    if _argument_around((*path, 0)) is None or path not in document.values:
        return False
    rule, argument = document.data["rules"][path[1]], path[3]
    name = rule.get("check")
    check = rule_library.LIBRARY.get(rule_library.public_name(name)) if isinstance(name, str) else None
    known = check.arguments.get(str(argument)) if check else None
    return known is None or known.sort.fault(filled(_replaced(rule["arguments"][argument], path[4:], value))) is None


def _fits(document: Located, path: Path, value: object) -> bool:
    """Whether nothing would be wrong with this value at `path`."""
    if path not in document.values or not path:
        return False
    if _argument_around((*path, 0)) is not None:
        return _takes(document, path, value)
    try:
        GateShape.model_validate(_replaced(document.data, path, value))
    except ValidationError as error:
        return all(fault["loc"][: len(path)] != path for fault in error.errors())
    return True


def _replaced(data: Any, path: Path, value: object) -> object:
    """The data with that value at `path`."""
    if not path:
        return value
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    changed = {name: _replaced(item, path[1:], value) if name == path[0] else item for name, item in pairs}
    return changed if isinstance(data, dict) else list(changed.values())
