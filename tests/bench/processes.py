"""The processes below one that we started, and what memory each has, by /proc (Linux)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stringx.runner.messages import Role


@dataclass(frozen=True)
class Kept:
    """Bytes of one process: those that it shares with none, and all that are resident."""

    private: int
    resident: int


def children(pid: int) -> list[int]:
    """Of all its threads, the oldest first."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in listed.read_text().split()]
    return sorted(found)


def workers(generation: int, role: Role) -> list[int]:
    """Of a generation, the oldest first."""
    return _called(f"stringx {role}", generation)


def name(pid: int) -> str:
    """As the process calls itself."""
    return Path(f"/proc/{pid}/comm").read_text().strip()


def memory(pid: int) -> Kept:
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        sizes[name] = int(size) * 1024
    return Kept(sizes["Private_Clean:"] + sizes["Private_Dirty:"], sizes["Rss:"])


def nursery(runner: int) -> int | None:
    """Of a runner, by the pid of its command; None while there is none."""
    found = [child for server in children(runner) for child in _called("stringx nursery", server)]
    return found[-1] if found else None


def generation(runner: int) -> int | None:
    """The newest generation of a runner, by the pid of its command; None while there is none."""
    parent = nursery(runner)
    found = _called("stringx gen", parent) if parent else []
    return found[-1] if found else None


def _called(wanted: str, parent: int) -> list[int]:
    """The children that say themselves that they are this, the oldest first."""
    found = []
    for child in children(parent):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            if name(child) == wanted:
                found.append(child)
    return found
