"""A runner whose target is a DuckDB file, by dbt-duckdb: both engines, and a pipeline that loads into the file between the runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from runner_lab import (
    INSTALLATION,
    Bench,
    by_rule,
    end,
    prepared,
    rule,
    rules_with_regexes,
    said,
    shares_of_aggregates,
    shares_of_rows,
    wait_for,
    with_library,
)

from stringx.model import DbtStatus, Engine, Gate, Report, ReportStatus
from stringx.runner.nursery import Nursery
from stringx.runner.service import Runner
from stringx.settings import PREFIX, Settings

PROJECT = Path(__file__).parent / "duckdb_project"

TABLES = r"""
create schema raw;
create table raw.customers as select range::integer as id, 'c' || range as name from range(1, 51);
create table raw.orders as
  select range::integer as id, date '2013-02-01' + (range % 10)::integer as day,
         case when range % 3 = 0 then 'paid' else 'open' end as status,
         case when range % 97 = 0 then null else range * 1.5 end as amount, 'person' || range || '@example.org' as email,
         (range % 52)::integer as customer, timestamptz '2013-02-01 00:00:00+00' + to_hours(range) as seen
  from range(1, 1001);
insert into raw.orders values (1, '2013-02-01', 'it''s \odd', 1.5, 'odd@example.org', 1, '2013-02-01 00:00:00+00');
"""


class File:
    """The target, as a pipeline loads into it: in another process, for as long as it takes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def change(self, *statements: str) -> None:
        """Executes and commits them. Fails where the file is locked for longer than it takes to prove a recording."""

        def changed() -> bool:
            code = "import duckdb, sys\nwith duckdb.connect(sys.argv[1]) as connection:\n for sql in sys.argv[2:]: connection.execute(sql)"
            done = subprocess.run([sys.executable, "-c", code, str(self.path), *statements], capture_output=True, text=True, check=False)
            assert done.returncode == 0 or "Could not set lock" in done.stderr, done.stderr
            return done.returncode == 0

        wait_for(changed, "the file is not locked", seconds=30)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> File:
    file = File(tmp_path_factory.mktemp("duckdb") / "lab.duckdb")
    file.change(TABLES)
    return file


@contextmanager
def running(file: File, folder: Path, nursery: Nursery, check_share: float, project: Path = PROJECT) -> Iterator[Bench]:
    """A runner with a dbt worker and a replay worker."""
    settings = Settings(home=folder / "home", dbt_project_dir=project, stop_grace_seconds=4, prepared_check_share=check_share)
    runner = Runner(settings, targets=["demo"], workers=1, state_dir=folder / "state", address="here", nursery=nursery)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"{PREFIX}TARGET_DBNAME", str(file.path))
        runner.start()
    yield Bench(runner)
    end(runner)


