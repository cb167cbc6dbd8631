"""The tables of a target, as its database has them; and why one that is named cannot be read."""

from __future__ import annotations

from contextlib import suppress

from stringx.errors import NotFound
from stringx.nearest import did_you_mean, nearest
from stringx.runner import catalog
from stringx.runner.catalog import Catalog, Unreadable, Withheld
from stringx.runner.database_words import words
from stringx.runner.invocation import adapter
from stringx.runner.parsed import KnownTable, ParsedProject


class TargetTables:
    """Those of one target."""

    def __init__(self, project: ParsedProject, target: str) -> None:
        self._project = project
        self._target = target

    def read(self, name: str, table: KnownTable) -> Catalog:
        """`name`: as people call the table. Nothing is known of an ephemeral model, which the database does not have.

        NotFound, with the fix, where it cannot be read. Raises the errors of the driver and of dbt where the database does not answer.
        """
        if table.relation is None:
            return Catalog(())
        try:
            return catalog.read(adapter(), table.relation, self._knows)
        except Unreadable as error:
            raise NotFound(f"the target {self._target} cannot read {name}: {words(error)}: {_fix(name, error)}") from error

    def _knows(self, name: str) -> bool:
        with suppress(NotFound):
            self._project.table(name)
            return True
        return False


def _fix(name: str, error: Unreadable) -> str:
    if isinstance(error, Withheld):
        return f"let the role of its dbt profile read it: grant it {error.lacks}"
    wanted = ".".join(name.lower().split(".")[-2:])
    tables = catalog.tables_near(adapter(), wanted.partition(".")[0])
    for one in tables:
        if one.lower() == wanted != one:
            return f"it has {one}, and tells upper from lower case: declare that as a source of the dbt project, by its `identifier`"
    near = nearest(wanted, tables, alike=0.75)
    return did_you_mean(near if near != name.lower() else None) or "load it, or correct the name"
