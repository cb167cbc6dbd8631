"""Bounds between which nothing lies: with them a rule fails for every value, or for none. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from stringx.gates.rule_library.check import Argument

#: How checks call their lower and their upper bound.
_PAIRS = (
    ("min_value", "max_value"),
    ("at_least", "at_most"),
    ("sigma_threshold_lower", "sigma_threshold_upper"),
    ("test_start_date", "test_end_date"),
)
#: A day as text, or as SQL writes it.
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|(?:date )?'\d{4}-\d{2}-\d{2}'", re.IGNORECASE)


def faults(given: Mapping[str, object], takes: Mapping[str, Argument]) -> Iterator[tuple[str, str]]:
    """The argument at fault, and what is wrong with it; of arguments that are right by themselves. Only numbers and days are compared:
    what other SQL is, the database knows."""
    for lower, upper in _PAIRS:
        if lower not in takes or upper not in takes or {lower, upper}.isdisjoint(given):
            continue
        low, high = (given.get(name, takes[name].default) for name in (lower, upper))
        # Their names tell which bounds lie outside.
        outside = upper == "test_end_date" or given.get("strictly") is True or given.get("inclusive") is False
        if _crossed(low, high, outside=outside):
            which = ", and both are outside" if low == high else ""
            yield upper if upper in given else lower, f"nothing lies between {low} and {high}{which}: correct one of them"


def _crossed(low: object, high: object, *, outside: bool) -> bool:
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        return low > high or (outside and low == high)
    if isinstance(low, str) and isinstance(high, str) and _DAY.fullmatch(low.strip()) and _DAY.fullmatch(high.strip()):
        first, last = (day.strip().strip("'")[-10:] for day in (low, high))
        return first > last or (outside and first == last)
    return False
