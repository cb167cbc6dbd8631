"""Marked SQL → templates; and what must hold of a statement that is to be sent again with other values. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stringx.gates import sql_lexer
from stringx.runner.recording import Template
from stringx.runner.slice_sql import quoted

#: Stands for a hole while a statement is looked at. Postgres takes no text that holds it.
_HOLE = "\x00"

#: Either end of a marked value, of any run: a pattern with the run's own nonce would be compiled, and kept for a while, for each run.
_MARK = re.compile(r"/\*(?P<nonce>\w+)(?::(?P<place>\d+))?\*/")


class NotRepeatable(Exception):
    """The statement cannot be sent again with other values; the message says why."""


def template(text: str, nonce: str, values: Sequence[str]) -> Template:
    """`text` with a hole in place of each marked value. Raises NotRepeatable where a value is not as `slice_sql` wrote it."""
    marked = re.compile(rf"/\*{nonce}:(\d+)\*/(.*?)/\*{nonce}\*/", re.DOTALL)
    segments, places, end = [], [], 0
    for match in marked.finditer(text):
        place = int(match[1])
        if place >= len(values) or match[2] != quoted(values[place]):
            raise NotRepeatable("it changes the text of the slice's values")
        segments.append(text[end : match.start()])
        places.append(place)
        end = match.end()
    segments.append(text[end:])
    if any(nonce in segment.lower() or _HOLE in segment for segment in segments):
        raise NotRepeatable("it changes the text of the slice")
    return Template(segments=tuple(segments), places=tuple(places))


def unmarked(text: str, nonce: str) -> str:
    """`text` as people read it."""
    return _MARK.sub(lambda mark: "" if mark["nonce"] == nonce else mark[0], text)


def remarked(text: str, nonce: str, values: Sequence[str]) -> str:
    """`text` with other values between the same marks."""
    marked = re.compile(rf"(/\*{nonce}:(\d+)\*/).*?(/\*{nonce}\*/)", re.DOTALL)
    return marked.sub(lambda match: f"{match[1]}{quoted(values[int(match[2])])}{match[3]}", text)


def shows_slice(statement: str, nonce: str) -> bool:
    """Whether a value of the slice stands in it; one in a comment does not."""
    holed = _MARK.sub(lambda mark: _HOLE if mark["nonce"] == nonce and mark["place"] else mark[0], statement)
    try:
        return _HOLE in _code(holed, texts=True)
    except NotRepeatable:  # by other lexical rules than those known here
        return _HOLE in holed


def check_one_select(statement: Template) -> None:
    """Raises NotRepeatable unless it is one query, and each hole a value of it: not within a string, a name or a comment."""
    code = _code(_HOLE.join(statement.segments))
    if code.count(_HOLE) != len(statement.places):
        raise NotRepeatable("it puts the slice into a string, a quoted name or a comment")
    query = _only_one(code)
    if not re.match(r"[\s(]*(?:select|with)\b", query, re.IGNORECASE):
        raise NotRepeatable("it is no select")


def one_statement(sql: str) -> None:
    """Raises NotRepeatable unless it is one statement, of whatever kind."""
    _only_one(_code(sql))


def _only_one(code: str) -> str:
    query, _, rest = code.partition(";")
    if rest.strip(" \t\r\n;"):
        raise NotRepeatable("it is more than one statement")
    return query


def _code(text: str, *, texts: bool = False) -> str:
    """`text` without comments, and without strings and quoted names unless `texts`; each is a space."""
    try:
        return sql_lexer.replaced(text, lambda found: found if texts and not sql_lexer.is_comment(found) else " ")
    except sql_lexer.NotClosed as error:
        raise NotRepeatable(f"it has a {error.what} without an end") from error
