"""dbt docs of the project with the gates' rules in it: a private copy of the project, the rules as singular tests, dbt's own command.

dbt runs as a command, not in this process: the portal that serves the result needs none of dbt.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import yaml

from stringx.errors import NotFound, Refusal, StringXError
from stringx.gates import files
from stringx.gates.files import GateFile
from stringx.gates.tests import test_name, test_sql
from stringx.model import Gate, Relation, Rule
from stringx.runner import table_names
from stringx.runner.environment import environment_for_dbt, without_secrets
from stringx.runner.project_copy import copy_project
from stringx.settings import Settings

#: What is served of what dbt writes.
SERVED = ("index.html", "manifest.json", "catalog.json")

TIMEOUT_SECONDS = 900.0
#: How much of dbt's words is kept, from their end.
MESSAGE_CHARACTERS = 8_000
_LOOK_SECONDS = 0.2


class DocsFailed(StringXError):
    """dbt, or a gate file, did not let docs be made; the message is theirs."""


class Closed(StringXError):
    """The portal was closed while dbt ran; dbt was stopped."""


@dataclass(frozen=True)
class Docs:
    """What was made: a folder with the files of `SERVED`."""

    folder: Path
    #: rules that are not in it, by the names of their gates, and why
    left_out: Mapping[str, str] = field(default_factory=dict)


def generate(settings: Settings, folder: Path, closed: threading.Event) -> Docs:
    """Makes the docs of the project as it stands now in `folder`, which must be empty. Blocks for as long as dbt takes.

    Of the targets the first is documented. Raises DocsFailed; Closed once `closed` is set; OSError where it cannot write.
    """
    try:
        gates = files.read(settings.gates_dir)
        copy_project(settings.dbt_project_dir, settings.profiles_dir, folder)
    except (StringXError, OSError) as error:
        raise DocsFailed(str(error)) from error
    with _Dbt(folder, settings.targets[0], closed) as dbt:
        dbt.run("parse")
        left_out = _write_tests(gates, folder / "project", _tables(folder / "target" / "manifest.json"))
        dbt.run("docs", "generate")
    return Docs(folder / "target", left_out)


class _Dbt:
    """dbt in the private copy, in one process for all commands (`dbt_commands`)."""

    def __init__(self, folder: Path, target: str, closed: threading.Event) -> None:
        self._folder = folder
        self._closed = closed
        options = {"project-dir": "project", "profiles-dir": "profiles", "target-path": "target", "log-path": "logs"}
        self._options = ["--target", target, *(f"--{name}={folder / place}" for name, place in options.items())]
        self._words = folder / "words.txt"
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(_LOOK_SECONDS)
        with self._words.open("wb") as output, theirs:
            self._process = subprocess.Popen(
                # -P: a folder in the working directory must not stand in for a module.
                [sys.executable, "-P", "-m", "stringx.runner.dbt_commands"],
                stdin=theirs.fileno(),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment_for_dbt(),
                start_new_session=True,  # Ctrl-C on the terminal is for us
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # It alone, not its group: what Python has beside it then removes its semaphores.
        self._process.kill()
        self._process.wait()
        self._socket.close()

    def run(self, *command: str) -> None:
        """DocsFailed with dbt's words where it fails; Closed."""
        words = ["--quiet", "--no-use-colors", "--no-version-check", *command, *self._options]
        with suppress(BrokenPipeError):  # it has ended: it said why
            self._socket.sendall(json.dumps(words).encode() + b"\n")
        if not self._has_succeeded():
            said = self._words.read_text(errors="replace").strip().replace(f"{self._folder}/", "")
            reason = without_secrets(said)[-MESSAGE_CHARACTERS:] or f"exit code {self._process.wait()}"
            raise DocsFailed(f"dbt {' '.join(command)}: {reason}")

    def _has_succeeded(self) -> bool:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            try:
                return bool(self._socket.recv(1))
            except TimeoutError:
                pass
            except ConnectionResetError:  # it ended before it had read the command
                return False
            if self._closed.is_set():
                raise Closed("the portal was closed")
            if time.monotonic() > deadline:
                raise DocsFailed(f"dbt was stopped: it took more than {TIMEOUT_SECONDS:g} s")


def _tables(manifest: Path) -> dict[str, str]:
    """Sources, models, seeds and snapshots as Jinja, by `schema.name` and `database.schema.name` in lower case."""
    document: dict[str, Any] = json.loads(manifest.read_text())
    tables: dict[str, str] = {}

    def add(node: dict[str, Any], name: str, jinja: str) -> None:
        tables.update(dict.fromkeys(table_names.names(node["database"], node["schema"], name), jinja))

    for source in document["sources"].values():
        add(source, source["identifier"], table_names.source(source["source_name"], source["name"]))
    for node in document["nodes"].values():
        if node["resource_type"] in ("model", "seed", "snapshot"):
            add(node, node["alias"], table_names.ref(node["package_name"], node["name"], node.get("version")))
    return tables


def _write_tests(gates: list[GateFile], project: Path, tables: Mapping[str, str]) -> dict[str, str]:
    """Writes the rules as tests into the project; what cannot be one is answered, by the rule's full name."""

    def resolve(table: str, gate: Gate) -> str:
        # As the runner does: a plain table is not looked for, and beside it stand others that need not be known.
        plain = gate.relation is Relation.PLAIN
        if plain and (table == gate.table or table.lower() not in tables):
            return table_names.plain(table)
        if table.lower() not in tables:
            raise NotFound(f"the dbt project has no {table}")
        return tables[table.lower()]

    root = project / _test_path(project) / "stringx"
    described: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for gate, file in ((found.gate, found.file) for found in gates):
        folder = root / gate.workspace / gate.table
        folder.mkdir(parents=True, exist_ok=True)
        for rule in gate.rules:
            name = test_name(gate.fingerprint, rule)
            try:
                (folder / f"{name}.sql").write_text(test_sql(rule, gate.table, partial(resolve, gate=gate)))
            except (NotFound, Refusal) as error:
                left_out[f"{gate.workspace}/{gate.table}: {rule.name}"] = str(error)
                continue
            described.append({"name": name, "description": _description(gate, rule, file)})
    if described:
        # JSON is YAML, without its traps.
        (root / "stringx_rules.yml").write_text(json.dumps({"version": 2, "data_tests": described}))
    return left_out


def _test_path(project: Path) -> str:
    """The project's first folder of tests. What cannot be read here, `dbt parse` has read before."""
    document = yaml.safe_load((project / "dbt_project.yml").read_text())
    paths = document.get("test-paths") or ["tests"]
    return str(paths[0])


def _description(gate: Gate, rule: Rule, file: str) -> str:
    """As markdown."""
    facts = [
        f"Rule `{rule.name}` of the gate of `{gate.table}` in the workspace `{gate.workspace}`: `{rule.check}`",
        f"{rule.kind}, {rule.dimension}, {rule.level}, severity {rule.severity}",
    ]
    if rule.owner:
        facts.append(f"owned by {rule.owner}")
    facts.append(f"as it stands in the gate file `{file}`; `stringx gates show {gate.table}` says what is in force")
    return f"{rule.description}\n\n{'; '.join(facts)}." if rule.description else f"{'; '.join(facts)}."
