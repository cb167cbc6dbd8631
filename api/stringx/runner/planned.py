"""A test that a run is about to have dbt execute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stringx.model import DbtResult, DbtStatus, LookedAt, Severity


def known_count(looked_at: LookedAt | None) -> int | None:
    """How many a test looked at, where nobody has to count them. A backend from before `looked_at` would take the run's rows for it."""
    return 1 if looked_at is LookedAt.WHOLE else None


@dataclass(frozen=True)
class Planned:
    """One test of the run, and whose result it gives."""

    #: dbt's, and the run's own: a run changes it
    node: Any
    rule: str | None
    select: str | None
    sliced: bool
    #: of a rule whose threshold is a share: the test whose failures are what `node` looks at; None where it is judged as a whole
    each_node: Any = None
    #: what these are, where it is to be told
    looked_at: LookedAt | None = None

    @property
    def nodes(self) -> tuple[Any, ...]:
        return (self.node,) if self.each_node is None else (self.node, self.each_node)

    @property
    def severity(self) -> Severity:
        return Severity.WARN if str(self.node.config.severity).lower() == "warn" else Severity.ERROR

    @staticmethod
    def uncounted(why: str) -> str:
        """What is wrong with a rule whose `each_node` cannot be judged."""
        return f"its threshold is a share of what it looks at, which cannot be counted: {why}"

    def result(self, status: DbtStatus, **more: Any) -> DbtResult:
        name, severity = self.node.name, self.severity
        told: dict[str, Any] = {"sliced": self.sliced, "looked_at": self.looked_at, **more}
        return DbtResult(rule=self.rule, select=self.select, test=name, status=status, severity=severity, **told)
