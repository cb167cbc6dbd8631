"""dbt_utils' checks."""

from __future__ import annotations

CASES = {
    "expression_is_true": {
        "passes": ("lab.orders", {"arguments": {"expression": "c between 1 and 7"}}, 0),
        "fails": ("lab.orders", {"arguments": {"expression": "a < 3 or b is not null"}}, 2),
        "fails_of_column": ("lab.orders", {"column": "a", "arguments": {"expression": "> 1"}}, 2),
        "fails_with_comment": ("lab.orders", {"arguments": {"expression": "a > 1 -- so"}}, 2),
        "fails_by_condition": ("lab.orders", {"arguments": {"expression": "a > 1", "test_condition": "is true"}}, 4),
        "fails_of_all_rows": ("lab.orders", {"arguments": {"expression": "count(*)", "test_condition": "> 8"}}, 1),
        "fails_of_groups": ("lab.orders", {"arguments": {"expression": "count(*) = 2", "group_by_columns": ["a", "b"]}}, 4),
        "fails_of_some_rows": ("lab.orders", {"arguments": {"expression": "a > 1", "row_condition": "c = 2 or c = 3"}}, 1),
        "empty": ("lab.empty", {"arguments": {"expression": "false"}}, 0),
        "nulls": ("lab.orders", {"arguments": {"expression": "a > 0"}}, 0),
        "quoted": ("lab.orders", {"column": "Odd name", "arguments": {"expression": "<> 'u'"}}, 2),
        "slice": ("lab.orders", {"row_condition": "c > 1", "arguments": {"expression": "a > 1"}}, 1),
    },
    "unique_combination_of_columns": {
        "passes": ("lab.orders", {"arguments": {"combination_of_columns": ["a", "c"]}}, 0),
        "fails": ("lab.orders", {"arguments": {"combination_of_columns": ["a", "b"]}}, 2),
        "empty": ("lab.empty", {"arguments": {"combination_of_columns": ["a", "b"]}}, 0),
        "nulls_are_equal": ("lab.orders", {"row_condition": "b is null", "arguments": {"combination_of_columns": ["a", "b"]}}, 1),
        "quoted": ("lab.orders", {"arguments": {"combination_of_columns": ["Odd name", "b"], "quote_columns": True}}, 2),
        "slice": ("lab.orders", {"row_condition": "b is not null", "arguments": {"combination_of_columns": ["a", "b"]}}, 1),
    },
}