@pytest.fixture(scope="module")
def bench(file: File, tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Iterator[Bench]:
    """It compares nothing but what it has just recorded."""
    with running(file, tmp_path_factory.mktemp("runner"), nursery, check_share=0) as bench:
        yield bench


def by_dbt(bench: Bench, gate: Gate, slice_: object = ()) -> Report:
    report = bench.evaluate(gate.model_copy(update={"engine": Engine.DBT}), slice_)
    assert report.engine is Engine.DBT
    return report


def test_a_gate_is_replayed_after_its_first_run_and_says_the_same(bench: Bench, file: File) -> None:
    gate = bench.gate(
        rule("known", "accepted_values", column="status", arguments={"values": ["paid", "open"]}),
        rule("filled", "not_null", column="amount", severity="warn"),
        rule("keyed", "unique", column="id", scope="table"),
        select=[{"select": "tag:nightly", "kind": "business"}],
    )
    first = {"column": "day", "from": "2013-02-01", "to": "2013-02-03"}
    replayed = prepared(bench, gate, first)
    assert (replayed.status, replayed.rows, replayed.message) == (ReportStatus.COMPLETED, 201, None)
    known = replayed.results[0]
    assert (known.status, known.failures) == (DbtStatus.FAIL, 1)
    assert (known.columns, known.sample) == (("value_field", "n_records"), (("it's \\odd", 1),))
    late, none = ({"column": "day", "from": start, "to": "2014-01-01"} for start in ("2013-02-09", "2013-12-31"))
    for slice_ in (first, late, none):
        report, reference = bench.evaluate(gate, slice_), by_dbt(bench, gate, slice_)
        assert report.engine is Engine.PREPARED
        assert said(report) == said(reference)
        assert (report.status, report.rows, report.message) == (reference.status, reference.rows, reference.message)
    file.change("update raw.orders set status = 'odd' where day = '2013-02-09' and id < 100")
    report = bench.evaluate(gate, late)
    assert (report.engine, report.results[0].failures) == (Engine.PREPARED, 1), "what was loaded is seen"
    file.change("update raw.orders set status = 'open' where status = 'odd'")


def test_whoever_is_told_of_a_report_can_write(bench: Bench, file: File) -> None:
    gate = bench.gate(rule("any", "not_null", column="status"))
    prepared(bench, gate)
    for _ in range(5):
        for engine in (Engine.PREPARED, Engine.DBT):
            assert bench.evaluate(gate.model_copy(update={"engine": engine})).engine is engine
            duckdb.connect(str(file.path)).close()


@pytest.mark.parametrize("value", ["it's \\odd", "paid", "'); drop table raw.orders; --", "\\'", "$1 %s {{ 1/0 }} */"])
def test_texts_are_data_for_both_engines(bench: Bench, file: File, value: str) -> None:
    gate = bench.gate(rule("early", "holds", arguments={"expression": "id > 30"}))
    slice_ = {"column": "status", "equals": value}
    replayed, reference = prepared(bench, gate, slice_), by_dbt(bench, gate, slice_)
    assert said(replayed) == said(reference)
    with duckdb.connect(str(file.path), read_only=True) as connection:
        (expected,) = connection.execute("select count(*) from raw.orders where status = ?", [value]).fetchall()
    assert (replayed.rows, reference.rows) == (expected[0], expected[0])


def test_moments_are_points_in_time(bench: Bench) -> None:
    gate = bench.gate(rule("any", "not_null", column="id"), slice_columns={"seen": "timestamp"})
    for moment, rows in (("2013-02-01T05:30:00+05:30", 0), ("2013-02-01T02:00:00Z", 2)):
        assert prepared(bench, gate, {"column": "seen", "from": "2013-01-01T00:00:00Z", "to": moment}).rows == rows


def test_a_test_that_asks_the_catalog_stays_with_dbt(bench: Bench) -> None:
    gate = bench.gate(select=[{"select": "tag:looking", "kind": "engineering"}])
    for _ in range(2):
        ((test, _),) = bench.evaluate(gate).unprepared
        assert test == "orders_id_looks_at_columns"


def test_a_slice_that_does_not_fit_is_told_by_both(bench: Bench) -> None:
    gate = bench.gate(rule("filled", "not_null", column="amount"))
    prepared(bench, gate, {"column": "day", "equals": "2013-02-02"})
    misfits = (({"column": "day", "equals": "yesterday"}, "invalid date"), ({"column": "gone", "equals": "1"}, '"gone" not found'))
    for slice_, reason in misfits:
        report = bench.evaluate(gate, slice_)
        assert (report.engine, report.status) == (Engine.DBT, ReportStatus.ERRORED)
        assert f"the slice does not fit raw.orders at column '{slice_['column']}'" in (report.message or "")
        assert reason in (report.message or "")
    assert bench.evaluate(gate, {"column": "day", "equals": "2013-02-03"}).engine is Engine.DBT, "it may not have fitted: recorded anew"
    assert prepared(bench, gate, {"column": "day", "equals": "2013-02-03"}).rows == 100


def test_texts_of_errors_and_samples_are_masked(bench: Bench) -> None:
    gate = bench.gate(
        rule("read", "holds", arguments={"expression": "cast(email as integer) > 0"}),
        rule("all", "holds", arguments={"expression": "id < 0"}),
        samples={"rows": 2, "mask": ["email"]},
    )
    for engine in (Engine.PREPARED, Engine.DBT):
        report = bench.evaluate(gate.model_copy(update={"engine": engine}), {"column": "id", "equals": 7})
        assert "example.org" not in report.model_dump_json()
        assert report.results[0].status is DbtStatus.ERROR
        assert report.results[1].sample[0][:2] == (7, "•••")


def test_a_table_that_is_gone_is_told_by_dbt_each_time_and_replayed_once_it_is_back(bench: Bench, file: File) -> None:
    gate = bench.gate(rule("any", "not_null", column="name"), table="raw.customers")
    prepared(bench, gate)
    file.change("alter table raw.customers rename to clients")
    for _ in range(2):
        report = bench.evaluate(gate)
        assert report.engine is Engine.DBT
        assert report.results[0].status is DbtStatus.ERROR
        assert "customers does not exist" in (report.results[0].message or "")
    file.change("alter table raw.clients rename to customers")
    assert bench.evaluate(gate).engine is Engine.DBT, "it does not come back to the old recording"
    assert prepared(bench, gate).rows == 50


def test_a_gates_sql_can_change_nothing(bench: Bench, file: File) -> None:
    # Out of dbt's brackets, and into them again.
    writing = (
        "id > 0)) as rows_; create table raw.written (a integer); select 0 as failures, false as should_warn, false as should_error"
        " from (select 1 where (1 = 1"
    )
    gate = bench.gate(rule("writes", "holds", arguments={"expression": writing}), engine=Engine.DBT)
    (result,) = bench.evaluate(gate).results
    assert result.status is DbtStatus.ERROR
    assert "more than one statement" in (result.message or "")
    with duckdb.connect(str(file.path), read_only=True) as connection:
        assert connection.execute("select count(*) from duckdb_tables() where table_name = 'written'").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("options", "status"), [({}, DbtStatus.ERROR), ({"config_options": {"enable_external_access": True}}, DbtStatus.PASS)]
)
def test_a_gates_sql_reads_no_file_but_what_the_profile_attaches_or_where_it_opens_them(
    options: Mapping[str, object], status: DbtStatus, file: File, tmp_path: Path, nursery: Nursery
) -> None:
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("create table rows_ (a integer)")
    project = Path(shutil.copytree(PROJECT, tmp_path / "project"))
    target = {"type": "duckdb", "path": str(file.path), "schema": "main", "threads": 2, **options}
    target["attach"] = [{"path": str(tmp_path / "other.duckdb"), "read_only": True}]
    (project / "profiles.yml").write_text(json.dumps({"stringx": {"target": "demo", "outputs": {"demo": target}}}))
    with running(file, tmp_path, nursery, check_share=0, project=project) as bench:
        gate = bench.gate(
            rule("attached", "holds", arguments={"expression": "(select count(*) from other.rows_) = 0"}),
            rule("file", "holds", arguments={"expression": f"(select count(*) from read_text('{project}/profiles.yml')) = 1"}),
        )
        for engine in (Engine.DBT, Engine.PREPARED):
            attached, of_file = bench.evaluate(gate.model_copy(update={"engine": engine})).results
            assert (attached.status, of_file.status) == (DbtStatus.PASS, status), of_file.message
            assert status is DbtStatus.PASS or "file system operations are disabled by configuration" in (of_file.message or "")


