"""The project that is measured: so many tables of 1,000 rows, each with six tests, and a gate per table and engine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import psycopg

ROWS = 1_000
TESTS = 6
TARGET = "lab"
#: A slice up to here, or further, is the whole table.
BEYOND = 1_000_000

_PROJECT = {"name": "lab", "version": "1.0", "profile": "stringx", "model-paths": ["models"]}
_OUTPUT = {
    "type": "postgres",
    "host": "{{ env_var('STRINGX_TARGET_HOST') }}",
    "port": "{{ env_var('STRINGX_TARGET_PORT') | as_number }}",
    "user": "{{ env_var('STRINGX_TARGET_USER') }}",
    "password": "{{ env_var('STRINGX_TARGET_PASSWORD') }}",
    "dbname": "{{ env_var('STRINGX_TARGET_DBNAME') }}",
    "schema": "analytics",
    "threads": 4,
}
_STATUSES = ["open", "paid", "sent"]


def names(tables: int) -> list[str]:
    """`t_0000`, …; the tables stand in the schema `raw`."""
    return [f"t_{number:04}" for number in range(tables)]


def project(tables: int) -> dict[str, object]:
    """The files of the dbt project by their names; JSON is YAML."""
    known = names(tables)
    files: dict[str, object] = {
        "dbt_project.yml": _PROJECT,
        "profiles.yml": {"stringx": {"target": TARGET, "outputs": {TARGET: _OUTPUT}}},
    }
    for place, table in enumerate(known):
        parent = known[(place + 1) % tables]
        described = {"name": table, "columns": _columns(table, parent)}
        files[f"models/{table}.yml"] = {"version": 2, "sources": [{"name": "raw", "schema": "raw", "tables": [described]}]}
    return files


def _columns(table: str, parent: str) -> list[dict[str, object]]:
    config = {"config": {"tags": [table, "lab"]}}
    customer = {"arguments": {"to": f"source('raw', '{parent}')", "field": "id"}, **config}
    return [
        {"name": "id", "data_tests": [{"not_null": config}, {"unique": config}]},
        {"name": "customer", "data_tests": [{"relationships": customer}]},
        {"name": "status", "data_tests": [{"accepted_values": {"arguments": {"values": _STATUSES}, **config}}]},
        {"name": "amount", "data_tests": [{"not_null": config}]},
        {"name": "loaded_at", "data_tests": [{"not_null": config}]},
    ]


def gates(tables: int, engines: Iterable[str]) -> dict[str, object]:
    """Gate files by their names: each engine has a workspace, so that all of them check the same tables."""
    return {
        f"{engine}/raw.{table}.yaml": {
            "table": f"raw.{table}",
            "target": TARGET,
            "engine": engine,
            "timeout": "2m",
            "slice": {"columns": {"id": "integer"}},
            "select": [{"select": "tag:lab"}],
        }
        for engine in engines
        for table in names(tables)
    }


def write(folder: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1))


def load(url: str, tables: int) -> None:
    """Makes the tables, in which every test passes."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema raw")
        for table in names(tables):
            connection.execute(
                f"create table raw.{table} as select id, id as customer, (array['{_STATUSES[0]}', '{_STATUSES[1]}', '{_STATUSES[2]}'])"
                f"[1 + id % 3] as status, id * 1.5 as amount, now() as loaded_at from generate_series(1, {ROWS}) as id"
            )
        connection.execute("analyze")
