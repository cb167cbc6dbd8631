"""Each check of the library on a real Postgres, and each example of the reference, as a rule that judges the demo's data."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from case import Cases, Failures
from library_lab import CASES, Profile, expected, numbered, outcomes, share_fault

from stringx.embedded import demo
from stringx.gates.rule_library import LIBRARY

#: Beside the cases, so that dbt is started once for both.
EXAMPLES: Cases = {name: {"example": ("raw.flights", dict(check.example), 0)} for name, check in LIBRARY.items()}


@pytest.fixture(scope="module")
def found(database: str, on_postgres: Profile, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Failures]:
    demo.load(database)
    cases = {name: {**CASES[name], **EXAMPLES[name]} for name in LIBRARY}
    return outcomes(tmp_path_factory.mktemp("library"), on_postgres, cases)


@pytest.mark.parametrize(("check", "name"), [(check, name) for check, name, _ in numbered()])
def test_a_check_counts_what_is_wrong(found: Mapping[str, Failures], check: str, name: str) -> None:
    assert found[f"{check}-{name}"] == expected(CASES[check][name], "postgres")
    assert share_fault(found, check, name) is None


@pytest.mark.parametrize("name", LIBRARY)
def test_an_example_judges(found: Mapping[str, Failures], name: str) -> None:
    assert found[f"{name}-example"] != "error"
