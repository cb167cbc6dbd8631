"""The migrations of the internal database, run by `stringx.store.database.migrate`."""
