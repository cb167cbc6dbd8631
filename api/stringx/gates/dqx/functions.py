"""DQX's check functions, and the checks of our library that find the same rows. Pure.

Where no check of the library has the meaning, it is `expression_is_true` with SQL: like DQX's, it finds the rows for which a condition
is false, and lets those pass for which it is null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stringx.gates.dqx import values
from stringx.gates.dqx.values import Misfit

#: Fields of a rule of ours.
Fields = dict[str, Any]
#: The arguments of one check.
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Function:
    """One check function: its arguments, and what becomes of them."""

    made: Callable[[Given], Fields]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


def _true(expression: str) -> Fields:
    return {"check": "expression_is_true", "arguments": {"expression": expression}}


def _column(given: Given, argument: str = "column") -> str:
    """The column's name, or its expression."""
    column = given[argument]
    if not isinstance(column, str) or not column.strip():
        raise Misfit(argument, "must be the name of a column, or SQL")
    return column if values.is_plain(column) else f"({column})"


def _plain(given: Given) -> str:
    """The column's name, where our check takes no expression."""
    column = given.get("column")
    if not isinstance(column, str) or not values.is_plain(column):
        raise Misfit("column", "must be the name of a column: of an expression, write the check as `sql_expression`")
    return column


def _names(given: Given, argument: str) -> list[str]:
    names = given[argument]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and values.is_plain(name) for name in names):
        raise Misfit(argument, "must be a list of names of columns")
    return names


def _flag(given: Given, argument: str, default: bool) -> bool:
    flag = given.get(argument, default)
    if not isinstance(flag, bool):
        raise Misfit(argument, "must be true or false")
    return flag


def _whole(given: Given, argument: str, default: int | None = None) -> int:
    number = given.get(argument, default)
    if not isinstance(number, int) or isinstance(number, bool):
        raise Misfit(argument, "must be a whole number")
    return number


def _text(given: Given, argument: str) -> str:
    if not isinstance(given[argument], str) or not given[argument].strip():
        raise Misfit(argument, "must be text")
    return str(given[argument])


def _trimmed(given: Given) -> str:
    return f"trim({_column(given)})" if _flag(given, "trim_strings", False) else _column(given)


def _of_column(check: str, **arguments: Any) -> Callable[[Given], Fields]:
    def made(given: Given) -> Fields:
        return {"check": check, "column": _plain(given), **({"arguments": arguments} if arguments else {})}

    return made


def _not_null(given: Given) -> Fields:
    return (
        {"check": "not_null", "column": given["column"]}
        if values.is_plain(str(given["column"]))
        else _true(f"{_column(given)} is not null")
    )


def _not_empty(given: Given) -> Fields:
    if values.is_plain(str(given["column"])):
        trimmed = _flag(given, "trim_strings", False)
        return {"check": "not_empty_string", "column": given["column"], "arguments": {"trim_whitespace": trimmed}}
    return _true(f"{_trimmed(given)} <> ''")


def _in_list(argument: str, check: str, *, negated: bool) -> Callable[[Given], Fields]:
    def made(given: Given) -> Fields:
        listed = values.literals(argument, given[argument])
        quoted = {isinstance(value, str) for value in listed}
        if _flag(given, "case_sensitive", True) and len(quoted) == 1 and values.is_plain(str(given["column"])):
            return {
                "check": check,
                "column": given["column"],
                "arguments": {"values": listed, **({} if True in quoted else {"quote": False})},
            }
        return _true(_among(given, listed, negated=negated))

    return made


def _among(given: Given, listed: list[Any], *, negated: bool = False) -> str:
    lower = not _flag(given, "case_sensitive", True) and any(isinstance(one, str) for one in listed)
    sql = [values.text(one) if isinstance(one, str) else values.sql("", one) for one in listed]
    if lower:
        sql = [f"lower({text})" if isinstance(one, str) else text for one, text in zip(listed, sql, strict=True)]
    column = f"lower({_column(given)})" if lower else _column(given)
    return f"{column} {'not ' if negated else ''}in ({', '.join(sql)})"


