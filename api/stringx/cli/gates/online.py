"""`stringx gates validate --online`: gates held against their targets, by the runners that would run them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stringx.cli import runners
from stringx.cli.output import warn
from stringx.cli.runners import ASKING, Runners, first_answer
from stringx.cli.tables import SHORT_FINGERPRINT
from stringx.errors import Problem, RunnerUnavailable
from stringx.gates.files import GateFile
from stringx.gates.on_target import problems
from stringx.model import Gate, GateOnTarget, Mode, Validation
from stringx.reasons import number
from stringx.settings import Settings

if TYPE_CHECKING:
    from stringx.runner.client import HttpRunner

#: Rules and selections that a runner is asked about in one go: it gives up on a question after a minute.
AT_ONCE = 300
#: Longest wait for what targets a runner has, and which dbt projects.
ANSWER_SECONDS = 5.0
#: Gates that a line names.
MOST_NAMED = 10


@dataclass
class Held:
    """What came of holding gates against their targets."""

    #: with the gates of those that were asked
    wrong: list[Problem] = field(default_factory=list)
    #: why gates could not be held against theirs, or not in all, with their files
    unasked: dict[str, list[str]] = field(default_factory=dict)

    def not_asked(self, files: Sequence[GateFile], why: str) -> None:
        self.unasked[why] = sorted([*self.unasked.get(why, []), *(one.file for one in files)])

    def lines(self) -> list[str]:
        """What could not be asked, for people."""
        return [_not_held(files, why) for why, files in self.unasked.items()]


def held_against_targets(found: Sequence[GateFile], where: Path, settings: Settings) -> Held:
    """What of these gates, whose runners are known, would not work; `where` is the folder or the file that they were read from.
    Nothing is run on the data.

    The backend's own workers, which run gates of `mode: inline`, are within a dispatcher and cannot be asked: a runner that has the
    target, and so the same dbt project, answers in their place, and `warn` says so, or that none has it.
    """
    known = runners.known(settings)
    held = Held()
    # By runner and target: one target that does not answer says nothing of another
    by_target: dict[tuple[str, str], list[GateFile]] = {}
    inline: dict[str, list[GateFile]] = {}
    for one in found:
        if one.gate.mode is Mode.INLINE:
            inline.setdefault(one.gate.target, []).append(one)
        else:
            by_target.setdefault((one.gate.runner, one.gate.target), []).append(one)
    for target, files in inline.items():
        try:
            runner = _in_place_of_the_backend(target, number(len(files), "gate"), known)
        except RunnerUnavailable as error:
            held.not_asked(files, str(error))
        else:
            if runner is not None:
                by_target.setdefault((runner, target), []).extend(files)
    for (runner, target), files in by_target.items():
        asked = 0
        try:
            for one, on_target in zip(files, _answers(runner, target, [one.gate for one in files], known), strict=True):
                path = where if where.is_file() else where / one.file
                held.wrong += problems(path.read_text(encoding="utf-8-sig"), str(path), on_target.faults)
                asked += 1
                if on_target.unasked is not None:
                    held.not_asked([one], on_target.unasked)
        except RunnerUnavailable as error:
            held.not_asked(files[asked:], str(error))
    return held


def _in_place_of_the_backend(target: str, gates: str, known: Runners) -> str | None:
    """The runner that is asked about inline gates of this target; None where there is none. RunnerUnavailable where none is found among
    those that answer, and others do not."""
    others, silent = [], []
    for name in known.urls:
        try:
            targets = known.targets(name, answer_seconds=ANSWER_SECONDS)
        except RunnerUnavailable as error:
            silent.append(str(error))
            continue
        if target in targets:
            warn(f"`mode: inline`: {gates} on {target} asked of the runner `{name}`, since the backend's own workers answer no questions")
            return name
        others.append(f"`{name}` has {', '.join(sorted(targets)) or 'no target'}")
    if silent:
        raise RunnerUnavailable("; ".join(silent))
    warn(
        f"`mode: inline`: {gates} on {target} not held against it: the backend's own workers answer no questions, and no runner that "
        f"could in their place has this target: {'; '.join(others) or 'STRINGX_RUNNERS names none'}"
    )
    return None


def _answers(runner: str, target: str, gates: Sequence[Gate], known: Runners) -> Iterator[GateOnTarget]:
    """In the order of the gates. RunnerUnavailable, after the answers that came before."""
    with known.replicas(runner, answer_seconds=ANSWER_SECONDS) as replicas:
        asked = to_ask(runner, target, replicas)
        for some in batches(gates):
            yield from validated(asked, some).gates


def batches(gates: Sequence[Gate]) -> Iterator[list[Gate]]:
    batch: list[Gate] = []
    size = 0
    for gate in gates:
        its = len(gate.rules) + len(gate.select) + 1  # it has its table looked at, too
        if batch and size + its > AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(gate)
        size += its
    if batch:
        yield batch


def to_ask(runner: str, target: str, replicas: Sequence[HttpRunner]) -> Sequence[HttpRunner]:
    """Those that answer and have a dbt project in charge of the target; all where none has. `warn` says where that is not the newest
    project, or the replicas have different ones: only the first is believed, and any of them may run the gates.

    RunnerUnavailable where there is one only, and it does not answer.
    """
    projects: dict[HttpRunner, str] = {}
    for replica in replicas:
        try:
            status = replica.status(ASKING)
        except RunnerUnavailable as error:
            if len(replicas) == 1:
                raise
            warn(f"a replica of the runner `{runner}` is not asked: {error}")
            continue
        fingerprint, amiss = status.fingerprints.get(target), status.errors.get(target)
        if fingerprint is not None:
            projects[replica] = fingerprint
            if amiss is not None:
                warn(f"{replica.address} answers by an earlier dbt project of {target}, for the newest cannot be run: {amiss}")
    if len(set(projects.values())) > 1:
        have = ", ".join(f"{replica.address} has {fingerprint[:SHORT_FINGERPRINT]}" for replica, fingerprint in projects.items())
        warn(f"the replicas of the runner `{runner}` have different dbt projects for {target}, and the first is asked: {have}")
    return list(projects) or replicas


def validated(replicas: Sequence[HttpRunner], gates: Sequence[Gate]) -> Validation:
    return first_answer(replicas, lambda replica: replica.validate(gates))


def _not_held(files: Sequence[str], why: str) -> str:
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    targets = "its target" if len(files) == 1 else "their targets"
    return f"{number(len(files), 'gate')} not held against {targets}: {', '.join(files[:MOST_NAMED])}{more}: {why}"
