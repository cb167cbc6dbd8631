"""The library's cases leave nothing out."""

from __future__ import annotations

import pytest
from library_lab import CASES, KINDS, KINDS_OF_COLUMNS, expected

from stringx.gates.rule_library import LIBRARY, Counted


@pytest.mark.parametrize("check", LIBRARY)
def test_every_check_is_shown_to_pass_to_fail_and_on_odd_tables(check: str) -> None:
    kinds = {name.partition("_")[0] for name in CASES.get(check, {})}
    assert (KINDS_OF_COLUMNS if LIBRARY[check].of_columns else KINDS) - kinds == set()


@pytest.mark.parametrize("check", LIBRARY)
def test_every_check_is_shown_what_a_share_of_its_failures_is_of(check: str) -> None:
    """Where that is neither the rows nor the whole, which nobody counts."""
    counts, cases = LIBRARY[check].counts, CASES.get(check, {})
    if counts in (Counted.ROWS, Counted.ROWS_SHOWN):
        return
    if counts is Counted.WHOLE:
        assert {expected(case, database) for case in cases.values() for database in ("postgres", "duckdb")} <= {0, 1, "error"}
    elif counts is Counted.VALUES_OF_ROWS:
        assert "share" in cases
    else:
        assert "looked_at" in cases["share"][1]


def test_every_case_is_of_a_check_of_the_library() -> None:
    assert set(CASES) - set(LIBRARY) == set()
