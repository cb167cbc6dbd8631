"""Each check of the library on a real Postgres."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping

import psycopg
import pytest
from library_lab import CASES, TABLES, Failures, expected, numbered, outcomes

from stringx.embedded.postgres import EmbeddedPostgres


@pytest.fixture(scope="module")
def found(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Failures]]:
    database = f"library_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"create database {database}")
    with psycopg.connect(postgres.url(database)) as connection:
        connection.execute(TABLES)
    info = psycopg.conninfo.conninfo_to_dict(postgres.url(database))
    address = {"host": info["host"], "port": int(info["port"]), "user": info["user"], "password": info["password"], "dbname": database}
    yield outcomes(tmp_path_factory.mktemp("library"), {"type": "postgres", **address, "schema": "lab", "threads": 4})
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"drop database {database} with (force)")


@pytest.mark.parametrize(("check", "name"), [(check, name) for check, name, _ in numbered()])
def test_a_check_counts_what_is_wrong(found: Mapping[str, Failures], check: str, name: str) -> None:
    assert found[f"{check}-{name}"] == expected(CASES[check][name], "postgres")
