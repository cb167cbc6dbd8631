"""`stringx up` as a process of its own, and what a person can learn of it from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from stringx.embedded import addresses
from stringx.embedded.addresses import Addresses
from stringx.embedded.child import identity

REPOSITORY = Path(__file__).parents[2]
#: A whole start on two cores that others use too.
START_SECONDS = 150.0


def wait_for(condition: Callable[[], object], timeout_seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


@dataclass
class Up:
    """A `stringx up` that stays."""

    process: subprocess.Popen[bytes]
    home: Path
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def addresses(self) -> Addresses:
        found = addresses.read(self.home)
        assert found is not None
        return found

    def wait_until_it_stays(self) -> None:
        """Returns when it has shown its verdicts and waits for Ctrl-C; AssertionError where it ended instead."""
        wait_for(lambda: "Ctrl-C stops" in self.said or self.process.poll() is not None)
        assert self.process.poll() is None, self.said

    def pids(self) -> dict[str, int]:
        """Of everything that it started and recorded."""
        records = (record for record in self.home.rglob("*.pid") if record.name != "postmaster.pid")
        return {record.stem: json.loads(record.read_text())["pid"] for record in records}

    def running(self) -> dict[int, str]:
        """The identity of each process of it that runs now."""
        found = {pid: identity(pid) for pid in self.pids().values()}
        return {pid: known for pid, known in found.items() if known is not None}

    def environment(self, name: str) -> dict[str, str]:
        """What a process was told."""
        pairs = Path(f"/proc/{self.pids()[name]}/environ").read_bytes().decode().split("\0")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    def api(self, path: str) -> httpx2.Response:
        token = addresses.read_token(self.home, "api")
        return httpx2.get(f"{self.addresses.api}{path}", headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30)


def start(home: Path, *arguments: str) -> Up:
    log = home.with_suffix(".log")
    with log.open("wb") as file:
        process = subprocess.Popen(command(home, *arguments), stdout=file, stderr=file, cwd=REPOSITORY)
    return Up(process, home, log)


def command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "stringx", "up", "--home", str(home), *arguments]


def run_once(home: Path, *arguments: str) -> list[dict[str, Any]]:
    """The runs of `up --demo --once --output json`, which prints one JSON document and nothing else."""
    done = subprocess.run(
        command(home, "--demo", "--once", "--output", "json", *arguments), capture_output=True, text=True, check=False, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    assert list(document) == ["runs"]
    return document["runs"]
