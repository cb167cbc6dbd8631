"""The generic tests of dbt_utils 1.3, under their names and with their arguments and defaults."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.library import arguments
from stringx.gates.library.check import ROW_CONDITION, Argument, Check, Column, Origin
from stringx.model import Dimension, Level

OF_DBT_UTILS: Mapping[str, Check] = {
    "unique_combination_of_columns": Check(
        Column.NONE,
        {
            "combination_of_columns": Argument(arguments.COLUMNS),
            "quote_columns": Argument(arguments.YES_OR_NO, required=False, default=False),
        },
        Dimension.UNIQUENESS,
        Level.TABLE,
        origin=Origin.DBT_UTILS,
        fails_with="combinations that occur more than once; of a slice, also those that occur once more outside it",
        example={"check": "unique_combination_of_columns", "arguments": {"combination_of_columns": ["carrier", "flight"]}},
        whole=True,
    ),
    "expression_is_true": Check(
        Column.OPTIONAL,
        {
            "expression": Argument(arguments.SQL),
            "test_condition": Argument(arguments.SQL, required=False, default="= true", about="What the expression is compared by."),
            "group_by_columns": Argument(arguments.SQL_LIST, required=False, about="Judged for each group, as an aggregate."),
            "row_condition": ROW_CONDITION,
        },
        Dimension.VALIDITY,
        Level.ROW,
        origin=Origin.DBT_UTILS,
        fails_with="rows for which the SQL is false; with a column, the expression follows its name",
        example={"check": "expression_is_true", "arguments": {"expression": "air_time > 0"}},
        context_columns=True,
    ),
}
