"""SQL of a rule, as text."""

from __future__ import annotations

import pytest

from stringx.gates.sql_text import bare, fault


@pytest.mark.parametrize(
    "sql",
    [
        "a > 1",
        "'a'",
        "note = 'a; b' and \"odd;name\" is null",
        "note = 'it''s; fine'",
        r"note = E'it\'s; fine'",
        "note = $$a; 'b$$ and x = $tag$ ; $$ $tag$",
        "a /* ; */ > 1",
        "a /* /* ; */ ) */ > 1",
        "a = e'b'\n'it\\'s; fine'",
        "a -- ; and more\n > 1",
        "`odd;name` > 1",
        "values[1] in (1, (2))",
        "note = ')'",
        "price$1 > 0",
        "date'2013-01-01' < day",
    ],
)
def test_one_expression_is_right(sql: str) -> None:
    assert fault(sql) is None


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("a > 1; drop table x", "holds `;`"),
        ("a > 1;", "holds `;`"),
        (r"a = 'it\'; drop table x --'", "holds `;`"),
        ("a = e'x'; drop table x", "holds `;`"),
        (r"name_e'\'; drop table x", "holds `;`"),
        ("$1$ ; $1$", "holds `;`"),
        ("a = $tag$ $$ b' $tag$ ; x = ''", "holds `;`"),
        ("a = 'x", "holds a text that is not closed: add the closing '"),
        ('"a = 1', 'holds a name that is not closed: add the closing "'),
        ("a /* b", "holds a comment that is not closed: add the closing */"),
        ("a = $tag$ b $$", "holds a text that is not closed: add the closing $tag$"),
        ("a /* /* b */", "holds a comment that is not closed: add the closing */"),
        # As Postgres reads them: comments nest, and a text with escapes goes on in the next line.
        ("id = 1 /* /* */ '*/) or (1 = 1 or $$'$$ = $$ $$", "closes `)`, which it did not open"),
        ("'x' = e'a'\n'b\\'' ) or (1 = 1 --'", "ends in a `--` comment"),
        ("'x' = e'a'\n'b\\'' ) or (1 = 1 --'\n", "closes `)`, which it did not open"),
        ("a > 1 -- always", "ends in a `--` comment"),
        ("a = 1) or (b = 2", "closes `)`, which it did not open"),
        ("(a = 1]", "closes `]`, which it did not open"),
        ("(a = 1", "opens `(`, and does not close it"),
        ("-- nothing\n", "holds no SQL"),
        ("/* nothing */", "holds no SQL"),
        (" ", "holds no SQL"),
    ],
)
def test_what_is_no_expression_is_told(sql: str, says: str) -> None:
    found = fault(sql)
    assert found is not None
    assert found.startswith(says)


def test_what_is_left_is_code() -> None:
    assert bare("a = 'x;\ny' -- b\n and \"c\" /* /* ; */ */") == "a = ?  \n and ?  "
