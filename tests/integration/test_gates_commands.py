"""`stringx gates apply`, `validate` and `withdraw`: gate files and folders as people name them, and the backend that is to serve them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import command_line
import pytest
from command_line import Done
from pydantic import SecretStr
from serving import serving
from sqlalchemy import Engine, func, select

from stringx.embedded import addresses
from stringx.embedded.addresses import Addresses
from stringx.model import Gate, RunnerStatus
from stringx.runner.app import create_app
from stringx.settings import Settings
from stringx.store import database, gates
from stringx.store.tables import gate_versions

REPOSITORY = Path(__file__).parent.parent.parent
NOWHERE = "http://127.0.0.1:1"
TOKEN = "the-runners-token"


def versions(engine: Engine) -> int:
    with database.transaction(engine) as connection:
        return connection.execute(select(func.count()).select_from(gate_versions)).scalar_one()


def in_force(engine: Engine) -> list[str]:
    with database.transaction(engine) as connection:
        return [one.gate.table for one in gates.list_current(connection)]


class HasTargets:
    """As much of a runner as its status wants."""

    broken = False

    def on_broken(self, _tell: object) -> None: ...

    def status(self, _installation: str) -> RunnerStatus:
        return RunnerStatus(boot="b", version="1", workers=1, free=1, targets=("demo", "warehouse"), held=(), fingerprints={}, errors={})


@pytest.fixture
def runner() -> Iterator[str]:
    """The address of a runner's API, with the targets `demo` and `warehouse`."""
    with serving(create_app(cast(Any, HasTargets()), Settings(runner_token=SecretStr(TOKEN)))) as url:
        yield url


def stringx(database_url: str, *arguments: str, **variables: str) -> Done:
    return command_line.stringx(*arguments, STRINGX_DATABASE_URL=database_url, **variables)


RULES = "rules: [{name: a, check: not_null, column: b}]\n"


def write(folder: Path, table: str, lines: str = "", workspace: str = "default") -> None:
    (folder / workspace).mkdir(exist_ok=True)
    (folder / workspace / f"{table}.yaml").write_text(f"table: {table}\ntarget: demo\n{lines}{RULES}")


def test_the_command_applies_a_folder_once(database_url: str, engine: Engine) -> None:
    folder = str(REPOSITORY / "configs" / "gates")
    planned = stringx(database_url, "gates", "apply", "--dir", folder, "--dry-run", "--output", "json", STRINGX_INLINE_TARGETS='["demo"]')
    assert planned.returncode == 0, planned.stderr
    assert json.loads(planned.stdout)["dry_run"] is True
    assert versions(engine) == 0
    for action in ("created", "unchanged"):
        done = stringx(database_url, "gates", "apply", "--output", "json", STRINGX_GATES_DIR=folder, STRINGX_INLINE_TARGETS='["demo"]')
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {
            "dry_run": False,
            "changes": [
                {"workspace": "default", "table": f"raw.{table}", "action": action, "version": 1, "differences": []}
                for table in ("airlines", "airports", "flights", "planes", "weather")
            ],
        }
    table = stringx(database_url, "gates", "apply", "--dir", folder, STRINGX_INLINE_TARGETS='["demo"]')
    assert "0 gates of 5 changed" in table.stdout


