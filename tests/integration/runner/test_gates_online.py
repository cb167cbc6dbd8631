"""`stringx gates validate --online` and `gates init`: the commands, against a real runner over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import command_line
import psycopg
import pytest
from command_line import Done
from pydantic import SecretStr
from runner_lab import TOKEN, Bench, Lab, rule, wait_for
from serving import serving

from stringx.cli.gates.online import to_ask, validated
from stringx.errors import RunnerUnavailable
from stringx.runner.app import create_app
from stringx.runner.client import HttpRunner
from stringx.settings import Settings

Command = Callable[..., Done]


@pytest.fixture(scope="module")
def address(bench: Bench, lab: Lab) -> Iterator[str]:
    """Of the runner's API."""
    lab.change("drop table if exists raw.announced")
    lab.change("drop table if exists raw.hostile")
    lab.change("drop table if exists raw.only_here")
    for table in ("raw.hostile", "raw.only_here"):
        lab.change(f"create table {table} (id integer primary key, day date not null, status text check (status in ('a', 'b')))")
    wait_for(lambda: bench.runner.ready, "the project is parsed")
    with serving(create_app(bench.runner, Settings(runner_token=SecretStr(TOKEN)))) as url:
        yield url
    lab.change("drop table raw.hostile")


@pytest.fixture
def stringx(address: str, tmp_path: Path) -> Command:
    environment = {
        "STRINGX_HOME": str(tmp_path / "home"),
        "STRINGX_GATES_DIR": str(tmp_path / "gates"),
        "STRINGX_RUNNERS": json.dumps({"default": address}),
        "STRINGX_RUNNER_TOKEN": TOKEN,
    }
    return lambda *arguments, **variables: command_line.stringx(*arguments, **environment | variables)


@pytest.mark.parametrize(("table", "plain"), [("raw.hostile", False), ("raw.only_here", True)])
def test_a_first_file_works_on_its_target_as_it_is(table: str, plain: bool, stringx: Command, tmp_path: Path) -> None:
    path = tmp_path / "gates" / "default" / f"{table}.yaml"
    made = stringx("gates", "init", table)
    assert made.returncode == 0, made.stderr
    assert f"{path}: 4 rules." in made.stdout
    assert ("relation: plain" in path.read_text()) is plain
    again = stringx("gates", "init", table)
    assert (again.returncode, f"{path} is there already: --force replaces it" in again.stderr) == (2, True)
    replaced = stringx("gates", "init", table.upper(), "--force", "--output", "json")
    assert json.loads(replaced.stdout) == {"workspace": "default", "table": table, "file": str(path), "rules": 4}
    for options in ((), ("--online",)):
        checked = stringx("gates", "validate", *options)
        assert (checked.returncode, checked.stdout) == (0, "1 gate, no problem\n"), checked.stderr


def test_what_would_not_work_is_told_at_its_place_for_people_and_machines(stringx: Command, tmp_path: Path) -> None:
    folder = tmp_path / "gates" / "default"
    folder.mkdir(parents=True)
    (folder / "raw.orders.yaml").write_text(
        "table: raw.orders\n"
        "target: demo\n"
        "slice: {columns: {dya: date}}\n"
        "select: [{select: tag:nightlty}]\n"
        "rules:\n"
        "  - {name: filled, check: not_null, column: amuont}\n"
        "  - {name: holds, check: holds, arguments: {expression: amuont > 0}, dimension: validity, level: row}\n"
        "  - {name: keyed, check: unique_combination_of_columns, columns: [id, amuont]}\n"
        "  - {name: own, check: holds, arguments: {expresion: amount > 0}, dimension: validity, level: row}\n"
    )
    (folder / "raw.announced.yaml").write_text("table: raw.announced\ntarget: elsewhere\nrules: []\n")
    expected = [
        (folder / "raw.announced.yaml", 2, 9, "the runner `default` has no target `elsewhere`: it has `demo`"),
        (folder / "raw.orders.yaml", 3, 19, "raw.orders has no column `dya`: did you mean `day`?"),
        (folder / "raw.orders.yaml", 4, 10, "did you mean `tag:nightly`?"),
        (folder / "raw.orders.yaml", 6, 45, "rule `filled`: raw.orders has no column `amuont`: did you mean `amount`?"),
        (folder / "raw.orders.yaml", 7, 5, 'rule `holds`: column "amuont" does not exist'),
        (folder / "raw.orders.yaml", 8, 71, "rule `keyed`: raw.orders has no column `amuont`: did you mean `amount`?"),
        (folder / "raw.orders.yaml", 9, 43, "rule `own`: unknown argument `expresion`: did you mean `expression`?"),
    ]
    told = stringx("gates", "validate", "--online")
    assert (told.returncode, told.stdout) == (2, "")
    for file, line, column, message in expected:
        (one,) = [one for one in told.stderr.splitlines() if message in one]
        assert f"{file}:{line}:{column}: " in one
    machine = json.loads(stringx("gates", "validate", "--online", "--output", "json").stdout)
    assert [(one["file"], one["line"], one["column"]) for one in machine["problems"]] == [(str(one[0]), *one[1:3]) for one in expected]
    assert stringx("gates", "validate").returncode == 0, "only the database can tell"


