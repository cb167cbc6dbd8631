"""Several columns of each row, or of all rows."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import Argument, Check, Counted
from stringx.gates.rule_library.expectations.common import GROUP_BY, IGNORE_ROW_IF, QUOTE_COLUMNS, ROW_CONDITION, of_rows, of_table
from stringx.model import Dimension

_PAIR = {"column_A": Argument(arguments.SQL), "column_B": Argument(arguments.SQL)}
_LIST = {
    "column_list": Argument(arguments.SQL_LIST),
    "quote_columns": QUOTE_COLUMNS,
    "ignore_row_if": IGNORE_ROW_IF,
    "row_condition": ROW_CONDITION,
}
_OR_IN_CONDITION = "`row_condition` may hold an `or`: the original adds to it without a bracket, and looks at more rows."

SEVERAL_COLUMNS: Mapping[str, Check] = {
    "expect_column_pair_values_A_to_be_greater_than_B": of_rows(
        {
            **_PAIR,
            "or_equal": Argument(arguments.YES_OR_NO, required=False, default=False),
            "row_condition": ROW_CONDITION,
        },
        Dimension.CONSISTENCY,
        short="pair_greater",
        fails_with="rows in which `column_A` is not larger than `column_B`; nulls pass",
        example={
            "arguments": {"column_A": "distance", "column_B": "air_time", "row_condition": "air_time > 60"},
        },
    ),
    "expect_column_pair_values_to_be_equal": of_rows(
        {**_PAIR, "row_condition": ROW_CONDITION},
        Dimension.CONSISTENCY,
        short="pair_equal",
        fails_with="rows in which the two columns differ; nulls pass",
        example={
            "arguments": {"column_A": "flight_date", "column_B": "cast(time_hour as date)"},
        },
    ),
    "expect_column_pair_values_to_be_in_set": of_rows(
        {
            **_PAIR,
            "value_pairs_set": Argument(arguments.PAIRS, about="A text stands in quotes of its own: \"'EWR'\"."),
            "row_condition": ROW_CONDITION,
        },
        Dimension.CONSISTENCY,
        short="pair_in_set",
        fails_with="rows in which the two columns have a pair of values that is not in the list",
        example={
            "row_condition": "dest = 'HNL'",
            "arguments": {"column_A": "origin", "column_B": "carrier", "value_pairs_set": [["'EWR'", "'UA'"], ["'JFK'", "'HA'"]]},
        },
    ),
    "expect_compound_columns_to_be_unique": of_table(
        _LIST,
        Dimension.UNIQUENESS,
        short="compound_unique",
        fails_with="combinations of values that occur more than once; of a slice, also those that occur once more outside it",
        whole=True,
        example={
            "arguments": {"column_list": ["flight_date", "carrier", "flight", "origin"]},
        },
        differences=(_OR_IN_CONDITION,),
        counts=Counted.VALUES_OF_ROWS,
    ),
    "expect_select_column_values_to_be_unique_within_record": of_rows(
        _LIST,
        Dimension.CONSISTENCY,
        short="unique_within_row",
        fails_with="rows in which two of the columns have the same value, or one has none",
        example={
            "arguments": {"column_list": ["origin", "dest"]},
        },
        differences=(_OR_IN_CONDITION,),
    ),
    "expect_multicolumn_sum_to_equal": of_table(
        {
            "column_list": Argument(arguments.SQL_LIST, about="Columns, or numbers."),
            "sum_total": Argument(arguments.BOUND, about="A number, or a column, whose sum it is."),
            "group_by": GROUP_BY,
            "row_condition": ROW_CONDITION,
        },
        Dimension.ACCURACY,
        short="multicolumn_sum",
        fails_with="the table, or each group, for which the sums of the columns do not add up to the total",
        example={
            "arguments": {"column_list": ["arr_delay - dep_delay", "dep_delay"], "sum_total": "arr_delay", "group_by": ["carrier"]},
        },
        counts=Counted.GROUPS,
    ),
}