def test_a_folder_with_an_error_changes_nothing_and_shows_every_error(database_url: str, engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, "raw.good")
    assert stringx(database_url, "gates", "apply", "--dir", str(tmp_path)).returncode == 0
    write(tmp_path, "raw.good", "priority: 5\n")
    write(tmp_path, "raw.bad", "tagret: x\nmode: inlin\n")
    write(tmp_path, "raw.inline", "mode: inline\n")
    done = stringx(database_url, "gates", "apply", "--dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    bad = tmp_path / "default" / "raw.bad.yaml"
    for line in (
        f"{bad}:3:1: unknown field `tagret`: did you mean `target`?",
        f"{bad}:4:7: must be 'inline' or 'async'; did you mean `inline`?",
        f"{tmp_path / 'default' / 'raw.inline.yaml'}:3:7: the backend cannot run dbt on the target demo itself",
    ):
        assert line in done.stderr
    assert versions(engine) == 1


def test_validate_needs_no_database_and_tells_a_machine_each_problem(tmp_path: Path) -> None:
    write(tmp_path, "raw.inline", "mode: inline\n")
    right = stringx("postgresql://nobody@127.0.0.1:1/none", "gates", "validate", "--dir", str(tmp_path))
    assert (right.returncode, right.stdout) == (0, "1 gate, no problem\n")
    assert right.stderr == "stringx: whether their targets and runners are served was not looked at: `stringx gates apply --dry-run` does\n"
    write(tmp_path, "raw.bad", "priority: 500\n")
    wrong = stringx("postgresql://nobody@127.0.0.1:1/none", "gates", "validate", "--dir", str(tmp_path), "--output", "json")
    assert wrong.returncode == 2
    assert json.loads(wrong.stdout)["problems"] == [
        {"file": str(tmp_path / "default" / "raw.bad.yaml"), "line": 3, "column": 11, "message": "must be at most 100"}
    ]


@pytest.mark.parametrize("verb", ["validate", "diff"])
@pytest.mark.parametrize("line", ["reply_to: [stringx.triggers]", "notify: [{topic: stringx.triggers}]"])
def test_what_the_settings_tell_is_looked_at_without_asking_anybody(database_url: str, tmp_path: Path, verb: str, line: str) -> None:
    write(tmp_path, "raw.orders", f"{line}\n")
    done = stringx(database_url, "gates", verb, str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "raw.orders.yaml:3:" in done.stderr
    assert "triggers are read from stringx.triggers" in done.stderr


def test_where_nothing_serves_and_none_is_named_it_is_said_what_to_start(tmp_path: Path) -> None:
    write(tmp_path, "raw.orders")
    home = tmp_path / "home"
    done = command_line.stringx("gates", "validate", "--online", str(tmp_path / "default" / "raw.orders.yaml"), STRINGX_HOME=str(home))
    assert (done.returncode, done.stdout) == (3, "")
    nothing = (
        f"stringx: 1 gate not held against its target: default/raw.orders.yaml: nothing serves from {home}: start `stringx up`; if it was"
    )
    assert done.stderr.startswith(nothing)
    assert "set STRINGX_RUNNERS and STRINGX_RUNNER_TOKEN" in done.stderr
    # That no runner can be asked does not hide what is wrong anyway.
    write(tmp_path, "raw.sales", "mode: inlin\n")
    done = command_line.stringx("gates", "validate", "--online", "--dir", str(tmp_path), STRINGX_HOME=str(home))
    assert done.returncode == 2
    assert done.stderr.startswith(nothing)
    assert "raw.sales.yaml:3:7: must be" in done.stderr


def test_a_database_that_is_not_there_is_said_without_its_password() -> None:
    done = stringx(
        "postgresql://stringx:a-secret-password@127.0.0.1:1/none",
        "gates",
        "apply",
        "--dir",
        str(REPOSITORY / "configs" / "gates"),
        STRINGX_INLINE_TARGETS='["demo"]',
    )
    assert done.returncode != 0
    assert "a-secret-password" not in done.stdout + done.stderr
    assert "database" in done.stderr
    assert "Traceback" not in done.stderr


# --- what nobody serves ----------------------------------------------------------------------------------------------


def test_a_runner_that_the_backend_does_not_know_is_refused_at_its_place(database_url: str, engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, "raw.orders", "runner: warehose\n")
    done = stringx(
        database_url, "gates", "apply", "--dir", str(tmp_path), STRINGX_RUNNERS=json.dumps({"default": NOWHERE, "warehouse": NOWHERE})
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "stringx: whether the runner `default` has the targets of its gates was not checked: STRINGX_RUNNER_TOKEN is not set\n"
        f"{tmp_path}/default/raw.orders.yaml:3:9: the backend knows no runner `warehose`: STRINGX_RUNNERS has "
        "`default`, `warehouse`; did you mean `warehouse`?\n"
    )
    assert versions(engine) == 0


def test_a_target_that_the_runner_does_not_have_is_refused_at_its_place(
    database_url: str, engine: Engine, runner: str, tmp_path: Path
) -> None:
    write(tmp_path, "raw.orders")
    asked = {"STRINGX_RUNNERS": json.dumps({"default": runner}), "STRINGX_RUNNER_TOKEN": TOKEN}
    done = stringx(database_url, "gates", "apply", "--dir", str(tmp_path), **asked)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "default" / "raw.orders.yaml").write_text("table: raw.orders\ntarget: warehose\n")
    for more in ((), ("--dry-run",)):
        done = stringx(database_url, "gates", "apply", "--dir", str(tmp_path), *more, **asked)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"{tmp_path}/default/raw.orders.yaml:2:9: the runner `default` has no target `warehose`: it has "
            "`demo`, `warehouse`; did you mean `warehouse`?\n"
        )
    assert versions(engine) == 1


