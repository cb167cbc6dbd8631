"""What a generic test of the dbt project is called with, as its macro says it; and what of a rule's call it would not take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from dbt_common.clients import jinja
from jinja2 import nodes

from stringx.gates.rule_library import Column, call_faults
from stringx.model import Rule

#: What StringX itself gives a test: the gate's table, and a rule's `column`.
_MODEL, _COLUMN = "model", "column_name"


@dataclass(frozen=True)
class Signature:
    """One test's."""

    column: Column
    #: by name, whether it must be given
    arguments: Mapping[str, bool]
    #: that it takes arguments of other names, too
    takes_any: bool

    @classmethod
    @lru_cache
    def of(cls, macro_sql: str) -> Signature:
        """`macro_sql`: the text of the macro, as dbt has parsed it."""
        macro = next(jinja.parse(macro_sql).find_all(nodes.Macro))
        without_default = len(macro.args) - len(macro.defaults)
        optional = {one.name for one in macro.args[without_default:]} | _asked_about(macro)
        needed = {one.name: one.name not in optional for one in macro.args}
        # Jinja hands on whatever has another name to a macro that reads `kwargs`, and to no other.
        takes_any = any(one.name == "kwargs" for one in macro.find_all(nodes.Name))
        column = Column.NONE
        if needed.get(_COLUMN):
            column = Column.REQUIRED
        elif _COLUMN in needed or takes_any:
            column = Column.OPTIONAL
        return cls(column, {name: needs for name, needs in needed.items() if name not in (_MODEL, _COLUMN)}, takes_any)

    def faults(self, rule: Rule) -> list[tuple[tuple[str | int, ...], str]]:
        """What is wrong with the rule's call: where within the rule, and what, with the fix."""
        found = call_faults(rule.check, self.column, self.arguments, column=rule.column is not None, given=rule.arguments)
        return [(field, message) for field, message in found if not (self.takes_any and self.is_unknown(field))]

    def is_unknown(self, field: tuple[str | int, ...]) -> bool:
        """Whether a fault there is of an argument that the test does not have."""
        return field[:1] == ("arguments",) and len(field) > 1 and field[1] not in self.arguments


def _asked_about(macro: nodes.Macro) -> set[str]:
    """The parameters of which the macro asks whether they were given: with `is defined`, with `default`, or as a condition, which what
    was not given does not fulfil."""
    asked = [
        *(test.node for test in macro.find_all(nodes.Test) if test.name in ("defined", "undefined")),
        *(found.node for found in macro.find_all(nodes.Filter) if found.name in ("default", "d")),
        *(found.test for found in macro.find_all(nodes.If)),
        *(found.test for found in macro.find_all(nodes.CondExpr)),
        *(found.node for found in macro.find_all(nodes.Not)),
        *(side for found in macro.find_all((nodes.And, nodes.Or)) for side in (found.left, found.right)),
    ]
    return {one.name for one in asked if isinstance(one, nodes.Name)}
