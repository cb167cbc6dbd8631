"""Each example of the reference is a rule that judges the demo's data."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from case import Cases, Failures
from library_lab import outcomes, postgres_profile

from stringx.embedded import demo
from stringx.gates.rule_library import LIBRARY

EXAMPLES: Cases = {name: {"example": ("raw.flights", dict(check.example), 0)} for name, check in LIBRARY.items()}


@pytest.fixture(scope="module")
def found(database: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Failures]:
    demo.load(database)
    return outcomes(tmp_path_factory.mktemp("examples"), postgres_profile(database, "raw"), EXAMPLES)


@pytest.mark.parametrize("name", LIBRARY)
def test_an_example_judges(found: Mapping[str, Failures], name: str) -> None:
    assert found[f"{name}-example"] != "error"