def _known_in_list(given: Given) -> Fields:
    return _true(f"{_column(given)} is not null and {_among(given, values.literals('allowed', given['allowed']))}")


def _range(lowest: str | None, highest: str | None) -> Callable[[Given], Fields]:
    def made(given: Given) -> Fields:
        bounds = {bound: name for bound, name in (("min_value", lowest), ("max_value", highest)) if name is not None}
        if values.is_plain(str(given["column"])):
            limits = {bound: values.limit(name, given[name]) for bound, name in bounds.items()}
            return {"check": "accepted_range", "column": given["column"], "arguments": limits}
        signs = {"min_value": ">=", "max_value": "<="}
        return _true(" and ".join(f"{_column(given)} {signs[bound]} {values.sql(name, given[name])}" for bound, name in bounds.items()))

    return made


def _outside(given: Given) -> Fields:
    lowest, highest = (values.sql(name, given[name]) for name in ("min_limit", "max_limit"))
    return _true(f"{_column(given)} < {lowest} or {_column(given)} > {highest}")


def _equal(*, negated: bool) -> Callable[[Given], Fields]:
    def made(given: Given) -> Fields:
        column, value = _column(given), values.sql("value", given["value"])
        absolute, relative = (values.sql(name, given.get(name, 0)) for name in ("abs_tolerance", "rel_tolerance"))
        if (absolute, relative) == ("0", "0"):
            return _true(f"{column} {'<>' if negated else '='} {value}")
        near = [f"abs({column} - {value}) <= {absolute}"] if absolute != "0" else []
        near += [f"abs({column} - {value}) <= {relative} * greatest(abs({column}), abs({value}))"] if relative != "0" else []
        return _true(f"not ({' or '.join(near)})" if negated else " or ".join(near))

    return made


def _later(days: str, given: Given, first: str, second: str) -> Fields:
    older = f"cast({first} as date) < cast({second} as date) - {days}"
    return _true(f"not ({older})" if _flag(given, "negate", False) else older)


def _future(given: Given) -> Fields:
    return _true(f"{_column(given)} <= current_timestamp + interval '{_whole(given, 'offset', 0)}' second")


def _near_future(given: Given) -> Fields:
    until = f"current_timestamp + interval '{_whole(given, 'offset', 0)}' second"
    return _true(f"{_column(given)} <= current_timestamp or {_column(given)} >= {until}")


def _fresh(given: Given) -> Fields:
    base = values.sql("base_timestamp", given["base_timestamp"]) if "base_timestamp" in given else "current_timestamp"
    return _true(f"{_column(given)} >= {base} - interval '{_whole(given, 'max_age_minutes')}' minute")


def _regex(given: Given) -> Fields:
    check = f"expect_column_values_to_{'not_' if _flag(given, 'negate', False) else ''}match_regex"
    return {"check": check, "column": _plain(given), "arguments": {"regex": _text(given, "regex")}}


def _uuid(given: Given) -> Fields:
    if _flag(given, "strict", False):
        raise Misfit("strict", "has no counterpart: `match_uuid` looks at the form; leave it out, or write `regex_match`")
    return _of_column("match_uuid")(given)


def _case(given: Given) -> Fields:
    if given["case"] not in ("upper", "lower"):
        raise Misfit("case", "has a counterpart for upper and lower alone: write the others as `regex_match`")
    return _true(f"{_column(given)} = {given['case']}({_column(given)})")


def _expression(given: Given) -> Fields:
    expression = _text(given, "expression")
    described = {"description": _text(given, "msg")} if "msg" in given else {}
    return {**_true(f"not ({expression})" if _flag(given, "negate", False) else expression), **described}


def _unique(given: Given) -> Fields:
    columns, distinct = _names(given, "columns"), _flag(given, "nulls_distinct", True)
    if len(columns) == 1 and distinct:
        return {"check": "unique", "column": columns[0]}
    known = {"row_condition": " and ".join(f"{column} is not null" for column in columns)} if distinct else {}
    return {"check": "unique_combination_of_columns", "columns": columns, **known}


