"""What only a rule's check can tell of it, each at its place."""

from __future__ import annotations

import pytest
from gate_texts import gate_of, problems_of, rule

from stringx.gates.rule_faults import SHOWS_MORE
from stringx.gates.rule_library import LIBRARY, Origin
from stringx.gates.thresholds import looked_at
from stringx.model import Gate, Threshold


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        # Names
        (
            "check: our_own\nlevel: row",
            "5:12: unknown check `our_own`: the library has none like it; if it is a test of your dbt project, add `dimension`",
        ),
        (
            "check: not_nul\ncolumn: a",
            "5:12: unknown check `not_nul`: did you mean `not_null`? If it is a test of your dbt project, add `dimension` and `level`",
        ),
        (
            "check: dbt_utils.expression_is_tru\narguments: {expression: a}",
            "5:12: a check stands here without its package's name: did you mean `expression_is_true`?",
        ),
        (
            "check: dbt_expectations.match_regexp\ncolumn: a\narguments: {regex: x}",
            "5:12: a check stands here without its package's name: did you mean `match_regex`?",
        ),
        (
            "check: match_regx\ncolumn: a\nlevel: row",
            "5:12: unknown check `match_regx`: did you mean `match_regex`? If it is a test of your dbt project, add `dimension`",
        ),
        ("check: dbt_utils.zzz", "5:12: a check stands here without its package's name: there is no check `zzz`"),
        # Columns
        ("check: unique\ncolumn: a\ncolumns: [b]", "7:5: unique takes no list of columns: write `column`, and a rule for each of them"),
        (
            "check: unique\ncolumns: [a, b]",
            (
                "6:5: unique takes no list of columns: use the check unique_combination_of_columns;"
                " or write `column`, and a rule for each of them"
            ),
        ),
        (
            "check: our_own\ndimension: accuracy\nlevel: table\nthreshold: {warn: 3, error: 5%}",
            (
                "8:33: what a test of your own counts is not known, and so not what this is a share of:"
                " write a count of failures, or `level: row` if each failure is a row"
            ),
        ),
        (
            "check: expression_is_true\narguments: {expression: a > 2024-01-01}",
            "6:29: holds 2024-01-01, which SQL subtracts as numbers: write a date in quotes of SQL's own, as '2024-01-01'",
        ),
        (
            "check: share_of_rows\ncolumns: [b]\narguments: {condition: a, below: 1}",
            "6:5: share_of_rows takes no list of columns: leave `columns` out, and name what it takes in `arguments`",
        ),
        (
            "check: unique_combination_of_columns\ncolumns: [b]\narguments: {combination_of_columns: [a]}",
            "6:5: `columns` is the argument `combination_of_columns`, which is given too: leave one of them out",
        ),
        (
            "check: unique_combination_of_columns\ncolumns: [b, b]",
            "6:14: must be a list of names of columns, each of them once",
        ),
        ("check: unique_combination_of_columns\ncolumns: []", "6:14: is empty: it must be a list of names of columns, each of them once"),
        (
            "check: our_own\nlevel: row\ndimension: accuracy\ncolumns: [a]",
            "8:5: `columns` is for checks of the library: name them in `arguments`, if your test takes them",
        ),
        ("check: unique_combination_of_columns\ncolumns: ['']", "6:15: must not be empty"),
        ("check: unique\ncolumns: [a]", "6:5: unique takes no list of columns: write `column`, and a rule for each of them"),
        # What stands in another place, or is misspelt, is not missing too.
        ("check: not_null\ncolum: a", "6:5: unknown field `colum`: did you mean `column`?"),
        ("check: accepted_values\ncolumn: a\nargument: {values: [a]}", "7:5: unknown field `argument`: did you mean `arguments`?"),
        ("check: accepted_values\ncolumn: a\narguments: {vals: [a]}", "7:17: unknown argument `vals`: did you mean `values`?"),
        ("check: accepted_range\ncolumn: a\narguments: {min_valu: 1}", "7:17: unknown argument `min_valu`: did you mean `min_value`?"),
        (
            "check: accepted_values\ncolumn: a\nvalues: [a]",
            "7:5: `values` is an argument of accepted_values: write it in `arguments`",
        ),
        ("check: not_null\narguments: {column: a}", "6:17: `column` is not an argument here: write `column` beside `check`"),
        ("check: not_null\narguments: {column_name: a}", "6:17: `column_name` is not an argument here: write `column` beside `check`"),
        (
            "check: unique_combination\narguments: {columns: [a, b]}",
            "6:17: `columns` is not an argument here: write `columns` beside `check`",
        ),
        (
            "check: match_regx\ncolumn: a\ncontext_columns: [b]\nlevel: row",
            "5:12: unknown check `match_regx`: did you mean `match_regex`? If it is a test of your dbt project, add `dimension`",
        ),
        # What YAML takes for something else: by the argument's sort
        ("check: not_null\ncolumn: no", "6:13: YAML reads `no` as false: put it in quotes, as 'no'"),
        ("check: accepted_values\ncolumn: a\narguments: {values: [a], quote: no}", "7:37: YAML reads `no` as false: must be true or false"),
        (
            "check: accepted_values\ncolumn: a\narguments: {values: [no]}",
            "7:26: YAML reads `no` as false: write true or false, or 'no' in quotes for the text",
        ),
        (
            "check: match_regex\ncolumn: a\narguments: {regex: a, flags: 010}",
            "7:34: YAML reads `010` as 8: must be letters, as i for any case",
        ),
        (
            "check: accepted_range\ncolumn: a\narguments: {min_value: 1_0}",
            "7:28: YAML reads `1_0` as 10: write that number, or '1_0' in quotes for the text",
        ),
        ("check: freshness_sla\ncolumn: a\narguments: {by: 12:30}", "7:21: YAML reads `12:30` as 750: put it in quotes, as '12:30'"),
        ("check: match_regex_list\ncolumn: a\narguments: {regex_list: [on]}", "7:30: YAML reads `on` as true: put it in quotes, as 'on'"),
        (
            "check: row_count_like_before\ncolumn: a\narguments: {slices: 010}",
            "7:25: YAML reads `010` as 8: write 8, if that is meant",
        ),
        (
            "check: match_regex\ncolumn: a\narguments: {regex: a}\nthreshold: {error: no}",
            "8:24: YAML reads `no` as false: must be a count of failures, 0 or more, or a share, as 5% or 0.1%",
        ),
        # Regular expressions that are none in any database
        (
            "check: match_regex\ncolumn: a\narguments: {regex: '^[A-Z'}",
            "7:24: opens `[`, and does not close it: write `\\[` for the character",
        ),
        (
            "check: match_regex_list\ncolumn: a\narguments: {regex_list: [a, '(a'], flags: i}",
            "7:33: opens `(`, and does not close it: write `\\(` for the character",
        ),
        # Columns beside failing rows
        (
            "check: not_null\ncolumn: a\ncontext_columns: [b]",
            "7:5: dbt's own not_null shows no other columns: use the check expect_column_values_to_not_be_null",
        ),
        (
            "check: our_own\nlevel: row\ndimension: accuracy\ncontext_columns: [a]",
            "8:5: `context_columns` is for checks of the library: name them in `arguments`, if your test takes them",
        ),
        (
            "check: unique\ncolumn: a\ncontext_columns: [b]",
            "7:5: the failures of unique are not rows of the table, so there is nothing to show beside them: leave it out",
        ),
        (
            "check: column_exists\ncolumn: a\nrow_condition: a > 1",
            "7:5: expect_column_to_exist looks at the table's columns, and at no rows: leave it out",
        ),
        # SQL
        (
            "check: accepted_range\ncolumn: a\narguments: {min_value: 1; 2}",
            "7:28: holds `;`: a rule is one expression, not several statements; take it out",
        ),
        ("check: expect_compound_columns_to_be_unique\narguments: {column_list: [a, (b]}", "6:34: opens `(`, and does not close it"),
        (
            "check: not_null\ncolumn: a\nrow_condition: a; b",
            "7:20: holds `;`: a rule is one expression, not several statements; take it out",
        ),
        ("check: not_null\ncolumn: a\nrow_condition: a) or (b", "7:20: closes `)`, which it did not open: a rule's SQL is one expression"),
        (
            "check: unique_combination\narguments: {combination_of_columns: [a, b) or (c]}",
            "6:45: closes `)`, which it did not open: a rule's SQL is one expression",
        ),
        (
            "check: share_of_rows\narguments: {below: 1, condition: a = 'b}",
            "6:38: holds a text that is not closed: add the closing '",
        ),
    ],
)
def test_a_rules_mistake_is_told_at_its_place(lines: str, problem: str) -> None:
    assert problems_of(rule(lines)) == [problem]


