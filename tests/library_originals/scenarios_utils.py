"""Random uses of dbt_utils' tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from data import COLUMNS, TEXTS
from scenarios_expectations import CONDITIONS, NUMBERS, STRINGS, Use, groups, other_table, sometimes


def of_range(chance: random.Random) -> Use:
    made = sometimes(chance, 0.6, min_value=chance.randint(-3, 3), max_value=chance.choice([4, "j", "j + 1"]))
    return chance.choice(["i", "j", "n", "Odd n"]), (made or {"min_value": 0}) | sometimes(chance, inclusive=False)


def of_other_column(chance: random.Random) -> dict[str, Any]:
    return {"to": f"source('lab', '{chance.choice('ute')}')", "field": chance.choice(["i", "j"])}


def of_equality(chance: random.Random) -> Use:
    made = other_table(chance)
    if chance.random() < 0.6:
        made |= {"compare_columns": chance.sample(["i", "s", "g", "d", "n", "h"], chance.randint(1, 4))}
    elif chance.random() < 0.6:
        made |= {"exclude_columns": chance.sample(["i", "s", "f", "n"], 2)}
    return None, made | sometimes(chance, precision=chance.choice([0, 1, 2]))


def of_truth(chance: random.Random) -> Use:
    if chance.random() < 0.5:
        return chance.choice(NUMBERS), {"expression": chance.choice(["> 0", "between 0 and 3", "is not null", "<> 1 or j > 2"])}
    return None, {"expression": chance.choice(["i > 0", "i > j or s is null", "ok", "f <= 1"])}


def of_ranges(chance: random.Random) -> Use:
    made = {"lower_bound_column": "lo", "upper_bound_column": "hi"}
    made |= sometimes(chance, 0.5, gaps=chance.choice(["allowed", "not_allowed", "required"]), zero_length_range_allowed=True)
    return None, made | sometimes(chance, partition_by="h")


def of_refused_values(chance: random.Random) -> Use:
    if chance.random() < 0.4:
        return chance.choice(["i", "j"]), {"values": [chance.randint(-3, 6) for _ in range(3)], "quote": False}
    return chance.choice(STRINGS), {"values": chance.sample(TEXTS, 3)}


def of_recency(chance: random.Random) -> Use:
    made = {"field": chance.choice(["at", "d"]), "datepart": chance.choice(["day", "hour"]), "interval": chance.choice([1, 2, 40])}
    return None, made | sometimes(chance, ignore_time_component=True) | sometimes(chance, group_by_columns=["h"])


def of_relationship(chance: random.Random) -> Use:
    made = of_other_column(chance) | sometimes(chance, from_condition=chance.choice(CONDITIONS), to_condition=chance.choice(CONDITIONS))
    return chance.choice(["i", "j"]), made


def of_sequence(chance: random.Random) -> Use:
    by_groups = groups(chance, "group_by_columns")
    if chance.random() < 0.4:
        return chance.choice(["d", "t"]), {"datepart": chance.choice(["day", "hour"]), "interval": chance.choice([1, 2])} | by_groups
    return chance.choice(["lo", "i"]), sometimes(chance, interval=chance.choice([1, 2, 10])) | by_groups


def of_combination(chance: random.Random) -> Use:
    quoted = chance.random() < 0.3
    columns = chance.sample(["g", "h", "j", "s", "Odd name"] if quoted else ["g", "h", "j", "s", '"Odd name"'], chance.randint(1, 3))
    return None, {"combination_of_columns": columns} | ({"quote_columns": True} if quoted else {})


def of_groups_of_column(chance: random.Random) -> Use:
    return chance.choice([*COLUMNS]), groups(chance, "group_by_columns")


def of_other_rows(chance: random.Random) -> Use:
    return None, other_table(chance) | groups(chance, "group_by_columns")


USES: Mapping[str, Callable[[random.Random], Use]] = {
    "accepted_range": of_range,
    "at_least_one": of_groups_of_column,
    "cardinality_equality": lambda chance: (chance.choice(["i", "j", "Odd n"]), of_other_column(chance)),
    "equal_rowcount": of_other_rows,
    "equality": of_equality,
    "expression_is_true": of_truth,
    "fewer_rows_than": of_other_rows,
    "mutually_exclusive_ranges": of_ranges,
    "not_accepted_values": of_refused_values,
    "not_constant": of_groups_of_column,
    "not_empty_string": lambda chance: (chance.choice(STRINGS), sometimes(chance, trim_whitespace=False)),
    "not_null_proportion": lambda chance: (
        chance.choice([*COLUMNS]),
        {"at_least": round(chance.random(), 2)} | sometimes(chance, at_most=0.9) | groups(chance, "group_by_columns"),
    ),
    "recency": of_recency,
    "relationships_where": of_relationship,
    "sequential_values": of_sequence,
    "unique_combination_of_columns": of_combination,
}
