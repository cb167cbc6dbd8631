"""StringX's own checks."""

from __future__ import annotations

CASES = {
    "share_of_rows": {
        "passes": ("lab.orders", {"arguments": {"condition": "a is null", "below": 0.26}}, 0),
        "fails": ("lab.orders", {"arguments": {"condition": "a is null", "below": 0.25}}, 2),
        "fails_all": ("lab.orders", {"arguments": {"condition": "true", "below": 1}}, 8),
        "fails_with_comment": ("lab.orders", {"arguments": {"condition": "a is null -- why", "below": 0.1}}, 2),
        "passes_none": ("lab.orders", {"arguments": {"condition": "c > 100", "below": 0.001}}, 0),
        "empty": ("lab.empty", {"arguments": {"condition": "true", "below": 0.5}}, 0),
        "nulls_are_not_offending": ("lab.orders", {"arguments": {"condition": "c > 6", "below": 0.125}}, 1),
        "quoted": ("lab.orders", {"arguments": {"condition": "\"Odd name\" = 'u'", "below": 0.1}}, 2),
        "slice": ("lab.orders", {"row_condition": "c >= 5", "arguments": {"condition": "a is null", "below": 0.33}}, 1),
    },
}