def test_each_item_that_yaml_takes_for_something_else_is_told_what_the_whole_must_be() -> None:
    must = "must be a list of weekdays, each of them once: monday, tuesday, wednesday, thursday, friday, saturday, sunday"
    assert problems_of(rule("check: freshness_sla\ncolumn: a\narguments: {by: '08:00', weekdays: [no, 1:30]}")) == [
        f"7:41: YAML reads `no` as false: {must}",
        f"7:45: YAML reads `1:30` as 90: {must}",
    ]


def test_an_empty_item_of_a_list_is_told_beside_what_else_is_wrong_with_it() -> None:
    assert problems_of(rule("check: accepted_values\ncolumn: a\narguments: {values: [1:30, NO, 010, ~]}")) == [
        "7:26: YAML reads `1:30` as 90: write that number, or '1:30' in quotes for the text",
        "7:32: YAML reads `NO` as false: write true or false, or 'NO' in quotes for the text",
        "7:36: YAML reads `010` as 8: write that number, or '010' in quotes for the text",
        "7:41: is empty: give it a value, or leave it out",
    ]
    assert problems_of(rule("check: match_regex_list\ncolumn: a\narguments: {regex_list: ['', 5]}")) == [
        "7:29: must be a list of texts",
        "7:30: is empty: give it a value, or leave it out",
    ]


