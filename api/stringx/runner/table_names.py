"""What a table of a dbt project is called: by people, in a gate, and by Jinja, in a test."""

from __future__ import annotations

from stringx.gates.tests import literal


def names(database: str | None, schema: str, name: str) -> tuple[str, str]:
    """`schema.name` and `database.schema.name`, in lower case: how gates name it."""
    return f"{schema}.{name}".lower(), f"{database}.{schema}.{name}".lower()


def source(source_name: str, name: str) -> str:
    """A source as Jinja."""
    return f"source({literal(source_name, 'source')}, {literal(name, 'source')})"


def plain(name: str) -> str:
    """A table that is in the database alone, as Jinja; without a database in its name it is in the target's."""
    *database, schema, table = name.split(".")
    given = literal(database[0], "table") if database else "target.database"
    return f"api.Relation.create(database={given}, schema={literal(schema, 'table')}, identifier={literal(table, 'table')})"


def ref(package: str, name: str, version: str | float | None) -> str:
    """A model, seed or snapshot as Jinja; `version` of a model that has several."""
    given = "" if version is None else f", version={literal(version, 'ref')}"
    return f"ref({literal(package, 'ref')}, {literal(name, 'ref')}{given})"
