"""The checks that are StringX's own."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.library import arguments
from stringx.gates.library.check import Argument, Check, Column
from stringx.model import Dimension, Kind, Level

OWN: Mapping[str, Check] = {
    "share_of_rows": Check(
        Column.NONE,
        {"condition": Argument(arguments.SQL), "below": Argument(arguments.SHARE)},
        Dimension.VALIDITY,
        Level.TABLE,
        Kind.BUSINESS,
        fails_with="the rows for which the SQL is true, once they are not below that share of all rows",
        example={"check": "share_of_rows", "arguments": {"condition": "dep_time is null", "below": 0.25}},
    ),
}