def test_a_check_with_its_packages_name_is_looked_at_all_the_same() -> None:
    assert problems_of(rule("check: dbt_utils.expression_is_true\narguments: {expresion: a}")) == [
        "5:12: a check stands here without its package's name: write `expression_is_true`",
        "6:17: unknown argument `expresion`: did you mean `expression`?",
    ]


@pytest.mark.parametrize("regex", ["[[]", "[]a]", "[^]]", "a]b", "a)", r"\[", r"\(", "(?q)[", "***=[", "[(]", r"a{1"])
def test_what_may_be_a_regular_expression_of_some_database_is_left_to_it(regex: str) -> None:
    assert isinstance(gate_of(rule(f"check: match_regex\ncolumn: a\narguments: {{regex: '{regex}'}}")), Gate)


def test_a_flag_may_say_that_a_text_is_no_regular_expression() -> None:
    assert isinstance(gate_of(rule("check: match_regex\ncolumn: a\narguments: {regex: '[', flags: q}")), Gate)


# --- bounds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "arguments", "problem"),
    [
        ("accepted_range", "{min_value: 5, max_value: 1}", "42: nothing lies between 5 and 1: correct one of them"),
        ("between", "{max_value: -0.5, min_value: 0}", "28: nothing lies between 0 and -0.5: correct one of them"),
        (
            "accepted_range",
            "{min_value: 5, max_value: 5, inclusive: false}",
            "42: nothing lies between 5 and 5, and both are outside: correct one of them",
        ),
        (
            "between",
            "{min_value: 5, max_value: 5, strictly: true}",
            "42: nothing lies between 5 and 5, and both are outside: correct one of them",
        ),
        (
            "between",
            "{min_value: \"'2013-02-01'\", max_value: \"date '2013-01-31'\"}",
            "55: nothing lies between '2013-02-01' and date '2013-01-31': correct one of them",
        ),
        ("not_null_proportion", "{at_least: 0.9, at_most: 0.5}", "41: nothing lies between 0.9 and 0.5: correct one of them"),
        # The other is what it is where a rule leaves it out.
        ("row_count_like_before", "{at_least: 3}", "27: nothing lies between 3 and 2: correct one of them"),
        ("null_share_between", "{min_value: 5}", "28: must be a share from 0 to 1, as 0.25 for a quarter"),
    ],
)
def test_bounds_between_which_nothing_lies_are_told_at_the_upper_one(check: str, arguments: str, problem: str) -> None:
    assert problems_of(rule(f"check: {check}\ncolumn: a\narguments: {arguments}")) == [f"7:{problem}"]


