"""What a runner says of tables and gates before anything is run: what is in the database, and what would not work."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stringx.model.gates import Relation
from stringx.model.reports import RunnerWord
from stringx.model.slices import ColumnType


class CatalogColumn(RunnerWord):
    """A column as the database has it."""

    name: str
    #: as the database writes it
    type: str
    #: None where the adapter does not tell
    nullable: bool | None = None
    #: the type that a gate's slice gives such a column; None where none fits
    slices_by: ColumnType | None = None
    #: all values that an enum type or a constraint lets in
    accepted: tuple[str, ...] = ()


class ForeignKey(RunnerWord):
    """Columns whose values are those of another table's."""

    columns: tuple[str, ...]
    #: `schema.table`
    table: str
    referenced: tuple[str, ...]
    #: the dbt project has that table, so that a rule can name it
    known: bool


class TableCatalog(RunnerWord):
    """`GET /v1/tables/{name}` of a runner. Keys and constraints are Postgres' alone; of other databases there are the columns."""

    table: str
    target: str
    #: what it is to the dbt project
    relation: Relation
    columns: tuple[CatalogColumn, ...]
    primary_key: tuple[str, ...] = ()
    #: sets of columns, each of which is unique; the primary key is not among them
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    #: conditions on a row, as SQL
    conditions: tuple[str, ...] = ()


class TargetFault(RunnerWord):
    """What of a gate would not work on its target."""

    #: the name of the rule that is meant
    rule: str | None = None
    #: the selection that is meant
    select: str | None = None
    #: of the gate, or of that rule or selection, in the words of a gate file; empty: all of it
    field: tuple[str | int, ...] = ()
    #: that the field's name is wrong, and not what it is given
    of_name: bool = False
    #: with the fix
    message: str


class GateOnTarget(RunnerWord):
    """What a runner found of one gate."""

    workspace: str
    table: str
    faults: tuple[TargetFault, ...] = ()
    #: why not all of it could be looked at
    unasked: str | None = None


class Validation(RunnerWord):
    """The answer to `POST /v1/validate` of a runner: one for each gate, in their order."""

    gates: Annotated[tuple[GateOnTarget, ...], Field(default=())]