def test_shares_repeats_and_plain_tables_are_as_in_postgres(bench: Bench, file: File) -> None:
    file.change("create or replace table raw.landed as select day, id, amount, customer from raw.orders")
    gate = bench.gate(
        rule("filled", "not_null", column="amount", threshold={"error": "5%"}),
        rule("once", "unique", column="id"),
        rule("once_but_few", "unique", column="id", threshold={"error": "1%"}),
        rule("once_but_all", "unique", column="customer", threshold={"error": "99%"}),
        rule("known", "relationships", column="id", arguments={"to": "raw.orders", "field": "id"}),
        table="raw.landed",
        relation="plain",
    )
    slice_ = {"column": "day", "equals": "2013-02-01"}
    replayed = prepared(bench, gate, slice_)
    assert said(replayed) == said(by_dbt(bench, gate, slice_))
    assert {one.rule: (one.failures, one.rows) for one in replayed.results} == {
        "filled": (1, 101),
        "once": (1, None),
        "once_but_few": (1, 101),
        "once_but_all": (101, 101),
        "known": (0, None),
    }


def test_a_share_of_sql_is_of_its_values_and_an_aggregate_has_one(file: File, tmp_path: Path, nursery: Nursery) -> None:
    project = with_library(Path(shutil.copytree(PROJECT, tmp_path / "project")))
    with running(file, tmp_path, nursery, check_share=0, project=project) as bench:
        slice_ = {"column": "day", "equals": "2013-02-01"}
        of_rows = bench.gate(*shares_of_rows())
        replayed = prepared(bench, of_rows, slice_)
        assert said(replayed) == said(by_dbt(bench, of_rows, slice_))
        judged = by_rule(replayed)
        assert {name: one.rows for name, one in judged.items()} == dict.fromkeys(judged, 101) | {"in_no_row": 0}
        of_aggregates = bench.gate(*shares_of_aggregates())
        assert {(one.failures, one.rows) for one in bench.evaluate(of_aggregates, slice_).results} == {(1, 1)}
        assert [found.faults for found in bench.runner.validate([of_rows, of_aggregates]).gates] == [(), ()]
        of_things = bench.gate(
            rule("groups", "not_constant", column="id", arguments={"group_by_columns": ["customer"]}, threshold={"error": "5%"}),
            rule(
                "values",
                "foreign_key_both_ways",
                column="customer",
                arguments={"to": "raw.customers", "field": "id"},
                threshold={"error": 3, "warn": "5%"},
            ),
        )
        replayed = prepared(bench, of_things, slice_)
        assert said(replayed) == said(by_dbt(bench, of_things, slice_))
        # Of the even numbers up to 50, and 1; and of those beside them up to 50.
        assert {one.rule: (one.failures, one.rows, one.looked_at) for one in replayed.results} == {
            "groups": (1, 27, "groups"),
            "values": (25, 51, "values"),
        }


