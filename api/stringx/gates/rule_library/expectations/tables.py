"""The table as a whole: its rows counted, and compared with another table."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import Argument, Check, Counted
from stringx.gates.rule_library.expectations.common import BOUNDS, COMPARE_MODEL, GROUP_BY, ROW_CONDITION, STRICTLY, of_table, of_two_tables
from stringx.model import Dimension

_COMPARE_GROUP_BY = Argument(
    arguments.SQL_LIST, required=False, about="The groups of that table; left out, `group_by`.", of_other_table=True
)
_COMPARE_ROW_CONDITION = Argument(arguments.SQL, required=False, about="The same of that table; left out, `row_condition`.")
_FACTOR = "What the other table's count is multiplied by."
_AGGREGATE = {
    "compare_expression": Argument(arguments.SQL, required=False, about="That of the other table; left out, `expression`."),
    "group_by": GROUP_BY,
    "compare_group_by": _COMPARE_GROUP_BY,
    "row_condition": ROW_CONDITION,
    "compare_row_condition": _COMPARE_ROW_CONDITION,
    "tolerance": Argument(arguments.NUMBER, required=False, default=0.0, about="How far apart they may be."),
    "tolerance_percent": Argument(
        arguments.NUMBER, required=False, about="The same as a part of this table's value, 0.01 for 1 %; it goes before `tolerance`."
    ),
}
_PERCENT = (
    "`tolerance_percent` is measured by the size of this table's value: by the original a negative value is never apart from another.",
    "With `tolerance_percent`, 0 or no value in this table is apart from any other value: by the original it never is.",
)

TABLES: Mapping[str, Check] = {
    "expect_table_row_count_to_be_between": of_table(
        {**BOUNDS, "group_by": GROUP_BY, "row_condition": ROW_CONDITION, "strictly": STRICTLY},
        Dimension.COMPLETENESS,
        short="row_count_between",
        fails_with="the table, or each group that there is, whose number of rows is outside the bounds",
        needs_one_of=tuple(BOUNDS),
        example={"arguments": {"min_value": 500, "max_value": 1200}},
        counts=Counted.GROUPS,
    ),
    "expect_table_row_count_to_equal": of_table(
        {"value": Argument(arguments.BOUND), "group_by": GROUP_BY, "row_condition": ROW_CONDITION},
        Dimension.COMPLETENESS,
        short="row_count_equals",
        fails_with="the table, or each group that there is, with another number of rows",
        example={"arguments": {"value": 0, "row_condition": "distance <= 0"}},
        counts=Counted.GROUPS,
    ),
    "expect_table_row_count_to_equal_other_table": of_two_tables(
        {
            "compare_model": COMPARE_MODEL,
            "group_by": GROUP_BY,
            "compare_group_by": _COMPARE_GROUP_BY,
            "factor": Argument(arguments.NUMBER, required=False, default=1, about=_FACTOR),
            "row_condition": ROW_CONDITION,
            "compare_row_condition": _COMPARE_ROW_CONDITION,
        },
        Dimension.CONSISTENCY,
        short="same_row_count",
        fails_with="the table, or each group, with another number of rows than the other table's",
        example={"arguments": {"compare_model": "raw.flights"}},
        counts=Counted.GROUPS,
        each="stringx__each_group_of_two",
    ),
    "expect_table_row_count_to_equal_other_table_times_factor": of_two_tables(
        {
            "compare_model": COMPARE_MODEL,
            "factor": Argument(arguments.NUMBER, about=_FACTOR),
            "group_by": GROUP_BY,
            "compare_group_by": _COMPARE_GROUP_BY,
            "row_condition": ROW_CONDITION,
            "compare_row_condition": _COMPARE_ROW_CONDITION,
        },
        Dimension.CONSISTENCY,
        short="same_row_count_times_factor",
        fails_with="the table, or each group, with another number of rows than the other table's times the factor",
        example={
            "arguments": {"compare_model": "raw.flights", "factor": 1},
        },
        counts=Counted.GROUPS,
        each="stringx__each_group_of_two",
    ),
    "expect_table_aggregation_to_equal_other_table": of_two_tables(
        {"expression": Argument(arguments.SQL, about="An aggregate."), "compare_model": COMPARE_MODEL, **_AGGREGATE},
        Dimension.CONSISTENCY,
        short="same_aggregate",
        fails_with="the table, or each group, whose aggregate is further from the other table's than the tolerance",
        example={
            "arguments": {"expression": "sum(distance)", "compare_model": "raw.flights", "group_by": ["carrier"]},
        },
        differences=_PERCENT,
        counts=Counted.GROUPS,
        each="stringx__each_group_of_two",
    ),
    "equal_expression": of_two_tables(
        {
            "expression": Argument(arguments.SQL, about="An aggregate."),
            "compare_model": Argument(
                arguments.TABLE, required=False, about="The other table; no slice is laid on it. Left out, the table itself."
            ),
            **_AGGREGATE,
        },
        Dimension.CONSISTENCY,
        fails_with="the table, or each group, for which two aggregates are further apart than the tolerance",
        example={
            "arguments": {"expression": "count(arr_time)", "compare_expression": "count(air_time)", "tolerance_percent": 0.05},
        },
        differences=_PERCENT,
        counts=Counted.GROUPS,
        each="stringx__each_group_of_two",
    ),
}
