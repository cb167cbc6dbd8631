"""Parts of `stringx up` that need no whole start: the gates that it applies, what it proposes, a broker that is not there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stringx.cli.up import _next_commands
from stringx.embedded.home import Home
from stringx.embedded.ports import any_free
from stringx.embedded.stack import Stack
from stringx.settings import Settings

GATE = "table: {table}\ntarget: demo\nrules: [{{name: a, check: not_null, column: {column}}}]\n"


class Told:
    """A stack whose words are kept."""

    def __init__(self, folder: Path, database_url: str = "postgresql://127.0.0.1:1/none") -> None:
        self.lines: list[str] = []
        self.gates = folder / "gates"
        self.stack = Stack(Settings(home=folder / "home", gates_dir=self.gates), Home(folder / "home"), demo=False, say=self.lines.append)
        self.stack._variables |= {"DATABASE_URL": database_url, "RUNNERS": '{"default": "http://127.0.0.1:1"}'}  # noqa: SLF001

    def write(self, table: str, column: str = "b", workspace: str = "default") -> None:
        (self.gates / workspace).mkdir(parents=True, exist_ok=True)
        (self.gates / workspace / f"{table}.yaml").write_text(GATE.format(table=table, column=column))

    def apply(self) -> list[str]:
        """What is said of the gates, beside the command."""
        self.lines.clear()
        self.stack._apply_gates()  # noqa: SLF001  # the parts that start servers are left out
        assert self.lines.pop(0) == "stringx gates apply --output json"
        return self.lines


def test_a_start_says_each_gate_that_it_changes_and_no_other(tmp_path: Path, database_url: str) -> None:
    told = Told(tmp_path, database_url)
    told.write("raw.orders")
    told.write("raw.customers", workspace="sales")
    assert told.apply() == ["  default/raw.orders: created, version 1", "  sales/raw.customers: created, version 1"]
    assert told.apply() == []
    told.write("raw.orders", "c")  # as if somebody had applied another one meanwhile
    assert told.apply() == ["  default/raw.orders: changed, version 2"]
    assert told.stack.gates == [("default", "raw.orders"), ("sales", "raw.customers")]


def test_a_gate_file_with_an_error_leaves_the_gates_as_they_were_and_is_shown(tmp_path: Path, database_url: str) -> None:
    told = Told(tmp_path, database_url)
    told.write("raw.orders", "c]")
    failed, stay = told.apply()
    assert "raw.orders.yaml:3" in failed
    assert "{" not in failed, "people read it"
    assert stay == "the gates stay as they were"
    assert _next_commands(told.stack, None) == ["runs", "gates", "gates apply"]


def test_the_next_commands_are_of_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("STRINGX_TARGET_")]:
        monkeypatch.delenv(name)
    stack = Told(tmp_path).stack
    stack.gates = [("sales", "raw.orders"), ("default", "raw.flights")]
    assert _next_commands(stack, None) == ["runs", "gates", "gates show raw.orders --workspace sales"]
    monkeypatch.setenv("STRINGX_TARGET_HOST", "db")
    assert _next_commands(stack, None)[2] == "trigger raw.orders --workspace sales --wait"
    stack._variables["TARGET_DBNAME"] = "demo"  # noqa: SLF001  # as the demo's data being there leaves it
    assert _next_commands(stack, "r1") == ["runs", "run r1", "trigger raw.flights --slice flight_date=2013-02-09 --wait"]
    stack.gates = [("default", "raw.orders")]
    assert _next_commands(stack, None)[2] == "trigger raw.orders --wait"


@pytest.mark.parametrize("option", [True, False])
def test_a_broker_that_is_not_there_is_said_first_and_nothing_is_started_or_deleted(tmp_path: Path, option: bool) -> None:
    address = f"127.0.0.1:{any_free()}"
    (tmp_path / "home" / "tokens").mkdir(parents=True)
    named = ["--kafka", address] if option else []
    command = [sys.executable, "-m", "stringx", "up", "--fresh", "--home", str(tmp_path / "home"), *named]
    environment = os.environ if option else {**os.environ, "STRINGX_KAFKA_BOOTSTRAP": address}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"stringx: {'--kafka' if option else 'STRINGX_KAFKA_BOOTSTRAP'}: no broker answers at {address} (")
    assert {path.name for path in (tmp_path / "home").iterdir()} == {"tokens", "up.lock", "broker.lock"}