def test_a_table_is_told_by_its_columns_and_a_gate_by_what_would_not_work(bench: Bench, file: File) -> None:
    wait_for(lambda: bench.runner.ready, "the project is parsed")
    found = bench.runner.table("raw.orders", "demo")
    assert [(one.name, one.slices_by) for one in found.columns] == [
        ("id", "integer"),
        ("day", "date"),
        ("status", "text"),
        ("amount", None),
        ("email", "text"),
        ("customer", "integer"),
        ("seen", "timestamp"),
    ]
    gate = bench.gate(
        rule("fine", "not_null", column="AMOUNT"),
        rule("gone", "not_null", column="amuont"),
        rule("nothing", "no_such_check"),
        rule("two", "holds", arguments={"expression": "true); select 1; --"}),
        rule("name", "holds", arguments={"expression": "amuont > 0"}),
        slice_columns={"dya": "date"},
    )
    (answer,) = bench.runner.validate([gate]).gates
    assert [(one.rule, one.field) for one in answer.faults] == [
        ("nothing", ("check",)),
        (None, ("slice", "columns", "dya")),
        ("gone", ("column",)),
        ("two", ()),
        ("name", ()),
    ]
    assert 'Binder Error: Referenced column "amuont" not found' in answer.faults[-1].message
    assert "LINE 1" not in answer.faults[-1].message
    (nowhere,) = bench.runner.validate([bench.gate(table="raw.nowhere", relation="plain")]).gates
    assert "the target demo cannot read raw.nowhere: Catalog Error: " in nowhere.faults[0].message
    file.change("checkpoint")  # the file is let go of