def _foreign_key(given: Given) -> Fields:
    columns, others = _names(given, "columns"), _names(given, "ref_columns")
    if "ref_df_name" in given:
        raise Misfit("ref_df_name", "is a DataFrame of your job, which is not here: name a table with `ref_table`")
    if len(columns) != 1 or len(others) != 1:
        raise Misfit("columns", "a key of several columns has no counterpart; the nearest is `relationships`, of one column")
    for flag in ("negate", "null_safe"):
        if _flag(given, flag, False):
            raise Misfit(flag, "has no counterpart: `relationships` finds values that the other table lacks, and lets nulls pass")
    if "ref_table" not in given:
        raise Misfit(None, "`ref_table` is missing: add it")
    return {"check": "relationships", "column": columns[0], "arguments": {"to": given["ref_table"], "field": others[0]}}


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
        grouped = {"group_by": _names(given, "group_by")} if "group_by" in given else {}
        kind, column = given.get("aggr_type", "count"), given.get("column", "*")
        if kind == "count":
            counted = {} if column == "*" else {"row_condition": f"{_column(given)} is not null"}
            return {"check": "expect_table_row_count_to_be_between", "arguments": {**limits, **grouped}, **counted}
        if kind not in _AGGREGATES:
            raise Misfit("aggr_type", f"has no counterpart for `{kind}`: there are count, {', '.join(_AGGREGATES)}")
        return {"check": _AGGREGATES[kind], "column": _plain(given), "arguments": {**_quantile(kind, given), **limits, **grouped}}

    return made


def _quantile(kind: str, given: Given) -> Fields:
    if not kind.endswith("percentile"):
        return {}
    asked = given.get("aggr_params")
    if not isinstance(asked, dict) or "percentile" not in asked:
        raise Misfit("aggr_params" if "aggr_params" in given else None, "`aggr_params: {percentile: …}` is missing: add it")
    return {"quantile": asked["percentile"]}


_TRIM = ("trim_strings",)
_CASE = ("case_sensitive",)
_TOLERANCES = ("abs_tolerance", "rel_tolerance")
_OF_AGGREGATE = ("column", "aggr_type", "group_by", "aggr_params")

