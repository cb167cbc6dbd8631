"""Both engines say the same on a database that is no Postgres: the same project on a DuckDB file, by dbt-duckdb."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from differential_lab import PROJECT, Engines, selecting
from hypothesis import given
from hypothesis import strategies as st
from test_both_engines import GATES, SLICES, TYPES, Book, rows_of, tried

from stringx.settings import PREFIX

TABLES = """
create schema raw;
create schema lab;
create schema "Odd Schema";
create schema "lab_Odd Schema";
create table raw.groups (id integer);
create table raw.things (id integer, amount numeric(30, 3), score double, name text, day date, flag boolean, seen timestamptz, grp integer,
                         "Mixed Case" text);
create table "Odd Schema"."Odd Table" ("Key" integer);
create view "lab_Odd Schema"."Kept Things" as select * from raw.things;
create view lab.listed as select * from raw.things;
insert into raw.groups values (1), (2), (3);
insert into "Odd Schema"."Odd Table" select unnest([1, 2, 3, 4]);
"""

PROFILES = """
stringx:
  target: lab
  outputs:
    lab: {type: duckdb, path: "{{ env_var('STRINGX_TARGET_DBNAME') }}", schema: lab, threads: 2}
"""

#: In place of Postgres' own: what DuckDB's lexer knows.
ODD_TEXT = """
{% test odd_text(model, column_name) %}
select {{ column_name }} as "od;d ""name", '%s $1 ;' as a, $$ '; $$ as b, $x$ $$ ; $x$ as c, E'\\';' as d -- it's ; a comment
from {{ model }} /* another ; */
where {{ column_name }} like '%a%' or {{ column_name }} = {{ dbt.string_literal('b') }}
{% endtest %}
"""

days = st.sampled_from(["2013-01-01", "2013-01-02", "2013-01-03", "infinity"])

rows = rows_of([], days)

ON_DUCKDB = {**SLICES, "a day": days.map(lambda day: [{"column": "day", "equals": day}])}


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("duckdb") / "duck.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(TABLES)
    return file


@pytest.fixture(scope="session")
def book(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    project = Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp("on_duckdb") / "project"))
    (project / "profiles.yml").write_text(PROFILES)
    checks = project / "macros" / "checks.sql"
    before, _, rest = checks.read_text().partition("{# All that Postgres' lexer knows")
    checks.write_text(before + ODD_TEXT + rest.partition("{% endtest %}")[2])
    with tempfile.TemporaryDirectory(prefix="stringx-") as folder:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(f"{PREFIX}TARGET_DBNAME", str(file))
            engines = Engines(project, Path(folder))
        yield Book(engines)
        engines.close()


def store(file: Path, things: list[tuple[Any, ...]]) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("delete from raw.things")
        if things:
            connection.executemany("insert into raw.things values (?, ?, ?, ?, ?, ?, ?, ?, ?)", things)


@pytest.mark.parametrize("what", ["tests of the project", "singular tests", "an ephemeral model"])
def test_a_replay_says_what_dbt_says(what: str, book: Book, file: Path) -> None:
    @tried
    @given(rows, st.one_of(*ON_DUCKDB.values()))
    def says_the_same(things: list[tuple[Any, ...]], slice_: list[dict[str, Any]]) -> None:
        store(file, things)
        book.check(GATES[what], slice_)

    says_the_same()


def test_a_replay_says_what_dbt_says_or_leaves_it_to_dbt(book: Book, file: Path) -> None:
    @tried
    @given(st.sampled_from(["things_sum_as_numeric", "things_sum_with_nan", "things_count_as_text"]), rows, SLICES["names"])
    def says_no_other(name: str, things: list[tuple[Any, ...]], slice_: list[dict[str, Any]]) -> None:
        store(file, things)
        book.check_where_replayed(selecting(name, slice_columns=TYPES), slice_)

    says_no_other()
