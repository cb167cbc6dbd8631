"""Rules as the SQL of dbt singular tests: gate text stays data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stringx.errors import Invalid
from stringx.gates.rule_library import LIBRARY
from stringx.gates.tests import column_sql, literal
from stringx.gates.tests import each_test_sql as each_sql_of
from stringx.gates.tests import test_name as name_of
from stringx.gates.tests import test_sql as sql_of
from stringx.model import Dimension, Kind, Level, Rule, Severity


def rule(**fields: Any) -> Rule:
    values: dict[str, Any] = {
        "name": "tailnum_known",
        "check": "relationships",
        "kind": Kind.ENGINEERING,
        "dimension": Dimension.CONSISTENCY,
        "level": Level.COLUMN,
        "severity": Severity.WARN,
    }
    return Rule(**(values | fields))


def resolve(table: str) -> str:
    schema, _, name = table.partition(".")
    return f"source('{schema}', '{name}')"


def render(text: str, **context: object) -> str:
    return jinja2.Environment(autoescape=False).from_string(text).render(**context)  # noqa: S701  # no HTML here


def test_a_rule_becomes_a_call_of_the_dbt_test_with_its_tables_resolved() -> None:
    sql = sql_of(rule(column="tailnum", arguments={"to": "raw.planes", "field": "tailnum"}), "raw.flights", resolve)
    assert "test_relationships(model=get_where_subquery(source('raw', 'flights'))" in sql
    assert 'column_name="tailnum"' in sql
    assert "to=source('raw', 'planes')" in sql
    assert 'field="tailnum"' in sql


def test_dbt_is_told_to_count_every_failure_whatever_the_threshold() -> None:
    seen: dict[str, object] = {}
    sql = sql_of(rule(threshold={"error": 7}, row_condition="dep_time is null"), "raw.flights", resolve)
    nothing = {"source": str, "get_where_subquery": str, "test_relationships": str}
    render(
        sql.replace("source('raw', 'flights')", "'t'"),
        config=lambda **given: seen.update(given) or "",
        **nothing | {"test_relationships": lambda **_arguments: ""},
    )
    assert seen == {
        "enabled": True,
        "severity": "warn",
        "warn_if": "!= 0",
        "error_if": "!= 0",
        "fail_calc": "count(*)",
        "limit": None,
        "where": "dep_time is null",
        "store_failures": False,
        "store_failures_as": "ephemeral",
    }


@pytest.mark.parametrize(
    ("check", "threshold", "sliced", "counted"),
    [
        ("unique", {"error": 5}, True, "count(*)"),
        ("unique", {"error": "5%"}, False, "n_records"),
        ("unique", {"warn": 5, "error": "5%"}, True, "n_records"),
        ("unique_normalised_text", {"error": "5%"}, False, "n_records"),
        ("unique_normalised_text", {"error": "5%"}, True, "n_records_of_slice"),
        ("not_null", {"error": "5%"}, True, "count(*)"),
        ("of_a_project", {"error": "5%"}, True, "count(*)"),
    ],
)
def test_of_a_share_the_rows_that_have_the_values_are_counted(check: str, threshold: object, sliced: bool, counted: str) -> None:
    sql = sql_of(rule(check=check, column="tailnum", threshold=threshold), "raw.flights", resolve, sliced=sliced)
    told = f'"{counted}"' if "(" in counted else f'"cast(coalesce(sum({counted}), 0) as " ~ dbt.type_bigint() ~ ")"'
    assert f"fail_calc={told})" in sql
    assert ("test_unique(" in sql) == (check == "unique" and not (sliced and "n_records" in counted))


def test_of_a_share_a_key_of_the_slice_is_repeated_in_the_whole_and_counted_in_the_slice() -> None:
    made = rule(check="unique", column="Tail", threshold={"error": "5%"}, row_condition="dep_time > 0 -- flown")
    sql = render(
        sql_of(made, "raw.flights", resolve, sliced=True),
        config=lambda **_given: "",
        dbt={"type_bigint": lambda: "bigint"},
        source=lambda *names: ".".join(names),
        get_where_subquery=lambda relation: f"(the slice of {relation})",
    )
    assert sql.split("\n")[1:] == [
        'select "Tail" as unique_field, count(*) as n_records',
        "from (the slice of raw.flights)",
        'where "Tail" in (',
        'select "Tail" from (select * from raw.flights where dep_time > 0 -- flown',
        ") stringx_whole",
        'where "Tail" in (select "Tail" from (the slice of raw.flights))',
        'group by "Tail"',
        "having count(*) > 1",
        ")",
        'group by "Tail"',
    ]


COUNTED: list[tuple[dict[str, Any], str]] = [
    ({"check": "not_null", "column": "a"}, "select 1 as looked_at from {{ get_where_subquery(source('raw', 'flights')) }}"),
    (
        {"check": "expect_column_values_to_be_null", "column": "a", "arguments": {"row_condition": "b > 1 -- only"}},
        "select 1 as looked_at from {{ get_where_subquery(source('raw', 'flights')) }}\nwhere (\n{{ \"b > 1 -- only\" }}\n)",
    ),
    (
        {"check": "relationships_where", "column": "a", "arguments": {"to": "b.c", "field": "d", "from_condition": "e"}},
        "select 1 as looked_at from {{ get_where_subquery(source('raw', 'flights')) }}\nwhere (\n{{ \"e\" }}\n)",
    ),
    (
        {"check": "of_a_project", "arguments": {"row_condition": "b > 1"}},
        "select 1 as looked_at from {{ get_where_subquery(source('raw', 'flights')) }}",
    ),
    (
        {"check": "recency", "arguments": {"field": "a", "group_by_columns": ["b"]}},
        "{{ stringx__each_group(model=get_where_subquery(source('raw', 'flights')), field=\"a\", group_by_columns=[\"b\"]) }}",
    ),
    (
        {"check": "foreign_key_both_ways", "column": "Tail", "arguments": {"to": "raw.planes", "field": "b"}},
        (
            "{{ stringx__each_value_of_both(model=get_where_subquery(source('raw', 'flights')), column_name=\"\\x22Tail\\x22\","
            " to=source('raw', 'planes'), field=\"b\") }}"
        ),
    ),
    (
        {"check": "row_count_like_before", "column": "a"},
        "{{ stringx__each_slice(model=get_where_subquery(source('raw', 'flights')), whole=source('raw', 'flights'), column_name=\"a\") }}",
    ),
    (
        {"check": "expression_is_true", "arguments": {"expression": "sum(a) > 1"}},
        "{{ stringx__each_value_of_sql(model=get_where_subquery(source('raw', 'flights')), expression=\"sum(a) > 1\") }}",
    ),
]


@pytest.mark.parametrize(("fields", "counted"), COUNTED)
def test_what_a_share_is_of_is_counted_as_the_check_itself_looks_at_it(fields: dict[str, Any], counted: str) -> None:
    _, _, sql = each_sql_of(rule(**fields), "raw.flights", resolve, sliced=True).partition("\n")
    assert sql == f"{counted}\n"


@pytest.fixture
def looks_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of the library whose macro takes `whole` and `context_columns`."""
    check = replace(LIBRARY["expression_is_true"], whole=True)
    monkeypatch.setattr("stringx.gates.tests.LIBRARY", {**LIBRARY, "looks_beyond": check})


