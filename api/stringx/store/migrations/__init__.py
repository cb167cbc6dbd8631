"""The migrations of the internal database, run by `stringx.store.database.migrate`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


@cache
def _known() -> tuple[str, ...]:
    """The newest first."""
    return tuple(script.revision for script in ScriptDirectory(str(Path(__file__).parent)).walk_revisions())


def done(connection: Connection) -> bool:
    """Whether the database has what this program needs: its newest migration, or that of a newer program.

    Migrations only add, so that programs of the version before go on while they are replaced.
    """
    revision = MigrationContext.configure(connection).get_current_revision()
    return revision is not None and revision not in _known()[1:]
