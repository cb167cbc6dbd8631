"""What the engines are held against: `dbt test` as a command, and the statements that it made on an open connection."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import lab
import psycopg
from installation import Installation


class DbtCommand:
    """`dbt test` of one table as a process of its own, with the project parsed before and the files in the page cache."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._target = installation.folder / "command"
        self._run("parse")

    def check(self, table: str) -> float:
        """The wall time in seconds; RuntimeError where the six tests do not pass."""
        began = time.perf_counter()
        said = self._run("test", "--select", f"tag:{table}")
        seconds = time.perf_counter() - began
        if f"PASS={lab.TESTS} " not in said:
            raise RuntimeError(f"dbt test of {table}: {said}")
        return seconds

    def statements(self, table: str) -> list[str]:
        """What dbt executed in the last check of the table: each test counts in one statement."""
        found = [path.read_text() for path in sorted((self._target / "run").glob(f"**/{table}.yml/*.sql"))]
        if len(found) != lab.TESTS:
            raise RuntimeError(f"dbt left {len(found)} statements of {table}")
        return found

    def _run(self, *words: str) -> str:
        command = [str(Path(sys.executable).with_name("dbt")), "--no-send-anonymous-usage-stats", "--no-version-check", "--no-use-colors"]
        project = self._installation.project
        places = ["--project-dir", project, "--profiles-dir", project, "--target-path", self._target, "--log-path", self._target]
        done = subprocess.run(
            [*command, *words, *map(str, places)], env=self._installation.environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"dbt {words[0]}: {done.stdout}{done.stderr}")
        return done.stdout


def sql_seconds(connection: psycopg.Connection, statements: list[str]) -> float:
    """One after the other, each a transaction of its own, as dbt has it."""
    began = time.perf_counter()
    for statement in statements:
        row = connection.execute(statement).fetchone()
        if row is None or row[0] != 0:
            raise RuntimeError(f"a test fails: {statement}")
    return time.perf_counter() - began
