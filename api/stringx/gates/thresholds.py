"""Which checks a threshold fits: one that is a share, and of which rows it is one; and one that the gate has for all its rules. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stringx.gates import sql_text
from stringx.gates.rule_library import LIBRARY, Counted, Origin
from stringx.model import Rule, Threshold

#: Checks whose arguments say how many rows are too many.
_SAY_HOW_MANY = frozenset({"column_null_share_between", "share_of_rows"})

#: Checks whose SQL may be an aggregate: its one failure is about all rows.
MAY_BE_AGGREGATES = frozenset({"expression_between", "expression_is_true"})

#: Of checks without a share, those that find the same, or the part of it that is in rows of the table, and have one.
INSTEAD = {
    "at_least_one": "not_null",
    "expect_column_distinct_values_to_equal_set": "expect_column_distinct_values_to_be_in_set",
    "foreign_key_both_ways": "relationships",
    "not_null_proportion": "not_null",
}

_AGGREGATE = re.compile(
    r"\b(count|sum|avg|min|max|median|stddev(_pop|_samp)?|variance|var_(pop|samp)|bool_(and|or))\s*\(|\bwithin\s+group\b", re.IGNORECASE
)
#: What makes a value of each row of an aggregate: a window, or a query of its own.
_OF_EACH_ROW = re.compile(r"\b(over|select)\b", re.IGNORECASE)


def takes_that_of_gate(check_name: str, threshold: Threshold) -> bool:
    """Whether a gate's threshold fits the check: a mean that is out of its bounds is one failure, and never more than 5 % of the rows.
    A share of rows that have repeated keys, or other failing values, is accepted only where a rule itself says so."""
    check = LIBRARY.get(check_name)
    if check is None or check_name in _SAY_HOW_MANY | MAY_BE_AGGREGATES:
        return False
    takes_one = check.context_columns or check.origin is Origin.DBT
    return takes_one and (check.counts is not Counted.VALUES or not threshold.has_share)


def is_of_rows_with_values(rule: Rule) -> bool:
    """Whether the rule's failures are the rows that have the values which its check finds, since its threshold is a share of them. Where
    one of two limits is, both are about rows."""
    check = LIBRARY.get(rule.check)
    return check is not None and check.counts is Counted.VALUES and rule.threshold is not None and rule.threshold.has_share


def share_fault(check_name: str, arguments: Mapping[str, object]) -> str | None:
    """What is wrong with a share as the threshold of a rule with this check of the library, with the fix; None where it has one."""
    what = f"the failures of {check_name}"
    if LIBRARY[check_name].has_share:
        if check_name not in MAY_BE_AGGREGATES or not _is_aggregate(arguments):
            return None
        what = "the failures of an aggregate"
    instead = INSTEAD.get(check_name)
    fix = f"use the check {instead}" if instead else "leave it out"
    return f"is a share of the rows, and {what} stand for no rows: write a count of failures, or {fix}"


def _is_aggregate(arguments: Mapping[str, object]) -> bool:
    """As far as it is certain without the database, which is asked in the test that counts the rows."""
    if arguments.get("group_by_columns"):
        return True
    expression = arguments.get("expression")
    if not isinstance(expression, str) or sql_text.fault(expression) is not None:
        return False
    code = sql_text.bare(expression)
    return _AGGREGATE.search(code) is not None and _OF_EACH_ROW.search(code) is None
