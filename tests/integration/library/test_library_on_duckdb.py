"""Each check of the library on DuckDB."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from case import Failures
from library_lab import CASES, Profile, expected, numbered, outcomes, share_fault


@pytest.fixture(scope="module")
def found(on_duckdb: Profile, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Failures]:
    return outcomes(tmp_path_factory.mktemp("library"), on_duckdb)


@pytest.mark.parametrize(("check", "name"), [(check, name) for check, name, _ in numbered()])
def test_a_check_counts_what_is_wrong(found: Mapping[str, Failures], check: str, name: str) -> None:
    assert found[f"{check}-{name}"] == expected(CASES[check][name], "duckdb")
    assert share_fault(found, check, name) is None
