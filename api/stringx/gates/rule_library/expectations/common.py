"""What the entries of the families share."""

from __future__ import annotations

from functools import partial

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import ROW_CONDITION, Argument, Check, Column, Counted, Origin
from stringx.model import Level

MIN_VALUE = Argument(arguments.BOUND, required=False, about="The lower bound.")
MAX_VALUE = Argument(arguments.BOUND, required=False, about="The upper bound.")
STRICTLY = Argument(arguments.YES_OR_NO, required=False, default=False, about="Whether the bounds themselves are outside.")
GROUP_BY = Argument(arguments.SQL_LIST, required=False, about="Judged for each of these groups by itself.")
COMPARE_MODEL = Argument(arguments.TABLE, about="The other table; no slice is laid on it.")
VALUE_SET = Argument(arguments.VALUES)
QUOTE_VALUES = Argument(arguments.YES_OR_NO, required=False, default=True, about="Whether the values are texts; false for SQL.")
QUOTE_COLUMNS = Argument(arguments.YES_OR_NO, required=False, default=False, about="Whether the columns are put between quotes.")
MATCH_ON = Argument(arguments.one_of("any", "all"), required=False, default="any")
IGNORE_ROW_IF = Argument(
    arguments.one_of("all_values_are_missing", "any_value_is_missing"),
    required=False,
    default="all_values_are_missing",
    about="Which rows are left out.",
)

BOUNDS = {"min_value": MIN_VALUE, "max_value": MAX_VALUE}

#: A check of each value of one column.
of_values = partial(Check, Column.REQUIRED, level=Level.ROW, origin=Origin.DBT_EXPECTATIONS, counts=Counted.ROWS_SHOWN)
#: A check of each row, by columns that its arguments name.
of_rows = partial(Check, Column.NONE, level=Level.ROW, origin=Origin.DBT_EXPECTATIONS, counts=Counted.ROWS_SHOWN)
#: A check of all values of one column together.
of_column = partial(Check, Column.REQUIRED, level=Level.COLUMN, origin=Origin.DBT_EXPECTATIONS)
#: A check of the table as a whole.
of_table = partial(Check, Column.NONE, level=Level.TABLE, origin=Origin.DBT_EXPECTATIONS)
#: A check of the table beside another.
of_two_tables = partial(Check, Column.NONE, level=Level.DATASET, origin=Origin.DBT_EXPECTATIONS)

__all__ = [
    "BOUNDS",
    "COMPARE_MODEL",
    "GROUP_BY",
    "IGNORE_ROW_IF",
    "MATCH_ON",
    "QUOTE_COLUMNS",
    "QUOTE_VALUES",
    "ROW_CONDITION",
    "STRICTLY",
    "VALUE_SET",
    "of_column",
    "of_rows",
    "of_table",
    "of_two_tables",
    "of_values",
]
