"""What holds of every file."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
LONGEST = 500


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    return [REPOSITORY / name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


def test_no_file_of_source_is_longer_than_it_can_be_read() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in tracked("*.py", "*.sql", "*.sh", "scripts", "docker-compose.yml")}
    assert lengths
    assert {str(path): length for path, length in lengths.items() if length > LONGEST} == {}


def test_scripts_can_be_executed_and_fail_on_the_first_error() -> None:
    scripts = [path for path in tracked("scripts", ".ci") if path.suffix == ""]
    assert scripts
    for script in scripts:
        assert script.stat().st_mode & 0o111, script
        if script.read_text().startswith("#!/usr/bin/env bash"):
            assert "set -euo pipefail" in script.read_text(), script


def test_every_dependency_of_a_lock_file_has_a_hash() -> None:
    locks = tracked("requirements*.lock")
    assert locks
    for lock in locks:
        entries = re.split(r"\n(?=\S)", re.sub(r"\\\n", " ", lock.read_text()))
        for entry in entries:
            if re.match(r"[A-Za-z0-9]", entry):
                assert "--hash=sha256:" in entry, f"{lock.name}: {entry[:80]}"
