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


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()


def workers(generation: int, role: Role) -> list[int]:
    """Of a generation, the oldest first; they say themselves what they are."""
    found = []
    for child in children(generation):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            if name(child) == f"stringx {role}":
                found.append(child)
    return found


def name(pid: int) -> str:
    """As the process calls itself."""
    return Path(f"/proc/{pid}/comm").read_text().strip()


def memory(pid: int) -> Kept:
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        sizes[name] = int(size) * 1024
    return Kept(sizes["Private_Clean:"] + sizes["Private_Dirty:"], sizes["Rss:"])


def generation(runner: int) -> int | None:
    """The newest generation of a runner, by the pid of its command; None while there is none."""
    found = [child for server in children(runner) for child in children(server) if "stringx.runner.generation" in command(child)]
    return found[-1] if found else None
