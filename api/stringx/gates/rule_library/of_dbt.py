"""dbt's own four tests."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import Argument, Check, Column, Counted, Origin
from stringx.model import Dimension, Level

OF_DBT: Mapping[str, Check] = {
    "not_null": Check(
        Column.REQUIRED,
        {},
        Dimension.COMPLETENESS,
        Level.COLUMN,
        origin=Origin.DBT,
        fails_with="rows without a value",
        example={"column": "dest"},
        counts=Counted.ROWS,
    ),
    "unique": Check(
        Column.REQUIRED,
        {},
        Dimension.UNIQUENESS,
        Level.COLUMN,
        origin=Origin.DBT,
        fails_with="values that occur more than once",
        example={"column": "tailnum"},
        counts=Counted.VALUES_OF_ROWS,
    ),
    "accepted_values": Check(
        Column.REQUIRED,
        {
            "values": Argument(arguments.VALUES),
            "quote": Argument(arguments.YES_OR_NO, required=False, default=True, about="Whether the values are put between quotes."),
        },
        Dimension.VALIDITY,
        Level.COLUMN,
        origin=Origin.DBT,
        fails_with="values that are not among these",
        example={"column": "origin", "arguments": {"values": ["EWR", "JFK", "LGA"]}},
        counts=Counted.VALUES_OF_ROWS,
    ),
    "relationships": Check(
        Column.REQUIRED,
        {"to": Argument(arguments.TABLE), "field": Argument(arguments.COLUMN)},
        Dimension.CONSISTENCY,
        Level.DATASET,
        origin=Origin.DBT,
        fails_with="rows whose value is not in that table's column",
        example={"column": "tailnum", "arguments": {"to": "raw.planes", "field": "tailnum"}},
        counts=Counted.ROWS,
    ),
}
