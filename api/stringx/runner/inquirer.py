"""Answers what is asked of a target beside its runs, on the parsed project and the database's catalog. No test is run."""

from __future__ import annotations

from collections.abc import Callable

import psycopg2.errors

from stringx.errors import NotFound
from stringx.model import Gate, GateOnTarget, Relation, TableCatalog, TargetFault, Validation
from stringx.runner.inspection import Inspection
from stringx.runner.parsed import ParsedProject
from stringx.runner.target_tables import TargetTables


class Inquirer:
    """Answers one question after the other. One process."""

    def __init__(self, project: ParsedProject, target: str, shown: Callable[[str], str]) -> None:
        """`shown`: a text as it may be told."""
        self._project = project
        self._target = target
        self._tables = TargetTables(project, target)
        self._shown = shown

    def describe(self, name: str) -> TableCatalog:
        """NotFound where the database has no such table. Raises the errors of the driver and of dbt."""
        table = self._project.table_beside(name, Relation.PLAIN)
        if table.relation is None:
            raise NotFound(f"{name} is an ephemeral model, which is no table of the database: write its gate by hand")
        found = self._tables.read(name, table)
        return TableCatalog(
            table=name,
            target=self._target,
            relation=table.kind,
            columns=found.columns,
            primary_key=found.primary_key,
            unique=found.unique,
            foreign_keys=found.foreign_keys,
            conditions=found.conditions,
        )

    def check(self, gates: tuple[Gate, ...]) -> Validation:
        """Raises the errors of the driver and of dbt where the database does not answer."""
        return Validation(gates=tuple(map(self._held, gates)))

    def _held(self, gate: Gate) -> GateOnTarget:
        """A lock keeps back what is said of this gate alone, from there on; it is no fault of the gate."""
        faults: list[TargetFault] = []
        unasked = None
        try:
            for fault in Inspection(gate, self._project, self._tables).faults():
                faults.append(fault.model_copy(update={"message": self._shown(fault.message)}))  # noqa: PERF401  # those before an error stay
        except psycopg2.errors.LockNotAvailable:
            unasked = f"somebody holds a lock on {gate.table}, or on a table that its rules name: not all was looked at, ask again"
        return GateOnTarget(workspace=gate.workspace, table=gate.table, faults=tuple(faults), unasked=unasked)
