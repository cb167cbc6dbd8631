"""DQX's checks of rows, and the rules of ours that find the same rows. Pure.

Where no check of the library has the meaning, it is `expression_is_true` with SQL: like DQX's, it finds the rows for which a condition
is false, and lets those pass for which it is null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stringx.gates.dqx import values
from stringx.gates.dqx.function import (
    Fields,
    Function,
    Given,
    check_of_column,
    column_of,
    flag_of,
    is_true,
    plain_column_of,
    text_of,
    whole_of,
)
from stringx.gates.dqx.values import Misfit


def _trimmed(given: Given) -> str:
    return f"trim({column_of(given)})" if flag_of(given, "trim_strings", False) else column_of(given)


def _not_null(given: Given) -> Fields:
    if values.is_plain(str(given["column"])):
        return {"check": "not_null", "column": given["column"]}
    return is_true(f"{column_of(given)} is not null")


def _not_empty(given: Given) -> Fields:
    if values.is_plain(str(given["column"])):
        trimmed = flag_of(given, "trim_strings", False)
        return {"check": "not_empty_string", "column": given["column"], "arguments": {"trim_whitespace": trimmed}}
    return is_true(f"{_trimmed(given)} <> ''")


def _in_list(argument: str, check: str, *, negated: bool) -> Callable[[Given], Fields]:
    def made(given: Given) -> Fields:
        listed = values.literals(argument, given[argument])
        quoted = {isinstance(value, str) for value in listed}
        if flag_of(given, "case_sensitive", True) and len(quoted) == 1 and values.is_plain(str(given["column"])):
            return {
                "check": check,
                "column": given["column"],
                "arguments": {"values": listed, **({} if True in quoted else {"quote": False})},
            }
        return is_true(_among(given, listed, negated=negated))

    return made


def _among(given: Given, listed: list[Any], *, negated: bool = False) -> str:
    lower = not flag_of(given, "case_sensitive", True) and any(isinstance(one, str) for one in listed)
    sql = [values.text(one) if isinstance(one, str) else values.sql("", one) for one in listed]
    if lower:
        sql = [f"lower({text})" if isinstance(one, str) else text for one, text in zip(listed, sql, strict=True)]
    column = f"lower({column_of(given)})" if lower else column_of(given)
    return f"{column} {'not ' if negated else ''}in ({', '.join(sql)})"


def _known_in_list(given: Given) -> Fields:
    return is_true(f"{column_of(given)} is not null and {_among(given, values.literals('allowed', given['allowed']))}")


def _range(lowest: str | None, highest: str | None) -> Callable[[Given], Fields]:
    def made(given: Given) -> Fields:
        bounds = {bound: name for bound, name in (("min_value", lowest), ("max_value", highest)) if name is not None}
        if values.is_plain(str(given["column"])):
            limits = {bound: values.limit(name, given[name]) for bound, name in bounds.items()}
            return {"check": "accepted_range", "column": given["column"], "arguments": limits}
        signs = {"min_value": ">=", "max_value": "<="}
        return is_true(" and ".join(f"{column_of(given)} {signs[bound]} {values.sql(name, given[name])}" for bound, name in bounds.items()))

    return made


def _outside(given: Given) -> Fields:
    lowest, highest = (values.sql(name, given[name]) for name in ("min_limit", "max_limit"))
    return is_true(f"{column_of(given)} < {lowest} or {column_of(given)} > {highest}")


def _equal(*, negated: bool) -> Callable[[Given], Fields]:
    def made(given: Given) -> Fields:
        column, value = column_of(given), values.sql("value", given["value"])
        absolute, relative = (values.sql(name, given.get(name, 0)) for name in ("abs_tolerance", "rel_tolerance"))
        if (absolute, relative) == ("0", "0"):
            return is_true(f"{column} {'<>' if negated else '='} {value}")
        near = [f"abs({column} - {value}) <= {absolute}"] if absolute != "0" else []
        near += [f"abs({column} - {value}) <= {relative} * greatest(abs({column}), abs({value}))"] if relative != "0" else []
        return is_true(f"not ({' or '.join(near)})" if negated else " or ".join(near))

    return made


def _later(days: str, given: Given, first: str, second: str) -> Fields:
    older = f"cast({first} as date) < cast({second} as date) - {days}"
    return is_true(f"not ({older})" if flag_of(given, "negate", False) else older)


def _future(given: Given) -> Fields:
    return is_true(f"{column_of(given)} <= current_timestamp + interval '{whole_of(given, 'offset', 0)}' second")


def _near_future(given: Given) -> Fields:
    until = f"current_timestamp + interval '{whole_of(given, 'offset', 0)}' second"
    return is_true(f"{column_of(given)} <= current_timestamp or {column_of(given)} >= {until}")


def _fresh(given: Given) -> Fields:
    base = values.sql("base_timestamp", given["base_timestamp"]) if "base_timestamp" in given else "current_timestamp"
    return is_true(f"{column_of(given)} >= {base} - interval '{whole_of(given, 'max_age_minutes')}' minute")


def _regex(given: Given) -> Fields:
    column, regex = plain_column_of(given), {"regex": text_of(given, "regex")}
    if flag_of(given, "negate", False):
        return {"check": "expect_column_values_to_not_match_regex", "column": column, "arguments": regex}
    # Of Postgres a null fails the check; DQX lets it pass.
    known = f"{column_of(given)} is not null"
    return {"check": "expect_column_values_to_match_regex", "column": column, "arguments": regex, "row_condition": known}


def _uuid(given: Given) -> Fields:
    if flag_of(given, "strict", False):
        raise Misfit("strict", "has no counterpart: `match_uuid` looks at the form; leave it out, or write `regex_match`")
    return check_of_column("match_uuid")(given)


def _case(given: Given) -> Fields:
    if given["case"] not in ("upper", "lower"):
        raise Misfit("case", "has a counterpart for upper and lower alone: write the others as `regex_match`")
    return is_true(f"{column_of(given)} = {given['case']}({column_of(given)})")


def _expression(given: Given) -> Fields:
    expression = text_of(given, "expression")
    described = {"description": text_of(given, "msg")} if "msg" in given else {}
    return {**is_true(f"not ({expression})" if flag_of(given, "negate", False) else expression), **described}


_TRIM = ("trim_strings",)
_CASE = ("case_sensitive",)
_TOLERANCES = ("abs_tolerance", "rel_tolerance")

ROWS: Mapping[str, Function] = {
    "is_not_null": Function(_not_null, ("column",)),
    "is_null": Function(check_of_column("expect_column_values_to_be_null"), ("column",)),
    "is_not_empty": Function(_not_empty, ("column",), _TRIM),
    "is_empty": Function(lambda given: is_true(f"{_trimmed(given)} = ''"), ("column",), _TRIM),
    "is_not_null_and_not_empty": Function(
        lambda given: is_true(f"{column_of(given)} is not null and {_trimmed(given)} <> ''"), ("column",), _TRIM
    ),
    "is_null_or_empty": Function(lambda given: is_true(f"{column_of(given)} is null or {_trimmed(given)} = ''"), ("column",), _TRIM),
    "is_in_list": Function(_in_list("allowed", "accepted_values", negated=False), ("column", "allowed"), _CASE),
    "is_not_in_list": Function(_in_list("forbidden", "not_accepted_values", negated=True), ("column", "forbidden"), _CASE),
    "is_not_null_and_is_in_list": Function(_known_in_list, ("column", "allowed"), _CASE),
    "is_in_range": Function(_range("min_limit", "max_limit"), ("column", "min_limit", "max_limit")),
    "is_not_in_range": Function(_outside, ("column", "min_limit", "max_limit")),
    "is_not_less_than": Function(_range("limit", None), ("column", "limit")),
    "is_not_greater_than": Function(_range(None, "limit"), ("column", "limit")),
    "is_equal_to": Function(_equal(negated=False), ("column", "value"), _TOLERANCES),
    "is_not_equal_to": Function(_equal(negated=True), ("column", "value"), _TOLERANCES),
    "is_latitude": Function(check_of_column("accepted_range", min_value=-90, max_value=90), ("column",)),
    "is_longitude": Function(check_of_column("accepted_range", min_value=-180, max_value=180), ("column",)),
    "is_not_in_future": Function(_future, ("column",), ("offset",)),
    "is_not_in_near_future": Function(_near_future, ("column",), ("offset",)),
    "is_older_than_n_days": Function(
        lambda given: _later(str(whole_of(given, "days")), given, column_of(given), "current_date"), ("column", "days"), ("negate",)
    ),
    "is_older_than_col2_for_n_days": Function(
        lambda given: _later(str(whole_of(given, "days", 0)), given, column_of(given, "column1"), column_of(given, "column2")),
        ("column1", "column2"),
        ("days", "negate"),
    ),
    "is_data_fresh": Function(_fresh, ("column", "max_age_minutes"), ("base_timestamp",)),
    "regex_match": Function(_regex, ("column", "regex"), ("negate",)),
    "is_valid_email": Function(check_of_column("match_email"), ("column",)),
    "is_valid_uuid": Function(_uuid, ("column",), ("strict",)),
    "is_valid_ipv4_address": Function(check_of_column("match_ipv4"), ("column",)),
    "has_valid_string_case": Function(_case, ("column", "case")),
    "sql_expression": Function(_expression, ("expression",), ("msg", "name", "negate", "columns")),
}
