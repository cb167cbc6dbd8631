"""What a threshold counts: what a share is of, and which checks have that of their gate. Pure."""

from __future__ import annotations

from stringx.gates.rule_library import LIBRARY, Counted, Origin
from stringx.model import Level, LookedAt, Rule, Threshold

#: Arguments that say, as a rule's `row_condition` does, which rows are looked at.
_CONDITIONS = ("row_condition", "from_condition")

#: Checks whose arguments say how many rows are too many.
_SAY_HOW_MANY = frozenset({"column_null_share_between", "share_of_rows"})


def takes_that_of_gate(check_name: str, threshold: Threshold) -> bool:
    """Whether a gate's threshold fits the check: a mean that is out of its bounds is one failure, and never more than 5 % of the rows.
    A share of rows that have repeated keys, or other failing values, is accepted only where a rule itself says so."""
    check = LIBRARY.get(check_name)
    if check is None or check_name in _SAY_HOW_MANY or check.counts is Counted.VALUES_OF_SQL:
        return False
    takes_one = check.context_columns or check.origin is Origin.DBT
    return takes_one and (check.counts is not Counted.VALUES_OF_ROWS or not threshold.has_share)


def looked_at(rule: Rule) -> LookedAt:
    """What the rule's check looks at, one by one: a share is of these. What a test of a project's own counts, its author alone knows:
    rows, where the rule's level says so."""
    check = LIBRARY.get(rule.check)
    if check is None:
        return LookedAt.ROWS if rule.level is Level.ROW else LookedAt.WHOLE
    grouped = bool(rule.arguments.get("group_by") or rule.arguments.get("group_by_columns"))
    if is_of_sql(rule) and grouped:
        return LookedAt.GROUPS
    return LookedAt.WHOLE if check.counts is Counted.GROUPS and not grouped else check.counts.looked_at


def is_of_sql(rule: Rule) -> bool:
    """Whether the rule judges the values of its SQL, of which the database alone knows how many there are. With a column it judges rows."""
    check = LIBRARY.get(rule.check)
    return check is not None and check.counts is Counted.VALUES_OF_SQL and rule.column is None


def is_of_rows_with_values(rule: Rule) -> bool:
    """Whether the rule's failures are the rows that have the values which its check finds, since its threshold is a share of them. Where
    one of two limits is, both are about rows."""
    check = LIBRARY.get(rule.check)
    return check is not None and check.counts is Counted.VALUES_OF_ROWS and rule.threshold is not None and rule.threshold.has_share


def conditions(rule: Rule) -> dict[str, object]:
    """The arguments of the rule that say which rows are looked at."""
    check = LIBRARY.get(rule.check)
    if check is None:
        return {}
    return {name: rule.arguments[name] for name in _CONDITIONS if name in check.arguments and rule.arguments.get(name) is not None}


def told(rule: Rule) -> LookedAt | None:
    """What a runner has to say that it looked at, where the rule has a share; None where every version counts the same rows."""
    things = looked_at(rule)
    return None if things is LookedAt.ROWS and not is_of_rows_with_values(rule) and not conditions(rule) else things
