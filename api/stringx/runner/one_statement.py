"""Rules read, never write: what is sent for a test is one statement, in any database, unless all of its text is the dbt project's own.

In Postgres every session of a worker is read-only. A second statement could end that: some drivers, psycopg2 among them, send a
text as it is, and the server executes all that stands in it. So the text is looked at before it is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from dbt.adapters.base.query_headers import _QueryComment
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.contextvars import get_node_info
from dbt_common.exceptions import CompilationError

from stringx.runner.slice_sql import READS_AS_POSTGRES
from stringx.runner.templates import NotRepeatable, one_statement


def fault(sql: str, database: str) -> str | None:
    """Why a rule's SQL is not sent; None where it may be. `database`: dbt's name of its kind."""
    if database not in READS_AS_POSTGRES:
        # How it reads texts and comments is not known, so that a `;` cannot be told from one within them.
        return f"a rule's SQL for {database} must hold no `;`, not even within a text" if ";" in sql else None
    try:
        one_statement(sql)
    except NotRepeatable as error:
        return f"a rule's SQL must be one statement that reads, and {error}"
    return None


@contextmanager
def guarded(manifest: Manifest, trusted: Collection[str], database: str) -> Iterator[None]:
    """Meanwhile dbt sends nothing that `fault` finds fault with: it is the test's error. `trusted`: the unique ids of tests that
    hold nothing of a gate's.

    What the project puts round a test's own SQL (by a `get_test_sql` of its own, say) may be more statements: it is not the gate's.
    """
    comments: Any = _QueryComment
    add_comment = comments.add

    def looked_at(comment: Any, sql: str) -> Any:
        # Every adapter has its statement commented before it sends it, in the thread of the test.
        test = get_node_info().get("unique_id")
        if test not in trusted:
            own = getattr(manifest.nodes.get(test or ""), "compiled_code", None)
            found = fault(own if own and own in sql else sql, database)
            if found:
                raise CompilationError(f"{found}. Nothing of it was executed")
        return add_comment(comment, sql)

    comments.add = looked_at
    try:
        yield
    finally:
        comments.add = add_comment
