"""The generic tests of dbt_utils 1.3, under their names and with their arguments and defaults."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import ROW_CONDITION, Argument, Check, Column, Origin
from stringx.model import Dimension, Level

_GROUPS = Argument(arguments.SQL_LIST, required=False, default=(), about="Judged for each group of equal values in these.")
_COMPARED = Argument(arguments.TABLE, about="The other table; no slice is laid on it.")

OF_DBT_UTILS: Mapping[str, Check] = {
    "accepted_range": Check(
        Column.REQUIRED,
        {
            "min_value": Argument(arguments.BOUND, required=False),
            "max_value": Argument(arguments.BOUND, required=False),
            "inclusive": Argument(arguments.YES_OR_NO, required=False, default=True, about="Whether the bounds themselves are accepted."),
        },
        Dimension.VALIDITY,
        Level.COLUMN,
        origin=Origin.DBT_UTILS,
        fails_with="rows whose value lies outside the bounds",
        example={"column": "distance", "arguments": {"min_value": 0, "inclusive": False}},
        differences=("Without a bound it is an error: the original passes whatever there is.",),
        context_columns=True,
        needs_one_of=("min_value", "max_value"),
    ),
    "at_least_one": Check(
        Column.REQUIRED,
        {"group_by_columns": _GROUPS},
        Dimension.COMPLETENESS,
        Level.COLUMN,
        origin=Origin.DBT_UTILS,
        fails_with="the table, or the groups, in which no row has a value",
        example={"column": "tailnum", "arguments": {"group_by_columns": ["carrier"]}},
    ),
    "cardinality_equality": Check(
        Column.REQUIRED,
        {"to": _COMPARED, "field": Argument(arguments.COLUMN)},
        Dimension.CONSISTENCY,
        Level.DATASET,
        origin=Origin.DBT_UTILS,
        fails_with="values with how often they occur, where that table's column does not have them as often, and the other way round",
        example={"column": "carrier", "arguments": {"to": "raw.airlines", "field": "carrier"}},
    ),
    "equal_rowcount": Check(
        Column.NONE,
        {"compare_model": _COMPARED, "group_by_columns": _GROUPS},
        Dimension.CONSISTENCY,
        Level.DATASET,
        origin=Origin.DBT_UTILS,
        fails_with="the groups that differ in their rows, or the table; its failures are the rows by which they differ",
        example={"arguments": {"compare_model": "raw.flights", "group_by_columns": ["origin"]}},
        differences=(
            "A table without rows has 0 rows, and so has a group in the table that lacks it: the original takes that for any number.",
            "Two empty tables are equal: the original is an error.",
            "A group by nulls is the same in both tables: the original compares it with nothing.",
            "Groups can be by a column whose name is quoted: by the original it is an error.",
        ),
        counts_rows=True,
    ),
    "equality": Check(
        Column.NONE,
        {
            "compare_model": _COMPARED,
            "compare_columns": Argument(arguments.SQL_LIST, required=False, about="Left out, all columns are compared."),
            "exclude_columns": Argument(arguments.SQL_LIST, required=False, about="All columns but these are compared."),
            "precision": Argument(arguments.COUNT, required=False, about="Digits behind the point to which numbers are rounded."),
        },
        Dimension.CONSISTENCY,
        Level.DATASET,
        origin=Origin.DBT_UTILS,
        fails_with="different rows that only one of the tables has; its failures are those, and by how many one has more than the other",
        example={"arguments": {"compare_model": "raw.airlines", "compare_columns": ["carrier"]}},
        differences=("A slice and dbt's `where` can be laid on it: the original is an error then.",),
        whole=True,
        counts_rows=True,
    ),
    "expression_is_true": Check(
        Column.OPTIONAL,
        {
            "expression": Argument(
                arguments.SQL, about="Of a row, or an aggregate. Without a column, failing rows show their `context_columns` alone."
            ),
            "test_condition": Argument(arguments.SQL, required=False, default="= true", about="What the expression is compared by."),
            "group_by_columns": Argument(arguments.SQL_LIST, required=False, about="Judged for each group, as an aggregate."),
            "row_condition": ROW_CONDITION,
        },
        Dimension.VALIDITY,
        Level.ROW,
        origin=Origin.DBT_UTILS,
        fails_with="rows for which the SQL is false; with a column, the expression follows its name",
        example={"arguments": {"expression": "air_time > 0"}},
        context_columns=True,
    ),
    "fewer_rows_than": Check(
        Column.NONE,
        {"compare_model": _COMPARED, "group_by_columns": _GROUPS},
        Dimension.CONSISTENCY,
        Level.DATASET,
        origin=Origin.DBT_UTILS,
        fails_with="the groups that do not have fewer rows, or the table; its failures are the rows too many, 1 where there are as many",
        example={"arguments": {"compare_model": "raw.flights"}},
        differences=(
            "A table without rows has 0 rows, and so has a group in the table that lacks it: the original passes then.",
            "An empty table has not fewer rows than an empty one: the original is an error.",
            "A group by nulls is the same in both tables: the original compares it with nothing.",
            "Groups can be by a column whose name is quoted: by the original it is an error.",
        ),
        counts_rows=True,
    ),
    "mutually_exclusive_ranges": Check(
        Column.NONE,
        {
            "lower_bound_column": Argument(arguments.SQL),
            "upper_bound_column": Argument(arguments.SQL),
            "partition_by": Argument(arguments.SQL, required=False, about="Only ranges that are equal in it must not overlap."),
            "gaps": Argument(arguments.one_of("allowed", "not_allowed", "required"), required=False, default="allowed"),
            "zero_length_range_allowed": Argument(arguments.YES_OR_NO, required=False, default=False),
        },
        Dimension.CONSISTENCY,
        Level.TABLE,
        short="exclusive_ranges",
        origin=Origin.DBT_UTILS,
        fails_with="ranges that do not end by the time the next one begins, or not after they began, or whose bounds are not known",
        example={
            "arguments": {
                "lower_bound_column": "dep_time",
                "upper_bound_column": "arr_time",
                "partition_by": "flight_date, tailnum",
            },
        },
        differences=(
            "Of two equal ranges at the end one fails: by the original one or both, as the database happens to sort them.",
            "The last range before an unknown lower bound fails: on DuckDB it passes by the original, which takes it for the last of all.",
        ),
        counts_rows=True,
    ),
    "not_accepted_values": Check(
        Column.REQUIRED,
        {
            "values": Argument(arguments.VALUES),
            "quote": Argument(arguments.YES_OR_NO, required=False, default=True, about="Whether the values are put between quotes."),
        },
        Dimension.VALIDITY,
        Level.COLUMN,
        origin=Origin.DBT_UTILS,
        fails_with="those of the values that occur",
        example={"column": "dest", "arguments": {"values": ["EWR", "JFK", "LGA"]}},
        differences=("A quote within a value is written once, as `O'Hare`: the original wants it doubled.",),
    ),
    "not_constant": Check(
        Column.REQUIRED,
        {"group_by_columns": _GROUPS},
        Dimension.ACCURACY,
        Level.COLUMN,
        origin=Origin.DBT_UTILS,
        fails_with="the table, or the groups, in which all values are the same",
        example={"column": "distance"},
    ),
    "not_empty_string": Check(
        Column.REQUIRED,
        {"trim_whitespace": Argument(arguments.YES_OR_NO, required=False, default=True, about="Whether blanks alone are empty too.")},
        Dimension.COMPLETENESS,
        Level.COLUMN,
        origin=Origin.DBT_UTILS,
        fails_with="rows whose text is empty",
        example={"column": "tailnum"},
        context_columns=True,
    ),
    "not_null_proportion": Check(
        Column.REQUIRED,
        {
            "at_least": Argument(arguments.PROPORTION),
            "at_most": Argument(arguments.PROPORTION, required=False, default=1),
            "group_by_columns": _GROUPS,
        },
        Dimension.COMPLETENESS,
        Level.COLUMN,
        origin=Origin.DBT_UTILS,
        fails_with="the table, or the groups, in which the share of rows with a value is outside the bounds",
        example={"column": "tailnum", "arguments": {"at_least": 0.95}},
    ),
    "recency": Check(
        Column.NONE,
        {
            "field": Argument(arguments.SQL, about="A column of dates or times."),
            "datepart": Argument(arguments.DATEPART),
            "interval": Argument(arguments.INTEGER, about="How many of them old it may be at most."),
            "ignore_time_component": Argument(arguments.YES_OR_NO, required=False, default=False, about="Whether days alone are compared."),
            "group_by_columns": _GROUPS,
        },
        Dimension.TIMELINESS,
        Level.TABLE,
        origin=Origin.DBT_UTILS,
        fails_with="the table, or the groups, whose greatest value is older, or that have none",
        example={"arguments": {"field": "time_hour", "datepart": "day", "interval": 1}},
        differences=("A table or a group without a value fails, as by dbt_utils 1.4: by 1.3 it passes.",),
    ),
    "relationships_where": Check(
        Column.REQUIRED,
        {
            "to": _COMPARED,
            "field": Argument(arguments.COLUMN),
            "from_condition": Argument(arguments.SQL, required=False, default="1=1", about="Only rows of this table for which it is true."),
            "to_condition": Argument(arguments.SQL, required=False, default="1=1", about="Only rows of that table for which it is true."),
        },
        Dimension.CONSISTENCY,
        Level.DATASET,
        origin=Origin.DBT_UTILS,
        fails_with="rows whose value is not in that table's column",
        example={
            "column": "tailnum",
            "arguments": {"to": "raw.planes", "field": "tailnum", "from_condition": "carrier not in ('AA', 'MQ')"},
        },
        context_columns=True,
    ),
    "sequential_values": Check(
        Column.REQUIRED,
        {
            "interval": Argument(arguments.NUMBER, required=False, default=1),
            "datepart": Argument(arguments.DATEPART, required=False, about="For dates and times: what the interval counts."),
            "group_by_columns": _GROUPS,
        },
        Dimension.COMPLETENESS,
        Level.COLUMN,
        origin=Origin.DBT_UTILS,
        fails_with="rows whose value is not the one before it and the interval",
        differences=("A column may be among those that it is grouped by: by the original it is an error on Postgres.",),
        example={
            "column": "time_hour",
            "arguments": {"interval": 1, "datepart": "hour", "group_by_columns": ["origin"]},
        },
        counts_rows=True,
    ),
    "unique_combination_of_columns": Check(
        Column.NONE,
        {
            "combination_of_columns": Argument(arguments.COLUMNS),
            "quote_columns": Argument(arguments.YES_OR_NO, required=False, default=False),
        },
        Dimension.UNIQUENESS,
        Level.TABLE,
        short="unique_combination",
        origin=Origin.DBT_UTILS,
        fails_with="combinations that occur more than once; of a slice, also those that occur once more outside it",
        example={"arguments": {"combination_of_columns": ["carrier", "flight"]}},
        whole=True,
    ),
}
