"""The checks that are StringX's own."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import Argument, Check, Column, Counted
from stringx.model import Dimension, Kind, Level

_GROUPS = Argument(arguments.SQL_LIST, required=False, default=(), about="Judged for each group of equal values in these.")
_COMPARED = Argument(arguments.TABLE, about="The other table; no slice is laid on it.")
_SLICE_COLUMNS = Argument(
    arguments.SQL_LIST,
    required=False,
    default=(),
    about="Columns of both tables by which slices are cut: only rows of the other table whose values in them are found here are compared.",
)
_RANGE: Mapping[str, Argument] = {
    "lower_bound_column": Argument(arguments.SQL),
    "upper_bound_column": Argument(arguments.SQL),
    "group_by_columns": _GROUPS,
    "upper_bound_included": Argument(arguments.YES_OR_NO, required=False, default=False, about="Whether ranges hold their upper bound."),
}


def _form(what: str, column: str) -> Check:
    """A check of texts that have a well-known form."""
    return Check(
        Column.REQUIRED,
        {},
        Dimension.VALIDITY,
        Level.COLUMN,
        fails_with=f"rows whose text is no {what}",
        example={"column": column},
        counts=Counted.ROWS_SHOWN,
    )


OWN: Mapping[str, Check] = {
    "column_null_share_between": Check(
        Column.REQUIRED,
        {
            "min_value": Argument(arguments.PROPORTION, required=False, default=0),
            "max_value": Argument(arguments.PROPORTION, required=False, default=1),
        },
        Dimension.COMPLETENESS,
        Level.COLUMN,
        short="null_share_between",
        fails_with="the rows without a value once their share is above the bounds, those with one once it is below them",
        example={"column": "tailnum", "arguments": {"max_value": 0.05}},
        counts=Counted.ROWS_SHOWN,
    ),
    "foreign_key_both_ways": Check(
        Column.REQUIRED,
        {"to": _COMPARED, "field": Argument(arguments.COLUMN)},
        Dimension.CONSISTENCY,
        Level.DATASET,
        fails_with="values that are not in that table's column, and those of that column that are not here",
        example={"column": "carrier", "arguments": {"to": "raw.airlines", "field": "carrier"}},
        counts=Counted.VALUES,
        each="stringx__each_value_of_both",
    ),
    "freshness_sla": Check(
        Column.REQUIRED,
        {
            "by": Argument(arguments.TIME_OF_DAY, about="When the data of the day must be there."),
            "time_zone": Argument(arguments.TIME_ZONE, required=False, about="Whose clocks count; left out, the database's."),
            "weekdays": Argument(arguments.WEEKDAYS, required=False, about="On which days; left out, on all."),
            "days_behind": Argument(arguments.DAYS, required=False, default=0, about="1: by then, the day before must be there."),
        },
        Dimension.TIMELINESS,
        Level.TABLE,
        Kind.BUSINESS,
        fails_with="one row, where the greatest value does not reach the day that was due",
        example={
            "column": "flight_date",
            "arguments": {"by": "08:00", "time_zone": "America/New_York", "weekdays": ["monday", "friday"], "days_behind": 1},
        },
    ),
    "functional_dependency": Check(
        Column.NONE,
        {
            "determinant_columns": Argument(arguments.SQL_LIST, about="Rows that are equal in these …"),
            "dependent_columns": Argument(arguments.SQL_LIST, about="… are equal in these too."),
        },
        Dimension.CONSISTENCY,
        Level.TABLE,
        fails_with="combinations of the determinant columns that stand with more than one of the dependent ones",
        example={
            "arguments": {"determinant_columns": ["origin", "dest"], "dependent_columns": ["distance"]},
        },
        counts=Counted.VALUES_OF_ROWS,
    ),
    "match_email": _form("e-mail address, as a form of a web page takes it", "dest"),
    "match_ipv4": _form("IPv4 address", "dest"),
    "match_phone": _form("international telephone number, as `+1 (212) 555-0100`", "dest"),
    "match_url": _form("URL of `http` or `https`", "dest"),
    "match_uuid": _form("UUID", "dest"),
    "no_gaps_between_ranges": Check(
        Column.NONE,
        _RANGE,
        Dimension.COMPLETENESS,
        Level.TABLE,
        fails_with="rows whose range begins after all earlier ones have ended",
        example={
            "arguments": {
                "lower_bound_column": "time_hour",
                "upper_bound_column": "time_hour + interval '1 hour'",
                "group_by_columns": ["origin"],
            },
        },
        counts=Counted.ROWS_SHOWN,
    ),
    "no_outliers_by_iqr": Check(
        Column.REQUIRED,
        {
            "factor": Argument(arguments.NOT_NEGATIVE, required=False, default=1.5, about="Interquartile ranges beyond the quartiles."),
            "group_by_columns": _GROUPS,
        },
        Dimension.ACCURACY,
        Level.COLUMN,
        fails_with="rows whose value lies beyond Tukey's fences",
        example={"column": "air_time", "arguments": {"factor": 3, "group_by_columns": ["origin", "dest"]}},
        counts=Counted.ROWS_SHOWN,
    ),
    "no_outliers_by_modified_z_score": Check(
        Column.REQUIRED,
        {
            "threshold": Argument(arguments.NOT_NEGATIVE, required=False, default=3.5, about="Iglewicz and Hoaglin recommend 3.5."),
            "group_by_columns": _GROUPS,
        },
        Dimension.ACCURACY,
        Level.COLUMN,
        fails_with="rows whose value is too far from the median, measured by the median absolute deviation",
        example={"column": "air_time", "arguments": {"group_by_columns": ["origin", "dest"]}},
        counts=Counted.ROWS_SHOWN,
    ),
    "no_outliers_by_z_score": Check(
        Column.REQUIRED,
        {
            "threshold": Argument(arguments.NOT_NEGATIVE, required=False, default=3, about="How many standard deviations."),
            "group_by_columns": _GROUPS,
        },
        Dimension.ACCURACY,
        Level.COLUMN,
        fails_with="rows whose value is too many standard deviations from the mean",
        example={"column": "distance", "arguments": {"threshold": 4}},
        counts=Counted.ROWS_SHOWN,
    ),
    "no_overlapping_ranges": Check(
        Column.NONE,
        _RANGE,
        Dimension.CONSISTENCY,
        Level.TABLE,
        fails_with="rows whose range begins within an earlier one",
        example={
            "arguments": {
                "lower_bound_column": "dep_time",
                "upper_bound_column": "arr_time",
                "group_by_columns": ["flight_date", "tailnum"],
            },
        },
        counts=Counted.ROWS_SHOWN,
    ),
    "no_schema_drift": Check(
        Column.NONE,
        {
            "columns": Argument(arguments.COLUMN_TYPES),
            "allow_new_columns": Argument(arguments.YES_OR_NO, required=False, default=False),
        },
        Dimension.CONSISTENCY,
        Level.TABLE,
        fails_with="columns that are missing, are new or have another type",
        example={
            "arguments": {"columns": {"carrier": "text"}, "allow_new_columns": True},
        },
        of_columns=True,
        counts=Counted.COLUMNS,
        each="stringx__recorded_and_found",
    ),
    "reconciles_by_keys": Check(
        Column.NONE,
        {
            "compare_model": _COMPARED,
            "key_columns": Argument(arguments.SQL_LIST),
            "compare_columns": Argument(arguments.SQL_LIST, required=False, default=(), about="What rows with one key must agree in."),
            "tolerance": Argument(arguments.NOT_NEGATIVE, required=False, default=0, about="By how much their numbers may differ."),
            "slice_columns": _SLICE_COLUMNS,
        },
        Dimension.CONSISTENCY,
        Level.DATASET,
        Kind.BUSINESS,
        fails_with="keys that are not once in each of the tables, or whose values do not agree",
        example={
            "arguments": {"compare_model": "raw.airlines", "key_columns": ["carrier"]},
        },
        counts=Counted.KEYS,
        each="stringx__each_key",
    ),
    "reconciles_by_sums": Check(
        Column.NONE,
        {
            "compare_model": _COMPARED,
            "sum_columns": Argument(arguments.SQL_LIST),
            "group_by_columns": _GROUPS,
            "tolerance": Argument(arguments.NOT_NEGATIVE, required=False, default=0, about="By how much sums may differ."),
            "relative_tolerance": Argument(arguments.NOT_NEGATIVE, required=False, default=0, about="And by this share of the other's."),
            "slice_columns": _SLICE_COLUMNS,
        },
        Dimension.CONSISTENCY,
        Level.DATASET,
        Kind.BUSINESS,
        fails_with="groups in which a sum is not the other table's",
        example={
            "arguments": {
                "compare_model": "raw.flights",
                "sum_columns": ["distance"],
                "group_by_columns": ["carrier"],
                "relative_tolerance": 0.01,
            },
        },
        counts=Counted.GROUPS,
        each="stringx__each_key",
    ),
    "row_count_like_before": Check(
        Column.REQUIRED,
        {
            "slices": Argument(arguments.COUNT, required=False, default=7, about="With how many earlier slices it is compared."),
            "at_least": Argument(arguments.NOT_NEGATIVE, required=False, default=0.5, about="Times their median."),
            "at_most": Argument(arguments.NOT_NEGATIVE, required=False, default=2, about="Times their median."),
        },
        Dimension.COMPLETENESS,
        Level.TABLE,
        fails_with="slices, by their value of the column, with too few rows or too many; those without rows are the gate's `on_no_rows`",
        example={"column": "flight_date", "arguments": {"slices": 14, "at_least": 0.8, "at_most": 1.25}},
        whole=True,
        counts=Counted.SLICES,
        each="stringx__each_slice",
    ),
    "share_of_rows": Check(
        Column.NONE,
        {"condition": Argument(arguments.SQL), "below": Argument(arguments.SHARE)},
        Dimension.VALIDITY,
        Level.TABLE,
        Kind.BUSINESS,
        fails_with="the rows for which the SQL is true, once they are not below that share of all rows",
        example={"arguments": {"condition": "dep_time is null", "below": 0.25}},
        counts=Counted.ROWS_SHOWN,
    ),
    "unique_normalised_text": Check(
        Column.REQUIRED,
        {
            "ignore_case": Argument(arguments.YES_OR_NO, required=False, default=True),
            "ignore_blanks": Argument(
                arguments.YES_OR_NO, required=False, default=True, about="At the ends, and all but one between words."
            ),
            "ignore_punctuation": Argument(arguments.YES_OR_NO, required=False, default=True),
            "ignore_accents": Argument(arguments.YES_OR_NO, required=False, default=False),
        },
        Dimension.UNIQUENESS,
        Level.COLUMN,
        fails_with="texts that stand more than once but for the way they are written; of a slice, also those that stand outside it",
        example={"column": "tailnum"},
        whole=True,
        counts=Counted.VALUES_OF_ROWS,
    ),
}
