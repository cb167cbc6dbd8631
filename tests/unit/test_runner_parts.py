"""Parts of the runner that need no process: reports on disk, copies of the project, the SQL of a slice, the state folder."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from generation_options import options_in
from structlog.testing import capture_logs

from stringx.errors import Invalid
from stringx.model import Report, ReportStatus, Slice, UnreadableReport
from stringx.runner import table_names
from stringx.runner.environment import packed, put_in_place
from stringx.runner.generations import Generations
from stringx.runner.listening import DEAF_SECONDS
from stringx.runner.nursery import Nursery
from stringx.runner.project_copy import copy_project, project_fingerprint, project_signature
from stringx.runner.project_watch import ProjectWatch
from stringx.runner.report_writing import ReportWriting
from stringx.runner.reports import Place, ReportShelf, checked
from stringx.runner.retention import Retention
from stringx.runner.samples import clean
from stringx.runner.slice_sql import check_quotable, combined, mark, new_nonce, quoted, slice_sql
from stringx.runner.state_folder import StateFolder
from stringx.runner.templates import unmarked

RUN = "0" * 31


def report(run: str, attempt: int = 1, message: str | None = None) -> Report:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    return Report(
        run=run,
        attempt=attempt,
        boot="b",
        status=ReportStatus.ERRORED,
        message=message,
        gate_fingerprint="f",
        started_at=now,
        finished_at=now,
    )


# --- reports ---


def written(shelf: ReportShelf, installation: str, finished: Report) -> None:
    shelf.put(installation, finished)
    shelf.write(shelf.unwritten())


def test_reports_are_found_again_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    shelf = ReportShelf(tmp_path)
    for run in "cab":
        written(shelf, "one", report(RUN + run))
    written(shelf, "two", report(RUN + "d", 3))
    for found in (shelf, ReportShelf(tmp_path)):
        assert [run for run, _ in found.keys("one")] == [RUN + "c", RUN + "a", RUN + "b"]
        assert found.read("two", reports=9, characters=99) == [report(RUN + "d", 3)]
        assert found.keys("three") == []
    shelf.forget("one", RUN + "c", 1)
    shelf.forget("one", RUN + "c", 1)
    shelf.forget("two", RUN + "d", 2)
    assert [run for run, _ in ReportShelf(tmp_path).keys("one")] == [RUN + "a", RUN + "b"]
    assert ReportShelf(tmp_path).keys("two") == [(RUN + "d", 3)]


def test_a_report_that_the_disk_does_not_let_go_is_kept_and_can_be_forgotten_later(tmp_path: Path) -> None:
    shelf = ReportShelf(tmp_path)
    written(shelf, "one", report(RUN + "a"))
    (file,) = (tmp_path / "one").iterdir()
    file.unlink()
    file.mkdir()
    with pytest.raises(OSError, match=file.name):
        shelf.forget("one", RUN + "a", 1)
    assert shelf.keys("one") == [(RUN + "a", 1)]
    file.rmdir()
    shelf.forget("one", RUN + "a", 1)
    assert shelf.keys("one") == []


def test_a_report_that_was_not_written_whole_is_none(tmp_path: Path) -> None:
    written(ReportShelf(tmp_path), "one", report(RUN + "a"))
    (tmp_path / "one" / f"{RUN}b.unfinished").write_text('{"run": "')
    (tmp_path / "one" / f"{RUN}c.1.json").touch()
    assert ReportShelf(tmp_path).keys("one") == [(RUN + "a", 1)]
    assert len(list((tmp_path / "one").iterdir())) == 1


def test_a_report_is_offered_at_once_and_on_disk_after_the_next_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, path, synced = ReportShelf(tmp_path), tmp_path / "one" / f"{RUN}a.1.json", []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    shelf.put("one", report(RUN + "a"))
    assert shelf.read("one", reports=9, characters=99_999) == [report(RUN + "a")]
    assert not path.exists()
    shelf.write(shelf.unwritten())
    assert Report.model_validate_json(path.read_bytes()) == report(RUN + "a")
    assert synced == [tmp_path, path.with_suffix(".unfinished"), path.parent], "the folder, the content, and then the name"
    assert shelf.read("one", reports=9, characters=99_999) == [report(RUN + "a")]
    shelf.write(shelf.unwritten())
    assert len(synced) == 3, "once"


def test_a_report_that_is_acknowledged_before_it_is_written_never_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = ReportShelf(tmp_path)
    shelf.put("one", report(RUN + "a"))
    shelf.forget("one", RUN + "a", 1)
    shelf.write(shelf.unwritten())
    assert list(tmp_path.glob("*/*")) == []
    shelf.put("one", report(RUN + "b"))
    monkeypatch.setattr(os, "fsync", lambda _descriptor: shelf.forget("one", RUN + "b", 1))  # while it is written
    shelf.write(shelf.unwritten())
    assert list(tmp_path.glob("*/*")) == []
    assert shelf.keys("one") == []


def test_a_report_that_the_disk_does_not_take_is_offered_and_written_as_soon_as_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, tried = ReportShelf(tmp_path), threading.Semaphore(0)

    def fail(_descriptor: int) -> None:
        tried.release()
        raise OSError(errno.EIO, "Input/output error")

    writing = ReportWriting(shelf, again_seconds=0.01)
    writing.start()
    with capture_logs() as logged, monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        shelf.put("one", report(RUN + "a"))
        writing.finished(report(RUN + "a"))
        for _ in range(2):
            assert tried.acquire(timeout=10), "it goes on"
        assert shelf.read("one", reports=9, characters=99_999) == [report(RUN + "a")]
    writing.close()
    assert writing.join(10)
    assert "Input/output error" in str(logged)
    assert [one["run"] for one in logged if one["event"] == "run finished"] == [RUN + "a"]
    assert ReportShelf(tmp_path).keys("one") == [(RUN + "a", 1)]


def test_an_installation_whose_folder_cannot_be_written_keeps_no_others_report_from_the_disk(tmp_path: Path) -> None:
    shelf, in_the_way = ReportShelf(tmp_path), tmp_path / "one"
    shelf.put("one", report(RUN + "a"))
    shelf.put("two", report(RUN + "b"))
    in_the_way.touch()
    with pytest.raises(FileExistsError):
        shelf.write(shelf.unwritten())
    assert ReportShelf(tmp_path).keys("two") == [(RUN + "b", 1)]
    in_the_way.unlink()
    shelf.write(shelf.unwritten())
    assert ReportShelf(tmp_path).keys("one") == [(RUN + "a", 1)]


def test_a_report_that_has_just_been_put_is_not_written_with_those_before(tmp_path: Path) -> None:
    looked, written_once = threading.Event(), threading.Event()

    class Shelf(ReportShelf):
        def unwritten(self) -> list[Place]:
            found = super().unwritten()
            if not looked.is_set():
                self.put("one", report(RUN + "b"))
                looked.set()
            return found

        def write(self, places: Iterable[Place]) -> None:
            super().write(places)
            written_once.set()

    shelf = Shelf(tmp_path)
    writing = ReportWriting(shelf)
    writing.start()
    shelf.put("one", report(RUN + "a"))
    writing.finished(report(RUN + "a"))
    assert written_once.wait(10)
    assert [path.name for path in tmp_path.glob("*/*")] == [f"{RUN}a.1.json"]
    writing.close()
    assert writing.join(10)
    assert ReportShelf(tmp_path).keys("one") == [(RUN + "a", 1), (RUN + "b", 1)]


def test_what_was_put_last_is_written_before_the_end(tmp_path: Path) -> None:
    shelf = ReportShelf(tmp_path)
    writing = ReportWriting(shelf)
    writing.start()
    shelf.put("one", report(RUN + "a"))
    writing.close()
    assert writing.join(10)
    assert ReportShelf(tmp_path).keys("one") == [(RUN + "a", 1)]


def test_a_report_that_cannot_be_read_does_not_hide_its_neighbours(tmp_path: Path) -> None:
    shelf = ReportShelf(tmp_path)
    for run in "abc":
        written(shelf, "one", report(RUN + run))
    (tmp_path / "one" / f"{RUN}b.1.json").write_bytes(b'{"run": "\xff')
    found = {one.run: one for one in ReportShelf(tmp_path).read("one", reports=9, characters=99_999)}
    assert (found[RUN + "a"], found[RUN + "c"]) == (report(RUN + "a"), report(RUN + "c"))
    unreadable = found[RUN + "b"]
    assert isinstance(unreadable, UnreadableReport)
    assert unreadable.attempt == 1
    assert unreadable.raw_bytes == b'{"run": "\xff'
    assert UnreadableReport.model_validate_json(unreadable.model_dump_json()) == unreadable
    assert unreadable.error


def test_a_batch_ends_where_it_would_get_too_large_and_is_never_empty(tmp_path: Path) -> None:
    shelf = ReportShelf(tmp_path)
    for run in "abc":
        written(shelf, "one", report(RUN + run, message="x" * 5000))
    assert len(shelf.read("one", reports=9, characters=100)) == 1
    assert len(shelf.read("one", reports=9, characters=12_000)) == 2
    assert len(shelf.read("one", reports=2, characters=99_999)) == 2


def test_an_installation_is_a_plain_name() -> None:
    assert checked("a-B_9") == "a-B_9"
    for name in ("", ".", "..", "a/b", "a b", "é", "x" * 65):
        with pytest.raises(Invalid, match="installation"):
            checked(name)


def test_reports_that_nobody_acknowledges_are_removed_in_the_end_and_counted(tmp_path: Path) -> None:
    shelf = ReportShelf(tmp_path)
    for run in "abc":
        written(shelf, "gone", report(RUN + run))
    written(shelf, "here", report(RUN + "d"))
    month_ago = time.time() - 31 * 86_400
    for run in "ab":
        os.utime(tmp_path / "gone" / f"{RUN}{run}.1.json", (month_ago, month_ago))
    (tmp_path / "gone" / f"{RUN}b.1.json").unlink()  # acknowledged at the same moment

    retention = Retention(shelf, 30, look_seconds=0.01)
    with capture_logs() as log:
        retention.start()
        deadline = time.monotonic() + 20
        while (RUN + "a", 1) in shelf.keys("gone"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        retention.close()
        assert retention.join(20)
    assert not (tmp_path / "gone" / f"{RUN}a.1.json").exists()
    assert [run for run, _ in ReportShelf(tmp_path).keys("gone")] == [RUN + "c"]
    assert [run for run, _ in shelf.keys("here")] == [RUN + "d"]
    said = {"event": "reports removed that nobody acknowledged", "installation": "gone", "count": 1, "days": 30, "log_level": "warning"}
    assert log == [said]


def test_reports_are_kept_for_ever_where_the_limit_is_0(tmp_path: Path) -> None:
    shelf = ReportShelf(tmp_path)
    written(shelf, "gone", report(RUN + "a"))
    os.utime(tmp_path / "gone" / f"{RUN}a.1.json", (0, 0))
    retention = Retention(shelf, 0)
    retention.start()
    assert retention.join(20)
    assert shelf.keys("gone") == [(RUN + "a", 1)]


# --- the project ---


def made(folder: Path) -> Path:
    (folder / "models").mkdir(parents=True)
    (folder / "target").mkdir()
    (folder / "dbt_project.yml").write_text("name: lab\n")
    (folder / "profiles.yml").write_text("lab: {}\n")
    (folder / "models" / "a.sql").write_text("select 1")
    (folder / "target" / "manifest.json").write_text("{}")
    return folder


def test_a_copy_has_the_fingerprint_of_the_project_and_not_what_dbt_left_in_it(tmp_path: Path) -> None:
    project = made(tmp_path / "p")
    copy_project(project, project, tmp_path / "copy")
    assert project_fingerprint(tmp_path / "copy" / "project") == project_fingerprint(project)
    assert not (tmp_path / "copy" / "project" / "target").exists()
    assert (tmp_path / "copy" / "profiles" / "profiles.yml").read_text() == "lab: {}\n"


def test_the_fingerprint_is_of_names_and_contents(tmp_path: Path) -> None:
    project = made(tmp_path / "p")
    seen = {project_fingerprint(project)}
    (project / "target" / "more.json").write_text("{}")
    assert project_fingerprint(project) in seen
    (project / "models" / "a.sql").write_text("select 2")
    seen.add(project_fingerprint(project))
    (project / "models" / "a.sql").rename(project / "models" / "b.sql")
    seen.add(project_fingerprint(project))
    (project / "models" / "c.sql").write_text("")
    seen.add(project_fingerprint(project))
    assert len(seen) == 4


def test_the_signature_changes_with_the_profiles_too(tmp_path: Path) -> None:
    project = made(tmp_path / "p")
    before = project_signature(project, project)
    assert project_signature(project, project) == before
    (project / "profiles.yml").write_text("lab: {target: x}\n")
    assert project_signature(project, project) != before


def test_a_change_is_told_once_it_has_come_to_rest(tmp_path: Path) -> None:
    project = made(tmp_path / "p")
    told = threading.Semaphore(0)
    watch = ProjectWatch(project, project, told.release, look_seconds=0.02)
    watch.start()
    (project / "models" / "a.sql").write_text("select 22")
    assert told.acquire(timeout=20)
    (project / "models" / "a.sql").unlink()
    assert told.acquire(timeout=20)
    watch.close()
    assert watch.join(20)
    assert not told.acquire(blocking=False)


def test_a_table_has_two_names_and_a_model_of_several_versions_is_named_with_its_own() -> None:
    assert table_names.names("Db", "Raw", "Orders") == ("raw.orders", "db.raw.orders")
    assert table_names.source("a", "b") == 'source("a", "b")'
    assert table_names.ref("p", "m", None) == 'ref("p", "m")'
    assert table_names.ref("p", "m", 2) == 'ref("p", "m", version=(2))'


# --- state ---


def test_two_runners_on_one_volume_have_a_folder_each_and_the_next_one_takes_it_over(tmp_path: Path) -> None:
    first, second = StateFolder(tmp_path, "a" * 32), StateFolder(tmp_path, "b" * 32)
    assert first.reports != second.reports
    assert first.name != second.name
    assert first.earlier_boot is None
    (first.work / "left").write_text("")
    first.release()
    first.release()
    third = StateFolder(tmp_path, "c" * 32)
    assert third.reports == first.reports
    assert third.name == first.name
    assert third.earlier_boot == "a" * 32
    assert not first.work.exists()
    second.release()
    third.release()


def test_what_may_hold_rows_of_the_data_is_for_this_user_alone(tmp_path: Path) -> None:
    (tmp_path / "runner" / "1" / "reports" / "one").mkdir(parents=True)  # an earlier version's, open to all
    state = StateFolder(tmp_path / "runner", "a" * 32)
    shelf = ReportShelf(state.reports)
    written(shelf, "one", report(RUN + "a"))
    written(shelf, "two", report(RUN + "b"))
    for folder in (tmp_path / "runner", state.reports.parent, state.reports, state.reports / "two", state.work.parent, state.work):
        assert folder.stat().st_mode & 0o777 == 0o700, folder
    state.release()


# --- generations ---


def test_an_environment_takes_the_place_of_another_whatever_its_variables_hold() -> None:
    before = dict(os.environ)
    try:
        put_in_place(
            packed({"PLAIN": "a=b", "EMPTY": "", "LINES": "a\nb", "NO_TEXT": os.fsdecode(b"\xff\xc3\xa4"), "TZ": "Pacific/Honolulu"})
        )
        assert dict(os.environb) == {
            b"PLAIN": b"a=b",
            b"EMPTY": b"",
            b"LINES": b"a\nb",
            b"NO_TEXT": b"\xff\xc3\xa4",
            b"TZ": b"Pacific/Honolulu",
        }
        assert time.strftime("%z", time.localtime(0)) == "-1000"
    finally:
        put_in_place(packed(before))
    assert dict(os.environ) == before


def test_a_connection_that_cannot_be_accepted_is_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generations = Generations(options_in(tmp_path), Nursery())

    def refuse(_socket: socket.socket) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket.socket, "accept", refuse)
    now = time.monotonic()
    generations.accept()
    assert not generations.listening.hears
    (again,) = generations.due(now)
    assert now < again <= time.monotonic() + DEAF_SECONDS
    while not generations.listening.hears:
        assert time.monotonic() < again + 20
    generations.close()


# --- the SQL of a slice ---


def test_every_value_of_a_slice_is_quoted_and_marked() -> None:
    nonce = new_nonce()
    slice_ = Slice.model_validate(
        [
            {"column": 'a"b', "equals": 5},
            {"column": "c", "in": ["x", "it's", "back\\slash"]},
            {"column": "d", "from": "2013-02-01", "to": "2013-02-02"},
        ]
    )
    sql = slice_sql(slice_, nonce, {})
    assert sql.count(mark(nonce)) == 6
    plain = sql
    for place in range(6):
        plain = plain.replace(f"{mark(nonce)}{place}*/", "").replace(f"/*{nonce}*/", "")
    assert plain == "\"a\"\"b\" = '5' and \"c\" in ('x', 'it''s',  E'back\\\\slash') and \"d\" >= '2013-02-01' and \"d\" < '2013-02-02'"
    assert slice_sql(Slice(()), nonce, {}) == ""
    assert new_nonce() != nonce


@pytest.mark.parametrize(("between", "expected"), [("``", "`a`` ]\"b` = '5'"), ("[]", "[a` ]]\"b] = '5'")])
def test_a_name_stands_between_what_the_database_has_it_between(between: str, expected: str) -> None:
    sql = slice_sql(Slice.model_validate({"column": 'a` ]"b', "equals": 5}), "n", {}, names_between=between)
    assert unmarked(sql, "n") == expected


def test_quotes_and_backslashes_are_for_databases_that_are_known_to_read_them_as_they_are_written() -> None:
    for database in ("postgres", "duckdb"):
        check_quotable(["it's", "a\\b"], database)
    check_quotable(["2013-02-01", "ü %", "7"], "snowflake")
    for value in ("it's", "a\\b"):
        with pytest.raises(Invalid, match="a value for snowflake must hold neither quote nor backslash"):
            check_quotable(["x", value], "snowflake")


def test_a_slice_and_a_tests_own_condition_both_hold() -> None:
    assert combined("", None) is None
    assert combined("", "a = 1") == "a = 1"
    assert combined("s", None) == "s"
    assert combined("s", "a = 1 -- or so") == "(s) and (\na = 1 -- or so\n)"


def test_a_nul_is_refused() -> None:
    with pytest.raises(Invalid, match="NUL"):
        quoted("a\x00b")


# --- samples ---


def test_text_is_made_storable_and_cut() -> None:
    assert clean("a\x00b", 9) == "a\N{REPLACEMENT CHARACTER}b"
    assert clean("a\ud800b", 9) == "a?b"
    assert clean("abcdef", 4) == "abc…"
    assert clean("abcd", 4) == "abcd"