def test_gates_that_are_wrong_as_they_stand_do_not_hide_what_only_the_database_can_tell(stringx: Command, tmp_path: Path) -> None:
    folder = tmp_path / "gates" / "default"
    folder.mkdir(parents=True)
    (folder / "raw.hostile.yaml").write_text("table: raw.hostile\ntarget: dmo\nrunner: defalt\n")
    (folder / "raw.nowhere.yaml").write_text("table: raw.nowhere\ntarget: dmo\ntimeout: none\n")
    (folder / "raw.only_here.yaml").write_text("table: raw.only_here\ntarget: demo\nmode: inlin\n")
    (folder / "raw.orders.yaml").write_text("table: raw.orders\ntarget: demo\nrules: [{name: a, check: not_null, column: amuont}]\n")
    told = stringx("gates", "validate", "--online")
    assert (told.returncode, told.stdout) == (2, "")
    known = "the backend knows no runner `defalt`: STRINGX_RUNNERS has `default`; did you mean `default`?"
    lines = told.stderr.splitlines()
    assert lines[:2] == [
        f"{folder}/raw.hostile.yaml:2:9: no runner has the target `dmo`: there are `demo`; did you mean `demo`?",
        f"{folder}/raw.hostile.yaml:3:9: {known}",
    ]
    assert lines[2] == f"{folder}/raw.nowhere.yaml:2:9: the runner `default` has no target `dmo`: it has `demo`; did you mean `demo`?"
    assert lines[3].startswith(f"{folder}/raw.nowhere.yaml:3:10: must be a length of time")
    assert lines[4].startswith(f"{folder}/raw.only_here.yaml:3:7: must be ")
    assert lines[5].startswith(f"{folder}/raw.orders.yaml:3:44: rule `a`: raw.orders has no column `amuont`")
    assert len(lines) == 6


def inline(folder: Path, target: str = "demo") -> Path:
    """A gate of `mode: inline` whose rule names a column that there is not."""
    path = folder / "gates" / "default" / "raw.orders.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(f"table: raw.orders\ntarget: {target}\nmode: inline\nrules:\n  - {{name: filled, check: not_null, column: amuont}}\n")
    return path


def test_a_gate_that_the_backend_runs_itself_is_held_against_its_target_by_a_runner_that_has_it(stringx: Command, tmp_path: Path) -> None:
    path = inline(tmp_path)
    told = stringx("gates", "validate", "--online")
    assert told.returncode == 2
    assert f"{path}:5:45: rule `filled`: raw.orders has no column `amuont`: did you mean `amount`?" in told.stderr
    assert "`mode: inline`: 1 gate on demo asked of the runner `default`, since the backend's own workers answer" in told.stderr


@pytest.mark.parametrize(
    ("target", "runners", "why"),
    [
        ("elsewhere", None, "no runner that could in their place has this target: `default` has demo"),
        ("demo", {}, "STRINGX_RUNNERS names none"),
    ],
)
def test_why_an_inline_gate_that_no_runner_could_be_asked_about_is_not_held_against_its_target_is_said(
    target: str, runners: dict[str, str] | None, why: str, stringx: Command, tmp_path: Path
) -> None:
    inline(tmp_path, target)
    told = stringx("gates", "validate", "--online", **({} if runners is None else {"STRINGX_RUNNERS": json.dumps(runners)}))
    assert (told.returncode, told.stdout) == (0, "1 gate, no problem\n")
    assert f"`mode: inline`: 1 gate on {target} not held against it" in told.stderr
    assert why in told.stderr


