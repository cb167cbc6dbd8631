"""Folders of gate files, and single files: which are read, in which workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
from gate_texts import orders

from stringx.errors import ConfigurationError, GateFileErrors, Problem
from stringx.gates.files import LARGEST_BYTES, read, refuse_empty


def test_a_folder_tells_everything_that_is_wrong_with_any_file(tmp_path: Path) -> None:
    for name, content in {
        "default/raw.orders.yaml": orders().encode(),
        "default/raw.latin.yaml": "table: raw.latin\ntarget: d\xe9mo\n".encode("latin-1"),
        "default/raw.large.yaml": b" " * (LARGEST_BYTES + 1),
        "default/raw.old.yml": b"",
        "default/deeper/raw.deep.yaml": b"",
        "default/README.md": b"not a gate",
        "default/.hidden.yaml": b"not read",
        "Sales/raw.orders.yaml": orders().encode(),
        "raw.lost.yaml": b"",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(GateFileErrors) as caught:
        read(tmp_path)
    assert caught.value.problems == [
        Problem(str(tmp_path / "Sales"), 1, 1, "is no name of a workspace: lower-case letters, digits, '-' and '_', at most 63 of them"),
        Problem(
            str(tmp_path / "default/deeper"),
            1,
            1,
            "is a folder within a workspace, which is not read: put gate files right into the workspace",
        ),
        Problem(
            str(tmp_path / "default/raw.large.yaml"), 1, 1, f"is larger than {LARGEST_BYTES} bytes: a gate file holds one table's rules"
        ),
        Problem(str(tmp_path / "default/raw.latin.yaml"), 2, 10, "is not UTF-8: save it as UTF-8"),
        Problem(str(tmp_path / "default/raw.old.yml"), 1, 1, "is not read under this name: call it raw.old.yaml"),
        Problem(str(tmp_path / "raw.lost.yaml"), 1, 1, "stands in no workspace: put it into a folder that is called after its workspace"),
    ]


@pytest.mark.parametrize("second", ["raw.orders.yml", "RAW.Orders.yaml", "raw.ORDERS.YML"])
def test_two_files_for_one_table_are_told_at_the_second(tmp_path: Path, second: str) -> None:
    (tmp_path / "default").mkdir()
    for name in ("raw.orders.yaml", second):
        (tmp_path / "default" / name).write_text(orders())
    with pytest.raises(GateFileErrors) as caught:
        read(tmp_path)
    message = "is a second file for the table raw.orders, beside raw.orders.yaml: leave one of them out"
    assert caught.value.problems == [Problem(str(tmp_path / "default" / second), 1, 1, message)]


def test_a_file_that_is_linked_under_another_tables_name_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "raw.orders.yaml").write_text(orders())
    (tmp_path / "default" / "raw.sales.yaml").symlink_to("raw.orders.yaml")
    with pytest.raises(GateFileErrors) as caught:
        read(tmp_path)
    (problem,) = caught.value.problems
    assert problem.file.endswith("raw.sales.yaml")
    assert "the file is called after another table" in problem.message


def test_links_in_a_circle_are_told_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "raw.orders.yaml").symlink_to("raw.orders.yaml")
    (tmp_path / "default" / "again").symlink_to(tmp_path / "default")
    with pytest.raises(GateFileErrors) as caught:
        read(tmp_path)
    folder, file = sorted(caught.value.problems, key=lambda problem: problem.file)
    assert "is a folder within a workspace" in folder.message
    assert "cannot be read: Too many levels of symbolic links" in file.message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a" * 10_000_000, (1, 1, f"is larger than {LARGEST_BYTES} bytes: a gate file holds one table's rules")),
        ("table: raw.orders\n".encode("utf-16"), (1, 1, "is not UTF-8: save it as UTF-8")),
        (b"\xef\xbb\xbf" + orders("tagret: x\n").encode(), (3, 1, "unknown field `tagret`: did you mean `target`?")),
        (orders("tagret: x\n").replace("\n", "\r\n").encode(), (3, 1, "unknown field `tagret`: did you mean `target`?")),
        (orders("tagret: x\n").encode()[:-4] + b"\x00", (3, 7, "holds the character U+0000, which YAML does not allow: take it out")),
    ],
    ids=["ten megabytes", "UTF-16", "a byte order mark", "lines of Windows", "NUL"],
)
def test_what_is_in_a_file_is_told_at_its_place(tmp_path: Path, content: bytes, problem: tuple[int, int, str]) -> None:
    file = tmp_path / "default" / "raw.orders.yaml"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(GateFileErrors) as caught:
        read(tmp_path)
    assert caught.value.problems == [Problem(str(file), *problem)]


def test_the_same_table_in_two_workspaces_is_two_gates(tmp_path: Path) -> None:
    for workspace in ("sales", "default"):
        (tmp_path / workspace).mkdir()
        (tmp_path / workspace / "raw.orders.yaml").write_text(orders())
    assert [(file.gate.workspace, file.file) for file in read(tmp_path)] == [
        ("default", "default/raw.orders.yaml"),
        ("sales", "sales/raw.orders.yaml"),
    ]


def test_one_file_is_read_in_its_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sales" / "raw.orders.yaml"
    file.parent.mkdir()
    file.write_text(orders())
    (tmp_path / "sales" / "raw.broken.yaml").write_text("[")
    monkeypatch.chdir(file.parent)
    for written in (file, Path("raw.orders.yaml"), Path("../sales/raw.orders.yaml")):
        (only,) = read(written)
        assert (only.gate.workspace, only.gate.table, only.file) == ("sales", "raw.orders", "sales/raw.orders.yaml")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("sales/raw.orders.yml", "call it raw.orders.yaml"),
        ("sales/notes.md", "is not a gate file: name a <table>.yaml, or the folder of all of them"),
        ("Sales Team/raw.orders.yaml", "is no name of a workspace"),
    ],
)
def test_one_file_that_is_none_says_what_to_name(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(orders())
    with pytest.raises(GateFileErrors) as caught:
        read(tmp_path / name)
    (problem,) = caught.value.problems
    assert says in problem.message


@pytest.mark.parametrize(
    ("given", "meant"), [("", "configs/gates"), ("configs", "configs/gates"), ("configs/gates/default", "configs/gates"), ("docs", None)]
)
def test_a_folder_without_gate_files_names_the_one_that_was_meant(tmp_path: Path, given: str, meant: str | None) -> None:
    for name in ("configs/gates/default/raw.orders.yaml", "dbt_project/dbt_project.yml", "docs/adr/one.md", ".ci/a/b.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(orders())
    refuse_empty(tmp_path / "configs" / "gates")
    hint = f"did you mean {tmp_path / meant}?" if meant else "a gate stands in <workspace>/<table>.yaml"
    with pytest.raises(ConfigurationError) as caught:
        refuse_empty(tmp_path / given)
    assert str(caught.value) == f"there is no gate file below {tmp_path / given}: {hint}"


def test_a_gate_file_in_the_wrong_place_is_told_by_its_own_problem(tmp_path: Path) -> None:
    (tmp_path / "raw.orders.yaml").write_text(orders())
    refuse_empty(tmp_path)
    with pytest.raises(GateFileErrors, match="stands in no workspace"):
        read(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="STRINGX_GATES_DIR"):
        read(tmp_path / "nowhere")
