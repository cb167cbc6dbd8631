"""In what two gates differ, in the words of the gate file. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stringx.gates.document import document
from stringx.model import Gate, GateDifference

#: Lists of what has a name, and the field that it stands in: the same one is compared wherever it stands.
_NAMED = {"rules": "name", "select": "select"}


def differences(before: Gate, after: Gate) -> tuple[GateDifference, ...]:
    """What the one says and the other does not, field by field: of a rule that changed, the fields that did."""
    old, new = document(before), document(after)
    found = list(_differences("", *({**one, **{name: _by_name(one, name) for name in _NAMED}} for one in (old, new))))
    for name, key in _NAMED.items():
        orders = [[item[key] for item in one.get(name, [])] for one in (old, new)]
        kept = [[item for item in order if item in orders[1 - number]] for number, order in enumerate(orders)]
        if kept[0] != kept[1]:
            found.append(GateDifference(field=f"order of {name}", before=kept[0], after=kept[1]))
    return tuple(found)


def _by_name(gate: dict[str, Any], field: str) -> dict[str, Any]:
    return {item[_NAMED[field]]: item for item in gate.get(field, [])}


def _differences(place: str, before: Any, after: Any) -> Iterator[GateDifference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*after, *before]):
            yield from _differences(f"{place}.{name}".lstrip("."), before.get(name), after.get(name))
    elif before != after:
        yield GateDifference(field=place, before=before, after=after)
