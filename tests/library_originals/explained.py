"""Which differences the catalogue names: for each sentence there, when it accounts for two answers that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from scenario import Scenario

from stringx.gates.rule_library import LIBRARY

Answer = int | str
#: whether it accounts for it: the scenario, the original's answer, the library's
Reason = Callable[[Scenario, Answer, Answer], bool]


def explanation(scenario: Scenario, original: Answer, ours: Answer) -> str | None:
    """The sentence of the catalogue that accounts for the difference, or None."""
    for sentence in LIBRARY[scenario.check].differences:
        for start, accounts in REASONS.items():
            if sentence.startswith(start) and accounts(scenario, original, ours):
                return sentence
    return None


def unknown_sentences() -> Iterator[str]:
    """Beginnings that no sentence of the catalogue has any more."""
    sentences = [sentence for check in LIBRARY.values() for sentence in check.differences]
    return (start for start in REASONS if not any(sentence.startswith(start) for sentence in sentences))


def _holds_quote(scenario: Scenario, original: Answer, _: Answer) -> bool:
    texts = [one for value in scenario.arguments.values() for one in (value if isinstance(value, list) else [value])]
    return original == "error" and any("'" in str(one) for one in texts)


def _more(_: Scenario, original: Answer, ours: Answer) -> bool:
    return isinstance(original, int) and isinstance(ours, int) and ours > original


def _fewer(_: Scenario, original: Answer, ours: Answer) -> bool:
    return isinstance(original, int) and isinstance(ours, int) and ours < original


def _of_groups(scenario: Scenario, original: Answer, ours: Answer) -> bool:
    return "group_by_columns" in scenario.arguments and "error" not in (original, ours)


def _of_quoted_groups(scenario: Scenario, original: Answer, _: Answer) -> bool:
    return '"' in "".join(scenario.arguments.get("group_by_columns", [])) and original == "error"


def _without_bound(scenario: Scenario, _: Answer, ours: Answer) -> bool:
    return not {"min_value", "max_value"} & set(scenario.arguments) and ours == "error"


def _repeats(scenario: Scenario, original: Answer, ours: Answer) -> bool:
    values = scenario.arguments["value_set"]
    return len(set(values)) < len(values) and isinstance(original, int) and isinstance(ours, int) and original > ours


def _ties(scenario: Scenario, original: Answer, ours: Answer) -> bool:
    if {"row_condition"} & set(scenario.arguments) or scenario.where:
        return "error" not in (original, ours)  # which rows are left cannot be told here
    counts = Counter(Counter(row[str(scenario.column)] for row in scenario.rows[scenario.table]).values())
    return any(how_many > 1 for how_many in counts.values()) and "error" not in (original, ours)


def _periods(scenario: Scenario, original: Answer, ours: Answer) -> bool:
    return scenario.arguments.get("date_part") in ("week", "month", "quarter") and "error" not in (original, ours)


REASONS: dict[str, Reason] = {
    "A quote within": _holds_quote,
    "A row fails once": _repeats,
    "`row_condition` may hold an `or`": lambda scenario, *answers: (
        " or " in scenario.arguments.get("row_condition", "") and _fewer(scenario, *answers)
    ),
    "Nulls pass": lambda scenario, original, ours: (original, ours) == (1, 0) and "display_inconsistent_columns" not in scenario.arguments,
    "The flag `g`": lambda scenario, original, _: "g" in scenario.arguments.get("flags", "") and original == "error",
    "Where there are no values": lambda scenario, *answers: answers[0] == "error" or _fewer(scenario, *answers),
    "Of values that occur as often": _ties,
    "`tolerance_percent` is measured": lambda scenario, *answers: "tolerance_percent" in scenario.arguments and _more(scenario, *answers),
    "With `tolerance_percent`": lambda scenario, *answers: "tolerance_percent" in scenario.arguments and _more(scenario, *answers),
    "A column whose name is quoted": lambda scenario, *_: scenario.odd,
    "A column that the table does not have": lambda scenario, original, ours: scenario.column == "zz" and (original, ours) == (0, 1),
    "`max_value: 0`": lambda scenario, *_: scenario.arguments.get("max_value") == 0,
    "A group by a null can be too old": lambda _, original, ours: (
        isinstance(original, int) and isinstance(ours, int) and ours == original + 1
    ),
    "An empty table and data of one day": lambda _, original, ours: (original, ours) == ("error", 0),
    "Periods begin": _periods,
    "A slice and dbt's `where`": lambda scenario, original, _: bool(scenario.where) and original == "error",
    "`date_part: quarter`": lambda scenario, original, _: scenario.arguments.get("date_part") == "quarter" and original == "error",
    "A table without rows has 0 rows": _more,
    "Two empty tables": lambda _, original, ours: (original, ours) == ("error", 0),
    "An empty table has not fewer": lambda _, original, ours: original == "error" and ours in (0, 1),
    "A group by nulls": _of_groups,
    "Groups can be by": _of_quoted_groups,
    "A column may be among": lambda scenario, original, _: (
        scenario.column in scenario.arguments.get("group_by_columns", []) and original == "error"
    ),
    "A table or a group without": _more,
    "Of two equal ranges": _fewer,
    "The last range before": _more,
    "Without a bound": _without_bound,
}
