"""`stringx gates diff`, `export`, `rollback`, and who applied what: gate files and their versions as a person at a terminal has them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import command_line
import pytest
from command_line import Done
from sqlalchemy import Engine

from stringx.model import Gate, GateVersion
from stringx.store import database, gates

GATES = Path(__file__).parents[2] / "configs" / "gates"
RULES = "rules: [{name: a, check: not_null, column: b}]\n"


Run = Callable[..., Done]


@pytest.fixture
def stringx(database_url: str) -> Run:
    """`stringx gates` with these words; it ends with `code`. It has no git configuration but that of the folder."""
    environment = {"STRINGX_DATABASE_URL": database_url, "STRINGX_INLINE_TARGETS": '["demo"]'}
    environment |= dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), "/dev/null")

    def run(*arguments: str, code: int = 0, **variables: str) -> Done:
        done = command_line.stringx("gates", *arguments, **environment | variables)
        assert done.returncode == code, done
        return done

    return run


def write(folder: Path, table: str, lines: str = "", workspace: str = "default") -> Path:
    (folder / workspace).mkdir(parents=True, exist_ok=True)
    file = folder / workspace / f"{table}.yaml"
    file.write_text(f"table: {table}\ntarget: demo\n{lines}{RULES}")
    return file


def changes(done: Done) -> dict[str, str]:
    return {one["table"]: one["action"] for one in json.loads(done.stdout)["changes"]}


def newest(engine: Engine, table: str) -> GateVersion:
    with database.transaction(engine) as connection:
        return gates.versions(connection, "default", table, limit=1)[0]


def put(engine: Engine, table: str, **fields: Any) -> None:
    with database.transaction(engine) as connection:
        gates.put(connection, Gate(workspace="default", table=table, target="demo", **fields), take_over=True)


# --- plans -----------------------------------------------------------------------------------------------------------


def test_a_plan_shows_what_is_new_what_changes_in_which_fields_and_what_goes(stringx: Run, engine: Engine, tmp_path: Path) -> None:
    for table in ("raw.a", "raw.b", "raw.c", "raw.d"):
        write(tmp_path, table)
    stringx("apply", "-f", str(tmp_path))
    write(tmp_path, "raw.b", "timeout: 2m\n")
    (tmp_path / "default" / "raw.c.yaml").unlink()
    write(tmp_path, "raw.new")
    put(engine, "raw.d", priority=5)
    planned = stringx("apply", "-f", str(tmp_path), "--prune", "--dry-run")
    assert planned.stdout == (
        "~ default/raw.b: changed, version 2\n"
        "    + timeout: 2m\n"
        "! default/raw.d: kept at version 2: the API manages it; --take-over puts the files in its place\n"
        "    ~ managed by: the API → default/raw.d.yaml\n"
        '    + rules.a: {"check":"not_null","column":"b","name":"a"}\n'
        "    - priority: 5\n"
        "+ default/raw.new: created, version 1\n"
        "- default/raw.c: withdrawn, version 1 was the last one in force\n"
        "1 gate unchanged\n"
        "3 gates of 5 would change\n"
    )
    assert "1 gate that the API manages stayed: `stringx gates export` writes" in planned.stderr
    done = stringx("apply", "-f", str(tmp_path), "--prune")
    assert done.stdout == planned.stdout.replace("would change", "changed")
    assert changes(stringx("apply", "-f", str(tmp_path), "--prune", "--output", "json")) == {
        "raw.a": "unchanged",
        "raw.b": "unchanged",
        "raw.d": "kept",
        "raw.new": "unchanged",
    }
    taken = stringx("apply", "-f", str(tmp_path), "--take-over", "--output", "json")
    (change,) = [one for one in json.loads(taken.stdout)["changes"] if one["table"] == "raw.d"]
    assert (change["action"], change["version"]) == ("changed", 3)
    assert change["differences"][-1] == {"field": "priority", "before": 5, "after": None}
    assert newest(engine, "raw.d").file == "default/raw.d.yaml"


def test_a_diff_ends_by_whether_the_files_are_in_force(stringx: Run, engine: Engine, tmp_path: Path) -> None:
    file = write(tmp_path, "raw.a")
    assert changes(stringx("diff", str(tmp_path), "--output", "json", code=1)) == {"raw.a": "created"}
    stringx("apply", str(tmp_path))
    assert stringx("diff", str(tmp_path)).stdout == "1 gate unchanged\n0 gates of 1 would change\n"
    write(tmp_path, "raw.a", "priority: 5\n")
    assert "    + priority: 5\n" in stringx("diff", str(file), code=1).stdout
    file.write_text("table: raw.a\n")
    assert "`target` is missing" in stringx("diff", str(tmp_path), code=2).stderr
    assert newest(engine, "raw.a").number == 1


def test_one_workspace_is_looked_at_alone(stringx: Run, tmp_path: Path) -> None:
    write(tmp_path, "raw.a")
    write(tmp_path, "raw.b", workspace="team")
    stringx("apply", str(tmp_path))
    (tmp_path / "default" / "raw.a.yaml").write_text("nonsense")
    (tmp_path / "team" / "raw.b.yaml").unlink()
    write(tmp_path, "raw.c", workspace="team")
    for verb in ("validate", "diff", "apply"):
        assert "nonsense" not in stringx(verb, str(tmp_path), "-w", "team", code=1 if verb == "diff" else 0).stderr
    assert changes(stringx("apply", str(tmp_path), "-w", "team", "--prune", "--output", "json")) == {
        "raw.c": "unchanged",
        "raw.b": "withdrawn",
    }
    assert "no folder of workspace tem in" in (wrong := stringx("apply", str(tmp_path), "-w", "tem", code=2).stderr)
    assert "did you mean `team`?" in wrong
    file = str(tmp_path / "team" / "raw.c.yaml")
    assert "does not stand in the folder of workspace default" in stringx("apply", file, "-w", "default", code=2).stderr


# --- who and why -----------------------------------------------------------------------------------------------------


def test_a_version_names_who_applied_it_and_why(stringx: Run, engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, "raw.a")
    stringx("apply", str(tmp_path), USER="somebody", LOGNAME="somebody")
    assert (newest(engine, "raw.a").author, newest(engine, "raw.a").message) == ("somebody", None)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "config", "user.email", "ann@example.org"], check=True)
    write(tmp_path, "raw.a", "priority: 1\n")
    stringx("apply", str(tmp_path), "-m", "it is urgent")
    assert (newest(engine, "raw.a").author, newest(engine, "raw.a").message) == ("ann@example.org", "it is urgent")
    write(tmp_path, "raw.a", "priority: 2\n")
    stringx("apply", str(tmp_path), "--author", "bob")
    assert newest(engine, "raw.a").author == "bob"


# --- going back ------------------------------------------------------------------------------------------------------


def test_a_rollback_of_what_a_file_manages_is_refused_or_takes_it_over(stringx: Run, engine: Engine, tmp_path: Path) -> None:
    for lines in ("", "priority: 5\n"):
        write(tmp_path, "raw.a", lines)
        stringx("apply", str(tmp_path))
    refused = stringx("rollback", "raw.a", "--to", "1", code=2)
    assert "managed by the file default/raw.a.yaml" in refused.stderr
    assert "--take-over" in refused.stderr
    done = stringx("rollback", "raw.a", "--to", "1", "--take-over", "--author", "ann", "-m", "too strict")
    assert done.stdout == ("~ default/raw.a: changed, version 3\n    ~ managed by: default/raw.a.yaml → the API\n    - priority: 5\n")
    assert (newest(engine, "raw.a").author, newest(engine, "raw.a").message) == ("ann", "too strict")
    assert changes(stringx("apply", str(tmp_path), "--output", "json")) == {"raw.a": "kept"}
    assert "version 3, which is in force, has the content of version 1" in stringx("rollback", "raw.a", "--to", "1").stdout
    for words, says in ((("raw.a", "--to", "9"), "has no version 9: the newest is 3"), (("raw.b", "--to", "1"), "no gate for table raw.b")):
        assert says in stringx("rollback", *words, code=2).stderr


def test_a_rollback_to_what_would_not_be_applied_now_is_refused(stringx: Run, engine: Engine) -> None:
    put(engine, "raw.a", runner="gone")
    put(engine, "raw.a")
    refused = stringx("rollback", "raw.a", "--to", "1", code=2)
    assert "version 1 of raw.a:3:9: the backend knows no runner `gone`" in refused.stderr
    assert newest(engine, "raw.a").number == 2


def test_files_that_have_acknowledgements_written_where_triggers_are_read_are_refused(stringx: Run, tmp_path: Path) -> None:
    write(tmp_path, "raw.a", "reply_to: [asked]\n")
    assert (
        "raw.a.yaml:3:12: triggers are read from asked"
        in stringx("apply", str(tmp_path), code=2, STRINGX_KAFKA_TRIGGERS_TOPIC="asked").stderr
    )


# --- writing files ---------------------------------------------------------------------------------------------------


def test_what_is_exported_is_unchanged_when_it_is_applied(stringx: Run, engine: Engine, tmp_path: Path) -> None:
    stringx("apply", "-f", str(GATES))
    write(tmp_path / "more", "raw.sales", "description: 'a: #b'\n", workspace="team")
    stringx("apply", "-f", str(tmp_path / "more"))
    done = stringx("export", "--dir", str(tmp_path / "out"))
    assert (done.stdout, done.stderr) == ("6 files written\n", "stringx: comments are not stored, and so not written\n")
    assert {str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*.yaml")} == {
        *(str(file.relative_to(GATES)) for file in GATES.rglob("*.yaml")),
        "team/raw.sales.yaml",
    }
    assert set(changes(stringx("diff", "-f", str(tmp_path / "out"), "--prune", "--output", "json")).values()) == {"unchanged"}
    assert newest(engine, "raw.flights").number == 1


def test_a_file_that_says_the_same_keeps_its_comments_and_another_is_not_written_over(stringx: Run, tmp_path: Path) -> None:
    folder = tmp_path / "gates"
    shutil.copytree(GATES, folder)
    stringx("apply", "-f", str(folder))
    before = {file: file.read_text() for file in folder.rglob("*.yaml")}
    assert json.loads(stringx("export", "--dir", str(folder), "--output", "json").stdout) == {"written": []}
    assert {file: file.read_text() for file in folder.rglob("*.yaml")} == before
    file = folder / "default" / "raw.planes.yaml"
    file.write_text(file.read_text() + "priority: 5\n")
    (folder / "default" / "raw.flights.yaml").unlink()
    refused = stringx("export", "--dir", str(folder), code=2)
    assert f"{file}: says something else; --force writes over it, nothing was written" in refused.stderr
    assert not (folder / "default" / "raw.flights.yaml").exists()
    assert stringx("export", "--dir", str(folder), "--force").stdout == "2 files written\n"
    stringx("diff", "-f", str(folder))


def test_a_folder_that_cannot_be_written_to_is_said_in_one_line(stringx: Run, tmp_path: Path) -> None:
    stringx("apply", str(write(tmp_path / "gates", "raw.a")))
    (tmp_path / "default").touch()
    for folder, at in ((Path("/proc/x"), Path("/proc/x")), (tmp_path, tmp_path / "default")):
        (line,) = stringx("export", "--dir", str(folder), code=2).stderr.splitlines()
        assert f"{folder / 'default' / 'raw.a.yaml'} cannot be written: {at}: " in line
        assert "Name a folder with --dir that can be written to" in line


def test_gates_are_exported_to_stdout(stringx: Run, tmp_path: Path) -> None:
    for workspace in ("default", "team"):
        write(tmp_path, "raw.a", workspace=workspace)
    stringx("apply", str(tmp_path))
    one = "table: raw.a\ntarget: demo\nrules:\n  - name: a\n    check: not_null\n    column: b\n"
    assert stringx("export").stdout == f"# default/raw.a.yaml\n{one}---\n# team/raw.a.yaml\n{one}"
    assert stringx("export", "RAW.a", "-w", "team").stdout == f"# team/raw.a.yaml\n{one}"
    told = json.loads(stringx("export", "raw.a", "--output", "json").stdout)["gates"]
    assert [(gate["workspace"], gate["version"], gate["document"]["target"]) for gate in told] == [("default", 1, "demo")]
    assert "did you mean `raw.a`?" in stringx("export", "raw.aa", code=2).stderr
    assert "no gate is in force in workspace tem: `stringx gates list`" in stringx("export", "-w", "tem", code=2).stderr
