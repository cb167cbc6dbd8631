"""A database whose rows hypothesis makes, and both engines on it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from differential_lab import PROJECT, Engines

from stringx.embedded.postgres import EmbeddedPostgres
from stringx.settings import PREFIX

DATABASE = ROLE = "differential"

TABLES = """
create schema raw;
create schema lab;
create schema "Odd Schema";
create schema "lab_Odd Schema";
create table raw.groups (id integer);
create table raw.things (id integer, amount numeric, score float8, name text, day date, flag boolean, seen timestamptz, grp integer,
                         "Mixed Case" text);
create table "Odd Schema"."Odd Table" ("Key" integer);
create view "lab_Odd Schema"."Kept Things" as select * from raw.things;
create view lab.listed as select * from raw.things;
insert into raw.groups values (1), (2), (3);
insert into "Odd Schema"."Odd Table" select generate_series(1, 4);
"""


@pytest.fixture(scope="session")
def database(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    """A connection as the owner."""
    postgres.ensure_login(ROLE)
    postgres.ensure_database(DATABASE, ROLE)
    with psycopg.connect(postgres.url(DATABASE, ROLE), autocommit=True) as connection:
        connection.execute(TABLES)
        yield connection


@pytest.fixture(scope="session")
def start_engines(database: psycopg.Connection, postgres: EmbeddedPostgres) -> Iterator[Callable[[Path], Engines]]:  # noqa: ARG001  # its tables
    target = psycopg.conninfo.conninfo_to_dict(postgres.url(DATABASE, ROLE))
    folders: list[Path] = []
    started: list[Engines] = []

    def start(project: Path) -> Engines:
        folders.append(Path(tempfile.mkdtemp(prefix="stringx-")))
        # For the dbt profile of these processes alone: other tests of this process have another target.
        with pytest.MonkeyPatch.context() as patch:
            for name, value in target.items():
                patch.setenv(f"{PREFIX}TARGET_{name.upper()}", str(value))
            started.append(Engines(project, folders[-1]))
        return started[-1]

    yield start
    for engines in started:
        engines.close()
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def engines(start_engines: Callable[[Path], Engines]) -> Engines:
    return start_engines(PROJECT)


@pytest.fixture(scope="session")
def make_engines(start_engines: Callable[[Path], Engines], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Engines]:
    """Engines on a copy of the project with these files added, or changed."""

    def make(files: dict[str, str]) -> Engines:
        project = Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp("changed") / "project"))
        for name, text in files.items():
            path = project / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return start_engines(project)

    return make
