"""Databases for the library's tests, with the tables of its cases."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import duckdb
import psycopg
import pytest
from library_lab import TABLES, Profile, postgres_profile

from stringx.embedded.postgres import EmbeddedPostgres


@pytest.fixture(scope="module")
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of an empty database. Its sessions are in UTC."""
    name = f"library_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"create database {name}")
        connection.execute(f"alter database {name} set timezone to 'UTC'")
    yield postgres.url(name)
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def on_postgres(database: str) -> Profile:
    with psycopg.connect(database) as connection:
        connection.execute(TABLES)
    return postgres_profile(database, "lab")


@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    file = str(tmp_path_factory.mktemp("lab") / "duck.duckdb")
    with duckdb.connect(file) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(TABLES)
    return {"type": "duckdb", "path": file, "schema": "lab", "settings": {"TimeZone": "UTC"}}
