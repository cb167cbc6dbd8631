"""StringX's own checks."""

from __future__ import annotations

from case import Cases, of, of_rows

TO_PARENT = {"to": "lab.parent", "field": "id"}
LO_HI = {"lower_bound_column": "lo", "upper_bound_column": "hi"}
QUOTED_LO_HI = {"lower_bound_column": '"Odd lo"', "upper_bound_column": '"select"'}
BY_ID = {"compare_model": "lab.ledger", "key_columns": ["id"]}
SUMS = {"compare_model": "lab.ledger", "sum_columns": ["amount"]}
THERE = {"compare_model": "lab.there", "key_columns": ["id"], "compare_columns": ["amount"], "tolerance": 0.01, "slice_columns": ["id"]}
SUMS_THERE = {"compare_model": "lab.there", "sum_columns": ["amount"], "slice_columns": ["id"]}
BY_DAY = {"group_by_columns": ["day"], "slice_columns": ["day"]}

CASES: Cases = {
    "column_null_share_between": {
        "passes": ("lab.orders", {"column": "a", "arguments": {"max_value": 0.25}}, 0),
        "fails": ("lab.orders", {"column": "a", "arguments": {"max_value": 0.2}}, 2),
        "fails_below": ("lab.orders", {"column": "a", "arguments": {"min_value": 0.3}, "context_columns": ["b"]}, 6),
        "empty": ("lab.empty", {"column": "a", "arguments": {"max_value": 0}}, 0),
        "nulls": ("lab.orders", {"column": "a", "row_condition": "a is null", "arguments": {"max_value": 0.99}}, 2),
        "quoted": ("lab.orders", {"column": "Odd name", "arguments": {"max_value": 0.1}}, 1),
        "slice": ("lab.orders", {"column": "a", "row_condition": "c >= 6", "arguments": {"max_value": 0.4}}, 1),
    },
    "foreign_key_both_ways": {
        "passes": ("lab.orders", {"column": "a", "row_condition": "c <= 3", "arguments": TO_PARENT}, 0),
        "fails": ("lab.orders", {"column": "a", "arguments": TO_PARENT}, 2),
        "fails_the_other_way": ("lab.orders", {"column": "a", "row_condition": "a = 1", "arguments": TO_PARENT}, 1),
        "empty": ("lab.empty", {"column": "a", "arguments": TO_PARENT}, 2),
        "nulls": ("lab.orders", {"column": "a", "row_condition": "a in (1, 2) or a is null", "arguments": TO_PARENT}, 0),
        "quoted": ("lab.orders", {"column": "select", "arguments": {"to": "lab.parent", "field": '"Odd id"'}}, 6),
        "slice": ("lab.orders", {"column": "a", "row_condition": "c <> 6", "arguments": TO_PARENT}, 1),
        "share": of(4, ("lab.orders", {"column": "a", "arguments": TO_PARENT}, 2)),
        "share_nulls": of(2, ("lab.orders", {"column": "a", "row_condition": "a = 1 or a is null", "arguments": TO_PARENT}, 1)),
        "share_of_texts": of(4, ("lab.orders", {"column": "b", "arguments": {"to": "lab.parent", "field": "b"}}, 2)),
    },
    "freshness_sla": {
        "passes": ("lab.clocks", {"column": "d", "row_condition": "k = 'now'", "arguments": {"by": "00:00"}}, 0),
        "passes_until_then": ("lab.clocks", {"column": "t", "row_condition": "k = 'yesterday'", "arguments": {"by": "15:31"}}, 0),
        "passes_until_that_day": (
            "lab.clocks",
            {"column": "d", "row_condition": "k = 'monday'", "arguments": {"by": "00:00", "weekdays": ["monday"]}},
            0,
        ),
        "passes_the_day_before": (
            "lab.clocks",
            {"column": "d", "row_condition": "k = 'sunday'", "arguments": {"by": "00:00", "weekdays": ["monday"], "days_behind": 1}},
            0,
        ),
        "passes_by_other_clocks": (
            "lab.clocks",
            {"column": "z", "row_condition": "k = 'their midnight'", "arguments": {"by": "00:00", "time_zone": "Pacific/Kiritimati"}},
            0,
        ),
        "fails": ("lab.clocks", {"column": "d", "row_condition": "k = 'yesterday'", "arguments": {"by": "00:00"}}, 1),
        "fails_since_then": ("lab.clocks", {"column": "t", "row_condition": "k = 'yesterday'", "arguments": {"by": "15:30"}}, 1),
        "fails_since_that_day": (
            "lab.clocks",
            {"column": "t", "row_condition": "k = 'sunday'", "arguments": {"by": "00:00", "weekdays": ["monday"]}},
            1,
        ),
        "fails_by_other_clocks": (
            "lab.clocks",
            {"column": "z", "row_condition": "k = 'before it'", "arguments": {"by": "00:00", "time_zone": "Pacific/Kiritimati"}},
            1,
        ),
        "is_an_error_of_no_time": ("lab.clocks", {"column": "d", "arguments": {"by": "8"}}, "error"),
        "is_an_error_of_no_weekday": ("lab.clocks", {"column": "d", "arguments": {"by": "00:00", "weekdays": ["someday"]}}, "error"),
        "is_an_error_of_no_such_time": ("lab.clocks", {"column": "d", "arguments": {"by": "99:99"}}, "error"),
        "empty": ("lab.empty", {"column": "d", "arguments": {"by": "00:00"}}, 1),
        "nulls": ("lab.clocks", {"column": "t", "row_condition": "k = 'none'", "arguments": {"by": "00:00"}}, 1),
        "quoted": ("lab.clocks", {"column": "Odd name", "row_condition": "k = 'old'", "arguments": {"by": "00:00", "days_behind": 9}}, 1),
        "slice": ("lab.clocks", {"column": "t", "row_condition": "k in ('old', 'none')", "arguments": {"by": "00:00"}}, 1),
    },
    "functional_dependency": {
        "passes": ("lab.orders", {"arguments": {"determinant_columns": ["c"], "dependent_columns": ["a", "b"]}}, 0),
        "fails": ("lab.orders", {"arguments": {"determinant_columns": ["b"], "dependent_columns": ["a"]}}, 1),
        "fails_of_several": ("lab.orders", {"arguments": {"determinant_columns": ["a", "b"], "dependent_columns": ["c", "b"]}}, 1),
        "empty": ("lab.empty", {"arguments": {"determinant_columns": ["a"], "dependent_columns": ["b"]}}, 0),
        "nulls": ("lab.orders", {"arguments": {"determinant_columns": ["a"], "dependent_columns": ["b"]}}, 0),
        "quoted": ("lab.orders", {"arguments": {"determinant_columns": ['"Odd name"'], "dependent_columns": ['"select"']}}, 2),
        "slice": ("lab.orders", {"row_condition": "c <= 3", "arguments": {"determinant_columns": ["b"], "dependent_columns": ["c"]}}, 1),
        "share": of_rows(("lab.orders", {"arguments": {"determinant_columns": ["b"], "dependent_columns": ["c"]}}, 4)),
        "share_empty": of_rows(("lab.empty", {"arguments": {"determinant_columns": ["a"], "dependent_columns": ["b"]}}, 0)),
        "share_slice": of_rows(
            ("lab.orders", {"row_condition": "c <= 6", "arguments": {"determinant_columns": ["b"], "dependent_columns": ["c"]}}, 2)
        ),
    },
    **{
        f"match_{form}": {
            "passes": ("lab.forms", {"column": form, "row_condition": "id <= 3"}, 0),
            "fails": ("lab.forms", {"column": form, "context_columns": ["id"]}, 5),
            "empty": ("lab.empty", {"column": "b"}, 0),
            "nulls": ("lab.forms", {"column": form, "row_condition": "id = 4"}, 0),
            "quoted": ("lab.forms", {"column": "Odd name"}, 1),
            "slice": ("lab.forms", {"column": form, "row_condition": "id in (3, 4, 5, 6)"}, 2),
        }
        for form in ("email", "ipv4", "phone", "url", "uuid")
    },
    "no_gaps_between_ranges": {
        "passes": ("lab.ranges", {"row_condition": "k = 'b'", "arguments": LO_HI}, 0),
        "passes_within_a_longer_one": ("lab.ranges", {"row_condition": "k = 'f' and hi < 13", "arguments": LO_HI}, 0),
        "passes_when_included": (
            "lab.ranges",
            {"row_condition": "k = 'h' and lo < 8", "arguments": {**LO_HI, "upper_bound_included": True}},
            0,
        ),
        "fails": ("lab.ranges", {"row_condition": "k = 'a'", "arguments": LO_HI}, 1),
        "fails_of_groups": ("lab.ranges", {"arguments": {**LO_HI, "group_by_columns": ["k"]}}, 5),
        "fails_when_included": ("lab.ranges", {"row_condition": "k = 'h'", "arguments": {**LO_HI, "upper_bound_included": True}}, 1),
        "empty": ("lab.empty", {"arguments": {"lower_bound_column": "a", "upper_bound_column": "c"}}, 0),
        "nulls": ("lab.ranges", {"row_condition": "k in ('a', 'g')", "arguments": LO_HI}, 0),
        "nulls_fail": ("lab.ranges", {"row_condition": "k = 'd'", "arguments": LO_HI, "context_columns": ["k"]}, 1),
        "quoted": ("lab.ranges", {"row_condition": "k = 'a'", "arguments": QUOTED_LO_HI}, 1),
        "slice": ("lab.ranges", {"row_condition": "k = 'f' and lo <> 1", "arguments": LO_HI}, 2),
    },
    "no_outliers_by_iqr": {
        "passes": ("lab.measures", {"column": "x", "row_condition": "k = 'a' and x < 50"}, 0),
        "passes_by_factor": ("lab.measures", {"column": "x", "row_condition": "k = 'a'", "arguments": {"factor": 100}}, 0),
        "fails": ("lab.measures", {"column": "x", "row_condition": "k = 'a'", "context_columns": ["k"]}, 1),
        "fails_of_groups": ("lab.measures", {"column": "x", "arguments": {"group_by_columns": ["k"]}}, 2),
        "empty": ("lab.empty", {"column": "e"}, 0),
        "nulls": ("lab.measures", {"column": "x", "row_condition": "x is null"}, 0),
        "quoted": ("lab.measures", {"column": "Odd name"}, 1),
        "slice": ("lab.measures", {"column": "x", "row_condition": "k = 'b'"}, 1),
    },
    "no_outliers_by_modified_z_score": {
        "passes": ("lab.measures", {"column": "x", "row_condition": "k = 'a' and x < 50"}, 0),
        "passes_by_threshold": ("lab.measures", {"column": "x", "row_condition": "k = 'a'", "arguments": {"threshold": 61}}, 0),
        "fails": ("lab.measures", {"column": "x", "row_condition": "k = 'a'", "arguments": {"threshold": 60}, "context_columns": ["k"]}, 1),
        "fails_of_groups": ("lab.measures", {"column": "x", "arguments": {"group_by_columns": ["k"]}}, 2),
        "empty": ("lab.empty", {"column": "e"}, 0),
        "nulls": ("lab.measures", {"column": "x", "row_condition": "x is null"}, 0),
        "quoted": ("lab.measures", {"column": "Odd name"}, 1),
        "slice_of_equal_values": ("lab.measures", {"column": "x", "row_condition": "k = 'b'"}, 1),
    },
    "no_outliers_by_z_score": {
        "passes": ("lab.measures", {"column": "x", "row_condition": "k = 'a' and x < 50"}, 0),
        "passes_by_threshold": ("lab.measures", {"column": "x", "row_condition": "k = 'a'", "arguments": {"threshold": 4.6}}, 0),
        "passes_equal_values": ("lab.measures", {"column": "x", "row_condition": "k = 'd'"}, 0),
        "fails": (
            "lab.measures",
            {"column": "x", "row_condition": "k = 'a'", "arguments": {"threshold": 4.4}, "context_columns": ["k"]},
            1,
        ),
        "fails_of_groups": ("lab.measures", {"column": "x", "arguments": {"group_by_columns": ["k"]}}, 2),
        "empty": ("lab.empty", {"column": "e"}, 0),
        "nulls": ("lab.measures", {"column": "x", "row_condition": "x is null"}, 0),
        "quoted": ("lab.measures", {"column": "Odd name"}, 1),
        "slice": ("lab.measures", {"column": "x", "row_condition": "k = 'b'"}, 1),
    },
    "no_overlapping_ranges": {
        "passes": ("lab.ranges", {"row_condition": "k = 'a'", "arguments": LO_HI}, 0),
        "fails": ("lab.ranges", {"row_condition": "k = 'f'", "arguments": LO_HI, "context_columns": ["k"]}, 2),
        "fails_of_groups": ("lab.ranges", {"arguments": {**LO_HI, "group_by_columns": ["k"]}}, 5),
        "fails_when_included": ("lab.ranges", {"row_condition": "k = 'a'", "arguments": {**LO_HI, "upper_bound_included": True}}, 1),
        "empty": ("lab.empty", {"arguments": {"lower_bound_column": "a", "upper_bound_column": "c"}}, 0),
        "nulls": ("lab.ranges", {"row_condition": "k = 'd'", "arguments": LO_HI}, 0),
        "nulls_fail": ("lab.ranges", {"row_condition": "k = 'g'", "arguments": LO_HI}, 1),
        "quoted": ("lab.ranges", {"row_condition": "k = 'b'", "arguments": QUOTED_LO_HI}, 1),
        "slice": ("lab.ranges", {"row_condition": "k = 'f' and lo <> 2", "arguments": LO_HI}, 1),
    },
    "no_schema_drift": {
        "passes": (
            "lab.orders",
            {"arguments": {"columns": {"a": "int", "b": "text", "c": "integer", "Odd name": "text", "select": "int4"}}},
            0,
        ),
        "passes_without_sizes": (
            "lab.typed",
            {"arguments": {"columns": {"n": "numeric", "t": "timestamptz", "v": "varchar", "l": "int[]"}}},
            0,
        ),
        "passes_with_sizes": (
            "lab.typed",
            {"arguments": {"columns": {"n": "numeric(10, 2)", "v": "varchar(10)"}, "allow_new_columns": True}},
            0,
        ),
        "fails": ("lab.orders", {"arguments": {"columns": {"a": "bigint", "b": "text", "missing": "date"}}}, 5),
        "fails_but_for_new_columns": (
            "lab.orders",
            {"arguments": {"columns": {"a": "bigint", "b": "text", "missing": "date"}, "allow_new_columns": True}},
            2,
        ),
        "fails_by_sizes": (
            "lab.typed",
            {"arguments": {"columns": {"n": "numeric(12,2)", "v": "varchar(20)"}, "allow_new_columns": True}},
            {"postgres": 2, "duckdb": 1},
        ),
        "is_an_error_of_no_type": ("lab.orders", {"arguments": {"columns": {"a": "colour"}}}, "error"),
        "empty": ("lab.empty", {"arguments": {"columns": {"a": "text"}, "allow_new_columns": True}}, 1),
        "nulls": ("lab.measures", {"arguments": {"columns": {"k": "text", "x": "double precision", "Odd name": "integer"}}}, 0),
        "quoted": ("lab.orders", {"arguments": {"columns": {"Odd name": "int", "Select": "int"}, "allow_new_columns": True}}, 2),
        "slice": ("lab.orders", {"row_condition": "c > 1", "arguments": {"columns": {"a": "int"}}}, "error"),
        "share": of(6, ("lab.orders", {"arguments": {"columns": {"a": "bigint", "b": "text", "missing": "date"}}}, 5)),
        "share_but_for_new_columns": of(
            3, ("lab.orders", {"arguments": {"columns": {"a": "bigint", "b": "text", "missing": "date"}, "allow_new_columns": True}}, 2)
        ),
    },
    "reconciles_by_keys": {
        "passes": (
            "lab.payments",
            {"row_condition": "id = 1", "arguments": {**BY_ID, "slice_columns": ["id"], "compare_columns": ["amount"], "tolerance": 0.01}},
            0,
        ),
        "passes_to_itself": (
            "lab.payments",
            {
                "arguments": {
                    "compare_model": "lab.payments",
                    "key_columns": ["id"],
                    "compare_columns": ["note", "cast(paid as int)", "amount"],
                }
            },
            0,
        ),
        "passes_without_end": ("lab.here", {"row_condition": "id = 3", "arguments": THERE}, 0),
        "fails_without_end": ("lab.here", {"row_condition": "id <> 1", "arguments": THERE}, 1),
        "fails": ("lab.payments", {"arguments": {"compare_model": "lab.ledger", "key_columns": ["id"]}}, 1),
        "fails_beyond_the_tolerance": ("lab.payments", {"arguments": {**BY_ID, "compare_columns": ["amount"], "tolerance": 0.01}}, 2),
        "fails_of_any_difference": ("lab.payments", {"arguments": {**BY_ID, "compare_columns": ["amount"]}}, 3),
        "fails_of_texts": ("lab.payments", {"arguments": {**BY_ID, "compare_columns": ["note"]}}, 2),
        "fails_of_repeated_keys": ("lab.orders", {"arguments": {"compare_model": "lab.orders", "key_columns": ["b"]}}, 3),
        "empty": ("lab.empty", {"arguments": {"compare_model": "lab.orders", "key_columns": ["c"]}}, 8),
        "nulls": ("lab.payments", {"arguments": {"compare_model": "lab.ledger", "key_columns": ["note"]}}, 3),
        "quoted": ("lab.payments", {"arguments": {**BY_ID, "key_columns": ['"Odd id"'], "compare_columns": ['"Odd id"']}}, 1),
        "slice": (
            "lab.payments",
            {"row_condition": "id <= 2", "arguments": {**BY_ID, "compare_columns": ["amount"], "tolerance": 1, "slice_columns": ["day"]}},
            1,
        ),
        "slice_of_nulls": (
            "lab.here",
            {"arguments": {"compare_model": "lab.there", "key_columns": ["id"], "slice_columns": ["day", "place"]}},
            1,
        ),
        "slice_and_the_whole_other": ("lab.payments", {"row_condition": "id <= 2", "arguments": BY_ID}, 3),
        "share": of(5, ("lab.payments", {"arguments": {**BY_ID, "compare_columns": ["amount"]}}, 3)),
        "share_slice": of(
            2,
            (
                "lab.payments",
                {
                    "row_condition": "id <= 2",
                    "arguments": {**BY_ID, "compare_columns": ["amount"], "tolerance": 1, "slice_columns": ["day"]},
                },
                1,
            ),
        ),
        "share_slice_of_nulls": of(
            4, ("lab.here", {"arguments": {"compare_model": "lab.there", "key_columns": ["id"], "slice_columns": ["day", "place"]}}, 1)
        ),
        "share_nulls": of(6, ("lab.payments", {"arguments": {"compare_model": "lab.ledger", "key_columns": ["note"]}}, 3)),
    },
    "reconciles_by_sums": {
        "passes": ("lab.payments", {"row_condition": "id > 2", "arguments": {**SUMS, **BY_DAY}}, 0),
        "passes_relatively": ("lab.payments", {"row_condition": "id <= 2", "arguments": {**SUMS, **BY_DAY, "relative_tolerance": 0.15}}, 0),
        "passes_without_end": ("lab.here", {"row_condition": "id = 3", "arguments": SUMS_THERE}, 0),
        "fails_without_end": ("lab.here", {"row_condition": "id = 2", "arguments": SUMS_THERE}, 1),
        "fails_without_end_here": (
            "lab.there",
            {"row_condition": "id = 2", "arguments": {**SUMS_THERE, "compare_model": "lab.here", "relative_tolerance": 0.1}},
            1,
        ),
        "fails": ("lab.payments", {"arguments": SUMS}, 1),
        "fails_of_groups": ("lab.payments", {"arguments": {**SUMS, "group_by_columns": ["day"]}}, 2),
        "fails_beyond_the_tolerance": ("lab.payments", {"arguments": {**SUMS, "group_by_columns": ["day"], "tolerance": 6}}, 1),
        "empty": ("lab.empty", {"arguments": {"compare_model": "lab.orders", "sum_columns": ["a", "c"]}}, 1),
        "nulls": ("lab.payments", {"row_condition": "amount is null", "arguments": {**SUMS, "slice_columns": ["id"]}}, 0),
        "quoted": ("lab.payments", {"arguments": {"compare_model": "lab.ledger", "sum_columns": ["id", '"Odd id"']}}, 1),
        "slice_of_nulls": (
            "lab.there",
            {
                "row_condition": "id = 5",
                "arguments": {**SUMS_THERE, "compare_model": "lab.here", "slice_columns": ["day", "place"], "tolerance": 3},
            },
            0,
        ),
        "slice": ("lab.payments", {"row_condition": "id <= 2", "arguments": {**SUMS, **BY_DAY}}, 1),
        "share": of(3, ("lab.payments", {"arguments": {**SUMS, "group_by_columns": ["day"]}}, 2)),
        "share_slice": of(1, ("lab.payments", {"row_condition": "id <= 2", "arguments": {**SUMS, **BY_DAY}}, 1)),
    },
    "row_count_like_before": {
        "passes": ("lab.loads", {"column": "day", "row_condition": "id <= 12"}, 0),
        "passes_by_the_bounds": ("lab.loads", {"column": "day", "arguments": {"at_least": 0.2, "at_most": 2.25}}, 0),
        "fails": ("lab.loads", {"column": "day"}, 2),
        "empty": ("lab.empty", {"column": "d"}, 0),
        "nulls": ("lab.loads", {"column": "day", "row_condition": "day is null"}, 0),
        "quoted": ("lab.loads", {"column": "Odd day"}, 2),
        "slice": ("lab.loads", {"column": "day", "slice": "day = '2013-02-05'"}, 1),
        "slice_like_the_last_one": ("lab.loads", {"column": "day", "slice": "day = '2013-02-04'", "arguments": {"slices": 1}}, 0),
        "slice_above": ("lab.loads", {"column": "day", "slice": "day = '2013-02-06'", "arguments": {"slices": 1, "at_most": 8.9}}, 1),
        "slice_without_the_others": ("lab.loads", {"column": "day", "row_condition": "day = '2013-02-05'"}, 0),
        "share": of(4, ("lab.loads", {"column": "day"}, 2)),
        "share_slice": of(1, ("lab.loads", {"column": "day", "slice": "day = '2013-02-05'"}, 1)),
        "share_of_the_first": of(0, ("lab.loads", {"column": "day", "slice": "day = '2013-02-01'"}, 0)),
    },
    "unique_normalised_text": {
        "passes": ("lab.names", {"column": "name", "row_condition": "id > 3"}, 0),
        "passes_by_case": ("lab.names", {"column": "name", "arguments": {"ignore_case": False}}, 0),
        "passes_by_blanks": ("lab.names", {"column": "name", "row_condition": "id > 1", "arguments": {"ignore_blanks": False}}, 0),
        "fails": ("lab.names", {"column": "name"}, 1),
        "fails_but_for_punctuation": ("lab.names", {"column": "name", "arguments": {"ignore_punctuation": False}}, 1),
        "fails_of_accents": ("lab.names", {"column": "name", "arguments": {"ignore_accents": True}}, 2),
        "empty": ("lab.empty", {"column": "b"}, 0),
        "nulls": ("lab.names", {"column": "name", "row_condition": "name is null"}, 0),
        "quoted": ("lab.names", {"column": "Odd name"}, 1),
        "slice": ("lab.names", {"column": "name", "slice": "id = 1"}, 1),
        "slice_of_none": ("lab.names", {"column": "name", "slice": "id > 3"}, 0),
        "slice_alone": ("lab.names", {"column": "name", "row_condition": "id = 1"}, 0),
        "share": of_rows(("lab.names", {"column": "name"}, 3)),
        "share_empty": of_rows(("lab.empty", {"column": "b"}, 0)),
        "share_slice": of_rows(("lab.names", {"column": "name", "slice": "id in (1, 2, 4)"}, 2)),
    },
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
