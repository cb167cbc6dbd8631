"""Which of a table's own tests a gate's selection chooses, and what to say where it chooses none. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from stringx.nearest import did_you_mean, nearest

#: A selector's kind → what a test of it is said to be, and what else would mend a selection that finds none.
_KINDS = {
    "tag": ("has", "tag one"),
    "path": ("is in", "put one there"),
    "": ("is called", "give one this name"),
}


def chosen(select: str, test: Any) -> bool:
    """Whether `tag:NAME`, `path:FOLDER` (or a file) or a name chooses this test of dbt's manifest."""
    kind, wanted = _parts(select)
    return wanted.rstrip("/") in _names(kind, test) if kind == "path" else wanted in _names(kind, test)


def nothing_chosen(select: str, table: str, tests: Iterable[Any]) -> str:
    """Why a selection is an error that chooses none of the `tests` of its table: what it names, what was perhaps meant, and the fix."""
    kind, wanted = _parts(select)
    relation, fix = _KINDS[kind]
    near = nearest(wanted, sorted({name for test in tests for name in _names(kind, test)}))
    if near is not None:
        fix = f"{did_you_mean(f'{kind}:{near}' if kind else near)} Correct the selection"
    return f"no test of {table} in the dbt project {relation} {select}: {fix}, or take the selection out of the gate"


def _parts(select: str) -> tuple[str, str]:
    kind, colon, wanted = select.partition(":")
    return (kind, wanted) if colon and kind in _KINDS else ("", select)


def _names(kind: str, test: Any) -> set[str]:
    """All that a selector of this kind could choose the test by."""
    match kind:
        case "tag":
            return set(test.tags)
        case "path":
            path = PurePosixPath(test.original_file_path)
            return {str(path), *(str(folder) for folder in path.parents if folder.name)}
        case _:
            return {test.name}
