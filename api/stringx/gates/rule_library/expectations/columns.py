"""The columns of a table, their names and types. No slice changes them: the scope of these checks is always the table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import Argument, Check, Column, Counted, Origin
from stringx.gates.rule_library.expectations.common import of_table, of_two_tables
from stringx.model import Dimension, Level

_TRANSFORM = Argument(
    arguments.one_of("upper", "lower"), required=False, default="upper", about="How names are compared: capital letters do not count."
)
_FOUND_THOUGH_QUOTED = "A column whose name is quoted is found: the original takes its quotes for a part of the name."
_MISSING_FAILS = "A column that the table does not have fails: by the original it passes."

_of_one = partial(Check, Column.REQUIRED, level=Level.TABLE, origin=Origin.DBT_EXPECTATIONS, of_columns=True)

_of_all = partial(of_table, of_columns=True)


def _names(short: str, fails_with: str, columns: list[str], each: str) -> Check:
    return _of_all(
        {"column_list": Argument(arguments.COLUMNS), "transform": _TRANSFORM},
        Dimension.VALIDITY,
        short=short,
        fails_with=fails_with,
        example={"arguments": {"column_list": columns}},
        counts=Counted.COLUMNS,
        each=each,
    )


COLUMNS: Mapping[str, Check] = {
    "expect_column_to_exist": _of_one(
        {
            "column_index": Argument(arguments.COUNT, required=False, about="Its place, counted from 1."),
            "transform": _TRANSFORM,
        },
        Dimension.VALIDITY,
        short="column_exists",
        fails_with="the table, where it does not have the column, or not at this place",
        example={"column": "dep_time"},
        differences=(_FOUND_THOUGH_QUOTED,),
    ),
    "expect_column_values_to_be_of_type": _of_one(
        {"column_type": Argument(arguments.TEXT, about="As dbt names it, without its length.")},
        Dimension.VALIDITY,
        short="of_type",
        fails_with="the column, where it is of another type",
        example={"column": "flight_date", "arguments": {"column_type": "date"}},
        differences=(_MISSING_FAILS, _FOUND_THOUGH_QUOTED),
    ),
    "expect_column_values_to_be_in_type_list": _of_one(
        {"column_type_list": Argument(arguments.TEXTS, about="As dbt names them, without their length.")},
        Dimension.VALIDITY,
        short="in_type_list",
        fails_with="the column, where it is of none of these types",
        example={
            "column": "distance",
            "arguments": {"column_type_list": ["integer", "double precision"]},
        },
        differences=(_MISSING_FAILS, _FOUND_THOUGH_QUOTED),
    ),
    "expect_table_columns_to_contain_set": _names(
        "columns_contain",
        "columns of the list that the table does not have",
        ["flight_date", "carrier", "flight"],
        "stringx__each_listed_column",
    ),
    "expect_table_columns_to_match_set": _names(
        "columns_match",
        "columns that only the list has, or only the table",
        ["carrier", "name"],
        "stringx__each_listed_or_found_column",
    ),
    "expect_table_columns_to_match_ordered_list": _names(
        "columns_match_ordered",
        "columns that only the list has at their place, or only the table",
        ["carrier", "name"],
        "stringx__each_column_at_its_place",
    ),
    "expect_table_columns_to_not_contain_set": _names(
        "columns_exclude",
        "columns of the table that are in the list",
        ["passenger", "email"],
        "stringx__each_unwanted_column",
    ),
    "expect_table_column_count_to_equal": _of_all(
        {"value": Argument(arguments.INTEGER)},
        Dimension.VALIDITY,
        short="column_count_equals",
        fails_with="the table, where it has another number of columns",
        example={"arguments": {"value": 14}},
    ),
    "expect_table_column_count_to_be_between": _of_all(
        {
            "min_value": Argument(arguments.INTEGER, required=False, about="The lower bound."),
            "max_value": Argument(arguments.INTEGER, required=False, about="The upper bound."),
        },
        Dimension.VALIDITY,
        short="column_count_between",
        fails_with="the table, where the number of its columns is outside the bounds",
        needs_one_of=("min_value", "max_value"),
        example={"arguments": {"min_value": 10, "max_value": 20}},
        differences=("`max_value: 0` is a bound: for the original it is none.",),
    ),
    "expect_table_column_count_to_equal_other_table": of_two_tables(
        {"compare_model": Argument(arguments.TABLE)},
        Dimension.CONSISTENCY,
        short="same_column_count",
        fails_with="the table, where it has another number of columns than the other table",
        example={"arguments": {"compare_model": "raw.flights"}},
        of_columns=True,
    ),
}
