"""The demo's data in a target: all of it, once, read by a role that can only read."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from stringx.embedded import demo
from stringx.embedded.postgres import EmbeddedPostgres

ROWS = {"airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115, "flights": 51955}


@pytest.fixture
def reader_password(postgres: EmbeddedPostgres) -> Iterator[str]:
    """One for this test: roles are the whole server's, and other tests read by the password that the server keeps."""
    yield uuid.uuid4().hex
    postgres.ensure_login(demo.READER)


@pytest.fixture
def admin_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    name = f"demo_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield postgres.url(name)
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


def counts(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        found = {}
        for table in demo.TABLES:
            row = connection.execute(f"select count(*) from raw.{table}").fetchone()
            assert row is not None
            found[table] = row[0]
        return found


def test_loading_twice_leaves_the_data_of_the_first_time(admin_url: str) -> None:
    demo.load(admin_url)
    assert counts(admin_url) == ROWS
    with psycopg.connect(admin_url) as connection:
        connection.execute("delete from raw.airlines where carrier = 'UA'")
    demo.load(admin_url)
    assert counts(admin_url) == ROWS | {"airlines": 15}


def test_loading_at_one_time_loads_once(admin_url: str) -> None:
    threads = [threading.Thread(target=demo.load, args=(admin_url,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(admin_url) == ROWS


def test_what_is_missing_is_null_and_the_date_is_made_at_load(admin_url: str) -> None:
    demo.load(admin_url)
    with psycopg.connect(admin_url) as connection:
        found = connection.execute(
            """
            select count(*) filter (where dep_time is null), count(*) filter (where tailnum is null), count(distinct flight_date),
                   count(*) filter (where flight_date <> make_date(year, month, day))
            from raw.flights
            """
        ).fetchone()
        assert found == (1782, 601, 59, 0)
        zone = connection.execute("select count(*) from raw.airports where tzone is null").fetchone()
        assert zone == (3,)


def test_the_blizzard_is_in_the_data(admin_url: str) -> None:
    """Of the first ten days of February, on the 8th and the 9th alone a quarter of the flights or more were cancelled."""
    demo.load(admin_url)
    with psycopg.connect(admin_url) as connection:
        closed = connection.execute(
            """
            select flight_date::text from raw.flights where flight_date between '2013-02-01' and '2013-02-10'
            group by 1 having avg((dep_time is null)::int) >= 0.25 order by 1
            """
        ).fetchall()
    assert closed == [("2013-02-08",), ("2013-02-09",)]


def test_the_reader_reads_and_cannot_write(admin_url: str, reader_password: str) -> None:
    demo.load(admin_url, reader_password=reader_password)
    reader = psycopg.conninfo.make_conninfo(admin_url, user=demo.READER, password=reader_password)
    with psycopg.connect(admin_url) as connection:
        connection.execute("create table raw.later (id int)")
    assert counts(reader) == ROWS
    for statement in (
        "delete from raw.flights",
        "create table raw.mine (id int)",
        "create table public.mine (id int)",
        "create schema mine",
        "create temporary table mine (id int)",
    ):
        with psycopg.connect(reader) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute(statement)
    for statement in ("delete from raw.flights", "create table raw.mine (id int)", "create schema mine"):
        writing = psycopg.connect(reader, options="-c default_transaction_read_only=off")
        with writing as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
    with psycopg.connect(reader) as connection:
        assert connection.execute("select count(*) from raw.later").fetchone() == (0,)
