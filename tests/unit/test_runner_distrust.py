"""Which gates are distrusted is known to the next process, unless it is of another version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stringx.model import DistrustedGate
from stringx.runner.distrust import Distrust

GATE = DistrustedGate(workspace="default", table="raw.orders", gate_fingerprint="f" * 32, reason="a replay gave pass")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """What a process has left."""
    path = tmp_path / "distrusted.json"
    Distrust(path).under("project").add(GATE)
    return path


def test_a_new_process_distrusts_the_same_gates_under_the_same_project(path: Path) -> None:
    known = Distrust(path)
    assert list(known.under("project")) == [GATE]
    assert GATE.gate_fingerprint in known.under("project")
    assert GATE.gate_fingerprint not in known.under("another project")
    known.under("another project").add(GATE)
    assert [list(Distrust(path).under(project)) for project in ("project", "another project")] == [[GATE], [GATE]]


def test_another_version_of_the_runner_begins_anew(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": "stringx 0, dbt-core 0"}))
    assert list(Distrust(path).under("project")) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1', "null"])
def test_a_file_that_cannot_be_read_is_no_distrust_and_is_written_anew(path: Path, text: str) -> None:
    path.write_text(text)
    known = Distrust(path).under("project")
    assert list(known) == []
    known.add(GATE)
    assert list(Distrust(path).under("project")) == [GATE]


def test_a_disk_that_does_not_take_it_leaves_it_to_this_process(tmp_path: Path) -> None:
    known = Distrust(tmp_path / "nowhere" / "distrusted.json").under("project")
    known.add(GATE)
    assert list(known) == [GATE]
