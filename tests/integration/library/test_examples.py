"""Each example of the reference is a rule that judges the demo's data."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping

import psycopg
import pytest
from case import Cases, Failures
from library_lab import outcomes

from stringx.embedded import demo
from stringx.embedded.postgres import EmbeddedPostgres
from stringx.gates.rule_library import LIBRARY

EXAMPLES: Cases = {
    name: {"example": ("raw.flights", {key: value for key, value in check.example.items() if key != "check"}, 0)}
    for name, check in LIBRARY.items()
}


@pytest.fixture(scope="module")
def found(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Failures]]:
    database = f"examples_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"create database {database}")
    demo.load(postgres.url(database))
    info = psycopg.conninfo.conninfo_to_dict(postgres.url(database))
    address = {"host": info["host"], "port": int(info["port"]), "user": info["user"], "password": info["password"], "dbname": database}
    yield outcomes(tmp_path_factory.mktemp("examples"), {"type": "postgres", **address, "schema": "raw", "threads": 4}, EXAMPLES)
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"drop database {database} with (force)")


@pytest.mark.parametrize("name", LIBRARY)
def test_an_example_judges(found: Mapping[str, Failures], name: str) -> None:
    assert found[f"{name}-example"] != "error"
