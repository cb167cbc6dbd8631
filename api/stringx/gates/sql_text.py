"""SQL that a rule brings along, as text: what is wrong with it before any database sees it. Pure.

It is put into a statement between parentheses. So it must be one expression, and close what it opens: `a = 1) or (b = 2` would be a
condition of its own beside the slice. What the SQL means is the database's to say; the runner looks again at the whole of what is sent.
"""

from __future__ import annotations

import re

from stringx.gates.sql_lexer import NotClosed, is_comment, replaced

#: Of one expression, in characters. A longer one would not be read by anybody, and takes long to be looked through here.
LONGEST = 10_000

_DAY = re.compile(r"(?<![\w.])\d{4}-\d{2}-\d{2}(?!\w)")

_PAIRS = {")": "(", "]": "[", "}": "{"}


def bare(sql: str) -> str:
    """The SQL with a blank in place of each comment, and `?` in place of each text and quoted name; NotClosed where one has no end."""
    return replaced(sql, lambda found: " " if is_comment(found) else "?", backticks=True)


def fault(sql: str) -> str | None:
    """What is wrong with the text of one expression, in words with the fix; None where nothing is."""
    if len(sql) > LONGEST:
        return f"is longer than {LONGEST} characters: make it a test of the dbt project"
    try:
        left = bare(sql)
        hides_what_follows = not bare(f"{sql})").endswith(")")
    except NotClosed as error:
        return f"holds a {error.what} that is not closed: add the closing {error.closing}"
    if not left.strip():
        return "holds no SQL: write an expression"
    if ";" in left:
        return "holds `;`: a rule is one expression, not several statements; take it out"
    if hides_what_follows:
        return "ends in a `--` comment, which would hide what follows it: take it out, or write /* … */"
    if day := _DAY.search(left):
        return f"holds {day[0]}, which SQL subtracts as numbers: write a date in quotes of SQL's own, as '{day[0]}'"
    return _unpaired(left)


def _unpaired(left: str) -> str | None:
    opened: list[str] = []
    for mark in left:
        if mark in _PAIRS.values():
            opened.append(mark)
        elif mark in _PAIRS and (not opened or opened.pop() != _PAIRS[mark]):
            return f"closes `{mark}`, which it did not open: a rule's SQL is one expression"
    return f"opens `{opened[-1]}`, and does not close it" if opened else None
