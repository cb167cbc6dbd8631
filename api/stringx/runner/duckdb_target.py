"""A DuckDB file as a target. While a process has it open to write, no other can open it; while one has it open to read, none can write.

So the runner opens it for reading alone, by which its processes do not lock out one another and a gate's SQL can change nothing,
and lets go of it after each run, by which a pipeline can load into it between the runs. dbt-duckdb would keep it open.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit


def only_read() -> None:
    """From now on this process opens DuckDB files for reading alone, unless the profile sets an `access_mode`."""
    # Not imported above: it is there where dbt-duckdb is, which StringX does not need.
    duckdb: Any = importlib.import_module("duckdb")
    connect = duckdb.connect

    def opened(database: str = ":memory:", *, read_only: bool = False, config: dict[str, Any] | None = None) -> Any:
        config = dict(config or {})
        if _is_file(str(database)):
            config.setdefault("access_mode", "READ_ONLY")
        return connect(database, read_only=read_only, config=config)

    duckdb.connect = opened


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