@pytest.mark.parametrize(
    ("address", "token", "says"),
    [
        (NOWHERE, TOKEN, "http://127.0.0.1:1"),
        ("http://no-such-host.invalid:5002", TOKEN, "no-such-host.invalid"),
        ("the runner", "another-token", "answers 401"),
        ("the runner", None, "STRINGX_RUNNER_TOKEN is not set"),
    ],
)
def test_a_runner_that_cannot_be_asked_is_said_in_one_line_and_the_gates_are_applied(
    database_url: str, engine: Engine, runner: str, tmp_path: Path, address: str, token: str | None, says: str
) -> None:
    write(tmp_path, "raw.orders")
    write(tmp_path, "raw.sales")
    address = runner if address == "the runner" else address
    asked = {"STRINGX_RUNNERS": json.dumps({"default": address}), **({"STRINGX_RUNNER_TOKEN": token} if token else {})}
    done = stringx(database_url, "gates", "apply", "--dir", str(tmp_path), **asked)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("stringx: whether the runner `default` has the targets of its gates was not checked: ")
    assert says in line
    assert in_force(engine) == ["raw.orders", "raw.sales"]


def test_beside_up_its_own_runner_is_asked(database_url: str, runner: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    started = Addresses(
        api=NOWHERE, runner=runner, docs=NOWHERE, kafka="", kafka_kind="memory", database=SecretStr(database_url), inline_targets=("demo",)
    )
    addresses.write(home, started)
    (home / "tokens").mkdir()
    (home / "tokens" / "runner").write_text(TOKEN)
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "raw.orders.yaml").write_text("table: raw.orders\ntarget: warehose\n")
    done = stringx("", "gates", "apply", "--dir", str(tmp_path), STRINGX_HOME=str(home))
    assert done.returncode == 2
    assert "the runner `default` has no target `warehose`" in done.stderr


# --- files and folders -----------------------------------------------------------------------------------------------


def test_one_file_is_applied_alone(database_url: str, engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, "raw.orders")
    write(tmp_path, "raw.sales", "mode: inlin\n")
    file = str(tmp_path / "default" / "raw.orders.yaml")
    for words in ((file,), ("--dir", file)):
        done = stringx(database_url, "gates", "apply", *words, "--output", "json")
        assert done.returncode == 0, done.stderr
        assert [(one["workspace"], one["table"]) for one in json.loads(done.stdout)["changes"]] == [("default", "raw.orders")]
    assert stringx(database_url, "gates", "validate", file).stdout == "1 gate, no problem\n"
    for wrong, says in (
        ((file, "--dir", str(tmp_path)), "name one of the two"),
        ((file, "--prune"), "is a file: name the folder"),
        ((str(tmp_path / "default" / "raw.order.yaml"),), f"raw.order.yaml: did you mean `{file}`?"),
        ((str(tmp_path / "defalt" / "raw.orders.yaml"),), f"raw.orders.yaml: did you mean `{file}`?"),
        ((str(tmp_path / "nowhere" / "at" / "all.yaml"),), "all.yaml\n"),
        ((str(tmp_path / "nowhere"),), "there is no folder"),
    ):
        done = stringx(database_url, "gates", "apply", *wrong)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr
    assert in_force(engine) == ["raw.orders"]