def test_a_regular_expression_that_is_none_is_told_at_its_place(file: File, tmp_path: Path, nursery: Nursery) -> None:
    project = with_library(Path(shutil.copytree(PROJECT, tmp_path / "project")))
    with running(file, tmp_path, nursery, check_share=0, project=project) as bench:
        wait_for(lambda: bench.runner.ready, "the project is parsed")
        (answer,) = bench.runner.validate([bench.gate(*rules_with_regexes())]).gates
        assert [(one.rule, one.field, one.message.partition("Error: ")[2]) for one in answer.faults] == [
            ("open", ("arguments", "regex"), "missing ]: [a-z"),
            ("listed", ("arguments", "regex_list", 1), "missing ): (b"),
        ]


def test_a_file_that_is_being_loaded_is_told_as_such_and_the_recording_is_as_good_as_before(bench: Bench, file: File) -> None:
    gate = bench.gate(rule("any", "not_null", column="status"))
    prepared(bench, gate)
    code = "import duckdb, sys\nwith duckdb.connect(sys.argv[1]):\n print('open', flush=True)\n sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, str(file.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as loader:
        assert loader.stdout is not None
        assert loader.stdout.readline() == b"open\n"
        report = bench.evaluate(gate)
        assert (report.engine, report.status) == (Engine.DBT, ReportStatus.ERRORED)
        assert "Could not set lock on file" in (report.message or "")
        loader.communicate()
    assert bench.evaluate(gate).engine is Engine.PREPARED


@pytest.mark.parametrize("engine", [Engine.PREPARED, Engine.DBT])
def test_a_run_can_be_cancelled_within_a_statement(bench: Bench, file: File, engine: Engine) -> None:
    gate = bench.gate(rule("filled", "not_null", column="amount"), rule("slow", "slow"), engine=engine)
    if engine is Engine.PREPARED:
        prepared(bench, gate, {"column": "status", "equals": "paid"})
    file.change("insert into raw.orders (id, status) values (-1, 'slow')")
    request = bench.request(gate, {"column": "status", "equals": "slow"})
    bench.runner.submit(INSTALLATION, [request])
    wait_for(lambda: locked(file), "it executes")
    assert bench.runner.cancel(INSTALLATION, request.run)
    report = bench.report(request.run)
    assert (report.status, report.engine, report.message) == (ReportStatus.CANCELLED, engine, "cancelled")
    file.change("delete from raw.orders where status = 'slow'")
    wait_for(lambda: bench.evaluate(gate, {"column": "status", "equals": "paid"}).engine is engine, "it goes on as before")


def test_a_replay_that_differs_from_dbt_is_the_gates_last(file: File, tmp_path: Path, nursery: Nursery) -> None:
    file.change("create table raw.switched (a integer)")
    expression = "case when (select count(*) from raw.switched) > 0 then txid_current() > 2 else true end"
    with running(file, tmp_path, nursery, check_share=1) as bench:
        # dbt-duckdb asks the catalog before the test, in transactions of their own; a replay's follows that of the opening.
        gate = bench.gate(rule("tells", "holds", arguments={"expression": expression}))
        prepared(bench, gate)
        file.change("insert into raw.switched values (1)")
        assert bench.evaluate(gate).results[0].status is DbtStatus.FAIL, "or this test shows nothing"
        wait_for(lambda: bench.runner.status(INSTALLATION).distrusted, "the difference is found")
        report = bench.evaluate(gate)
        assert (report.engine, report.results[0].status) == (Engine.DBT, DbtStatus.PASS)


def locked(file: File) -> bool:
    """Asked of the kernel: whoever opens the file to see has it locked for the moment in which the runner does."""
    return f":{file.path.stat().st_ino} " in Path("/proc/locks").read_text()