def test_a_runner_that_does_not_answer_keeps_nothing_of_the_others_back(stringx: Command, address: str, tmp_path: Path) -> None:
    runners = json.dumps({"default": address, "silent": "http://127.0.0.1:1"})
    inline(tmp_path, "elsewhere")
    folder = tmp_path / "gates" / "default"
    (folder / "raw.hostile.yaml").write_text("table: raw.hostile\ntarget: demo\nrunner: silent\nselect: [{select: path:tests}]\n")
    (folder / "raw.announced.yaml").write_text("table: raw.announced\ntarget: other\nrunner: silent\nselect: [{select: path:tests}]\n")
    (folder / "raw.only_here.yaml").write_text("table: raw.only_here\ntarget: demo\nrelation: plain\nrules: []\n")
    unasked = ["default/raw.announced.yaml", "default/raw.hostile.yaml", "default/raw.orders.yaml"]

    def asked(*options: str) -> Done:
        return stringx("gates", "validate", "--online", *options, STRINGX_RUNNERS=runners)

    told = asked()
    assert (told.returncode, told.stdout) == (3, "")
    assert f"stringx: 3 gates not held against their targets: {', '.join(unasked)}: the runner `silent` is not there: http" in told.stderr
    (folder / "raw.only_here.yaml").write_text("table: raw.only_here\ntarget: demo\nrelation: model\nselect: [{select: tag:gone}]\n")
    told = asked("--output", "json")
    assert told.returncode == 2
    document = json.loads(told.stdout)
    assert [(one["file"], one["line"]) for one in document["problems"]] == [(str(folder / "raw.only_here.yaml"), 1)]
    ((files, reason),) = [(one["files"], one["reason"]) for one in document["unasked"]]
    assert (files, reason.endswith(": start it, or correct STRINGX_RUNNERS")) == (unasked, True)
    assert "3 gates not held against their targets: " in told.stderr