@pytest.mark.usefixtures("looks_beyond")
@pytest.mark.parametrize(
    ("condition", "whole"),
    [(None, '"raw"."flights"'), ("dep_time > 0 -- flown", '(select * from "raw"."flights" where dep_time > 0 -- flown\n) stringx_whole')],
)
def test_a_check_that_looks_beyond_the_slice_is_given_the_table_without_it(condition: str | None, whole: str) -> None:
    seen: dict[str, object] = {}
    made = rule(check="looks_beyond", arguments={"expression": "true"}, row_condition=condition)
    render(
        sql_of(made, "raw.flights", resolve, sliced=True),
        config=lambda **_given: "",
        source=lambda *names: ".".join(f'"{name}"' for name in names),
        get_where_subquery=lambda relation: f"(the slice of {relation})",
        test_looks_beyond=lambda **given: seen.update(given) or "",
    )
    assert seen == {"model": '(the slice of "raw"."flights")', "whole": whole, "expression": "true"}
    assert "whole=" not in sql_of(made, "raw.flights", resolve)


@pytest.mark.usefixtures("looks_beyond")
def test_context_columns_are_told_to_a_check_that_takes_them_and_to_no_other() -> None:
    fields: dict[str, Any] = {"arguments": {"expression": "true"}, "context_columns": ("tailnum", "Odd name")}
    assert r'context_columns=["tailnum", "\x22Odd name\x22"]' in sql_of(rule(check="looks_beyond", **fields), "raw.flights", resolve)
    assert "context_columns" not in sql_of(rule(check="expect_column_to_exist", **fields), "raw.flights", resolve)


