"""All values of a column together: an aggregate of them, or the set of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import Argument, Check, Counted
from stringx.gates.rule_library.expectations.common import (
    BOUNDS,
    COMPARE_MODEL,
    GROUP_BY,
    QUOTE_VALUES,
    ROW_CONDITION,
    STRICTLY,
    VALUE_SET,
    of_column,
)
from stringx.model import Dimension, Level

_AGGREGATE = {**BOUNDS, "group_by": GROUP_BY, "row_condition": ROW_CONDITION, "strictly": STRICTLY}
_TEXT_IS_QUOTED = "A quote within a value is written once, as `O'Hare`: the original wants it doubled."


def _between(short: str, what: str, column: str, bounds: Mapping[str, Any], dimension: Dimension = Dimension.ACCURACY) -> Check:
    return of_column(
        _AGGREGATE,
        dimension,
        short=short,
        fails_with=f"the table, or each group, whose {what} is outside the bounds",
        needs_one_of=tuple(BOUNDS),
        example={"column": column, "arguments": bounds},
        counts=Counted.GROUPS,
    )


def _distinct_count(short: str, dimension: Dimension, otherwise: str, column: str, value: int) -> Check:
    return of_column(
        {"value": Argument(arguments.BOUND), "group_by": GROUP_BY, "row_condition": ROW_CONDITION},
        dimension,
        short=short,
        fails_with=f"the table, or each group, with {otherwise}",
        example={"column": column, "arguments": {"value": value}},
        counts=Counted.GROUPS,
    )


def _distinct_values(short: str, dimension: Dimension, fails_with: str, **counted: Any) -> Check:
    return of_column(
        {"value_set": VALUE_SET, "quote_values": QUOTE_VALUES, "row_condition": ROW_CONDITION},
        dimension,
        short=short,
        fails_with=fails_with,
        example={
            "column": "origin",
            "arguments": {"value_set": ["EWR", "JFK", "LGA"]},
        },
        differences=(_TEXT_IS_QUOTED,),
        **counted,
    )


AGGREGATES: Mapping[str, Check] = {
    "expect_column_min_to_be_between": _between("min_between", "smallest value", "distance", {"min_value": 1, "max_value": 500}),
    "expect_column_max_to_be_between": _between("max_between", "largest value", "distance", {"max_value": 5000}),
    "expect_column_mean_to_be_between": _between("mean_between", "mean", "dep_delay", {"min_value": -10, "max_value": 60}),
    "expect_column_median_to_be_between": _between("median_between", "median", "dep_delay", {"min_value": -10, "max_value": 15}),
    "expect_column_quantile_values_to_be_between": of_column(
        {"quantile": Argument(arguments.PROPORTION, about="The share of values below it: 0.95."), **_AGGREGATE},
        Dimension.ACCURACY,
        short="quantile_between",
        fails_with="the table, or each group, whose quantile is outside the bounds",
        needs_one_of=tuple(BOUNDS),
        example={
            "column": "dep_delay",
            "arguments": {"quantile": 0.95, "max_value": 180},
        },
        counts=Counted.GROUPS,
    ),
    "expect_column_stdev_to_be_between": _between("stdev_between", "standard deviation", "air_time", {"min_value": 10, "max_value": 200}),
    "expect_column_sum_to_be_between": _between("sum_between", "sum", "distance", {"min_value": 1}),
    "expect_column_unique_value_count_to_be_between": _between(
        "distinct_count_between", "number of different values", "dest", {"min_value": 50}, Dimension.COMPLETENESS
    ),
    "expect_column_proportion_of_unique_values_to_be_between": of_column(
        _AGGREGATE,
        Dimension.UNIQUENESS,
        short="unique_share_between",
        fails_with="the table, or each group, whose number of different values, by the number of values, is outside the bounds",
        needs_one_of=tuple(BOUNDS),
        example={
            "column": "flight",
            "arguments": {"min_value": 0.5, "group_by": ["flight_date"]},
        },
        differences=(
            "Where there are no values it passes: the original divides by zero, an error on Postgres and above any bound on DuckDB.",
        ),
        counts=Counted.GROUPS,
    ),
    "expect_column_distinct_count_to_equal": _distinct_count(
        "distinct_count_equals", Dimension.COMPLETENESS, "another number of different values", "origin", 3
    ),
    "expect_column_distinct_count_to_be_greater_than": _distinct_count(
        "distinct_count_above", Dimension.COMPLETENESS, "not more different values than that", "carrier", 9
    ),
    "expect_column_distinct_count_to_be_less_than": _distinct_count(
        "distinct_count_below", Dimension.VALIDITY, "not fewer different values than that", "origin", 4
    ),
    "expect_column_distinct_count_to_equal_other_table": of_column(
        {
            "compare_model": COMPARE_MODEL,
            "compare_column_name": Argument(arguments.SQL, about="The column of that table."),
            "row_condition": ROW_CONDITION,
            "compare_row_condition": Argument(arguments.SQL, required=False, about="The same of that table; left out, `row_condition`."),
        },
        Dimension.CONSISTENCY,
        level=Level.DATASET,
        short="same_distinct_count",
        fails_with="the table, where its column has not as many different values as the other table's",
        example={
            "column": "carrier",
            "arguments": {"compare_model": "raw.airlines", "compare_column_name": "carrier"},
        },
    ),
    "expect_column_distinct_values_to_be_in_set": _distinct_values(
        "distinct_values_in_set", Dimension.VALIDITY, "values that are not in the list, null among them", counts=Counted.VALUES_OF_ROWS
    ),
    "expect_column_distinct_values_to_contain_set": _distinct_values(
        "distinct_values_contain_set",
        Dimension.COMPLETENESS,
        "values of the list that no row has",
        counts=Counted.VALUES,
        each="stringx__each_wanted_value",
    ),
    "expect_column_distinct_values_to_equal_set": _distinct_values(
        "distinct_values_equal_set",
        Dimension.COMPLETENESS,
        "values that are not in the list, null among them, and values of the list that no row has",
        counts=Counted.VALUES,
        each="stringx__each_found_or_wanted_value",
    ),
    "expect_column_most_common_value_to_be_in_set": of_column(
        {
            "value_set": VALUE_SET,
            "top_n": Argument(arguments.COUNT, about="Its place by how often it occurs: 1 for the most common."),
            "quote_values": QUOTE_VALUES,
            "data_type": Argument(
                arguments.SQL, required=False, default="decimal", about="What both sides are taken as, where `quote_values` is false."
            ),
            "row_condition": ROW_CONDITION,
        },
        Dimension.ACCURACY,
        short="most_common_in_set",
        fails_with="the value at that place, where it is not in the list",
        example={
            "column": "dest",
            "arguments": {"value_set": ["ATL", "ORD"], "top_n": 1},
        },
        differences=("Of values that occur as often the smaller one comes first: by the original it is any of them.", _TEXT_IS_QUOTED),
    ),
}