def test_a_lock_on_a_table_is_no_fault_of_its_file(stringx: Command, lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "gates" / "default"
    folder.mkdir(parents=True)
    (folder / "raw.only_here.yaml").write_text(
        "table: raw.only_here\ntarget: demo\nrelation: plain\nrules: [{name: a, check: not_null, column: id}]\n"
    )
    (folder / "raw.orders.yaml").write_text("table: raw.orders\ntarget: demo\nrules: [{name: a, check: not_null, column: id}]\n")
    reason = "somebody holds a lock on raw.only_here, or on a table that its rules name: not all was looked at, ask again"
    with psycopg.connect(lab.url) as locking:
        locking.execute("lock table raw.only_here in access exclusive mode")
        told = stringx("gates", "validate", "--online")
        assert (told.returncode, told.stdout) == (3, "")
        assert f"stringx: 1 gate not held against its target: default/raw.only_here.yaml: {reason}" in told.stderr
        (folder / "raw.orders.yaml").write_text("table: raw.orders\ntarget: demo\nrules: [{name: a, check: not_null, column: idd}]\n")
        told = stringx("gates", "validate", "--online", "--output", "json")
    assert told.returncode == 2
    document = json.loads(told.stdout)
    assert [Path(one["file"]).name for one in document["problems"]] == ["raw.orders.yaml"]
    assert document["unasked"] == [{"files": ["default/raw.only_here.yaml"], "reason": reason}]


def test_a_target_that_does_not_answer_keeps_nothing_of_the_others_back(
    make_runner: Callable[..., Bench], project: Path, stringx: Command, tmp_path: Path
) -> None:
    profiles = project / "profiles.yml"
    profiles.write_text(
        profiles.read_text() + "    gone: {type: postgres, host: 127.0.0.1, port: 1, user: a, password: b, dbname: c, schema: d}\n"
    )
    bench = make_runner(targets=("demo", "gone"), dbt_project_dir=project)
    wait_for(lambda: bench.runner.ready, "both are parsed")
    folder = tmp_path / "gates" / "default"
    folder.mkdir(parents=True)
    (folder / "raw.orders.yaml").write_text("table: raw.orders\ntarget: demo\nrules: [{name: a, check: not_null, column: amuont}]\n")
    (folder / "raw.customers.yaml").write_text("table: raw.customers\ntarget: gone\nrules: [{name: a, check: not_null, column: id}]\n")
    with serving(create_app(bench.runner, Settings(runner_token=SecretStr(TOKEN)))) as url:
        told = stringx("gates", "validate", "--online", STRINGX_RUNNERS=json.dumps({"default": url}))
    assert told.returncode == 2
    assert "raw.orders.yaml:3:44: rule `a`: raw.orders has no column `amuont`" in told.stderr
    assert "1 gate not held against its target: default/raw.customers.yaml: " in told.stderr
    assert "the database of gone did not answer; see that it is up" in told.stderr


def test_another_replica_is_asked_where_one_does_not_answer(address: str, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    gone, there = (HttpRunner(url, TOKEN, beat_seconds=5.0) for url in ("http://127.0.0.1:1", address))
    gate = bench.gate(rule("gone", "not_null", column="idd"))
    with closing(gone), closing(there):
        ((fault,),) = [one.faults for one in validated([gone, there], [gate]).gates]
        assert fault.rule == "gone"
        assert "the next replica is asked: http://127.0.0.1:1: " in capsys.readouterr().err
        with pytest.raises(RunnerUnavailable):
            validated([gone], [gate])


def test_replicas_with_different_dbt_projects_are_told(
    address: str, bench: Bench, make_runner: Callable[..., Bench], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = project / "models" / "schema.yml"
    schema.write_text(schema.read_text() + "# so that it is another\n")
    another = make_runner(dbt_project_dir=project)
    wait_for(lambda: another.runner.ready, "the project is parsed")
    with serving(create_app(another.runner, Settings(runner_token=SecretStr(TOKEN)))) as url:
        silent, first, second = (HttpRunner(one, TOKEN, beat_seconds=5.0) for one in ("http://127.0.0.1:1", url, address))
        with closing(silent), closing(first), closing(second):
            assert to_ask("default", "demo", [silent, first, second]) == [first, second]
            theirs, ours = (one.runner.status("x").fingerprints["demo"] for one in (another, bench))
            told = capsys.readouterr().err
            assert "a replica of the runner `default` is not asked: http://127.0.0.1:1: " in told
            assert f"different dbt projects for demo, and the first is asked: {url} has {theirs[:8]}, {address} has {ours[:8]}" in told
            schema.write_text("version: 2\nmodels: {")
            wait_for(lambda: another.runner.status("x").errors, "the project is refused")
            assert to_ask("default", "demo", [first]) == [first]
            assert f"{url} answers by an earlier dbt project of demo, for the newest cannot be run: " in capsys.readouterr().err
            with pytest.raises(RunnerUnavailable):
                to_ask("default", "demo", [silent])


def test_one_file_is_held_against_its_target(stringx: Command, tmp_path: Path) -> None:
    path = tmp_path / "gates" / "default" / "raw.nowhere.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("table: raw.nowhere\ntarget: demo\nrules: [{name: a, check: not_null, column: b}]\n")
    told = stringx("gates", "validate", "--online", str(path))
    assert told.returncode == 2
    assert f"{path}:1:8: the dbt project has no source, model, seed or snapshot raw.nowhere" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("gates", "init", "raw.nowhere"), 2, "the target demo cannot read raw.nowhere: there is no "),
        (("gates", "init", "orders"), 2, "write schema.table or database.schema.table"),
        (("gates", "init", "raw.orders", "-w", "No Workspace"), 2, "is no workspace"),
        (("gates", "init", "raw.orders", "--dir", "/proc/x"), 2, "/proc/x/default/raw.orders.yaml cannot be written: /proc/x: "),
        (("gates", "init", "raw.orders", "--target", "elsewhere"), 2, "this runner serves demo, not elsewhere"),
        (("gates", "init", "raw.orders", "--target", "dmeo"), 2, "this runner serves demo, not dmeo: did you mean `demo`?"),
        (("gates", "init", "raw.orders", "--runner", "defualt"), 2, "has no runner defualt: did you mean `default`?"),
    ],
)
def test_what_cannot_be_asked_is_told(arguments: tuple[str, ...], code: int, says: str, stringx: Command) -> None:
    told = stringx(*arguments)
    assert (told.returncode, says in told.stderr) == (code, True), told.stderr


def test_a_table_that_the_role_may_not_read_gets_no_first_file(lab: Lab, stringx: Command, tmp_path: Path) -> None:
    lab.change("drop table if exists raw.sealed")
    lab.change("create table raw.sealed (id integer)")
    lab.change("revoke select on raw.sealed from current_user")
    told = stringx("gates", "init", "raw.sealed")
    assert (told.returncode, told.stdout) == (2, "")
    assert "cannot read raw.sealed: permission denied for " in told.stderr
    assert told.stderr.endswith("let the role of its dbt profile read it: grant it `select` on the table\n")
    assert not (tmp_path / "gates").exists()


def test_a_runner_that_does_not_answer_is_told_by_its_own_exit_code(stringx: Command) -> None:
    nowhere = json.dumps({"default": "http://127.0.0.1:1"})
    told = stringx("gates", "init", "raw.orders", STRINGX_RUNNERS=nowhere)
    assert told.returncode == 3
    assert told.stderr.startswith("stringx: the runner `default` is not there: http://127.0.0.1:1: ")
