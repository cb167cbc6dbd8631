"""A test's SQL as dbt makes it and the database plans it, without anything being run; and what keeps it from being run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dbt.compilation import Compiler
from dbt_common.exceptions import DbtBaseException

from stringx.runner import catalog, one_statement
from stringx.runner.database_words import words
from stringx.runner.invocation import adapter
from stringx.runner.parsed import ParsedProject


@dataclass(frozen=True)
class Fault:
    """Why a test cannot be run."""

    message: str
    #: that these are the database's words, and not ours or dbt's
    by_database: bool = False


def compiled(project: ParsedProject, node: Any) -> str:
    """The SQL of a test, of a node that is the caller's own. Raises dbt's exceptions.

    A macro may ask the database while it is rendered, for the columns of a table, say.
    """
    _Compiler(project.config).compile_node(node, project.cut([node]), {}, write=False)
    return str(node.compiled_code)


def fault_of(project: ParsedProject, node: Any, *, of_a_rule: bool) -> Fault | None:
    """Of a test, of a node that is the caller's own. Raises the errors of the driver and of dbt where the database does not answer."""
    try:
        with catalog.waiting_little(adapter()):
            sql = compiled(project, node)
    except DbtBaseException as error:
        return Fault(words(error))
    if of_a_rule and (found := one_statement.fault(sql, adapter().type())):
        return Fault(found)
    answer = catalog.plan_fault(adapter(), sql)
    return None if answer is None else Fault(answer, by_database=True)


class _Compiler(Compiler):
    def _write_node(self, node: Any, split_suffix: str | None = None) -> Any:  # noqa: ARG002  # dbt's signature
        return node
