"""A DuckDB file as a target. While a process has it open to write, no other can open it; while one has it open to read, none can write.

So the runner opens it for reading alone, by which its processes do not lock out one another and a gate's SQL can change nothing,
and lets go of it after each run, by which a pipeline can load into it between the runs. dbt-duckdb would keep it open.

DuckDB reads any file and address that its process may (`read_text('/etc/passwd')`), which is not what a gate's SQL is for: once all
that the profile names is attached and loaded, no other can be reached.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit


def only_read() -> None:
    """From now on this process opens DuckDB files for reading alone, and reaches nothing but them and what the profile attaches,
    unless the profile's `config_options` set `access_mode` and `enable_external_access`."""
    # Not imported above: they are there where dbt-duckdb is, which StringX does not need.
    duckdb: Any = importlib.import_module("duckdb")
    environment: Any = importlib.import_module("dbt.adapters.duckdb.environments").Environment
    connect, initialize = duckdb.connect, environment.initialize_db

    def opened(database: str = ":memory:", *, read_only: bool = False, config: dict[str, Any] | None = None) -> Any:
        config = dict(config or {})
        if _is_file(str(database)):
            config.setdefault("access_mode", "READ_ONLY")
        return connect(database, read_only=read_only, config=config)

    def initialized(credentials: Any, plugins: Any = None) -> Any:
        connection = initialize(credentials, plugins)
        if "enable_external_access" not in (credentials.config_options or {}):
            connection.execute("set enable_external_access = false")  # for all of its cursors, and for good
        return connection

    duckdb.connect = opened
    environment.initialize_db = staticmethod(initialized)


def locks(adapter: Any) -> bool:
    """Whether others cannot write to the adapter's database while it is open here."""
    return bool(adapter.type() == "duckdb" and not adapter.config.credentials.remote and not adapter.config.credentials.is_motherduck)


def let_go(adapter: Any) -> None:
    """Closes the database, which nothing in this process uses at the moment."""
    if locks(adapter):
        with suppress(Exception):  # dbt-duckdb raises Exception where it is not open
            adapter.connections.env().close()
        adapter.connections.close_all_connections()


def _is_file(database: str) -> bool:
    return not database.startswith(":memory:") and not urlsplit(database).scheme
