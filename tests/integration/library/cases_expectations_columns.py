"""dbt_expectations' checks of several columns of a row, and of the columns of a table."""

from __future__ import annotations

from case import Cases, case, of, of_rows

GREATER = {"column_A": "c", "column_B": "a"}
EQUAL = {"column_A": "a", "column_B": "c"}
PAIRS = {"column_A": "b", "column_B": "a", "value_pairs_set": [["'x'", 1], ["'y'", 2]]}

CASES: Cases = {
    "expect_column_pair_values_A_to_be_greater_than_B": {
        "passes": case("orders", None, 0, **GREATER, or_equal=True),
        "fails": case("orders", None, 1, **GREATER),
        "empty": case("empty", None, 0, **GREATER),
        "nulls": case("orders", None, 0, where="a is null", **GREATER),
        "quoted": case("orders", None, 7, column_A='"select"', column_B="c"),
        "slice": case("orders", None, 0, where="c > 1", **GREATER),
    },
    "expect_column_pair_values_to_be_equal": {
        "passes": case("orders", None, 0, column_A='"select"', column_B="c"),
        "fails": case("orders", None, 5, **EQUAL),
        "empty": case("empty", None, 0, **EQUAL),
        "nulls": case("orders", None, 0, where="a is null", **EQUAL),
        "quoted": case("orders", None, 5, column_A='"Odd name"', column_B="b"),
        "slice": case("orders", None, 1, where="c <= 2", **EQUAL),
    },
    "expect_column_pair_values_to_be_in_set": {
        "passes": case("orders", None, 0, row_condition="c <= 3", **PAIRS),
        "fails": case("orders", None, 5, **PAIRS),
        "empty": case("empty", None, 0, **PAIRS),
        "nulls": case("orders", None, 0, where="c >= 6", column_A="b", column_B="a", value_pairs_set=[["'z'", 4]]),
        "quoted": case("orders", None, 6, column_A='"Odd name"', column_B='"select"', value_pairs_set=[["'u'", 1], ["'u'", 2]]),
        "slice": case("orders", None, 1, where="c <= 4", **PAIRS),
    },
    "expect_compound_columns_to_be_unique": {
        "passes": case("orders", None, 0, column_list=["a", "c"]),
        "fails": case("orders", None, 2, column_list=["a", "b"]),
        "fails_of_some": case("orders", None, 1, column_list=["a", "b"], row_condition="c = 1 or c = 2"),
        "empty": case("empty", None, 0, column_list=["a", "b"]),
        "nulls": case("orders", None, 1, column_list=["a", "b"], ignore_row_if="any_value_is_missing"),
        "nulls_of_all": case("orders", None, 0, where="a is null", column_list=["a"]),
        "quoted": case("orders", None, 2, column_list=["Odd name", "b"], quote_columns=True),
        "quoted_by_the_rule": ("lab.orders", {"columns": ["Odd name", "b"]}, 2),
        "slice": case("orders", None, 1, where="b is not null", column_list=["a", "b"]),
        "slice_beside_the_rest": ("lab.orders", {"slice": "c in (1, 4, 6)", "arguments": {"column_list": ["a", "b"]}}, 2),
        "share": of_rows(case("orders", None, 4, column_list=["a", "b"])),
        "share_empty": of_rows(case("empty", None, 0, column_list=["a", "b"])),
        "share_slice": of_rows(("lab.orders", {"slice": "c in (1, 2, 4, 6)", "arguments": {"column_list": ["a", "b"]}}, 3)),
    },
    "expect_select_column_values_to_be_unique_within_record": {
        "passes": case("orders", None, 0, row_condition="c between 2 and 6", column_list=["a", "c"]),
        "fails": case("orders", None, 2, column_list=["a", "c"]),
        "fails_of_three": case("orders", None, 6, column_list=["a", "c", '"select"'], ignore_row_if="any_value_is_missing"),
        "empty": case("empty", None, 0, column_list=["a", "c"]),
        "nulls": case("orders", None, 1, where="a is null", column_list=["a", "c"]),
        "quoted": case("orders", None, 3, column_list=["Odd name", "b"], quote_columns=True),
        "quoted_by_the_rule": ("lab.orders", {"columns": ["Odd name", "b"]}, 3),
        "slice": case("orders", None, 1, where="c <= 3", column_list=["a", "c"]),
    },
    "expect_multicolumn_sum_to_equal": {
        "passes": case("orders", None, 0, column_list=["a", "c"], sum_total=42),
        "fails": case("orders", None, 1, column_list=["a", "c"], sum_total=41),
        "fails_by_column": case("orders", None, 1, column_list=["a"], sum_total="c"),
        "fails_in_groups": case("orders", None, 4, column_list=["a"], sum_total="c", group_by=["b"]),
        "empty": case("empty", None, 0, column_list=["a"], sum_total=1),
        "nulls": case("orders", None, 0, where="a is null", column_list=["a"], sum_total=1),
        "quoted": case("orders", None, 1, column_list=['"select"'], sum_total=35),
        "quoted_by_the_rule": ("lab.orders", {"columns": ["select"], "arguments": {"sum_total": 35}}, 1),
        "slice": case("orders", None, 1, where="c <= 3", column_list=["a"], sum_total=5),
        "share": of(5, case("orders", None, 4, column_list=["a"], sum_total="c", group_by=["b"])),
    },
    "expect_column_to_exist": {
        "passes": case("orders", "a", 0),
        "passes_at_its_place": case("orders", "b", 0, column_index=2, transform="lower"),
        "fails": case("orders", "zz", 1),
        "fails_at_another_place": case("orders", "b", 1, column_index=1),
        "empty": case("empty", "a", 0),
        "quoted": case("orders", "Odd name", 0, column_index=4),
        "slice": case("orders", "a", "error", where="c > 1"),
    },
    "expect_column_values_to_be_of_type": {
        "passes": case("orders", "a", 0, column_type="integer"),
        "fails": case("orders", "a", 1, column_type="text"),
        "fails_as_it_is_missing": case("orders", "zz", 1, column_type="text"),
        "empty": case("empty", "d", 0, column_type="date"),
        "quoted": case("orders", "Odd name", 1, column_type="integer"),
    },
    "expect_column_values_to_be_in_type_list": {
        "passes": case("orders", "b", 0, column_type_list=["text", "varchar"]),
        "fails": case("orders", "b", 1, column_type_list=["integer", "it's"]),
        "empty": case("empty", "d", 0, column_type_list=["date", "text"]),
        "quoted": case("orders", "select", 0, column_type_list=["INTEGER"]),
    },
    "expect_table_columns_to_contain_set": {
        "passes": case("orders", None, 0, column_list=["a", "B"]),
        "fails": case("orders", None, 2, column_list=["a", "it's", "zz"]),
        "empty": case("empty", None, 0, column_list=["a", "b"]),
        "quoted": case("orders", None, 0, column_list=["Odd name", "select"], transform="lower"),
        "share": of(3, case("orders", None, 2, column_list=["a", "it's", "zz"])),
    },
    "expect_table_columns_to_match_set": {
        "passes": case("orders", None, 0, column_list=["select", "odd name", "c", "b", "a"]),
        "fails": case("orders", None, 3, column_list=["a", "b", "c", "zz"]),
        "empty": case("empty", None, 8, column_list=["zz", "a"]),
        "quoted": case("orders", None, 4, column_list=["Odd name"]),
        "share": of(6, case("orders", None, 3, column_list=["a", "b", "c", "zz"])),
    },
    "expect_table_columns_to_match_ordered_list": {
        "passes": case("orders", None, 0, column_list=["a", "b", "c", "odd name", "select"]),
        "fails": case("orders", None, 4, column_list=["b", "a", "c", "odd name", "select"]),
        "empty": case("empty", None, 7, column_list=["a"]),
        "quoted": case("orders", None, 2, column_list=["a", "b", "c", "oddname", "select"]),
        "share": of(7, case("orders", None, 4, column_list=["b", "a", "c", "odd name", "select"])),
    },
    "expect_table_columns_to_not_contain_set": {
        "passes": case("orders", None, 0, column_list=["d", "e"]),
        "fails": case("orders", None, 2, column_list=["a", "B", "zz"]),
        "empty": case("empty", None, 1, column_list=["a"]),
        "quoted": case("orders", None, 1, column_list=["odd name"]),
        "share": of(3, case("orders", None, 2, column_list=["a", "B", "zz"])),
    },
    "expect_table_column_count_to_equal": {
        "passes": case("orders", None, 0, value=5),
        "fails": case("orders", None, 1, value=4),
        "empty": case("empty", None, 0, value=8),
        "quoted": case("parent", None, 0, value=3),
    },
    "expect_table_column_count_to_be_between": {
        "passes": case("orders", None, 0, min_value=5, max_value=5),
        "fails": case("orders", None, 1, min_value=6),
        "fails_above": case("orders", None, 1, max_value=0),
        "empty": case("empty", None, 0, min_value=8),
        "quoted": case("parent", None, 1, max_value=2),
    },
    "expect_table_column_count_to_equal_other_table": {
        "passes": case("parent", None, 0, compare_model="lab.words"),
        "fails": case("orders", None, 1, compare_model="lab.parent"),
        "empty": case("empty", None, 1, compare_model="lab.parent"),
        "quoted": case("days", None, 0, compare_model="lab.recent"),
    },
}
