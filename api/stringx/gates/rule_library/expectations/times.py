"""Values over time: recent, without gaps, within what is usual."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import Argument, Check, Counted
from stringx.gates.rule_library.expectations.common import GROUP_BY, ROW_CONDITION, of_column, of_table
from stringx.model import Dimension

_NOW = (
    "Now is the database's time, or that of the variable `stringx:time_zone`: the original needs the variable `dbt_date:time_zone`, and "
    "is right where the database's sessions are in UTC."
)
_AGE = {
    "datepart": Argument(arguments.DATEPART),
    "interval": Argument(arguments.INTEGER, about="How many of them old the newest may be."),
    "row_condition": ROW_CONDITION,
}
_SIGMA = "A number of standard deviations."

TIMES: Mapping[str, Check] = {
    "expect_row_values_to_have_recent_data": of_column(
        _AGE,
        Dimension.TIMELINESS,
        short="recent_data",
        fails_with="the table, where its newest value, those in the future left out, is older, or there is none",
        example={
            "column": "time_hour",
            "arguments": {"datepart": "day", "interval": 1},
        },
        differences=(_NOW,),
    ),
    "expect_grouped_row_values_to_have_recent_data": of_table(
        {"group_by": Argument(arguments.SQL_LIST), "timestamp_column": Argument(arguments.SQL), **_AGE},
        Dimension.TIMELINESS,
        short="grouped_recent_data",
        fails_with="groups whose newest value, those in the future left out, is older",
        example={
            "arguments": {"group_by": ["origin"], "timestamp_column": "time_hour", "datepart": "day", "interval": 1},
        },
        differences=(_NOW, "A group by a null can be too old, as any other: by the original it never is."),
        counts=Counted.GROUPS,
        each="stringx__each_group_until_now",
    ),
    "expect_row_values_to_have_data_for_every_n_datepart": of_table(
        {
            "date_col": Argument(arguments.SQL),
            "date_part": Argument(arguments.DATEPART, required=False, default="day"),
            "interval": Argument(arguments.COUNT, required=False, about="How many dateparts make a period; left out, one."),
            "row_condition": ROW_CONDITION,
            "exclusion_condition": Argument(
                arguments.SQL, required=False, about="On `date_day` (by the date part): only periods for which it is true may fail."
            ),
            "test_start_date": Argument(arguments.DATE, required=False, about="Left out, the first day of the data."),
            "test_end_date": Argument(
                arguments.DATE, required=False, about="The day after the last that is looked at; left out, the last day of the data."
            ),
        },
        Dimension.COMPLETENESS,
        short="data_for_every",
        fails_with="periods without a row",
        example={
            "arguments": {"date_col": "flight_date", "test_start_date": "2013-01-01", "test_end_date": "2013-02-01"},
        },
        differences=(
            "An empty table and data of one day pass: by the original they are errors.",
            "Periods begin with their date part, a month on its first day: by the original on the first row's day, where all are missing.",
            "A row at `infinity` is in no period: by the original it is in the year 9999 or 1, and all up to there are missing.",
            "`date_part: quarter` works on Postgres: by the original it is an error.",
            "A slice and dbt's `where` can be laid on it: the original is an error then.",
        ),
        counts=Counted.PERIODS,
        each="stringx__each_period",
    ),
    "expect_column_values_to_be_within_n_stdevs": of_column(
        {"group_by": GROUP_BY, "sigma_threshold": Argument(arguments.NUMBER, required=False, default=3, about=_SIGMA)},
        Dimension.ACCURACY,
        short="within_stdevs",
        fails_with="groups whose sum is further from the mean of all sums",
        example={
            "column": "distance",
            "arguments": {"group_by": ["flight_date"]},
        },
        differences=("A column whose name is quoted can be measured: by the original it is an error.",),
        counts=Counted.GROUPS,
    ),
    "expect_column_values_to_be_within_n_moving_stdevs": of_column(
        {
            "date_column_name": Argument(arguments.SQL),
            "group_by": GROUP_BY,
            "period": Argument(arguments.DATEPART, required=False, default="day"),
            "lookback_periods": Argument(arguments.COUNT, required=False, default=1, about="With which earlier period one is compared."),
            "trend_periods": Argument(arguments.COUNT, required=False, default=7, about="How many earlier periods say what is usual."),
            "test_periods": Argument(arguments.COUNT, required=False, default=14, about="How many of the last periods are judged."),
            "sigma_threshold": Argument(arguments.NUMBER, required=False, default=3, about=_SIGMA),
            "sigma_threshold_upper": Argument(arguments.NUMBER, required=False, about="The same, upwards only."),
            "sigma_threshold_lower": Argument(arguments.NUMBER, required=False, about="The same, downwards only: a negative number."),
            "take_diffs": Argument(
                arguments.YES_OR_NO, required=False, default=True, about="Whether periods are compared with an earlier one."
            ),
            "take_logs": Argument(arguments.YES_OR_NO, required=False, default=True, about="Whether the logarithm is measured."),
        },
        Dimension.ACCURACY,
        short="within_moving_stdevs",
        fails_with="periods whose sum is further from the mean of the periods before",
        example={
            "column": "distance",
            "arguments": {"date_column_name": "flight_date", "take_diffs": False},
        },
        differences=(_NOW,),
        counts=Counted.PERIODS,
        each="stringx__each_last_period",
    ),
}