def test_a_series_that_ends_as_it_begins_has_no_period() -> None:
    days = "{date_col: a, test_start_date: '2013-02-01', test_end_date: '2013-02-01'}"
    assert problems_of(rule(f"check: data_for_every\narguments: {days}")) == [
        "6:76: nothing lies between 2013-02-01 and 2013-02-01, and both are outside: correct one of them"
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        "{min_value: 5, max_value: 5}",
        "{min_value: 5}",
        "{min_value: 5, max_value: b}",
        "{min_value: 5, max_value: \"'1'\"}",
        "{min_value: \"'b'\", max_value: \"'a'\"}",
        "{min_value: \"'2013-02-01'\", max_value: 1}",
        "{min_value: \"'2013-02-01'\", max_value: \"'2013-02-01'\"}",
    ],
)
def test_bounds_that_may_have_something_between_them_are_taken(arguments: str) -> None:
    assert isinstance(gate_of(rule(f"check: between\ncolumn: a\narguments: {arguments}")), Gate)


# --- thresholds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "things"),
    [
        ("check: not_null\ncolumn: a", "rows"),
        ("check: match_regex\ncolumn: a\narguments: {regex: a}", "rows"),
        ("check: equal_rowcount\narguments: {compare_model: a.b}", "rows"),
        ("check: unique\ncolumn: a", "rows"),
        ("check: accepted_values\ncolumn: a\narguments: {values: [a]}", "rows"),
        ("check: unique_combination\ncolumns: [a, b]", "rows"),
        ("check: our_own\nlevel: row\ndimension: accuracy\narguments: {group_by: [a]}", "rows"),
        ("check: no_gaps_between_ranges\narguments: {lower_bound_column: a, upper_bound_column: b, group_by_columns: [c]}", "rows"),
        ("check: mean_between\ncolumn: a\narguments: {min_value: 1, group_by: [b]}", "groups"),
        ("check: mean_between\ncolumn: a\narguments: {min_value: 1}", "whole"),
        ("check: recency\narguments: {field: a, datepart: day, interval: 1, group_by_columns: [b]}", "groups"),
        ("check: column_exists\ncolumn: a", "whole"),
        ("check: row_count_equals\narguments: {value: 1}", "whole"),
        ("check: foreign_key_both_ways\ncolumn: a\narguments: {to: b.c, field: d}", "values"),
        ("check: reconciles_by_keys\narguments: {compare_model: b.c, key_columns: [a]}", "keys"),
        ("check: reconciles_by_sums\narguments: {compare_model: b.c, sum_columns: [a]}", "whole"),
        ("check: reconciles_by_sums\narguments: {compare_model: b.c, sum_columns: [a], group_by_columns: [b]}", "groups"),
        ("check: data_for_every\narguments: {date_col: a}", "periods"),
        ("check: columns_match\ncolumns: [a]", "columns"),
        ("check: row_count_like_before\ncolumn: a", "slices"),
        # Whether its SQL is an aggregate the database knows.
        ("check: expression_is_true\narguments: {expression: a > 5}", "rows"),
        ("check: expression_is_true\narguments: {expression: sum(a) > 5}", "rows"),
        ("check: expression_is_true\narguments: {expression: sum(a) > 5, group_by_columns: [b]}", "groups"),
        ("check: expression_is_true\ncolumn: a\narguments: {expression: '> 5', group_by_columns: [b]}", "rows"),
        ("check: expression_between\narguments: {expression: sum(a), min_value: 5, group_by_columns: [b]}", "groups"),
    ],
)
def test_a_share_is_of_what_the_check_looks_at(lines: str, things: str) -> None:
    (only,) = gate_of(rule(f"{lines}\nthreshold: {{warn: 1, error: 5%}}")).rules
    assert only.threshold == Threshold(warn=1, error="5%")
    assert looked_at(only) == things


def test_what_shows_more_than_dbts_own_tests_does_show_it() -> None:
    assert all(LIBRARY[one].origin is Origin.DBT and LIBRARY[other].context_columns for one, other in SHOWS_MORE.items())
