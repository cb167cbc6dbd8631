"""What is wrong with a regular expression in any database, as far as its text alone can tell. Pure.

Each database has a kind of its own, and reads backslashes in a way of its own. So nothing is said of an expression with a backslash, nor
of one that may say itself how it is to be read: what is no expression to one database may be one to another, and the runner asks the
one that is meant.
"""

from __future__ import annotations

#: Flags that do not change which texts are expressions; others have comments in them, or take them for plain text.
PLAIN_FLAGS = frozenset("cgi")

_SAYS_HOW_IT_IS_READ = ("\\", "(?", "***")


def fault(regex: str) -> str | None:
    """What no database would take, with the fix; None where one may."""
    if any(mark in regex for mark in _SAYS_HOW_IT_IS_READ):
        return None
    if regex.rfind("[") > regex.rfind("]"):
        return "opens `[`, and does not close it: write `\\[` for the character"
    if "[" not in regex and regex.count("(") > regex.count(")"):
        return "opens `(`, and does not close it: write `\\(` for the character"
    return None
