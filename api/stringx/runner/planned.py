"""A test that a run is about to have dbt execute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stringx.model import DbtResult, DbtStatus, Severity


@dataclass(frozen=True)
class Planned:
    """One test of the run, and whose result it gives."""

    #: dbt's, and the run's own: a run changes it
    node: Any
    rule: str | None
    select: str | None
    sliced: bool
    #: of a rule whose threshold is a share: the test whose failures are the rows that `node` looks at
    rows_node: Any = None

    @property
    def nodes(self) -> tuple[Any, ...]:
        return (self.node,) if self.rows_node is None else (self.node, self.rows_node)

    @property
    def severity(self) -> Severity:
        return Severity.WARN if str(self.node.config.severity).lower() == "warn" else Severity.ERROR

    @staticmethod
    def uncounted(why: str) -> str:
        """What is wrong with a rule whose `rows_node` cannot be judged."""
        return (
            "its threshold is a share of the rows that it looks at, and they cannot be counted"
            f" (the failure of an aggregate is not a row: for one, write a count of failures): {why}"
        )

    def result(self, status: DbtStatus, **more: Any) -> DbtResult:
        name, severity = self.node.name, self.severity
        return DbtResult(rule=self.rule, select=self.select, test=name, status=status, severity=severity, sliced=self.sliced, **more)
