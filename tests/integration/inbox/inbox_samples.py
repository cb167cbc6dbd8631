"""A gate and triggers for it, for the tests of the inbox and of the doors."""

from __future__ import annotations

import uuid
from typing import Any

from stringx.model import ColumnType, Dimension, Door, Gate, Kind, Level, Rule, Severity, Slice, Trigger


def gate(table: str = "raw.flights", **fields: Any) -> Gate:
    rule = Rule(
        name="tailnum_is_there",
        check="not_null",
        column="tailnum",
        kind=Kind.ENGINEERING,
        dimension=Dimension.COMPLETENESS,
        level=Level.COLUMN,
        severity=Severity.ERROR,
    )
    given = {"slice_columns": {"flight_date": ColumnType.DATE}, "reply_to": ("team.verdicts",), "rules": (rule,), **fields}
    return Gate(workspace="default", table=table, target="demo", **given)


def trigger(**fields: Any) -> Trigger:
    given: dict[str, Any] = {
        "workspace": "default",
        "source": "tests",
        "id": uuid.uuid4().hex,
        "table": "raw.flights",
        "slice": Slice(()),
        "reply_to": None,
        "priority": None,
        "metadata": {},
        "door": Door.HTTP,
    }
    return Trigger(**(given | fields))


def february(day: int) -> Slice:
    return Slice.model_validate({"column": "flight_date", "equals": f"2013-02-{day:02}"})
