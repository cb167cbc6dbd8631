"""A test's SQL as dbt makes it, without anything being run."""

from __future__ import annotations

from typing import Any

from dbt.compilation import Compiler

from stringx.runner.parsed import ParsedProject


def compiled(project: ParsedProject, node: Any) -> str:
    """The SQL of a test, of a node that is the caller's own. Raises dbt's exceptions.

    A macro may ask the database while it is rendered, for the columns of a table, say.
    """
    _Compiler(project.config).compile_node(node, project.cut([node]), {}, write=False)
    return str(node.compiled_code)


class _Compiler(Compiler):
    def _write_node(self, node: Any, split_suffix: str | None = None) -> Any:  # noqa: ARG002  # dbt's signature
        return node
