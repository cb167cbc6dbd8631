"""The library's cases leave nothing out."""

from __future__ import annotations

import pytest
from library_lab import CASES, KINDS, KINDS_OF_COLUMNS

from stringx.gates.rule_library import LIBRARY, Counted


@pytest.mark.parametrize("check", LIBRARY)
def test_every_check_is_shown_to_pass_to_fail_and_on_odd_tables(check: str) -> None:
    kinds = {name.partition("_")[0] for name in CASES.get(check, {})}
    share = {"share"} if LIBRARY[check].counts is Counted.VALUES else set()
    assert (KINDS_OF_COLUMNS if LIBRARY[check].of_columns else KINDS | share) - kinds == set()


def test_every_case_is_of_a_check_of_the_library() -> None:
    assert set(CASES) - set(LIBRARY) == set()
