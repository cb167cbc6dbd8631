"""A rule's SQL is one statement, as Postgres reads it: whatever is a text, a name or a comment to it is one here, and nothing else."""

from __future__ import annotations

import pytest

from stringx.runner.one_statement import fault
from stringx.runner.slice_sql import with_repeats_outside

ONE = [
    "select 1",
    "select 1;",
    "select 1 ; -- and no more; really\n",
    "select ';' as a, \";\" as b, $$;$$ as c, $x$ ; $$ ; $x$ as d /* ; /* ; */ ; */",
    r"select E'\';' as a, E'it''s;' as b, e'a'  -- goes on",
    "select E'a'\n  'b\\';c' as a",
    "select E'a' -- and on; so\n -- and; on\n 'b\\';c' as a",
    "select 'a\\' as a, 'b;' as b",
    "select U&'\\0041;' as a",
    "select a$b$c; ",
]
MORE = [
    "select 1; select 2",
    "select 1;;\n;/**/ drop table t",
    "select 'a\\'; drop table t --'",
    "select E'a' 'b'; drop table t",
    # The escapes of the first part hold for what follows it in the next line.
    "select E'a'\n'b\\'' ; drop table t; --'",
    "select E'a'\r\n\t'b\\'' ; drop table t; --'",
    "select E'a' -- on\n'b\\'' ; drop table t; --'",
    "select $a$ $b$ ; $a$; drop table t; $a$ $a$",
    "select /* /* */ ; */ 1; drop table t",
    "select 1 -- ' \n; drop table t --'",
]
OPEN = ["select 'a", 'select "a', "select $$a", "select E'a\\'", "select /* /* */ 1"]


@pytest.mark.parametrize("sql", ONE)
@pytest.mark.parametrize("database", ["postgres", "duckdb"])
def test_one_statement_is_sent(sql: str, database: str) -> None:
    assert fault(sql, database) is None


@pytest.mark.parametrize("sql", MORE)
def test_more_than_one_is_not(sql: str) -> None:
    assert fault(sql, "postgres") == "a rule's SQL must be one statement that reads, and it is more than one statement"


@pytest.mark.parametrize("sql", OPEN)
def test_nor_is_one_of_which_it_is_not_known_where_it_ends(sql: str) -> None:
    assert "without an end" in (fault(sql, "postgres") or "")


@pytest.mark.parametrize("sql", [*MORE, "select ';'", r"select '\'; drop table t --'"])
def test_where_texts_are_read_in_another_way_no_semicolon_is_sent(sql: str) -> None:
    assert "must hold no `;`" in (fault(sql, "snowflake") or "")


def test_elsewhere_what_holds_none_is_sent() -> None:
    assert fault(r"select '\' -- it''s", "bigquery") is None


def test_repeats_are_looked_for_outside_the_slice_with_the_tests_own_condition_on_both_sides() -> None:
    given = {"column": "id", "relation": '"raw"."rows"'}
    assert with_repeats_outside("", "kept -- so", **given) == "kept -- so"
    assert with_repeats_outside("day = '1'", None, **given) == 'id in (\nselect id from "raw"."rows" where day = \'1\')'
    both = with_repeats_outside("day = '1'", "kept -- so", **given)
    assert both == 'id in (\nselect id from "raw"."rows" where (day = \'1\') and (\nkept -- so\n)) and (\nkept -- so\n)'
