"""`stringx gates validate --online`: gates held against their targets, by the runners that would run them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from stringx.cli import runners
from stringx.cli.output import warn
from stringx.errors import Problem
from stringx.gates.files import GateFile
from stringx.gates.on_target import problems
from stringx.model import Gate, GateOnTarget, Mode
from stringx.reasons import number
from stringx.settings import Settings

#: Gates that a runner is asked about in one go: it gives up on a question after a minute.
AT_ONCE = 50


def held_against_targets(found: Sequence[GateFile], where: Path, settings: Settings) -> list[Problem]:
    """What of these gates would not work; `where` is the folder or the file that they were read from. Nothing is run on the data.

    Raises RunnerUnavailable where a runner does not answer, ConfigurationError for one that nobody knows.
    """
    by_runner: dict[str, list[GateFile]] = {}
    inline = 0
    for one in found:
        if one.gate.mode is Mode.INLINE:
            inline += 1
        else:
            by_runner.setdefault(one.gate.runner, []).append(one)
    if inline:
        warn(
            f"{number(inline, 'gate')} of `mode: inline` was not held against its target: the backend itself runs it"
            if inline == 1
            else f"{number(inline, 'gate')} of `mode: inline` were not held against their targets: the backend itself runs them"
        )
    wrong: list[Problem] = []
    for runner, files in by_runner.items():
        for one, on_target in zip(files, _asked(runner, [one.gate for one in files], settings), strict=True):
            path = where if where.is_file() else where / one.file
            wrong += problems(path.read_text(encoding="utf-8-sig"), str(path), on_target.faults)
    return sorted(wrong, key=lambda one: (one.file, one.line, one.column))


def _asked(runner: str, gates: list[Gate], settings: Settings) -> Iterator[GateOnTarget]:
    with runners.known(settings).replicas(runner) as replicas:
        for start in range(0, len(gates), AT_ONCE):
            # All replicas have the same project, or will soon.
            yield from replicas[0].validate(gates[start : start + AT_ONCE]).gates
