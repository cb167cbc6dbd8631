"""The gates whose replays differed from dbt, by dbt project: on disk, so that a new process does not trust them either.

Not thread-safe: the pool's thread calls, under the pool's lock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from stringx import logs
from stringx.model import DistrustedGate
from stringx.runner.kept import Kept

log = logs.get(__name__)

_PROJECTS: TypeAdapter[dict[str, tuple[DistrustedGate, ...]]] = TypeAdapter(dict[str, tuple[DistrustedGate, ...]])


class DistrustedGates:
    """Versions of gates that are not replayed under one project; all its generations have the same."""

    def __init__(self, gates: Iterable[DistrustedGate] = (), *, changed: Callable[[], None] = lambda: None) -> None:
        self._gates = {gate.gate_fingerprint: gate for gate in gates}
        self._changed = changed

    def __contains__(self, gate_fingerprint: str) -> bool:
        return gate_fingerprint in self._gates

    def __iter__(self) -> Iterator[DistrustedGate]:
        return iter(self._gates.values())

    def __len__(self) -> int:
        return len(self._gates)

    def add(self, gate: DistrustedGate) -> None:
        self._gates[gate.gate_fingerprint] = gate
        self._changed()


class Distrust:
    """What is distrusted on one target."""

    def __init__(self, path: Path) -> None:
        """Finds what an earlier process of the same version has left in the file `path`: another version may replay otherwise."""
        self._path = path
        self._version = f"stringx {version('stringx')}, dbt-core {version('dbt-core')}"
        self._projects: Kept[str, DistrustedGates] = Kept()
        for project, gates in self._read().items():
            self._projects.keep(project, DistrustedGates(gates, changed=self._write))

    def under(self, project: str) -> DistrustedGates:
        """What is distrusted under a project, by its fingerprint. What is added is kept for good."""
        gates = self._projects.use(project)
        if gates is None:  # one that is there may be empty, and is shared all the same
            gates = DistrustedGates(changed=self._write)
            self._projects.keep(project, gates)
        return gates

    def _read(self) -> dict[str, tuple[DistrustedGate, ...]]:
        try:
            kept = json.loads(self._path.read_text())
            return _PROJECTS.validate_python(kept["projects"]) if kept["version"] == self._version else {}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            log.error("what gates are distrusted cannot be read: all are replayed", file=str(self._path), error=type(error).__name__)
            return {}

    def _write(self) -> None:
        projects = {project: [gate.model_dump() for gate in gates] for project, gates in self._projects.items() if gates}
        unfinished = self._path.with_suffix(".unfinished")
        try:
            unfinished.write_text(json.dumps({"version": self._version, "projects": projects}))
            unfinished.replace(self._path)
        except OSError as error:
            log.error("distrusted gates not written: a new process will replay them", file=str(self._path), error=str(error))
