"""The name that was probably meant."""

from __future__ import annotations

import pytest

from stringx.nearest import MOST_NAMES, did_you_mean, nearest


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("tagret", ["table", "target"], "did you mean `target`?"),
        ("raw.flight", ["raw.flights", "raw.planes"], "did you mean `raw.flights`?"),
        ("xyz", ["table", "target"], ""),
        ("min", ["min_value", "max_value"], "did you mean `min_value`?"),
        ("dep", ["departure_time", "departure_date"], ""),
        ("ID", ["day", "id"], "did you mean `id`?"),
        ("iD", ["ID", "id"], ""),
        ("mi", ["min_value", "max_value"], ""),
        ("", ["table"], ""),
        ("table", [], ""),
    ],
)
def test_the_name_that_is_most_like_it_is_asked_for(name: str, known: list[str], meant: str) -> None:
    assert did_you_mean(nearest(name, known)) == meant


def test_how_alike_it_must_be_is_the_askers_to_say() -> None:
    assert nearest("raw.order", ["raw.dealer"]) == "raw.dealer"
    assert nearest("raw.order", ["raw.dealer"], alike=0.8) is None


def test_among_very_many_names_only_the_first_are_compared() -> None:
    others = [f"{number}" for number in range(MOST_NAMES - 1)]
    assert nearest("raw.flight", [*others, "raw.flights"]) == "raw.flights"
    assert nearest("raw.flight", ["0", *others, "raw.flights"]) is None
