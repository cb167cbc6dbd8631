"""Each value of a column by itself."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import Argument, Check, Counted
from stringx.gates.rule_library.expectations.common import (
    BOUNDS,
    GROUP_BY,
    QUOTE_VALUES,
    ROW_CONDITION,
    STRICTLY,
    VALUE_SET,
    of_column,
    of_rows,
    of_values,
)
from stringx.model import Dimension

_OF_A_SET = {"value_set": VALUE_SET, "quote_values": QUOTE_VALUES, "row_condition": ROW_CONDITION}
_IN_ORDER = {
    "sort_column": Argument(arguments.SQL, required=False, about="The order of the rows; left out, the column itself."),
    "strictly": Argument(arguments.YES_OR_NO, required=False, default=True, about="Whether a value may not be the one before it again."),
    "row_condition": ROW_CONDITION,
    "group_by": GROUP_BY,
    "step": Argument(arguments.NUMBER, required=False, about="By how much each value differs from the one before it."),
}
_TEXT_IS_QUOTED = "A quote within a value is written once, as `O'Hare`: the original wants it doubled."

VALUES: Mapping[str, Check] = {
    "expect_column_values_to_be_between": of_values(
        {**BOUNDS, "row_condition": ROW_CONDITION, "strictly": STRICTLY},
        Dimension.VALIDITY,
        short="between",
        fails_with="rows whose value is outside the bounds; nulls pass",
        needs_one_of=tuple(BOUNDS),
        example={
            "column": "sched_dep_time",
            "arguments": {"min_value": 0, "max_value": 2359},
        },
    ),
    "expression_between": of_rows(
        {
            "expression": Argument(arguments.SQL, about="Of a row, or an aggregate."),
            **BOUNDS,
            "group_by_columns": GROUP_BY,
            "row_condition": ROW_CONDITION,
            "strictly": STRICTLY,
        },
        Dimension.VALIDITY,
        fails_with="rows for which the SQL is outside the bounds; of an aggregate, the table, or each group",
        needs_one_of=tuple(BOUNDS),
        example={
            "arguments": {"expression": "arr_delay - dep_delay", "min_value": -120, "max_value": 240},
        },
        counts=Counted.VALUES_OF_SQL,
        each="stringx__each_value_of_sql",
    ),
    "expect_column_values_to_be_in_set": of_values(
        _OF_A_SET,
        Dimension.VALIDITY,
        short="in_set",
        fails_with="rows whose value is not in the list, nulls among them",
        example={"column": "origin", "arguments": {"value_set": ["EWR", "JFK", "LGA"]}},
        differences=(_TEXT_IS_QUOTED,),
    ),
    "expect_column_values_to_not_be_in_set": of_values(
        _OF_A_SET,
        Dimension.VALIDITY,
        short="not_in_set",
        fails_with="rows whose value is in the list",
        example={"column": "dest", "arguments": {"value_set": ["XXX", "TBD"]}},
        differences=("A row fails once, however often the list has its value: the original counts it as often.", _TEXT_IS_QUOTED),
    ),
    "expect_column_values_to_be_null": of_values(
        {"row_condition": ROW_CONDITION},
        Dimension.CONSISTENCY,
        short="is_null",
        fails_with="rows with a value",
        example={
            "column": "arr_time",
            "arguments": {"row_condition": "dep_time is null"},
        },
    ),
    "expect_column_values_to_not_be_null": of_values(
        {"row_condition": ROW_CONDITION},
        Dimension.COMPLETENESS,
        short="is_not_null",
        fails_with="rows without a value",
        example={"column": "dest"},
    ),
    "expect_column_values_to_be_unique": of_column(
        {"row_condition": ROW_CONDITION},
        Dimension.UNIQUENESS,
        short="is_unique",
        fails_with="values that occur more than once; of a slice, also those that occur once more outside it",
        whole=True,
        example={"column": "time_hour"},
        differences=("`row_condition` may hold an `or`: the original adds to it without a bracket, and looks at more rows.",),
        counts=Counted.VALUES_OF_ROWS,
    ),
    "expect_column_values_to_have_consistent_casing": of_column(
        {
            "display_inconsistent_columns": Argument(
                arguments.YES_OR_NO, required=False, default=False, about="Whether each value fails by itself, and not one row for all."
            )
        },
        Dimension.CONSISTENCY,
        short="consistent_casing",
        fails_with="values that differ in capital letters alone",
        example={
            "column": "dest",
            "arguments": {"display_inconsistent_columns": True},
        },
        differences=("Nulls pass: by the original, without `display_inconsistent_columns`, a column with a null always fails.",),
        counts=Counted.VALUES_OF_ROWS,
    ),
    "expect_column_values_to_be_increasing": of_values(
        _IN_ORDER,
        Dimension.CONSISTENCY,
        short="increasing",
        fails_with="rows whose value is not larger than the one before it",
        example={
            "column": "flight_date",
            "arguments": {"sort_column": "time_hour", "strictly": False, "group_by": ["origin"]},
        },
    ),
    "expect_column_values_to_be_decreasing": of_values(
        _IN_ORDER,
        Dimension.CONSISTENCY,
        short="decreasing",
        fails_with="rows whose value is not smaller than the one before it",
        example={
            "column": "dep_delay",
            "arguments": {"sort_column": "-arr_delay", "strictly": False},
        },
    ),
}
