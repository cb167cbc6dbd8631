"""Rules in DQX's form: which rules of ours they become, and what of them has no counterpart."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from gate_texts import gate_of, orders, problems_of
from hypothesis import given, settings
from hypothesis import strategies as st

from stringx.gates.dqx.functions import FUNCTIONS, NEAREST
from stringx.gates.parse import parse
from stringx.gates.rule_library import LIBRARY
from stringx.model import Gate, Rule, Severity
from stringx.schemas import path

SCHEMA = jsonschema.Draft202012Validator(json.loads(path("gate.v1").read_text()))


def gate_text(*checks: dict[str, Any]) -> str:
    """JSON is YAML."""
    return orders(f"rules: {json.dumps(checks)}\n")


def rules_of(*checks: dict[str, Any]) -> tuple[Rule, ...]:
    text = gate_text(*checks)
    assert SCHEMA.is_valid({"table": "raw.orders", "target": "demo", "rules": list(checks)})
    return gate_of(text).rules


def check(function: str, **arguments: Any) -> dict[str, Any]:
    return {"check": {"function": function, "arguments": arguments}}


def true(expression: str) -> str:
    return f"expression_is_true expression: {expression}"


#: the check → what our rule demands
ROWS: list[tuple[dict[str, Any], str]] = [
    (check("is_not_null", column="a"), "not_null a"),
    (check("is_not_null", column="try_element_at(b, 1)"), true("(try_element_at(b, 1)) is not null")),
    (check("is_null", column="a"), "expect_column_values_to_be_null a"),
    (check("is_not_empty", column="a"), "not_empty_string a, trim_whitespace: false"),
    (check("is_not_empty", column="a", trim_strings=True), "not_empty_string a, trim_whitespace: true"),
    (check("is_not_empty", column="b.c", trim_strings=True), true("trim((b.c)) <> ''")),
    (check("is_empty", column="a"), true("a = ''")),
    (check("is_not_null_and_not_empty", column="a", trim_strings=True), true("a is not null and trim(a) <> ''")),
    (check("is_not_null_and_not_empty", column="DestId"), true('"DestId" is not null and "DestId" <> \'\'')),
    (check("is_null_or_empty", column="a"), true("a is null or a = ''")),
    (check("is_in_list", column="a", allowed=[1, 2.5, "3"]), "accepted_values a, values: [1,2.5,3], quote: false"),
    (check("is_in_list", column="a", allowed=["'x'", "'it''s'", "2013-02-08"]), 'accepted_values a, values: ["x","it\'s","2013-02-08"]'),
    (check("is_in_list", column="a", allowed=["'x'", 1]), true("a in ('x', 1)")),
    (check("is_in_list", column="a", allowed=["'X'"], case_sensitive=False), true("lower(a) in (lower('X'))")),
    (check("is_in_list", column="a", allowed=[1], case_sensitive=False), true("a in (1)")),
    (check("is_not_in_list", column="a", forbidden=["'x'"]), 'not_accepted_values a, values: ["x"]'),
    (check("is_not_in_list", column="a", forbidden=["'x'"], case_sensitive=False), true("lower(a) not in (lower('x'))")),
    (check("is_not_null_and_is_in_list", column="a", allowed=["'it''s'"]), true("a is not null and a in ('it''s')")),
    (check("is_in_range", column="a", min_limit=1, max_limit=10), "accepted_range a, min_value: 1, max_value: 10"),
    (
        check("is_in_range", column="a", min_limit="2025-01-01", max_limit="b * 2"),
        "accepted_range a, min_value: date '2025-01-01', max_value: (b * 2)",
    ),
    (check("is_in_range", column="b.c", min_limit=1, max_limit="d"), true("(b.c) >= 1 and (b.c) <= d")),
    (check("is_not_in_range", column="a", min_limit=1, max_limit=2), true("a < 1 or a > 2")),
    (check("is_not_less_than", column="a", limit={"__decimal__": "100.50"}), "accepted_range a, min_value: 100.50"),
    (
        check("is_not_greater_than", column="a", limit="2025-01-01 01:00:00"),
        "accepted_range a, max_value: timestamp '2025-01-01 01:00:00'",
    ),
    (check("is_equal_to", column="a", value="'x'"), true("a = 'x'")),
    (check("is_equal_to", column="a", value=10, abs_tolerance=0.5), true("abs(a - 10) <= 0.5")),
    (check("is_not_equal_to", column="a", value="b"), true("a <> b")),
    (
        check("is_not_equal_to", column="a", value=10, rel_tolerance=0.1),
        true("not (abs(a - 10) <= 0.1 * greatest(abs(a), abs(10)))"),
    ),
    (check("is_latitude", column="a"), "accepted_range a, min_value: -90, max_value: 90"),
    (check("is_longitude", column="a"), "accepted_range a, min_value: -180, max_value: 180"),
    (check("is_not_in_future", column="a"), true("a <= current_timestamp + interval '0' second")),
    (
        check("is_not_in_near_future", column="a", offset=60),
        true("a <= current_timestamp or a >= current_timestamp + interval '60' second"),
    ),
    (check("is_older_than_n_days", column="a", days=3), true("cast(a as date) < cast(current_date as date) - 3")),
    (
        check("is_older_than_col2_for_n_days", column1="a", column2="b", days=3, negate=True),
        true("not (cast(a as date) < cast(b as date) - 3)"),
    ),
    (check("is_data_fresh", column="a", max_age_minutes=15), true("a >= current_timestamp - interval '15' minute")),
    (check("is_data_fresh", column="a", max_age_minutes=15, base_timestamp="b"), true("a >= b - interval '15' minute")),
    (check("regex_match", column="a", regex="^x+$"), "expect_column_values_to_match_regex a, regex: ^x+$, where a is not null"),
    (check("regex_match", column="DestId", regex="x"), 'expect_column_values_to_match_regex DestId, regex: x, where "DestId" is not null'),
    (check("regex_match", column="a", regex="x", negate=True), "expect_column_values_to_not_match_regex a, regex: x"),
    (check("is_valid_email", column="a"), "match_email a"),
    (check("is_valid_uuid", column="a"), "match_uuid a"),
    (check("is_valid_ipv4_address", column="a"), "match_ipv4 a"),
    (check("has_valid_string_case", column="a", case="upper"), true("a = upper(a)")),
    (check("sql_expression", expression="a > b", columns=["a"]), true("a > b")),
    (check("sql_expression", expression="a > b or c", negate=True), true("not (a > b or c)")),
]

#: of tables
TABLES: list[tuple[dict[str, Any], str]] = [
    (check("is_unique", columns=["a"]), "unique a"),
    (check("is_unique", columns=["a"], nulls_distinct=False), 'unique_combination_of_columns combination_of_columns: ["a"]'),
    (
        check("is_unique", columns=["a", "b"]),
        'unique_combination_of_columns combination_of_columns: ["a","b"], where a is not null and b is not null',
    ),
    (
        check("is_unique", columns=["a", "DestId"]),
        'unique_combination_of_columns combination_of_columns: ["a","\\"DestId\\""], where a is not null and "DestId" is not null',
    ),
    (check("foreign_key", columns=["a"], ref_columns=["Id"], ref_table="raw.c"), 'relationships a, to: raw.c, field: "Id"'),
    (check("foreign_key", columns=["a"], ref_columns=["b"], ref_table="raw.c"), "relationships a, to: raw.c, field: b"),
    (check("is_aggr_not_greater_than", limit=10), "expect_table_row_count_to_be_between max_value: 10"),
    (
        check("is_aggr_not_less_than", column="*", aggr_type="count", group_by=["b"], limit=1),
        'expect_table_row_count_to_be_between min_value: 1, group_by: ["b"]',
    ),
    (
        check("is_aggr_not_less_than", column="a", aggr_type="count", limit=1),
        "expect_table_row_count_to_be_between min_value: 1, where a is not null",
    ),
    (
        check("is_aggr_equal", column="a", aggr_type="avg", limit=10, abs_tolerance=2),
        "expect_column_mean_to_be_between a, min_value: 8, max_value: 12",
    ),
    (
        check("is_aggr_equal", column="a", aggr_type="sum", limit="b + 1"),
        "expect_column_sum_to_be_between a, min_value: (b + 1), max_value: (b + 1)",
    ),
    (
        check("is_aggr_not_greater_than", column="a", aggr_type="approx_percentile", aggr_params={"percentile": 0.95}, limit=7),
        "expect_column_quantile_values_to_be_between a, quantile: 0.95, max_value: 7",
    ),
    *(
        (check("is_aggr_not_less_than", column="a", aggr_type=kind, limit=1), f"expect_column_{ours}_to_be_between a, min_value: 1")
        for kind, ours in {
            "min": "min",
            "max": "max",
            "median": "median",
            "stddev": "stdev",
            "count_distinct": "unique_value_count",
        }.items()
    ),
    (check("has_no_outliers", column="a"), "no_outliers_by_modified_z_score a, threshold: 2.36075"),
]


@pytest.mark.parametrize(("one", "demands"), ROWS + TABLES, ids=lambda value: value if isinstance(value, str) else None)
def test_a_check_becomes_the_rule_that_finds_the_same(one: dict[str, Any], demands: str) -> None:
    (only,) = rules_of(one)
    assert only.demands == demands
    assert only.severity is Severity.ERROR


def test_every_function_is_in_the_table_above_and_every_nearest_check_is_there() -> None:
    assert {one["check"]["function"] for one, _ in ROWS + TABLES} == set(FUNCTIONS)
    assert [name for name in NEAREST.values() if name not in LIBRARY] == []


def test_what_a_check_says_beside_its_function_is_kept() -> None:
    (only,) = rules_of(
        {
            "name": "Col A is late!",
            "criticality": "warn",
            "filter": "b > 1 or c",
            "check": {"function": "is_unique", "arguments": {"columns": ["a", "d"]}},
            "user_metadata": {"steward": "someone", "since": 2024},
        }
    )
    assert (only.name, only.severity, only.description) == ("col_a_is_late", Severity.WARN, "steward: someone; since: 2024")
    assert only.row_condition == "(b > 1 or c) and a is not null and d is not null"


def test_a_check_for_each_column_is_a_rule_for_each() -> None:
    each = {"check": {"function": "is_not_null", "for_each_column": ["a", "b", "b"]}}
    keys = {"name": "key", "check": {"function": "is_unique", "for_each_column": [["a", "b"], ["c"]]}}
    ours = {"name": "ours", "check": "not_null", "column": "c"}
    found = gate_of(gate_text(each, ours, keys)).rules
    assert [(one.name, one.check, one.column) for one in found] == [
        ("a_is_not_null", "not_null", "a"),
        ("b_is_not_null", "not_null", "b"),
        ("b_is_not_null_2", "not_null", "b"),
        ("ours", "not_null", "c"),
        ("key_a_b", "unique_combination_of_columns", None),
        ("key_c", "unique", "c"),
    ]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.sampled_from(["a", "'a'", "a b", "2013-01-01", "avg", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["percentile", "__decimal__", "b"]), inner, max_size=2),
    max_leaves=4,
)
ANY_CHECK = st.fixed_dictionaries(
    {},
    optional={
        "name": JSON_VALUES,
        "criticality": JSON_VALUES | st.just("warn"),
        "filter": JSON_VALUES,
        "user_metadata": JSON_VALUES,
        "check": JSON_VALUES
        | st.sampled_from(sorted(FUNCTIONS)).flatmap(
            lambda name: st.fixed_dictionaries(
                {
                    "function": st.just(name),
                    "arguments": st.fixed_dictionaries(
                        {}, optional=dict.fromkeys((*FUNCTIONS[name].required, *FUNCTIONS[name].optional), JSON_VALUES)
                    ),
                },
                optional={"for_each_column": JSON_VALUES},
            )
        ),
    },
)


@settings(max_examples=400)
@given(checks=st.lists(ANY_CHECK, max_size=3))
def test_no_check_makes_it_fall(checks: list[dict[str, Any]]) -> None:
    found = parse(gate_text(*checks), workspace="default", name="raw.orders", file="raw.orders.yaml")
    assert isinstance(found, Gate) or all(problem.line == 3 for problem in found)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            "{function: is_valid_json, arguments: {column: a}}",
            "4:23: `is_valid_json` of DQX has no counterpart here: the nearest is `expression_is_true`, or a test of your dbt project",
        ),
        (
            "{function: is_polygon, arguments: {column: a}}",
            "4:23: `is_polygon` of DQX has no counterpart here: the nearest is `expression_is_true`, or a test of your dbt project",
        ),
        ("{function: is_not_nul, arguments: {column: a}}", "4:23: unknown check function `is_not_nul`: did you mean `is_not_null`?"),
        ("{function: zzz}", "4:23: unknown check function `zzz`: write it as `sql_expression`, or as a test of your dbt project"),
        ("{arguments: {column: a}}", "4:12: must have `function`, the name of a check function of DQX"),
        ("{function: '', arguments: {column: a}}", "4:12: must have `function`, the name of a check function of DQX"),
        ("{functon: is_not_null, arguments: {column: a}}", "4:13: unknown field `functon`: did you mean `function`?"),
        ("{function: is_not_null, arguments: {colum: a}}", "4:48: unknown argument `colum`: did you mean `column`?"),
        ("{function: is_not_null, argments: {column: a}}", "4:36: unknown field `argments`: did you mean `arguments`?"),
        ("{function: is_not_null}", "4:23: is_not_null needs the argument `column`"),
        ("{function: is_in_range, arguments: {column: a}}", "4:47: is_in_range needs the arguments `min_limit`, `max_limit`"),
        ("{function: is_not_null, arguments: {column: a, colum: b}}", "4:59: unknown argument `colum`: did you mean `column`?"),
        (
            "{function: is_not_null, arguments: {column: a}, each: b}",
            "4:60: unknown field `each`: there are `function`, `arguments`, `for_each_column`",
        ),
        ("{function: is_not_null, arguments: {column: [a]}}", "4:56: must be the name of a column, or SQL"),
        ("{function: is_not_null, for_each_column: []}", "4:53: must be a list of columns"),
        (
            "{function: is_null, arguments: {column: a.b}}",
            "4:52: must be the name of a column: of an expression, write the check as `sql_expression`",
        ),
        (
            "{function: is_in_list, arguments: {column: a, allowed: [NO, \"'x'\"]}}",
            "4:68: YAML reads `NO` as false: holds `NO`, which DQX reads as a column since 0.16: write \"'NO'\" for the text",
        ),
        ("{function: is_valid_uuid, arguments: {column: a}}\n    filter: ''", "5:13: is empty: it must be SQL, as text"),
        (
            "{function: is_valid_uuid, arguments: {column: a}}\n    filter: a = 1) or (b = 2",
            "5:13: closes `)`, which it did not open: a rule's SQL is one expression",
        ),
        (
            "{function: is_in_list, arguments: {column: a, allowed: [1, ~]}}",
            "4:71: must be a number, a date, or text in single quotes within double ones",
        ),
        (
            "{function: is_in_list, arguments: {column: a, allowed: [x]}}",
            "4:68: holds `x`, which DQX reads as a column since 0.16: write \"'x'\" for the text",
        ),
        (
            "{function: is_valid_uuid, arguments: {column: a, strict: true}}",
            "4:69: has no counterpart: `match_uuid` looks at the form; leave it out, or write `regex_match`",
        ),
        (
            "{function: is_not_null, for_each_column: [a], arguments: {trim: true}}",
            "4:70: unknown argument `trim`: is_not_null takes `column`",
        ),
        (
            "{function: foreign_key, arguments: {columns: [a], ref_columns: [b], ref_df_name: c}}",
            "4:93: is a DataFrame of your job, which is not here: name a table with `ref_table`",
        ),
        (
            "{function: foreign_key, arguments: {columns: [a, b], ref_columns: [a, b], ref_table: raw.c}}",
            "4:57: a key of several columns has no counterpart; the nearest is `relationships`, of one column",
        ),
        ("{function: foreign_key, arguments: {columns: [a], ref_columns: [b]}}", "4:47: `ref_table` is missing: add it"),
        # What only our check can tell
        (
            "{function: is_in_range, arguments: {column: a, min_limit: 5, max_limit: 1}}",
            "4:47: nothing lies between 5 and 1: correct one of them",
        ),
        (
            "{function: foreign_key, arguments: {columns: [a], ref_columns: [b], ref_table: orders}}",
            "4:47: must be a table: schema.table or database.schema.table",
        ),
        (
            "{function: sql_expression, arguments: {expression: a; b}}",
            "4:50: holds `;`: a rule is one expression, not several statements; take it out",
        ),
    ],
)
def test_what_cannot_be_read_is_told_at_its_place(lines: str, problem: str) -> None:
    assert problems_of(orders(f"rules:\n  - check: {lines}\n")) == [problem]


def test_a_filter_that_says_nothing_is_told_beside_what_else_is_wrong() -> None:
    assert problems_of(orders('rules:\n  - check: {function: is_not_null, arguments: {colum: a}}\n    filter: ""\n')) == [
        "4:48: unknown argument `colum`: did you mean `column`?",
        "5:13: is empty: it must be SQL, as text",
    ]


def test_of_a_list_each_item_that_cannot_be_read_is_told() -> None:
    lines = ["rules:", "  - check:", "      function: is_in_list", "      arguments: {column: a, allowed: [x, 1, y, [z]]}"]
    assert problems_of(orders("\n".join(lines) + "\n")) == [
        "6:40: holds `x`, which DQX reads as a column since 0.16: write \"'x'\" for the text",
        "6:46: holds `y`, which DQX reads as a column since 0.16: write \"'y'\" for the text",
        "6:49: must be a number, a date, or text in single quotes within double ones",
    ]


def test_all_that_is_wrong_with_checks_and_rules_is_told_at_once() -> None:
    assert problems_of(
        orders("""rules:
  - criticality: eror
    filter: "{{ x }}"
    check: {function: is_nul, arguments: {column: a}}
    run_config_name: x
  - {name: ours, check: not_null}
  - check: {function: is_not_null, for_each_column: [a, b]}
    filter: (a
  - {name: ours, check: unique, column: no}
""")
    ) == [
        "4:18: must be error or warn",
        "5:13: holds `{{`: what is written in a gate is never rendered as Jinja; take it out",
        "6:23: unknown check function `is_nul`: did you mean `is_null`?",
        "7:5: unknown field `run_config_name`: there are `name`, `criticality`, `filter`, `check`, `user_metadata`",
        "8:25: not_null is about one column: say which with `column`",
        "10:13: opens `(`, and does not close it",
        "11:12: rule `ours` stands twice, first in line 8: give it another name",
        "11:41: YAML reads `no` as false: put it in quotes, as 'no'",
    ]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            "{name: a, check: {name: not_null}, column: a}",
            "4:22: must be the name of a check, or, where the rule is in DQX's form, have `function`",
        ),
        (
            "{name: a, check: not_null, column: a, criticality: warn}",
            "4:43: unknown field `criticality`: write `severity`, or the whole rule in DQX's form, where `check` has a `function`",
        ),
        ("{criticality: warn, chek: {function: is_not_null}}", "4:25: unknown field `chek`: did you mean `check`?"),
    ],
)
def test_a_rule_between_the_two_forms_is_one_fault(lines: str, problem: str) -> None:
    assert problems_of(orders(f"rules:\n  - {lines}\n")) == [problem]
