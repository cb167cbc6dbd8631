"""Cases in few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Failures = int | Literal["error"]
#: the table, the rule's fields without its check, and the failures: a count or "error", or one of these by database
Case = tuple[str, Mapping[str, Any], Failures | Mapping[str, Failures]]
Cases = Mapping[str, Mapping[str, Case]]


def case(
    table: str, column: str | None, failures: Failures | Mapping[str, Failures], /, *, where: str | None = None, **arguments: Any
) -> Case:
    """A case of `lab.<table>`; `where` is the rule's row condition."""
    fields: dict[str, Any] = {"arguments": arguments}
    if column is not None:
        fields["column"] = column
    if where is not None:
        fields["row_condition"] = where
    return f"lab.{table}", fields, failures


def of_rows(case: Case) -> Case:
    """The case with a share of the rows as its threshold: its failures are the rows that have the values."""
    table, fields, failures = case
    return table, {**fields, "threshold": {"error": "1%"}}, failures


def of(looked_at: int, case: Case) -> Case:
    """The case with a share of something else: of so many groups, keys, … that the check looks at."""
    table, fields, failures = case
    return table, {**fields, "looked_at": looked_at, "threshold": {"error": "1%"}}, failures


def nulls_fail(failures: int, nulls: int = 1) -> Mapping[str, Failures]:
    """What a regular expression finds: on Postgres a null does not match, on DuckDB it passes."""
    return {"postgres": failures + nulls, "duckdb": failures}
