"""Each check of the library on DuckDB."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pytest
from library_lab import CASES, TABLES, Failures, expected, numbered, outcomes


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Failures]:
    folder = tmp_path_factory.mktemp("library")
    file = folder / "duck.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(TABLES)
    return outcomes(folder, {"type": "duckdb", "path": str(file), "schema": "lab", "threads": 4})


@pytest.mark.parametrize(("check", "name"), [(check, name) for check, name, _ in numbered()])
def test_a_check_counts_what_is_wrong(found: Mapping[str, Failures], check: str, name: str) -> None:
    assert found[f"{check}-{name}"] == expected(CASES[check][name], "duckdb")
