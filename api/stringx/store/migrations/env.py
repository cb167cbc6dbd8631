"""Where alembic enters: it works on the connection, and within the transaction, that `database.migrate` gives it."""

from __future__ import annotations

from alembic import context

from stringx.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
