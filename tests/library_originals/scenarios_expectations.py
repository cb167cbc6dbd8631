"""Random uses of dbt_expectations' tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from data import COLUMNS, TEXTS

Arguments = dict[str, Any]
#: the column, or none, and the arguments
Use = tuple[str | None, Arguments]

CONDITIONS = ["i > 0", "s is not null", "j = 1 or j = 2", "g = 'p'", "i is null", "h < 3", "1 = 0"]
NUMBERS = ["i", "j", "n", "f", "Odd n"]
PLAIN_NUMBERS = ["i", "j", "n", "f"]
STRINGS = ["s", "s2", "Odd name", "g"]
AGGREGATES = ["sum(i)", "count(*)", "count(distinct s)", "max(n)", "sum(n)", "min(j)", "avg(i)", "-sum(j)"]
REGEXES = ["^[a-z]+$", "b", "^$", "[0-9]{2,}", "(a)|(b)", "^(x)(y)?", ".", "\\s", "ü|🙂", "^N", "\\d"]
LIKES = ["a%", "%b%", "_", "", "%", "a_", "%\\%%", "日%"]


def sometimes(chance: random.Random, likely: float = 0.35, **arguments: Any) -> Arguments:
    return {name: value for name, value in arguments.items() if chance.random() < likely}


def condition(chance: random.Random) -> Arguments:
    return sometimes(chance, row_condition=chance.choice(CONDITIONS))


def groups(chance: random.Random, name: str = "group_by") -> Arguments:
    return sometimes(chance, **{name: chance.choice([["g"], ["h"], ["g", "h"], ['"Odd name"'], ["d"]])})


def bounds(chance: random.Random, low: float, high: float) -> Arguments:
    made = sometimes(chance, 0.6, min_value=round(chance.uniform(low, high), 1), max_value=round(chance.uniform(low, high)))
    return (made or {"min_value": chance.randint(int(low), int(high))}) | sometimes(chance, strictly=True)


def of_aggregate(low: float, high: float, columns: list[str], **more: Callable[[random.Random], Any]) -> Callable[[random.Random], Use]:
    def use(chance: random.Random) -> Use:
        extra = {name: choose(chance) for name, choose in more.items()}
        return chance.choice(columns), bounds(chance, low, high) | groups(chance) | condition(chance) | extra

    return use


def of_count(chance: random.Random) -> Use:
    return chance.choice([*COLUMNS]), {"value": chance.randint(0, 8)} | groups(chance) | condition(chance)


def of_set(chance: random.Random) -> Use:
    if chance.random() < 0.4:
        column = chance.choice(["i", "j", "Odd n"])
        values: list[Any] = [chance.randint(-3, 6) for _ in range(chance.randint(1, 6))]
        return column, {"value_set": values, "quote_values": chance.random() < 0.1} | condition(chance)
    # With a quote in one of them the original is an error: not all uses are of that.
    texts = TEXTS if chance.random() < 0.1 else [text for text in TEXTS if "'" not in text]
    return chance.choice(STRINGS), {"value_set": chance.sample(texts, chance.choice([1, 5, len(texts)]))} | condition(chance)


def of_most_common(chance: random.Random) -> Use:
    column, made = of_set(chance)
    return column, made | {"top_n": chance.choice([1, 1, 2, 3])} | sometimes(chance, data_type=chance.choice(["integer", "decimal(10, 2)"]))


def of_order(chance: random.Random) -> Use:
    column = chance.choice(["lo", "hi", "i", "d", "Odd n", "j"])
    # `lo`, `hi` and more can repeat: only a sort by the column itself has one outcome then.
    made = sometimes(chance, strictly=False, group_by=["g"], step=chance.choice([1, 10])) | condition(chance)
    if column == "d":
        made.pop("step", None)
    return column, made


def of_length(chance: random.Random) -> Use:
    return chance.choice(STRINGS), bounds(chance, 0, 5) | condition(chance)


def of_patterns(argument: str, patterns: list[str], *, many: bool, regex: bool = False) -> Callable[[random.Random], Use]:
    def use(chance: random.Random) -> Use:
        chosen: Any = chance.sample(patterns, chance.randint(1, 3)) if many else chance.choice(patterns)
        made = {argument: chosen} | condition(chance)
        made |= sometimes(chance, match_on=chance.choice(["any", "all"])) if many else {}
        made |= sometimes(chance, flags=chance.choice(["i", "", "is", "g"]), is_raw=True) if regex else {}
        return chance.choice(STRINGS), made

    return use


def of_pair(chance: random.Random) -> Use:
    first, second = chance.choice([("i", "j"), ("n", "f"), ("s", "s2"), ("d", "cast(t as date)"), ('"Odd n"', "i"), ("hi", "lo")])
    return None, {"column_A": first, "column_B": second} | condition(chance)


def of_greater(chance: random.Random) -> Use:
    column, made = of_pair(chance)
    return column, made | sometimes(chance, or_equal=True)


def of_pairs(chance: random.Random) -> Use:
    pairs = [[chance.randint(0, 4), chance.choice(["'p'", "'q'", "null"])] for _ in range(chance.randint(1, 6))]
    return None, {"column_A": "j", "column_B": "g", "value_pairs_set": pairs} | condition(chance)


def of_columns(chance: random.Random) -> Use:
    quoted = chance.random() < 0.3
    names = ["g", "h", "j", "s", "ok", "Odd name"] if quoted else ["g", "h", "j", "s", "ok", "d", '"Odd name"']
    made = {"column_list": chance.sample(names, chance.randint(1, 3))} | ({"quote_columns": True} if quoted else {})
    return None, made | sometimes(chance, ignore_row_if=chance.choice(["all_values_are_missing", "any_value_is_missing"])) | condition(
        chance
    )


def of_sums(chance: random.Random) -> Use:
    total = chance.choice(["i", "n", 0, 12.5])
    return None, {"column_list": chance.sample(["i", "j", "n", '"Odd n"', "1"], 2), "sum_total": total} | groups(chance) | condition(chance)


def of_names(chance: random.Random) -> Use:
    names = [*COLUMNS]
    chosen = names if chance.random() < 0.3 else chance.sample([*names, "zz", "I"], chance.randint(1, 5))
    chosen = chance.sample(chosen, len(chosen)) if chance.random() < 0.3 else [*chosen]
    return None, {"column_list": chosen} | sometimes(chance, transform=chance.choice(["upper", "lower"]))


def of_existence(chance: random.Random) -> Use:
    return chance.choice([*COLUMNS, "zz"]), sometimes(
        chance, column_index=chance.randint(0, 17), transform=chance.choice(["upper", "lower"])
    )


TYPES = ["integer", "INTEGER", "text", "varchar", "date", "double precision", "double", "boolean", "numeric", "timestamp without time zone"]


def of_count_of_columns(chance: random.Random) -> Use:
    made = sometimes(chance, 0.6, min_value=chance.randint(0, 20), max_value=chance.choice([0, 10, 16, 20]))
    return None, made or {"min_value": 16}


def other_table(chance: random.Random) -> Arguments:
    return {"compare_model": f"source('lab', '{chance.choice('ute')}')"}


def of_row_counts(*, factor: bool) -> Callable[[random.Random], Use]:
    def use(chance: random.Random) -> Use:
        made = other_table(chance) | groups(chance) | condition(chance)
        made |= sometimes(chance, compare_group_by=made.get("group_by", ["g"]) if "group_by" in made else None)
        made = {name: value for name, value in made.items() if value is not None}
        made |= sometimes(chance, 0.5, compare_row_condition=chance.choice(CONDITIONS))
        return None, made | ({"factor": chance.choice([1, 2, 0.5])} if factor or chance.random() < 0.3 else {})

    return use


def of_comparison(*, other: bool) -> Callable[[random.Random], Use]:
    def use(chance: random.Random) -> Use:
        made = {"expression": chance.choice(AGGREGATES)} | (other_table(chance) if other else {}) | groups(chance) | condition(chance)
        made |= sometimes(chance, compare_expression=chance.choice(AGGREGATES), compare_row_condition=chance.choice(CONDITIONS))
        made |= sometimes(chance, tolerance=chance.choice([0, 0.5, 3]), tolerance_percent=chance.choice([0.1, 0.5, 0, 2]))
        return None, made

    return use


def of_distinct_count_of_other(chance: random.Random) -> Use:
    made = other_table(chance) | {"compare_column_name": chance.choice(["s", "i", "g"])} | condition(chance)
    return chance.choice([*COLUMNS]), made | sometimes(chance, compare_row_condition=chance.choice(CONDITIONS))


def of_age(chance: random.Random) -> Arguments:
    return {"datepart": chance.choice(["hour", "day", "week", "minute"]), "interval": chance.choice([1, 2, 5, 40])} | condition(chance)


def of_groups_ages(chance: random.Random) -> Use:
    return None, {"group_by": chance.choice([["g"], ["h"]]), "timestamp_column": chance.choice(["at", "d"])} | of_age(chance)


def of_periods(chance: random.Random) -> Use:
    made = {"date_col": chance.choice(["d", "t", "d"])} | sometimes(
        chance, date_part=chance.choice(["day", "hour", "week", "month", "quarter"])
    )
    made |= sometimes(chance, interval=chance.choice([1, 2, 3])) | condition(chance)
    part = made.get("date_part", "day")
    made |= sometimes(chance, exclusion_condition=f"date_{part} <> '2024-01-03'")
    made |= sometimes(chance, 0.25, test_start_date="2024-01-01", test_end_date=chance.choice(["2024-01-09", "2024-01-20"]))
    return None, made


def of_deviations(chance: random.Random) -> Use:
    return chance.choice(["i", "j", "n", "Odd n"]), groups(chance) | sometimes(chance, 0.7, sigma_threshold=chance.choice([0.5, 1, 2, 3]))


def of_moving_deviations(chance: random.Random) -> Use:
    made = {"date_column_name": "d"} | sometimes(chance, group_by=["g"], period=chance.choice(["day", "week"]))
    made |= sometimes(
        chance, lookback_periods=chance.choice([1, 2]), trend_periods=chance.choice([3, 7]), test_periods=chance.choice([7, 30])
    )
    made |= sometimes(chance, sigma_threshold=chance.choice([1, 2]), sigma_threshold_upper=1.5, sigma_threshold_lower=-1.5)
    return chance.choice(["i", "n", "Odd n"]), made | sometimes(chance, take_diffs=False, take_logs=False)


def of_truth(chance: random.Random) -> Use:
    if chance.random() < 0.5:
        expression = chance.choice(["i > 0", "i > j or s is null", "ok", "n between -3 and 3", "f <= 1"])
        return None, {"expression": expression} | sometimes(
            chance, test_condition=chance.choice(["= false", "is true", "is not null"])
        ) | condition(chance)
    made = {"expression": chance.choice(AGGREGATES), "test_condition": chance.choice(["> 3", "= 0", "is not null", "< 10"])}
    return None, made | groups(chance, "group_by_columns") | condition(chance)


def of_expression(chance: random.Random) -> Use:
    if chance.random() < 0.5:
        return None, {"expression": chance.choice(["i + j", "n * 2", "length(s)", "f"])} | bounds(chance, -3, 5) | condition(chance)
    return None, {"expression": chance.choice(AGGREGATES)} | bounds(chance, -3, 20) | groups(chance, "group_by_columns") | condition(chance)


def of_values(chance: random.Random) -> Use:
    if chance.random() < 0.2:
        return chance.choice(["d", "t"]), {"min_value": "'2024-01-03'", "max_value": "'2024-01-20'"} | condition(chance)
    if chance.random() < 0.3:
        return "i", {"max_value": chance.choice(["j", "j + 1", "coalesce(j, 0)"])} | condition(chance)
    return chance.choice(NUMBERS), bounds(chance, -3, 6) | condition(chance)


def of_any(chance: random.Random) -> Use:
    return chance.choice([*COLUMNS]), condition(chance)


USES: Mapping[str, Callable[[random.Random], Use]] = {
    "expression_is_true": of_truth,
    "expression_between": of_expression,
    "equal_expression": of_comparison(other=False),
    "expect_column_distinct_count_to_be_greater_than": of_count,
    "expect_column_distinct_count_to_be_less_than": of_count,
    "expect_column_distinct_count_to_equal": of_count,
    "expect_column_distinct_count_to_equal_other_table": of_distinct_count_of_other,
    "expect_column_distinct_values_to_be_in_set": of_set,
    "expect_column_distinct_values_to_contain_set": of_set,
    "expect_column_distinct_values_to_equal_set": of_set,
    "expect_column_max_to_be_between": of_aggregate(-3, 6, NUMBERS),
    "expect_column_mean_to_be_between": of_aggregate(-2, 4, NUMBERS),
    "expect_column_median_to_be_between": of_aggregate(-2, 4, NUMBERS),
    "expect_column_min_to_be_between": of_aggregate(-3, 6, NUMBERS),
    "expect_column_most_common_value_to_be_in_set": of_most_common,
    "expect_column_proportion_of_unique_values_to_be_between": of_aggregate(0, 1, [*COLUMNS]),
    "expect_column_quantile_values_to_be_between": of_aggregate(-2, 4, NUMBERS, quantile=lambda chance: chance.choice([0, 0.25, 0.9, 1])),
    "expect_column_stdev_to_be_between": of_aggregate(0, 3, NUMBERS),
    "expect_column_sum_to_be_between": of_aggregate(-10, 40, NUMBERS),
    "expect_column_unique_value_count_to_be_between": of_aggregate(0, 10, [*COLUMNS]),
    "expect_column_values_to_be_between": of_values,
    "expect_column_values_to_be_decreasing": of_order,
    "expect_column_values_to_be_in_set": of_set,
    "expect_column_values_to_be_in_type_list": lambda chance: (
        chance.choice([*COLUMNS, "zz"]),
        {"column_type_list": chance.sample(TYPES, 3)},
    ),
    "expect_column_values_to_be_increasing": of_order,
    "expect_column_values_to_be_null": of_any,
    "expect_column_values_to_be_of_type": lambda chance: (chance.choice([*COLUMNS, "zz"]), {"column_type": chance.choice(TYPES)}),
    "expect_column_values_to_be_unique": of_any,
    "expect_column_values_to_have_consistent_casing": lambda chance: (
        chance.choice(STRINGS),
        sometimes(chance, display_inconsistent_columns=True),
    ),
    "expect_column_values_to_not_be_in_set": of_set,
    "expect_column_values_to_not_be_null": of_any,
    "expect_column_values_to_be_within_n_moving_stdevs": of_moving_deviations,
    "expect_column_values_to_be_within_n_stdevs": of_deviations,
    "expect_row_values_to_have_data_for_every_n_datepart": of_periods,
    "expect_column_pair_values_A_to_be_greater_than_B": of_greater,
    "expect_column_pair_values_to_be_equal": of_pair,
    "expect_column_pair_values_to_be_in_set": of_pairs,
    "expect_compound_columns_to_be_unique": of_columns,
    "expect_multicolumn_sum_to_equal": of_sums,
    "expect_select_column_values_to_be_unique_within_record": of_columns,
    "expect_column_value_lengths_to_be_between": of_length,
    "expect_column_value_lengths_to_equal": lambda chance: (chance.choice(STRINGS), {"value": chance.randint(0, 4)} | condition(chance)),
    "expect_column_values_to_match_like_pattern": of_patterns("like_pattern", LIKES, many=False),
    "expect_column_values_to_match_like_pattern_list": of_patterns("like_pattern_list", LIKES, many=True),
    "expect_column_values_to_match_regex": of_patterns("regex", REGEXES, many=False, regex=True),
    "expect_column_values_to_match_regex_list": of_patterns("regex_list", REGEXES, many=True, regex=True),
    "expect_column_values_to_not_match_like_pattern": of_patterns("like_pattern", LIKES, many=False),
    "expect_column_values_to_not_match_like_pattern_list": of_patterns("like_pattern_list", LIKES, many=True),
    "expect_column_values_to_not_match_regex": of_patterns("regex", REGEXES, many=False, regex=True),
    "expect_column_values_to_not_match_regex_list": of_patterns("regex_list", REGEXES, many=True, regex=True),
    "expect_column_to_exist": of_existence,
    "expect_grouped_row_values_to_have_recent_data": of_groups_ages,
    "expect_row_values_to_have_recent_data": lambda chance: (chance.choice(["at", "d", "t"]), of_age(chance)),
    "expect_table_aggregation_to_equal_other_table": of_comparison(other=True),
    "expect_table_column_count_to_be_between": of_count_of_columns,
    "expect_table_column_count_to_equal": lambda chance: (None, {"value": chance.choice([16, 16, 3])}),
    "expect_table_column_count_to_equal_other_table": lambda chance: (None, other_table(chance)),
    "expect_table_columns_to_contain_set": of_names,
    "expect_table_columns_to_match_ordered_list": of_names,
    "expect_table_columns_to_match_set": of_names,
    "expect_table_columns_to_not_contain_set": of_names,
    "expect_table_row_count_to_be_between": lambda chance: (None, bounds(chance, 0, 30) | groups(chance) | condition(chance)),
    "expect_table_row_count_to_equal": lambda chance: (None, {"value": chance.choice([0, 1, 4, 30])} | groups(chance) | condition(chance)),
    "expect_table_row_count_to_equal_other_table": of_row_counts(factor=False),
    "expect_table_row_count_to_equal_other_table_times_factor": of_row_counts(factor=True),
}
