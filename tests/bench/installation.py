"""What is measured, as it is run: one Postgres, one Apache Kafka, and installations of `consume`, `dispatch` and `runner` as processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import lab
import psycopg

from stringx.embedded.child import Child
from stringx.embedded.kafka import choose_broker
from stringx.embedded.ports import HOST, any_free
from stringx.embedded.postgres import EmbeddedPostgres
from stringx.settings import PREFIX

#: For what takes long on a machine that does much else; whoever waits longer measures nothing.
PATIENCE_SECONDS = 300.0
STOP_SECONDS = 30.0
ROLE = "lab_reader"


def say(text: str) -> None:
    """Progress: stdout is for the figures."""
    sys.stderr.write(f"bench: {text}\n")


def eventually(condition: Callable[[], object], what: str, *, look_seconds: float = 0.02) -> None:
    """TimeoutError where it never comes true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited too long: {what}")
        time.sleep(look_seconds)  # what is waited for is in other processes, which do not notify


@dataclass(frozen=True)
class Servers:
    """Shared by all installations of one benchmark; below `folder` is all that it writes."""

    folder: Path
    postgres: EmbeddedPostgres
    bootstrap: str


@contextmanager
def servers() -> Iterator[Servers]:
    """A folder that any user may pass through: as root, Postgres runs as somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="stringx-bench-"))
    folder.chmod(0o755)
    # With the time of each commit, which no column holds: `now()` is when a transaction began.
    postgres = EmbeddedPostgres(folder / "postgres", options={"track_commit_timestamp": "on"})
    broker, kind = choose_broker(folder / "broker")
    say(f"{kind}; {os.cpu_count()} cores")
    try:
        postgres.start()
        broker.start()
        postgres.ensure_login(ROLE)
        yield Servers(folder, postgres, broker.bootstrap)
    finally:
        for server in (broker, postgres):
            server.close()
            if not server.join(STOP_SECONDS):
                server.terminate()
        shutil.rmtree(folder, ignore_errors=True)


class Installation:
    """Our processes on a project of so many tables, with gates for each of the engines."""

    def __init__(self, servers: Servers, *, tables: int, engines: list[str], workers: int = 1, **more: str) -> None:
        """Makes databases and files; starts nothing. `more` are settings by their names."""
        self.tables = tables
        self.engines = engines
        self.postgres = servers.postgres
        name = f"lab_{tables}_{uuid.uuid4().hex[:8]}"
        self.folder = servers.folder / name
        self.project, self.token, self._port = self.folder / "project", uuid.uuid4().hex, any_free()
        lab.write(self.project, lab.project(tables))
        lab.write(self.folder / "gates", lab.gates(tables, engines))
        self.database_url = self._database(name, "postgres")
        self._database(f"{name}_data", ROLE)
        self.data_url = self.postgres.url(f"{name}_data", ROLE)
        lab.load(self.data_url, tables)
        self.bootstrap, self.topic = servers.bootstrap, f"{name}.triggers"
        data = psycopg.conninfo.conninfo_to_dict(self.data_url)
        self._settings = {
            "HOME": str(self.folder / "home"),
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP": servers.bootstrap,
            "KAFKA_GROUP": name,
            "KAFKA_TRIGGERS_TOPIC": self.topic,
            "KAFKA_VERDICTS_TOPIC": f"{name}.verdicts",
            "KAFKA_DEAD_LETTERS_TOPIC": f"{name}.dlq",
            "RUNNER_TOKEN": self.token,
            "RUNNER_PORT": str(self._port),
            "RUNNERS": f'{{"default": "{self.runner_url}"}}',
            "RUNNER_WORKERS": str(workers),
            "GATES_DIR": str(self.folder / "gates"),
            "DBT_PROJECT_DIR": str(self.project),
            "TARGETS": f'["{lab.TARGET}"]',
            **{f"TARGET_{key.upper()}": str(data[key]) for key in ("host", "port", "user", "password", "dbname")},
            **more,
        }
        self._processes: dict[str, Child] = {}

    def _database(self, name: str, owner: str) -> str:
        self.postgres.ensure_database(name, owner)
        return self.postgres.url(name)

    @property
    def runner_url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """Of every process of ours, and of dbt; a developer's own settings must not decide what is measured."""
        free = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        return free | {f"{PREFIX}{name}": value for name, value in self._settings.items()}

    # --- lifecycle ---

    def start(self) -> None:
        """Everything, in place; returns when the runner is ready."""
        self._command("migrate")
        self._command("gates", "apply")
        for verb in ("runner", "dispatch", "consume"):
            self.start_process(verb)
        self.wait_until_ready()

    def start_process(self, verb: str, **settings: str) -> None:
        """With `settings` changed from now on."""
        self._settings |= settings
        command = [sys.executable, "-m", "stringx", verb]
        self._processes[verb] = Child(verb, command, folder=self.folder / "processes", environment=self.environment)
        self._processes[verb].start()

    def stop_process(self, verb: str) -> None:
        self._processes[verb].stop(STOP_SECONDS)

    def close(self) -> None:
        """Ends what runs; the door first, so that nothing is begun that nobody ends."""
        for verb in reversed(list(self._processes)):
            self.stop_process(verb)

    def wait_until_ready(self) -> None:
        eventually(self._ready, f"the runner of {self.tables} tables is ready")

    def _ready(self) -> bool:
        self.check_processes()
        with suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.runner_url}/readyz").status_code == httpx2.codes.OK
        return False

    def check_processes(self) -> None:
        """RuntimeError with its last words where one has ended."""
        for verb, process in self._processes.items():
            if not process.running:
                raise RuntimeError(f"stringx {verb} has ended:\n{process.last_words(30)}")

    def pid(self, verb: str) -> int:
        pid = self._processes[verb].pid
        if pid is None:
            raise RuntimeError(f"stringx {verb} was not started")
        return pid

    def last_words(self) -> str:
        return "\n".join(f"--- {verb}\n{process.last_words(15)}" for verb, process in self._processes.items())

    def _command(self, *words: str) -> None:
        done = subprocess.run([sys.executable, "-m", "stringx", *words], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"stringx {' '.join(words)}: {done.stdout}{done.stderr}")

    # --- looking ---

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(sql, values).fetchall()


@contextmanager
def running(servers: Servers, **options: Any) -> Iterator[Installation]:
    """An installation that was started; what its processes said last goes to stderr where the block fails."""
    say(f"an installation with {options['tables']} tables")
    made = Installation(servers, **options)
    try:
        made.start()
        yield made
    except Exception:
        sys.stderr.write(f"{made.last_words()}\n")
        raise
    finally:
        made.close()
