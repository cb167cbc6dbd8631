"""The tests' own servers leave nothing behind, however a run ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import server_folders
from server_folders import fresh_folder


def test_a_run_leaves_the_folders_of_those_that_live_and_removes_that_of_one_that_was_killed(tmp_path: Path) -> None:
    program = """
import pathlib, sys
from server_folders import fresh_folder
with fresh_folder(pathlib.Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    sys.stdin.read()  # until it is killed, or its parent has ended
"""
    anothers = tmp_path / "of-another-program"
    anothers.mkdir()
    path = os.environ | {"PYTHONPATH": str(Path(server_folders.__file__).parent)}
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, env=path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        left = Path(killed.stdout.readline().rstrip())
        (left / "data").write_text("kept")
        with fresh_folder(tmp_path) as folder:
            assert folder != left
            assert (left / "data").exists()
        killed.kill()
    with fresh_folder(tmp_path) as folder:
        assert not left.exists()
        assert folder.stat().st_mode & 0o777 == 0o755
    assert list(tmp_path.iterdir()) == [anothers]
