"""dbt's own four tests, as a gate uses them."""

from __future__ import annotations

from case import Cases, of_rows

CASES: Cases = {
    "not_null": {
        "passes": ("lab.orders", {"column": "select"}, 0),
        "fails": ("lab.orders", {"column": "b"}, 2),
        "empty": ("lab.empty", {"column": "a"}, 0),
        "nulls": ("lab.orders", {"column": "a"}, 2),
        "quoted": ("lab.orders", {"column": "Odd name"}, 1),
        "slice": ("lab.orders", {"column": "a", "row_condition": "c >= 6"}, 1),
    },
    "unique": {
        "passes": ("lab.orders", {"column": "c"}, 0),
        "fails": ("lab.orders", {"column": "b"}, 2),
        "empty": ("lab.empty", {"column": "a"}, 0),
        "nulls": ("lab.orders", {"column": "c"}, 0),
        "quoted": ("lab.orders", {"column": "Odd name"}, 2),
        "slice": ("lab.orders", {"column": "b", "row_condition": "c <> 2"}, 1),
        "share": of_rows(("lab.orders", {"column": "b"}, 4)),
        "share_empty": of_rows(("lab.empty", {"column": "a"}, 0)),
        "share_nulls": of_rows(("lab.orders", {"column": "b", "row_condition": "b is null"}, 0)),
        "share_quoted": of_rows(("lab.orders", {"column": "Odd name", "slice": "c in (1, 2, 4)"}, 3)),
        "share_slice": of_rows(("lab.orders", {"column": "b", "slice": "c in (1, 3, 6)"}, 2)),
    },
    "accepted_values": {
        "passes": ("lab.orders", {"column": "b", "arguments": {"values": ["x", "y", "z", "w"]}}, 0),
        "fails": ("lab.orders", {"column": "b", "arguments": {"values": ["x", "y"]}}, 2),
        "fails_by_numbers": ("lab.orders", {"column": "a", "arguments": {"values": [1, 2, 3], "quote": False}}, 1),
        "empty": ("lab.empty", {"column": "b", "arguments": {"values": ["x"]}}, 0),
        "nulls": ("lab.orders", {"column": "Odd name", "arguments": {"values": ["u", "v", "w", "q", "r"]}}, 0),
        "quoted": ("lab.orders", {"column": "Odd name", "arguments": {"values": ["u", "it's"]}}, 4),
        "slice": ("lab.orders", {"column": "b", "row_condition": "c < 6", "arguments": {"values": ["x"]}}, 1),
        "share": of_rows(("lab.orders", {"column": "b", "arguments": {"values": ["x", "y"]}}, 3)),
        "share_empty": of_rows(("lab.empty", {"column": "b", "arguments": {"values": ["x"]}}, 0)),
        "share_slice": of_rows(("lab.orders", {"column": "b", "row_condition": "c <= 7", "arguments": {"values": ["x", "y"]}}, 2)),
    },
    "relationships": {
        "passes": ("lab.orders", {"column": "a", "row_condition": "c <= 3", "arguments": {"to": "lab.parent", "field": "id"}}, 0),
        "fails": ("lab.orders", {"column": "a", "arguments": {"to": "lab.parent", "field": "id"}}, 3),
        "empty": ("lab.empty", {"column": "a", "arguments": {"to": "lab.parent", "field": "id"}}, 0),
        "nulls": ("lab.orders", {"column": "a", "row_condition": "a is null", "arguments": {"to": "lab.parent", "field": "id"}}, 0),
        "quoted": ("lab.orders", {"column": "select", "arguments": {"to": "lab.parent", "field": '"Odd id"'}}, 6),
        "slice": ("lab.orders", {"column": "a", "row_condition": "c <> 6", "arguments": {"to": "lab.parent", "field": "id"}}, 2),
    },
}
