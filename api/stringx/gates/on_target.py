"""What a runner found of a gate → where in the gate's file that stands. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stringx.errors import Problem
from stringx.gates import located
from stringx.gates.located import Located, Place
from stringx.model import TargetFault


def problems(text: str, file: str, faults: Sequence[TargetFault]) -> list[Problem]:
    """The faults at their lines and columns. `text` is that of a file that holds the gate; `file` is how to call it."""
    document = located.read(text)
    found = []
    for fault in faults:
        place = _place(document, fault)
        found.append(Problem(file, place.line, place.column, f"{f'rule `{fault.rule}`: ' if fault.rule else ''}{fault.message}"))
    return sorted(found, key=lambda one: (one.line, one.column, one.message))


def _place(document: Located, fault: TargetFault) -> Place:
    """Of what is meant; where the file says that in other words, of what it stands in."""
    path: located.Path = ()
    if fault.rule is not None:
        path = _item(document, "rules", "name", fault.rule)
    elif fault.select is not None:
        path = _item(document, "select", "select", fault.select)
    whole = (*path, *fault.field)
    if whole not in document.values and fault.field[:1] == ("arguments",) and len(fault.field) > 2:
        whole = (*path, "columns", *fault.field[2:])  # which a file may have in place of that argument
    return document.place_of_name(whole) if fault.of_name else document.place(whole)


def _item(document: Located, items: str, name: str, wanted: str) -> located.Path:
    data: Any = document.data.get(items) if isinstance(document.data, dict) else None
    for number, item in enumerate(data if isinstance(data, list) else ()):
        if isinstance(item, dict) and item.get(name) == wanted:
            return (items, number)
    return (items,)
