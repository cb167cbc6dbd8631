"""A small database with faults that are counted by plain SQL, a dbt project about it, and runners on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from runner_lab import PROJECT, TOKEN, Bench, Lab, end

from stringx.embedded.postgres import EmbeddedPostgres
from stringx.runner.nursery import Nursery
from stringx.runner.service import Runner
from stringx.settings import PREFIX, Settings

DATABASE = "runner_lab"
#: It owns the tables and is no superuser: what the runner may not do is up to the runner, and what it can, any role can.
ROLE = "runner_lab"

TABLES = r"""
create schema raw;
create table raw.customers (id integer, name text);
create table raw.orders (id integer, day date, status text, amount numeric, email text, customer integer, note text,
                         payload bytea, score float8, seen date, doc json);
insert into raw.customers select i, 'c' || i from generate_series(1, 50) as i;
insert into raw.orders
  select i, date '2013-02-01' + (i % 10), case when i % 3 = 0 then 'paid' else 'open' end,
         case when i % 97 = 0 then null else i * 1.5 end, 'person' || i || '@example.org', i % 52, 'n', null, 1, null, null
  from generate_series(1, 1000) as i;
insert into raw.orders values
  (1, '2013-02-01', 'odd', 'NaN', 'odd@example.org', 1, E'tab\tquote"', '\x00ff', 'Infinity', '0044-03-15 BC', '{"a": "\u0000"}');
create function raw.leave_a_trace() returns integer language sql
  as $$ insert into raw.customers values (999, 'trace') returning 1 $$;
create view raw.computed as select * from raw.orders where 1 / (id - 500) >= 0;
-- The runner's own count of it takes for ever; dbt begins its queries with a comment.
create view raw.slow_to_count as select orders.* from raw.orders
  join lateral (select case when current_query() like 'select count(*)%' then pg_sleep(600)::text end) as slow on true;
"""


@pytest.fixture(scope="session")
def lab(postgres: EmbeddedPostgres) -> Lab:
    postgres.ensure_login(ROLE)
    postgres.ensure_database(DATABASE, ROLE)
    lab = Lab(postgres.url(DATABASE, ROLE))
    with psycopg.connect(lab.url, autocommit=True) as connection:
        connection.execute(TABLES)
    return lab


@pytest.fixture(scope="session")
def _lab_variables(lab: Lab) -> dict[str, str]:
    info = psycopg.conninfo.conninfo_to_dict(lab.url)
    return {f"{PREFIX}TARGET_{name.upper()}": str(info[name]) for name in ("host", "port", "user", "password", "dbname")}


@pytest.fixture(scope="session")
def in_the_lab(_lab_variables: dict[str, str]) -> Callable[[], pytest.MonkeyPatch]:
    """Has the dbt profile of what is started from now on point at the lab, until the patch is undone."""

    def enter() -> pytest.MonkeyPatch:
        patch = pytest.MonkeyPatch()
        for name in [name for name in os.environ if name.startswith(f"{PREFIX}TARGET_")]:
            patch.delenv(name)
        for name, value in _lab_variables.items():
            patch.setenv(name, value)
        # None of these may get into a dbt process.
        patch.setenv(f"{PREFIX}RUNNER_TOKEN", TOKEN)
        return patch

    return enter


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project that a test may change."""
    return Path(shutil.copytree(PROJECT, tmp_path / "project"))


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Of all runners of these tests: dbt is imported once."""
    nursery = Nursery()
    yield nursery
    nursery.close()
    assert nursery.join(20)


@pytest.fixture
def make_runner(in_the_lab: Callable[[], pytest.MonkeyPatch], tmp_path: Path, nursery: Nursery) -> Iterator[Callable[..., Bench]]:
    """Starts runners of this test's own; they are ended with it. `own_nursery`: it shares no nursery with those of other tests."""
    patch = in_the_lab()
    started: list[Runner] = []

    def make(
        *,
        targets: Sequence[str] = ("demo",),
        workers: int = 1,
        state_dir: Path | None = None,
        own_nursery: bool = False,
        **settings: Any,
    ) -> Bench:
        values: dict[str, Any] = {"home": tmp_path / "home", "dbt_project_dir": PROJECT, "stop_grace_seconds": 4}
        runner = Runner(
            Settings(**(values | settings)),
            targets=targets,
            workers=workers,
            state_dir=state_dir or tmp_path / "state",
            address="here",
            nursery=None if own_nursery else nursery,
        )
        runner.start()
        started.append(runner)
        return Bench(runner)

    yield make
    end(*started)
    patch.undo()


@pytest.fixture(scope="session")
def bench(in_the_lab: Callable[[], pytest.MonkeyPatch], tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Iterator[Bench]:
    """One runner with two workers, for the tests that do not hurt it."""
    folder = tmp_path_factory.mktemp("runner")
    patch = in_the_lab()
    settings = Settings(home=folder / "home", dbt_project_dir=PROJECT, stop_grace_seconds=4)
    runner = Runner(settings, targets=["demo"], workers=2, state_dir=folder / "state", address="here", nursery=nursery)
    runner.start()
    patch.undo()
    yield Bench(runner)
    end(runner)
