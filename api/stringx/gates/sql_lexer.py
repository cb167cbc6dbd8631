"""What of an SQL text is no code: its texts, quoted names and comments, by Postgres' lexical rules. Pure.

`standard_conforming_strings` is on, as it is by default.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_AS_POSTGRES = r"""
    --[^\n\r]*
    | (?P<comment>/\*)
    # A text goes on behind a line's end, with the escapes of its first part.
    | (?<![\w$])[eE]'(?:[^'\\]|\\.|''|'[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:\s|--[^\n\r]*[\n\r])*')*+(?P<escapes_end>'?)
    | '(?:[^']|'')*(?P<text_end>'?)
    | "(?:[^"]|"")*(?P<name_end>"?)
    | (?<![\w$])(?P<tag>\$(?:[^\W\d]\w*)?\$)
"""
_OPAQUE = re.compile(_AS_POSTGRES, re.VERBOSE | re.DOTALL)
#: Beside them the quotes of names in MySQL, BigQuery and Spark.
_OPAQUE_OR_BACKTICKS = re.compile(rf"{_AS_POSTGRES} | `[^`]*(?P<backtick_end>`?)", re.VERBOSE | re.DOTALL)
_COMMENT_ENDS = re.compile(r"/\*|\*/")
#: The closing mark that each of these groups stands for, and of what it is.
_CLOSED_BY = {"escapes_end": ("text", "'"), "text_end": ("text", "'"), "name_end": ("name", '"'), "backtick_end": ("name", "`")}


class NotClosed(Exception):
    """A text, a quoted name or a comment that has no end."""

    def __init__(self, what: str, closing: str) -> None:
        super().__init__(f"a {what} that is not closed")
        self.what = what
        self.closing = closing


def replaced(sql: str, instead: Callable[[str], str], *, backticks: bool = False) -> str:
    """`sql` with `instead` of each text, quoted name and comment in its place; NotClosed where one has no end.

    `backticks`: that names may stand between them, too. To Postgres they are operators.
    """
    opaque = _OPAQUE_OR_BACKTICKS if backticks else _OPAQUE
    parts, end = [], 0
    while (match := opaque.search(sql, end)) is not None:
        parts.append(sql[end : match.start()])
        end = _end(sql, match)
        parts.append(instead(sql[match.start() : end]))
    return "".join([*parts, sql[end:]])


def is_comment(found: str) -> bool:
    """Of what `instead` is given."""
    return found.startswith(("--", "/*"))


def _end(sql: str, match: re.Match[str]) -> int:
    groups = match.groupdict()
    if groups["comment"]:
        return _comment_end(sql, match.end())
    if tag := groups["tag"]:
        start = sql.find(tag, match.end())
        if start < 0:
            raise NotClosed("text", tag)
        return start + len(tag)
    for group, (what, closing) in _CLOSED_BY.items():
        if groups.get(group) == "":
            raise NotClosed(what, closing)
    return match.end()


def _comment_end(sql: str, start: int) -> int:
    """Postgres' comments nest."""
    depth, end = 1, start
    while depth:
        match = _COMMENT_ENDS.search(sql, end)
        if match is None:
            raise NotClosed("comment", "*/")
        depth += 1 if match[0] == "/*" else -1
        end = match.end()
    return end
