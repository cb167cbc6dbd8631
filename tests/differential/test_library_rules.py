"""Both engines say the same of the rule library's checks, but for those that ask the database for more than the test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from differential_lab import Engines, gate, rule
from hypothesis import given
from hypothesis import strategies as st
from test_both_engines import SLICES, TYPES, Book, rows, rows_of, store, tried

from stringx.runner.messages import Done
from stringx.runner.prepared import outcome

MACROS = Path(__file__).parent.parent.parent / "dbt_project" / "macros"


def library(name: str, **fields: Any) -> dict[str, Any]:
    check, _, number = name.partition("/")
    return rule(f"{check.lower()}{number}", check, **fields)


GATES = {
    "values": gate(
        library(
            "expect_column_values_to_be_between", column="grp", arguments={"min_value": 1, "max_value": 2}, context_columns=["Mixed Case"]
        ),
        library("expect_column_values_to_be_in_set", column="name", arguments={"value_set": ["a", "it's", "%", "\\", "ü"]}),
        library("expect_column_values_to_not_be_in_set", column="Mixed Case", arguments={"value_set": ["a"]}, row_condition="flag -- set"),
        library("expect_column_values_to_match_regex", column="name", arguments={"regex": "^[a-z%]\\s?$|'", "flags": "i"}),
        library("expect_column_values_to_not_match_like_pattern", column="name", arguments={"like_pattern": "%a%"}),
        library("expect_column_values_to_be_increasing", column="id", arguments={"strictly": False}),
        library("expect_column_values_to_have_consistent_casing", column="name"),
        library("expect_column_pair_values_A_to_be_greater_than_B", arguments={"column_A": "id", "column_B": "grp"}),
        library("expression_is_true", arguments={"expression": "id > 0 or flag"}),
        slice_columns=TYPES,
    ),
    "tables": gate(
        library("expect_column_distinct_values_to_equal_set", column="name", arguments={"value_set": ["a", "b"]}),
        library("expect_column_unique_value_count_to_be_between", column="name", arguments={"max_value": 2, "group_by": ["grp"]}),
        library("expect_column_median_to_be_between", column="id", arguments={"min_value": 1}),
        library("expect_compound_columns_to_be_unique", arguments={"column_list": ["grp", "name"]}),
        library("expect_column_values_to_be_unique", column="id", scope="table"),
        library("expect_table_row_count_to_equal_other_table", arguments={"compare_model": "raw.groups"}),
        library("expect_table_aggregation_to_equal_other_table", arguments={"compare_model": "raw.groups", "expression": "count(*)"}),
        library("expect_row_values_to_have_recent_data", column="seen", arguments={"datepart": "day", "interval": 1}),
        library("expect_column_values_to_be_within_n_stdevs", column="id", arguments={"group_by": ["grp"], "sigma_threshold": 1}),
        library("expect_multicolumn_sum_to_equal", arguments={"column_list": ["id", "1"], "sum_total": "grp"}),
        library("reconciles_by_keys", arguments={"compare_model": "raw.groups", "key_columns": ["id"], "slice_columns": ["id"]}),
        library("reconciles_by_sums", arguments={"compare_model": "raw.groups", "sum_columns": ["id"], "slice_columns": ["id"]}),
        library("no_outliers_by_z_score", column="id", arguments={"group_by_columns": ["grp"]}),
        slice_columns=TYPES,
    ),
    "shares": gate(
        library("unique", column="id", threshold={"error": "5%"}),
        library("accepted_values", column="name", arguments={"values": ["a", "b"]}, threshold={"warn": 1, "error": "50%"}),
        library("not_accepted_values", column="name", arguments={"values": ["a"]}, threshold={"error": "50%"}),
        library("expect_column_values_to_be_unique", column="grp", threshold={"error": "50%"}),
        library("expect_compound_columns_to_be_unique", arguments={"column_list": ["grp", "name"]}, threshold={"error": "50%"}),
        library("expect_column_distinct_values_to_be_in_set", column="name", arguments={"value_set": ["a"]}, threshold={"error": "50%"}),
        library("expect_column_values_to_have_consistent_casing", column="name", threshold={"error": "50%"}),
        library(
            "functional_dependency", arguments={"determinant_columns": ["grp"], "dependent_columns": ["name"]}, threshold={"error": "50%"}
        ),
        library("unique_normalised_text", column="name", threshold={"error": "50%"}),
        slice_columns=TYPES,
    ),
    "shares of other things": gate(
        library(
            "expect_column_max_to_be_between",
            column="id",
            arguments={"max_value": 2, "group_by": ["grp", "name"], "row_condition": "flag -- set"},
            threshold={"error": "50%"},
        ),
        library(
            "expect_column_values_to_be_between",
            column="grp",
            arguments={"min_value": 2, "row_condition": "flag -- set"},
            threshold={"error": "50%"},
        ),
        library("at_least_one", column="name", arguments={"group_by_columns": ["grp"]}, row_condition="id > 0", threshold={"error": "50%"}),
        library("expression_is_true", arguments={"expression": "count(*) = 1", "group_by_columns": ["grp"]}, threshold={"warn": "1%"}),
        library("expression_between", arguments={"expression": "sum(id)", "max_value": 3}, threshold={"warn": "1%"}),
        library(
            "expect_column_values_to_be_within_n_stdevs",
            column="id",
            arguments={"group_by": ["grp"], "sigma_threshold": 1},
            threshold={"warn": "9%"},
        ),
        library(
            "expect_table_row_count_to_equal_other_table",
            arguments={"compare_model": "raw.groups", "group_by": ["grp"], "compare_group_by": ["id"]},
            threshold={"error": "50%"},
        ),
        library(
            "reconciles_by_keys",
            arguments={"compare_model": "raw.groups", "key_columns": ["id"], "slice_columns": ["id"]},
            threshold={"error": "5%"},
        ),
        library("foreign_key_both_ways", column="grp", arguments={"to": "raw.groups", "field": "id"}, threshold={"error": "50%"}),
        library("cardinality_equality", column="grp", arguments={"to": "raw.groups", "field": "id"}, threshold={"error": "50%"}),
        library(
            "expect_column_distinct_values_to_equal_set", column="name", arguments={"value_set": ["a", "b"]}, threshold={"error": "50%"}
        ),
        library("row_count_like_before", column="grp", threshold={"error": "50%"}),
        slice_columns=TYPES,
    ),
    "series": gate(
        library(
            "expect_row_values_to_have_data_for_every_n_datepart", arguments={"date_col": "day", "interval": 2}, row_condition="id > 0"
        ),
        slice_columns=TYPES,
    ),
}

#: A series has a period for each day between its first and its last: here they are few. `infinity` is none of them.
DATA = {"series": rows_of([], st.dates(date(2012, 12, 25), date(2013, 1, 10)).map(str) | st.sampled_from(["infinity", "-infinity"]))}


@pytest.fixture(scope="module")
def book(make_engines: Callable[..., Engines]) -> Book:
    return Book(make_engines({f"macros/{file.relative_to(MACROS)}": file.read_text() for file in MACROS.rglob("*.sql")}))


@pytest.mark.parametrize("what", GATES)
def test_a_replay_of_the_librarys_checks_says_what_dbt_says(what: str, book: Book, database: psycopg.Connection) -> None:
    @tried
    @given(DATA.get(what, rows), st.one_of(*SLICES.values()))
    def says_the_same(things: list[tuple[Any, ...]], slice_: list[dict[str, Any]]) -> None:
        store(database, things)
        book.check(GATES[what], slice_)

    says_the_same()


def on_days(*days: str) -> list[tuple[Any, ...]]:
    return [(number, None, None, None, day, None, None, None, None) for number, day in enumerate(days, start=1)]


def test_a_replay_of_a_long_series_says_what_dbt_says(book: Book, database: psycopg.Connection) -> None:
    """Of some 19,000 periods almost all are missing: both show the first ones. Of many more the sample is given up on a busy machine."""
    store(database, on_days("0044-03-15 BC", "0010-01-01"))
    by_dbt, replayed = book.compare(GATES["series"], [])
    assert isinstance(replayed, Done), replayed
    assert outcome(replayed) == outcome(by_dbt)
    assert [one.sample for one in replayed.results] == [one.sample for one in by_dbt.results]
