"""What only a rule's check can tell of it, each at its place."""

from __future__ import annotations

import pytest
from gate_texts import problems_of, rule

from stringx.gates.rule_faults import SHOWS_MORE
from stringx.gates.rule_library import LIBRARY, Origin


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
        ("check: unique_combination_of_columns\ncolumns: []", "6:14: must be a list of names of columns, each of them once"),
        (
            "check: our_own\nlevel: row\ndimension: accuracy\ncolumns: [a]",
            "8:5: `columns` is for checks of the library: name them in `arguments`, if your test takes them",
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


def test_a_check_with_its_packages_name_is_looked_at_all_the_same() -> None:
    assert problems_of(rule("check: dbt_utils.expression_is_true\narguments: {expresion: a}")) == [
        "5:12: a check stands here without its package's name: write `expression_is_true`",
        "6:16: expression_is_true needs the argument `expression`",
        "6:17: unknown argument `expresion`: did you mean `expression`?",
    ]


def test_what_shows_more_than_dbts_own_tests_does_show_it() -> None:
    assert all(LIBRARY[one].origin is Origin.DBT and LIBRARY[other].context_columns for one, other in SHOWS_MORE.items())
