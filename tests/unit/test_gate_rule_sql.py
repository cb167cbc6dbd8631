"""Where in a rule what reaches the database stands."""

from __future__ import annotations

from typing import Any

import pytest

from stringx.gates.rule_sql import listed_columns, named_tables, only_sql
from stringx.model import Dimension, Kind, Level, Rule, Severity


def rule(check: str, **fields: Any) -> Rule:
    return Rule.model_validate(
        {
            "name": "a",
            "check": check,
            "kind": Kind.BUSINESS,
            "dimension": Dimension.VALIDITY,
            "level": Level.ROW,
            "severity": Severity.ERROR,
            **fields,
        }
    )


def test_items_of_a_list_that_are_names_are_columns_as_the_database_reads_them() -> None:
    listed = ["Day", '"Day"', '"a ""b"""', " id ", "id + 1", "current_date", "lower(x)", "a.b", "1"]
    found = listed_columns(rule("unique_combination_of_columns", arguments={"combination_of_columns": listed}))
    assert [(field[2], name) for field, name in found] == [(0, "day"), (1, "Day"), (2, 'a "b"'), (3, "id")]


def test_what_is_quoted_for_the_rule_is_a_name_as_it_stands() -> None:
    arguments = {"combination_of_columns": ["Odd name", "current_date"], "quote_columns": True}
    assert [name for _, name in listed_columns(rule("unique_combination_of_columns", arguments=arguments))] == ["Odd name", "current_date"]


def test_columns_of_the_other_table_are_none_of_the_gates() -> None:
    arguments = {"compare_model": "raw.b", "group_by": ["x"], "compare_group_by": ["y"], "expression": "count(*)"}
    of = rule("expect_table_aggregation_to_equal_other_table", arguments=arguments)
    assert list(listed_columns(of)) == [(("arguments", "group_by", 0), "x")]
    assert list(named_tables(of)) == [(("arguments", "compare_model"), "raw.b")]


def test_of_a_check_of_ones_own_a_table_is_known_by_the_name_of_its_argument() -> None:
    own = rule("own", arguments={"to": "raw.b", "columns": ["a"], "expression": "x"})
    assert list(named_tables(own)) == [(("arguments", "to"), "raw.b")]
    assert (list(listed_columns(own)), only_sql(own)) == ([], None)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"check": "expression_is_true", "arguments": {"expression": "x > 1"}}, ("arguments", "expression")),
        ({"check": "expression_is_true", "arguments": {"expression": "x > 1"}, "row_condition": "y"}, None),
        ({"check": "not_null", "column": "x", "row_condition": "y"}, ("row_condition",)),
        ({"check": "not_null", "column": "x"}, None),
        ({"check": "expect_column_values_to_be_between", "arguments": {"min_value": 1, "max_value": "y"}}, ("arguments", "max_value")),
        ({"check": "expect_column_values_to_be_between", "arguments": {"min_value": 1}}, None),
    ],
)
def test_the_only_sql_of_a_rule_is_found(fields: dict[str, Any], where: tuple[str, ...] | None) -> None:
    assert only_sql(rule(**fields)) == where
