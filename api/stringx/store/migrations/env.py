"""Where alembic enters: it works on the connection, and within the transaction, that `database.migrate` gives it."""

from __future__ import annotations

from alembic import context

from stringx.store.migrations.locks import lock
from stringx.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
if context.get_context().get_current_revision() != context.get_revision_argument():
    lock(connection)
context.run_migrations()