def test_a_file_beside_the_workspaces_is_in_none(database_url: str, engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "gates"
    folder.mkdir()
    file = folder / "raw.orders.yaml"
    file.write_text("table: raw.orders\ntarget: demo\n")
    for verb in ("validate", "apply"):
        done = stringx(database_url, "gates", verb, str(file), STRINGX_GATES_DIR=str(folder))
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{file}:1:1: stands in no workspace: put it into a folder" in done.stderr
    assert versions(engine) == 0
    write(folder, "raw.sales")  # a folder that holds workspaces is none, whatever the setting says
    assert "stands in no workspace" in stringx(database_url, "gates", "apply", str(file)).stderr


def test_a_folder_without_gates_is_an_error(tmp_path: Path) -> None:
    for verb in ("apply", "validate"):
        done = stringx("postgresql://nobody@127.0.0.1:1/none", "gates", verb, "--dir", str(tmp_path))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"stringx: there is no gate file below {tmp_path}: a gate stands in <workspace>/<table>.yaml\n"
    done = stringx("postgresql://nobody@127.0.0.1:1/none", "gates", "apply", "--dir", str(REPOSITORY / "configs"))
    assert done.stderr == f"stringx: there is no gate file below {REPOSITORY}/configs: did you mean {REPOSITORY}/configs/gates?\n"


# --- withdrawing -----------------------------------------------------------------------------------------------------


def test_a_gate_is_withdrawn_and_applied_again(database_url: str, engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, "raw.orders")
    assert stringx(database_url, "gates", "apply", "--dir", str(tmp_path)).returncode == 0
    done = stringx(database_url, "gates", "withdraw", "raw.orders", "-m", "empty for now", "--author", "ann")
    assert (done.returncode, done.stdout) == (
        0,
        "the gate of raw.orders in workspace default is withdrawn; version 1 was the last one in force\n",
    )
    assert done.stderr == "stringx: remove its file, default/raw.orders.yaml, too: applying it puts the gate in force again\n"
    assert in_force(engine) == []
    again = stringx(database_url, "gates", "withdraw", "raw.orders", "--output", "json")
    assert json.loads(again.stdout) == {
        "workspace": "default",
        "table": "raw.orders",
        "action": "unchanged",
        "version": 1,
        "differences": [],
    }
    assert "restored" in stringx(database_url, "gates", "apply", "--dir", str(tmp_path)).stdout
    assert in_force(engine) == ["raw.orders"]
    with database.transaction(engine) as connection:
        versions = gates.versions(connection, "default", "raw.orders")
        (withdrawal,) = gates.withdrawals(connection, versions).values()
    assert [one.number for one in versions] == [2, 1]
    assert (withdrawal.author, withdrawal.message) == ("ann", "empty for now")
    for words, says in ((("raw.order",), "did you mean `raw.orders`?"), (("raw.orders", "--workspace", "sales"), "in workspace sales")):
        done = stringx(database_url, "gates", "withdraw", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr


def test_pruning_shows_first_and_then_withdraws_what_has_no_file(database_url: str, engine: Engine, tmp_path: Path) -> None:
    for table in ("raw.orders", "raw.sales"):
        write(tmp_path, table)
    assert stringx(database_url, "gates", "apply", "--dir", str(tmp_path)).returncode == 0
    (tmp_path / "default" / "raw.sales.yaml").unlink()
    for more, left in (
        (("--dry-run", "--prune"), ["raw.orders", "raw.sales"]),
        ((), ["raw.orders", "raw.sales"]),
        (("--prune",), ["raw.orders"]),
    ):
        done = stringx(database_url, "gates", "apply", "--dir", str(tmp_path), *more, "--output", "json")
        changes = {one["table"]: one["action"] for one in json.loads(done.stdout)["changes"]}
        assert changes == {"raw.orders": "unchanged", **({"raw.sales": "withdrawn"} if "--prune" in more else {})}
        assert in_force(engine) == left


def test_pruning_by_a_file_withdraws_nothing_however_the_file_is_named(database_url: str, engine: Engine, tmp_path: Path) -> None:
    for table in ("raw.orders", "raw.sales"):
        write(tmp_path, table)
    assert stringx(database_url, "gates", "apply", "--dir", str(tmp_path)).returncode == 0
    file = str(tmp_path / "default" / "raw.orders.yaml")
    for words, variables in (((file,), {}), (("--dir", file), {}), ((), {"STRINGX_GATES_DIR": file})):
        done = stringx(database_url, "gates", "apply", *words, "--prune", **variables)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{file} is a file: name the folder" in done.stderr
    assert in_force(engine) == ["raw.orders", "raw.sales"]


def test_pruning_withdraws_the_last_gate_of_a_workspace_and_says_what_is_in_force_elsewhere(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    write(tmp_path, "raw.orders")
    for workspace in ("sales", "stock"):
        write(tmp_path, f"raw.{workspace}", workspace=workspace)
    assert stringx(database_url, "gates", "apply", "--dir", str(tmp_path)).returncode == 0
    for workspace in ("sales", "stock"):
        (tmp_path / workspace / f"raw.{workspace}.yaml").unlink()
    (tmp_path / "stock").rmdir()
    for more in (("--dry-run",), ()):
        done = stringx(database_url, "gates", "apply", "--dir", str(tmp_path), "--prune", *more, "--output", "json")
        changes = {one["table"]: one["action"] for one in json.loads(done.stdout)["changes"]}
        assert changes == {"raw.orders": "unchanged", "raw.sales": "withdrawn"}
        assert f"stringx: workspace stock has no folder in {tmp_path}, so what it has in force stays: 1 gate. To withdraw" in done.stderr
    assert in_force(engine) == ["raw.orders", "raw.stock"]


def test_the_last_gates_of_all_are_withdrawn_by_the_name_of_their_workspace(database_url: str, engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, "raw.orders")
    assert stringx(database_url, "gates", "apply", "--dir", str(tmp_path)).returncode == 0
    (tmp_path / "default" / "raw.orders.yaml").unlink()
    done = stringx(database_url, "gates", "apply", "--dir", str(tmp_path), "--prune")
    assert done.returncode == 2
    assert "to withdraw all gates of a workspace, name it: --prune --workspace default" in done.stderr
    assert in_force(engine) == ["raw.orders"]
    done = stringx(database_url, "gates", "apply", "--dir", str(tmp_path), "--prune", "--workspace", "default")
    assert done.returncode == 0, done.stderr
    assert in_force(engine) == []


def test_of_a_gate_that_the_api_manages_no_file_is_to_be_removed(database_url: str, engine: Engine) -> None:
    with database.transaction(engine) as connection:
        gates.put(connection, Gate(workspace="default", table="raw.orders", target="demo"))
    done = stringx(database_url, "gates", "withdraw", "raw.orders")
    assert (done.returncode, done.stderr) == (0, "")
    assert in_force(engine) == []


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("--author", "a" * 201, "'--author': must not be longer than 200 characters\n"),
        ("--message", "m" * 2001, "'-m' / '--message': must not be longer than 2000 characters\n"),
    ],
)
def test_who_and_why_are_as_long_as_over_http(database_url: str, tmp_path: Path, option: str, text: str, says: str) -> None:
    write(tmp_path, "raw.orders")
    for words in (("apply", str(tmp_path)), ("withdraw", "raw.orders"), ("rollback", "raw.orders", "--to", "1")):
        done = stringx(database_url, "gates", *words, option, text)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr


@pytest.mark.parametrize("verb", ["validate", "apply"])
def test_a_gate_that_asks_for_nothing_is_said(database_url: str, tmp_path: Path, verb: str) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "raw.orders.yaml").write_text("table: raw.orders\ntarget: demo\n")
    done = stringx(database_url, "gates", verb, "--dir", str(tmp_path))
    assert done.returncode == 0
    assert "stringx: default/raw.orders.yaml: it has neither `rules` nor `select`: each run is `no_checks`, closed\n" in done.stderr
