"""DQX's checks of a whole table, and the rules of ours that find the same. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stringx.gates.dqx import values
from stringx.gates.dqx.function import Fields, Function, Given, check_of_column, column_of, columns_of, flag_of, plain_column_of, text_of
from stringx.gates.dqx.values import Misfit
from stringx.gates.tests import column_sql


def _unique(given: Given) -> Fields:
    columns, distinct = columns_of(given, "columns"), flag_of(given, "nulls_distinct", True)
    if len(columns) == 1 and distinct:
        return {"check": "unique", "column": columns[0]}
    known = {"row_condition": " and ".join(f"{column_sql(column)} is not null" for column in columns)} if distinct else {}
    return {"check": "unique_combination_of_columns", "columns": columns, **known}


def _foreign_key(given: Given) -> Fields:
    columns, others = columns_of(given, "columns"), columns_of(given, "ref_columns")
    if "ref_df_name" in given:
        raise Misfit("ref_df_name", "is a DataFrame of your job, which is not here: name a table with `ref_table`")
    if len(columns) != 1 or len(others) != 1:
        raise Misfit("columns", "a key of several columns has no counterpart; the nearest is `relationships`, of one column")
    for flag in ("negate", "null_safe"):
        if flag_of(given, flag, False):
            raise Misfit(flag, "has no counterpart: `relationships` finds values that the other table lacks, and lets nulls pass")
    if "ref_table" not in given:
        raise Misfit(None, "`ref_table` is missing: add it")
    return {"check": "relationships", "column": columns[0], "arguments": {"to": given["ref_table"], "field": column_sql(others[0])}}


#: Aggregates of a column.
_AGGREGATES = {
    "sum": "expect_column_sum_to_be_between",
    "avg": "expect_column_mean_to_be_between",
    "min": "expect_column_min_to_be_between",
    "max": "expect_column_max_to_be_between",
    "median": "expect_column_median_to_be_between",
    "stddev": "expect_column_stdev_to_be_between",
    "count_distinct": "expect_column_unique_value_count_to_be_between",
    "approx_count_distinct": "expect_column_unique_value_count_to_be_between",
    "percentile": "expect_column_quantile_values_to_be_between",
    "approx_percentile": "expect_column_quantile_values_to_be_between",
}


def _aggregate(*bounds: str) -> Callable[[Given], Fields]:
    def made(given: Given) -> Fields:
        limit, tolerance = values.limit("limit", given["limit"]), given.get("abs_tolerance", 0)
        if tolerance and not (isinstance(limit, (int, float)) and isinstance(tolerance, (int, float))):
            raise Misfit("abs_tolerance", "goes with a `limit` that is a number")
        if given.get("rel_tolerance"):
            raise Misfit("rel_tolerance", "has no counterpart: write `abs_tolerance`")
        limits = {name: limit + tolerance * (1 if name == "max_value" else -1) if tolerance else limit for name in bounds}
        grouped = {"group_by": [column_sql(column) for column in columns_of(given, "group_by")]} if "group_by" in given else {}
        kind, column = text_of({"aggr_type": "count", **given}, "aggr_type"), given.get("column", "*")
        if kind == "count":
            counted = {} if column == "*" else {"row_condition": f"{column_of(given)} is not null"}
            return {"check": "expect_table_row_count_to_be_between", "arguments": {**limits, **grouped}, **counted}
        if kind not in _AGGREGATES:
            raise Misfit("aggr_type", f"has no counterpart for `{kind}`: there are count, {', '.join(_AGGREGATES)}")
        return {"check": _AGGREGATES[kind], "column": plain_column_of(given), "arguments": {**_quantile(kind, given), **limits, **grouped}}

    return made


def _quantile(kind: str, given: Given) -> Fields:
    if not kind.endswith("percentile"):
        return {}
    asked = given.get("aggr_params")
    if not isinstance(asked, dict) or "percentile" not in asked:
        raise Misfit("aggr_params" if "aggr_params" in given else None, "`aggr_params: {percentile: …}` is missing: add it")
    return {"quantile": asked["percentile"]}


_OF_AGGREGATE = ("column", "aggr_type", "group_by", "aggr_params")

TABLES: Mapping[str, Function] = {
    "is_unique": Function(_unique, ("columns",), ("nulls_distinct",)),
    "foreign_key": Function(_foreign_key, ("columns", "ref_columns"), ("ref_table", "ref_df_name", "negate", "null_safe")),
    "is_aggr_not_greater_than": Function(_aggregate("max_value"), ("limit",), _OF_AGGREGATE),
    "is_aggr_not_less_than": Function(_aggregate("min_value"), ("limit",), _OF_AGGREGATE),
    "is_aggr_equal": Function(_aggregate("min_value", "max_value"), ("limit",), (*_OF_AGGREGATE, "abs_tolerance", "rel_tolerance")),
    # Three and a half median absolute deviations, as DQX has it: the score is 0.6745 of their number.
    "has_no_outliers": Function(check_of_column("no_outliers_by_modified_z_score", threshold=2.36075), ("column",)),
}
