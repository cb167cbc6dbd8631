"""SQL that a rule brings along, as text: what is wrong with it before any database sees it. Pure.

It is put into a statement between parentheses. So it must be one expression, and close what it opens: `a = 1) or (b = 2` would be a
condition of its own beside the slice. What the SQL means is the database's to say; the runner looks again at the whole of what is sent.
"""

from __future__ import annotations

import re

#: Of one expression, in characters. A longer one would not be read by anybody, and takes long to be looked through here.
LONGEST = 10_000

#: Text in quotes, and comments: what stands in them is no SQL. Single quotes are doubled within, as standard SQL has it; only a
#: string that begins with `E` has backslashes before them.
_OPAQUE = re.compile(
    r"""
      (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?<![\w$])[eE]'(?:[^'\\]|''|\\.)*'
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | `[^`]*`
    | (?<![\w$])\$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?(tag)(?P=tag))\$
    """,
    re.VERBOSE | re.DOTALL,
)
_PAIRS = {")": "(", "]": "[", "}": "{"}


def bare(sql: str) -> str:
    """The SQL with blanks in place of its comments, and `?` in place of what stands in quotes: every place is the same as before."""
    return _OPAQUE.sub(lambda found: re.sub(r"[^\n]", " " if found["comment"] else "?", found[0]), sql)


def fault(sql: str) -> str | None:
    """What is wrong with the text of one expression, in words with the fix; None where nothing is."""
    if len(sql) > LONGEST:
        return f"is longer than {LONGEST} characters: make it a test of the dbt project"
    left = bare(sql)
    if not left.strip():
        return "must be SQL, as text"
    if ";" in left:
        return "holds `;`: a rule is one expression, not several statements; take it out"
    for mark, what in (("'", "text"), ('"', "name"), ("`", "name"), ("/*", "comment")):
        if mark in left:
            return f"holds a {what} that is not closed: add the closing {'*/' if mark == '/*' else mark}"
    if any(found.end() == len(sql) and found[0].startswith("--") for found in _OPAQUE.finditer(sql)):
        return "ends in a `--` comment, which would hide what follows it: take it out, or write /* … */"
    return _unpaired(left)


def _unpaired(left: str) -> str | None:
    opened: list[str] = []
    for mark in left:
        if mark in _PAIRS.values():
            opened.append(mark)
        elif mark in _PAIRS and (not opened or opened.pop() != _PAIRS[mark]):
            return f"closes `{mark}`, which it did not open: a rule's SQL is one expression"
    return f"opens `{opened[-1]}`, and does not close it" if opened else None
