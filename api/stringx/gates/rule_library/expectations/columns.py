"""The columns of a table, their names and types. No slice changes them: the scope of these checks is always the table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import Argument, Check, Column, Origin
from stringx.gates.rule_library.expectations.common import of_table, of_two_tables
from stringx.model import Dimension, Level

_TRANSFORM = Argument(
    arguments.one_of("upper", "lower"), required=False, default="upper", about="How names are compared: capital letters do not count."
)
_LIST = {"column_list": Argument(arguments.COLUMNS), "transform": _TRANSFORM}
_FOUND_THOUGH_QUOTED = "A column whose name is quoted is found: the original takes its quotes for a part of the name."
_MISSING_FAILS = "A column that the table does not have fails: by the original it passes."

_of_one = partial(Check, Column.REQUIRED, level=Level.TABLE, origin=Origin.DBT_EXPECTATIONS, of_columns=True)

COLUMNS: Mapping[str, Check] = {
    "expect_column_to_exist": _of_one(
        {
            "column_index": Argument(arguments.COUNT, required=False, about="Its place, counted from 1."),
            "transform": _TRANSFORM,
        },
        Dimension.VALIDITY,
        short="column_exists",
        fails_with="the table, where it does not have the column, or not at this place",
        example={"check": "expect_column_to_exist", "column": "dep_time"},
        differences=(_FOUND_THOUGH_QUOTED,),
    ),
    "expect_column_values_to_be_of_type": _of_one(
        {"column_type": Argument(arguments.TEXT, about="As dbt names it, without its length.")},
        Dimension.VALIDITY,
        short="of_type",
        fails_with="the column, where it is of another type",
        example={"check": "expect_column_values_to_be_of_type", "column": "flight_date", "arguments": {"column_type": "date"}},
        differences=(_MISSING_FAILS, _FOUND_THOUGH_QUOTED),
    ),
    "expect_column_values_to_be_in_type_list": _of_one(
        {"column_type_list": Argument(arguments.TEXTS, about="As dbt names them, without their length.")},
        Dimension.VALIDITY,
        short="in_type_list",
        fails_with="the column, where it is of none of these types",
        example={
            "check": "expect_column_values_to_be_in_type_list",
            "column": "distance",
            "arguments": {"column_type_list": ["integer", "double precision"]},
        },
        differences=(_MISSING_FAILS, _FOUND_THOUGH_QUOTED),
    ),
    "expect_table_columns_to_contain_set": of_table(
        _LIST,
        Dimension.VALIDITY,
        short="columns_contain",
        fails_with="columns of the list that the table does not have",
        example={"check": "expect_table_columns_to_contain_set", "arguments": {"column_list": ["flight_date", "carrier", "flight"]}},
        of_columns=True,
    ),
    "expect_table_columns_to_match_set": of_table(
        _LIST,
        Dimension.VALIDITY,
        short="columns_match",
        fails_with="columns that only the list has, or only the table",
        example={"check": "expect_table_columns_to_match_set", "arguments": {"column_list": ["carrier", "name"]}},
        of_columns=True,
    ),
    "expect_table_columns_to_match_ordered_list": of_table(
        _LIST,
        Dimension.VALIDITY,
        short="columns_match_ordered",
        fails_with="columns that only the list has at their place, or only the table",
        example={"check": "expect_table_columns_to_match_ordered_list", "arguments": {"column_list": ["carrier", "name"]}},
        of_columns=True,
    ),
    "expect_table_columns_to_not_contain_set": of_table(
        _LIST,
        Dimension.VALIDITY,
        short="columns_exclude",
        fails_with="columns of the table that are in the list",
        example={"check": "expect_table_columns_to_not_contain_set", "arguments": {"column_list": ["passenger", "email"]}},
        of_columns=True,
    ),
    "expect_table_column_count_to_equal": of_table(
        {"value": Argument(arguments.INTEGER)},
        Dimension.VALIDITY,
        short="column_count_equals",
        fails_with="the table, where it has another number of columns",
        example={"check": "expect_table_column_count_to_equal", "arguments": {"value": 14}},
        of_columns=True,
    ),
    "expect_table_column_count_to_be_between": of_table(
        {
            "min_value": Argument(arguments.INTEGER, required=False, about="The lower bound."),
            "max_value": Argument(arguments.INTEGER, required=False, about="The upper bound."),
        },
        Dimension.VALIDITY,
        short="column_count_between",
        fails_with="the table, where the number of its columns is outside the bounds",
        needs_one_of=("min_value", "max_value"),
        example={"check": "expect_table_column_count_to_be_between", "arguments": {"min_value": 10, "max_value": 20}},
        differences=("`max_value: 0` is a bound: for the original it is none.",),
        of_columns=True,
    ),
    "expect_table_column_count_to_equal_other_table": of_two_tables(
        {"compare_model": Argument(arguments.TABLE)},
        Dimension.CONSISTENCY,
        short="same_column_count",
        fails_with="the table, where it has another number of columns than the other table",
        example={"check": "expect_table_column_count_to_equal_other_table", "arguments": {"compare_model": "raw.flights"}},
        of_columns=True,
    ),
}
