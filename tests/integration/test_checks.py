"""The dbt project's checks on a real Postgres: pass, fail, nulls, an empty table, a condition on the rows, quoted columns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stringx.embedded.postgres import EmbeddedPostgres
from stringx.gates.library import LIBRARY
from stringx.gates.tests import test_name as name_of
from stringx.gates.tests import test_sql as sql_of
from stringx.model import Rule

REPOSITORY = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.timeout(300)

TABLES = """
    create schema lab;
    create table lab.empty (a int, b text);
    create table lab.parent (id int);
    insert into lab.parent values (1), (2);
    -- two of eight rows without a; b stands twice, and null twice
    create table lab.orders (a int, b text, c int, "Odd name" text, "select" int);
    insert into lab.orders values
        (1, 'x', 1, 'u', 1), (1, 'x', 2, 'u', 2), (2, 'y', 3, 'v', 3), (3, null, 4, 'w', 4),
        (3, null, 5, 'w', 5), (4, 'z', 6, null, 6), (null, 'z', 7, 'q', 7), (null, 'w', null, 'r', 8);
"""

#: name → table, rule, failures that plain reading of the rows gives
CASES: dict[str, tuple[str, dict[str, Any], int]] = {
    "share_at_the_bound": ("lab.orders", {"check": "share_of_rows", "arguments": {"condition": "a is null", "below": 0.25}}, 2),
    "share_below": ("lab.orders", {"check": "share_of_rows", "arguments": {"condition": "a is null", "below": 0.26}}, 0),
    "share_of_all": ("lab.orders", {"check": "share_of_rows", "arguments": {"condition": "true", "below": 1}}, 8),
    "share_of_none": ("lab.orders", {"check": "share_of_rows", "arguments": {"condition": "c > 100", "below": 0.001}}, 0),
    "share_null_is_not_offending": ("lab.orders", {"check": "share_of_rows", "arguments": {"condition": "c > 6", "below": 0.125}}, 1),
    "share_of_empty": ("lab.empty", {"check": "share_of_rows", "arguments": {"condition": "true", "below": 0.5}}, 0),
    "share_of_some_rows": (
        "lab.orders",
        {"check": "share_of_rows", "row_condition": "c >= 5", "arguments": {"condition": "a is null", "below": 0.33}},
        1,
    ),
    "share_with_comment": ("lab.orders", {"check": "share_of_rows", "arguments": {"condition": "a is null -- why", "below": 0.1}}, 2),
    "share_with_quotes": ("lab.orders", {"check": "share_of_rows", "arguments": {"condition": "\"Odd name\" = 'u'", "below": 0.1}}, 2),
    "expression_holds": ("lab.orders", {"check": "expression_is_true", "arguments": {"expression": "c between 1 and 7"}}, 0),
    "expression_fails": ("lab.orders", {"check": "expression_is_true", "arguments": {"expression": "a < 3 or b is not null"}}, 2),
    "expression_of_column": ("lab.orders", {"check": "expression_is_true", "column": "a", "arguments": {"expression": "> 1"}}, 2),
    "expression_of_odd_column": (
        "lab.orders",
        {"check": "expression_is_true", "column": "Odd name", "arguments": {"expression": "<> 'u'"}},
        2,
    ),
    "expression_with_comment": ("lab.orders", {"check": "expression_is_true", "arguments": {"expression": "a > 1 -- so"}}, 2),
    "expression_of_empty": ("lab.empty", {"check": "expression_is_true", "arguments": {"expression": "false"}}, 0),
    "combination_unique": (
        "lab.orders",
        {"check": "unique_combination_of_columns", "arguments": {"combination_of_columns": ["a", "c"]}},
        0,
    ),
    "combination_repeated": (
        "lab.orders",
        {"check": "unique_combination_of_columns", "arguments": {"combination_of_columns": ["a", "b"]}},
        2,
    ),
    "combination_quoted": (
        "lab.orders",
        {"check": "unique_combination_of_columns", "arguments": {"combination_of_columns": ["Odd name", "b"], "quote_columns": True}},
        2,
    ),
    "combination_of_some_rows": (
        "lab.orders",
        {
            "check": "unique_combination_of_columns",
            "row_condition": "b is not null",
            "arguments": {"combination_of_columns": ["a", "b"]},
        },
        1,
    ),
    "nulls": ("lab.orders", {"check": "not_null", "column": "a"}, 2),
    "nulls_of_reserved": ("lab.orders", {"check": "not_null", "column": "select"}, 0),
    "unique_values": ("lab.orders", {"check": "unique", "column": "b"}, 2),
    "strange_values": ("lab.orders", {"check": "accepted_values", "column": "b", "arguments": {"values": ["x", "y"]}}, 2),
    "strange_numbers": ("lab.orders", {"check": "accepted_values", "column": "a", "arguments": {"values": [1, 2, 3], "quote": False}}, 1),
    "orphans": ("lab.orders", {"check": "relationships", "column": "a", "arguments": {"to": "lab.parent", "field": "id"}}, 3),
}


def rule(name: str, fields: dict[str, Any]) -> Rule:
    check = LIBRARY[fields["check"]]
    words = {"kind": check.kind, "dimension": check.dimension, "level": check.level, "severity": "error"}
    return Rule.model_validate({"name": name, **words, **fields})


@pytest.fixture(scope="module")
def failures(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """What dbt counts for each case: one project with them all, one run."""
    database = f"checks_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"create database {database}")
    with psycopg.connect(postgres.url(database)) as connection:
        connection.execute(TABLES)
    project = tmp_path_factory.mktemp("checks") / "project"
    shutil.copytree(REPOSITORY / "dbt_project", project, ignore=shutil.ignore_patterns("models", "tests", "target", "logs"))
    (project / "tests").mkdir()
    (project / "models").mkdir()
    tables = [{"name": name} for name in ("empty", "parent", "orders")]
    (project / "models" / "sources.yml").write_text(json.dumps({"version": 2, "sources": [{"name": "lab", "tables": tables}]}))
    for name, (table, fields, _) in CASES.items():
        made = rule(name, fields)
        (project / "tests" / f"{name_of('0' * 32, made)}.sql").write_text(sql_of(made, table, resolve))
    info = psycopg.conninfo.conninfo_to_dict(postgres.url(database))
    target = {f"STRINGX_TARGET_{key.upper()}": str(info[key]) for key in ("host", "port", "user", "password", "dbname")}
    done = subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "test", "--project-dir", project, "--profiles-dir", project],
        env=os.environ | target | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    results = json.loads((project / "target" / "run_results.json").read_text())["results"]
    assert [one["message"] for one in results if one["status"] == "error"] == []
    yield {one["unique_id"].rpartition("000_")[2]: one["failures"] for one in results}
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"drop database {database} with (force)")


def resolve(table: str) -> str:
    schema, _, name = table.partition(".")
    return f"source('{schema}', '{name}')"


@pytest.mark.parametrize("name", CASES)
def test_a_check_counts_what_is_wrong(failures: dict[str, int], name: str) -> None:
    assert failures[name] == CASES[name][2]


def test_every_check_of_the_library_is_tried() -> None:
    assert {fields["check"] for _, fields, _ in CASES.values()} == set(LIBRARY)
