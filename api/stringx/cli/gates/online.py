"""`stringx gates validate --online`: gates held against their targets, by the runners that would run them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stringx.cli import runners
from stringx.cli.output import warn
from stringx.cli.runners import Runners
from stringx.errors import Problem, RunnerUnavailable
from stringx.gates.files import GateFile
from stringx.gates.on_target import problems
from stringx.model import Gate, GateOnTarget, Mode, Validation
from stringx.reasons import number
from stringx.settings import Settings

if TYPE_CHECKING:
    from stringx.runner.client import HttpRunner

#: Gates that a runner is asked about in one go: it gives up on a question after a minute.
AT_ONCE = 50
#: Longest wait for what targets a runner has.
ANSWER_SECONDS = 5.0


def held_against_targets(found: Sequence[GateFile], where: Path, settings: Settings) -> list[Problem]:
    """What of these gates, whose runners are known, would not work; `where` is the folder or the file that they were read from.
    Nothing is run on the data.

    The backend's own workers, which run gates of `mode: inline`, are within a dispatcher and cannot be asked: a runner that has the
    target, and so the same dbt project, answers in their place, and `warn` says so, or why none does.

    Raises RunnerUnavailable where a runner does not answer.
    """
    known = runners.known(settings)
    by_runner: dict[str, list[GateFile]] = {}
    inline: dict[str, list[GateFile]] = {}
    for one in found:
        if one.gate.mode is Mode.INLINE:
            inline.setdefault(one.gate.target, []).append(one)
        else:
            by_runner.setdefault(one.gate.runner, []).append(one)
    for target, files in inline.items():
        runner = _in_place_of_the_backend(target, number(len(files), "gate"), known)
        if runner is not None:
            by_runner.setdefault(runner, []).extend(files)
    wrong: list[Problem] = []
    for runner, files in by_runner.items():
        for one, on_target in zip(files, _asked(runner, [one.gate for one in files], known), strict=True):
            path = where if where.is_file() else where / one.file
            wrong += problems(path.read_text(encoding="utf-8-sig"), str(path), on_target.faults)
    return wrong


def _in_place_of_the_backend(target: str, gates: str, known: Runners) -> str | None:
    """The runner that is asked about inline gates of this target."""
    others = []
    for name in known.urls:
        try:
            targets = known.targets(name, answer_seconds=ANSWER_SECONDS)
        except RunnerUnavailable as error:
            others.append(f"`{name}` does not answer ({error})")
            continue
        if target in targets:
            warn(f"`mode: inline`: {gates} on {target} asked of the runner `{name}`, since the backend's own workers answer no questions")
            return name
        others.append(f"`{name}` has {', '.join(sorted(targets)) or 'no target'}")
    warn(
        f"`mode: inline`: {gates} on {target} not held against it: the backend's own workers answer no questions, and no runner that "
        f"could in their place has this target: {'; '.join(others) or 'STRINGX_RUNNERS names none'}"
    )
    return None


def _asked(runner: str, gates: Sequence[Gate], known: Runners) -> Iterator[GateOnTarget]:
    with known.replicas(runner) as replicas:
        for start in range(0, len(gates), AT_ONCE):
            yield from validated(replicas, gates[start : start + AT_ONCE]).gates


def validated(replicas: Sequence[HttpRunner], gates: Sequence[Gate]) -> Validation:
    """By the first replica that answers: all have the same project, or will soon."""
    *others, last = replicas
    for replica in others:
        try:
            return replica.validate(gates)
        except RunnerUnavailable as error:
            warn(f"the next replica is asked: {error}")
    return last.validate(gates)
