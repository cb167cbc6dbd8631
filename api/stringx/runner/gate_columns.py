"""The columns that a gate names, held against those that its table has. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stringx.gates.tests import quoted_name
from stringx.model import CatalogColumn, ColumnType, Gate, Rule, TargetFault
from stringx.nearest import did_you_mean, nearest

#: A gate's slice type → what else than itself a column may slice by: it is compared as that without a loss.
_ALSO = {ColumnType.DATE: {ColumnType.TIMESTAMP, ColumnType.TEXT}, ColumnType.TIMESTAMP: {ColumnType.DATE}}


class GateColumns:
    """Those of one gate and its table."""

    def __init__(self, gate: Gate, columns: Sequence[CatalogColumn], *, tells_case: bool) -> None:
        """`columns`: the table's; none where they are not known. `tells_case`: that the database tells upper from lower case, in names
        between quotes; of another it is not known."""
        self._gate = gate
        self._tells_case = tells_case
        self._columns = {self._folded(column.name): column for column in columns}

    def missing(self, name: str) -> str | None:
        """What is told of a column that the table has not; None of one that it has, or where its columns are not known."""
        if not self._columns or self._folded(name) in self._columns:
            return None
        meant = did_you_mean(nearest(name, [column.name for column in self._columns.values()]))
        return f"{self._gate.table} has no column `{name}`{': ' + meant if meant else ': correct the name'}"

    def faults(self) -> Iterator[TargetFault]:
        """Of all that the gate names as columns outside of arguments."""
        if not self._columns:
            return
        gate = self._gate
        for name, kind in gate.slice_columns.items():
            if message := self.missing(name):
                yield TargetFault(field=("slice", "columns", name), of_name=True, message=message)
            elif message := _misfit(kind, self._columns[self._folded(name)]):
                yield TargetFault(field=("slice", "columns", name), message=message)
        lower = {name.lower() for name in self._columns}
        for place, name in enumerate(gate.samples.mask):
            if name.lower() not in lower and (message := self.missing(name)):
                yield TargetFault(field=("samples", "mask", place), message=message)
        for rule in gate.rules:
            if rule.column is not None and (message := self.missing(rule.column)):
                yield TargetFault(rule=rule.name, field=("column",), message=message)
            for place, name in enumerate(rule.context_columns):
                if message := self.missing(name):
                    yield TargetFault(rule=rule.name, field=("context_columns", place), message=message)

    def without_missing_context(self, rule: Rule) -> Rule:
        """The rule with the context columns that there are: what else is wrong with it can be found by it."""
        return rule.model_copy(update={"context_columns": tuple(name for name in rule.context_columns if not self.missing(name))})

    def some_slice(self, quote: str) -> str:
        """A condition on every slice column that there is: the tests are looked at as they are for a slice. `quote`: the characters that
        the database has a name between."""
        names = [name for name in self._gate.slice_columns if self._folded(name) in self._columns]
        return " and ".join(f"{quoted_name(name, quote)} is null" for name in names)

    def _folded(self, name: str) -> str:
        return name if self._tells_case else name.lower()


def _misfit(kind: ColumnType, column: CatalogColumn) -> str | None:
    """Why a slice of this type does not fit the column; None where it does, or where nothing is known."""
    numeric = kind is ColumnType.INTEGER and column.type.lower().startswith(("numeric", "decimal", "double", "real", "float"))
    if numeric or column.slices_by is kind or column.slices_by in _ALSO.get(kind, ()):
        return None
    fix = f"write `{column.slices_by}`" if column.slices_by else "no slice fits it; take it out"
    return f"the column is {column.type}, which is not sliced by `{kind}`: {fix}"