FUNCTIONS: Mapping[str, Function] = {
    "is_not_null": Function(_not_null, ("column",)),
    "is_null": Function(_of_column("expect_column_values_to_be_null"), ("column",)),
    "is_not_empty": Function(_not_empty, ("column",), _TRIM),
    "is_empty": Function(lambda given: _true(f"{_trimmed(given)} = ''"), ("column",), _TRIM),
    "is_not_null_and_not_empty": Function(
        lambda given: _true(f"{_column(given)} is not null and {_trimmed(given)} <> ''"), ("column",), _TRIM
    ),
    "is_null_or_empty": Function(lambda given: _true(f"{_column(given)} is null or {_trimmed(given)} = ''"), ("column",), _TRIM),
    "is_in_list": Function(_in_list("allowed", "accepted_values", negated=False), ("column", "allowed"), _CASE),
    "is_not_in_list": Function(_in_list("forbidden", "not_accepted_values", negated=True), ("column", "forbidden"), _CASE),
    "is_not_null_and_is_in_list": Function(_known_in_list, ("column", "allowed"), _CASE),
    "is_in_range": Function(_range("min_limit", "max_limit"), ("column", "min_limit", "max_limit")),
    "is_not_in_range": Function(_outside, ("column", "min_limit", "max_limit")),
    "is_not_less_than": Function(_range("limit", None), ("column", "limit")),
    "is_not_greater_than": Function(_range(None, "limit"), ("column", "limit")),
    "is_equal_to": Function(_equal(negated=False), ("column", "value"), _TOLERANCES),
    "is_not_equal_to": Function(_equal(negated=True), ("column", "value"), _TOLERANCES),
    "is_latitude": Function(_of_column("accepted_range", min_value=-90, max_value=90), ("column",)),
    "is_longitude": Function(_of_column("accepted_range", min_value=-180, max_value=180), ("column",)),
    "is_not_in_future": Function(_future, ("column",), ("offset",)),
    "is_not_in_near_future": Function(_near_future, ("column",), ("offset",)),
    "is_older_than_n_days": Function(
        lambda given: _later(str(_whole(given, "days")), given, _column(given), "current_date"), ("column", "days"), ("negate",)
    ),
    "is_older_than_col2_for_n_days": Function(
        lambda given: _later(str(_whole(given, "days", 0)), given, _column(given, "column1"), _column(given, "column2")),
        ("column1", "column2"),
        ("days", "negate"),
    ),
    "is_data_fresh": Function(_fresh, ("column", "max_age_minutes"), ("base_timestamp",)),
    "regex_match": Function(_regex, ("column", "regex"), ("negate",)),
    "is_valid_email": Function(_of_column("match_email"), ("column",)),
    "is_valid_uuid": Function(_uuid, ("column",), ("strict",)),
    "is_valid_ipv4_address": Function(_of_column("match_ipv4"), ("column",)),
    "has_valid_string_case": Function(_case, ("column", "case")),
    "sql_expression": Function(_expression, ("expression",), ("msg", "name", "negate", "columns")),
    "is_unique": Function(_unique, ("columns",), ("nulls_distinct",)),
    "foreign_key": Function(_foreign_key, ("columns", "ref_columns"), ("ref_table", "ref_df_name", "negate", "null_safe")),
    "is_aggr_not_greater_than": Function(_aggregate("max_value"), ("limit",), _OF_AGGREGATE),
    "is_aggr_not_less_than": Function(_aggregate("min_value"), ("limit",), _OF_AGGREGATE),
    "is_aggr_equal": Function(_aggregate("min_value", "max_value"), ("limit",), (*_OF_AGGREGATE, *_TOLERANCES)),
    # Three and a half median absolute deviations, as DQX has it: the score is 0.6745 of their number.
    "has_no_outliers": Function(_of_column("no_outliers_by_modified_z_score", threshold=2.36075), ("column",)),
}

#: Functions of shapes on a map, none of which has a counterpart.
GEOMETRY = re.compile(r".*(geo|polygon|point|linestring|area|coordinate|island|ogc|has_dimension)")

#: What has no counterpart, and what is nearest to it.
NEAREST: Mapping[str, str] = {
    "is_valid_date": "expect_column_values_to_match_regex",
    "is_valid_timestamp": "expect_column_values_to_match_regex",
    "is_valid_json": "expression_is_true",
    "has_json_keys": "expression_is_true",
    "has_valid_json_schema": "expression_is_true",
    "is_not_null_and_not_empty_array": "expression_is_true",
    "is_valid_ipv6_address": "expect_column_values_to_match_regex",
    "is_ipv4_address_in_cidr": "match_ipv4",
    "is_ipv6_address_in_cidr": "expect_column_values_to_match_regex",
    "is_valid_national_id": "expect_column_values_to_match_regex",
    "is_valid_country_code": "relationships",
    "is_valid_currency_code": "relationships",
    "is_valid_subdivision_code": "relationships",
    "is_valid_language_code": "relationships",
    "does_not_contain_pii": "expect_column_values_to_not_match_regex",
    "is_aggr_not_equal": "expression_is_true",
    "has_no_aggr_outliers": "expect_column_values_to_be_within_n_moving_stdevs",
    "aggr_matches_dataset": "equal_rowcount",
    "sql_query": "expression_is_true",
    "compare_datasets": "equality",
    "is_data_fresh_per_time_window": "expect_row_values_to_have_data_for_every_n_datepart",
    "has_no_gaps_per_time_window": "expect_row_values_to_have_data_for_every_n_datepart",
    "has_valid_schema": "no_schema_drift",
    "has_no_row_anomalies": "no_outliers_by_modified_z_score",
}
