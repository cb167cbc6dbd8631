"""Makes the roles and databases on the composition's Postgres; run by the service `databases` of docker-compose.yml.

`stringx` is StringX's internal database, of the role `stringx`. `demo` stands for the data that is judged; `stringx_reader`
may only read there. Neither role may enter the other's database. Passwords are set at each start, from the secrets.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg
from psycopg import sql


def make(connection: psycopg.Connection, secrets: Path) -> None:
    """Makes what is missing; `connection` is the superuser's, in autocommit."""
    passwords = {"stringx": "backend_password", "stringx_reader": "reader_password"}
    for role, file in passwords.items():
        if connection.execute("select from pg_roles where rolname = %s", [role]).fetchone() is None:
            connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
        password = (secrets / file).read_text()
        connection.execute(sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(password)))
    for database, owner in {"stringx": "stringx", "demo": "postgres"}.items():
        name = sql.Identifier(database)
        if connection.execute("select from pg_database where datname = %s", [database]).fetchone() is None:
            connection.execute(sql.SQL("create database {} owner {}").format(name, sql.Identifier(owner)))
        connection.execute(sql.SQL("revoke all on database {} from public").format(name))
    connection.execute("grant connect on database demo to stringx_reader")


if __name__ == "__main__":
    secrets = Path(sys.argv[1])
    with psycopg.connect(
        host=os.environ["PGHOST"], user="postgres", password=(secrets / "password").read_text(), dbname="postgres", autocommit=True
    ) as superuser:
        make(superuser, secrets)
