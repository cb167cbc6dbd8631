"""One use of a check, as a YAML file of a dbt project has it: for the library and for the package alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data import Rows


@dataclass(frozen=True)
class Scenario:
    #: the package whose test is the original
    package: str
    check: str
    table: str
    arguments: Mapping[str, Any]
    column: str | None = None
    #: dbt's condition, as a slice is
    where: str | None = None
    #: what the tables hold
    rows: Mapping[str, Rows] = field(default_factory=dict, repr=False, compare=False)

    @property
    def odd(self) -> bool:
        """Whether the column's name needs quotes."""
        return self.column is not None and not self.column.islower()

    def __str__(self) -> str:
        column = f" of {self.column}" if self.column else ""
        where = f" where {self.where}" if self.where else ""
        return f"{self.check}{column} in {self.table} {dict(self.arguments)}{where}"
