"""Migrating beside processes that may be at work."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from stringx.store.tables import metadata

_LOCK = """
do $$
declare
    before text := current_setting('lock_timeout');
begin
    loop
        begin
            perform set_config('lock_timeout', '300ms', true);
            lock table {tables} in access exclusive mode;
            exit;
        exception when lock_not_available then
            perform pg_sleep(0.1);
        end;
    end loop;
    perform set_config('lock_timeout', before, true);
end
$$
"""


def lock(connection: Connection) -> None:
    """Locks the tables that there are until the migrations' transaction ends. Blocks until nobody else uses them.

    Migrations change several tables in one transaction, and the statements of those at work lock the same ones in one order or
    another: no order of ours is safe against all. So all are taken at once, before anything is changed, and given up again before
    somebody whom we keep waiting would be told of a deadlock (Postgres's `deadlock_timeout` is 1 s).
    """
    there = sorted(metadata.tables.keys() & set(inspect(connection).get_table_names()))
    if there:
        connection.exec_driver_sql(_LOCK.format(tables=", ".join(there)))