def test_the_name_carries_the_gate_version() -> None:
    assert name_of("a" * 32, rule()) == "stringx_aaaaaaaaaaaa_tailnum_known"
    assert name_of("a" * 32, rule()) != name_of("b" * 32, rule())


@pytest.mark.parametrize("mark", ["{{ 1 }}", "{% raw %}", "{# note #}"])
@pytest.mark.parametrize("field", ["column", "row_condition", "argument", "list", "key", "table"])
def test_text_with_jinja_in_it_is_refused(mark: str, field: str) -> None:
    bad: dict[str, dict[str, Any]] = {
        "column": {"column": mark},
        "row_condition": {"row_condition": f"a = '{mark}'"},
        "argument": {"arguments": {"expression": mark}},
        "list": {"arguments": {"values": ["x", mark]}},
        "key": {"arguments": {"options": {mark: 1}}},
        "table": {"arguments": {"to": mark}},
    }
    with pytest.raises(Invalid, match="never rendered as Jinja"):
        sql_of(rule(**bad[field]), "raw.flights", resolve)


def test_an_argument_that_is_no_name_is_refused() -> None:
    with pytest.raises(Invalid, match=r"arguments\.a=1, b"):
        sql_of(rule(arguments={"a=1, b": 2}), "raw.flights", resolve)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_a_value_without_a_literal_is_refused(value: object) -> None:
    with pytest.raises(Invalid, match=r"arguments\.x"):
        literal(value, "arguments.x")


def test_nesting_without_end_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(Invalid, match="nested"):
        literal(value, "arguments.x")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_every_literal_is_read_by_jinja_as_the_very_value(value: object) -> None:
    try:
        text = literal(value, "arguments.x")
    except Invalid as refusal:
        assert "Jinja" in str(refusal)  # noqa: PT017  # the strategy draws brackets now and then
        return
    seen: list[object] = []
    render("{{ take(" + text + ") }}", take=seen.append)
    assert seen == [value]


@pytest.mark.parametrize(
    ("column", "sql"),
    [("tailnum", "tailnum"), ("order", '"order"'), ("TailNum", '"TailNum"'), ("a b", '"a b"'), ('a"; drop', '"a""; drop"')],
)
def test_a_columns_name_is_quoted_where_postgres_wants_it(column: str, sql: str) -> None:
    assert column_sql(column) == sql


@pytest.mark.parametrize(("between", "sql"), [("``", '`a`` ]"b`'), ("[]", '[a` ]]"b]')])
def test_it_is_quoted_as_the_database_has_it(between: str, sql: str) -> None:
    column = 'a` ]"b'
    assert column_sql(column, between) == sql
    assert literal(sql, "column") in sql_of(rule(column=column, arguments={}), "raw.flights", lambda name: name, names_between=between)
