"""Each check of the library on a real Postgres."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from case import Failures
from library_lab import CASES, Profile, expected, numbered, outcomes


@pytest.fixture(scope="module")
def found(on_postgres: Profile, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Failures]:
    return outcomes(tmp_path_factory.mktemp("library"), on_postgres)


@pytest.mark.parametrize(("check", "name"), [(check, name) for check, name, _ in numbered()])
def test_a_check_counts_what_is_wrong(found: Mapping[str, Failures], check: str, name: str) -> None:
    assert found[f"{check}-{name}"] == expected(CASES[check][name], "postgres")
