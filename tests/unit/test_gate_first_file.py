"""The first gate file of a table: what `stringx gates validate` accepts, whatever a database calls its columns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stringx.gates import first_file
from stringx.gates.parse import parse
from stringx.model import CatalogColumn, ColumnType, ForeignKey, Gate, Relation, TableCatalog


def column(name: str, kind: str = "text", **fields: Any) -> CatalogColumn:
    return CatalogColumn(name=name, type=kind, **{"slices_by": ColumnType.TEXT, **fields})


def catalog(*columns: CatalogColumn, **fields: Any) -> TableCatalog:
    return TableCatalog(table="raw.rows", target="demo", **{"relation": Relation.SOURCE, "columns": columns, **fields})


def read(text: str) -> Gate:
    gate = parse(text, workspace="default", name="raw.rows", file="raw.rows.yaml")
    assert isinstance(gate, Gate), gate
    return gate


FULL = catalog(
    column("id", "bigint", nullable=False, slices_by=ColumnType.INTEGER),
    column("Odd name", nullable=False),
    column("day", "date", slices_by=ColumnType.DATE),
    column("no", "timestamp", slices_by=ColumnType.TIMESTAMP),
    column("status", accepted=("paid", "it's open", "no", "1:30", "1e5")),
    column("amount", "numeric", slices_by=None),
    column("customer", "integer"),
    column("shop", "integer"),
    primary_key=("id",),
    unique=(("day", "status"), ("Odd name", "day"), ("status",)),
    foreign_keys=(
        ForeignKey(columns=("customer",), table="raw.customers", referenced=("Id",), known=True),
        ForeignKey(columns=("shop",), table="raw.shops", referenced=("id",), known=False),
        ForeignKey(columns=("shop", "customer"), table="raw.pairs", referenced=("a", "b"), known=True),
    ),
    conditions=("(amount > (0)::numeric)", "(amount < 7)"),
)


def test_keys_and_constraints_become_rules_and_dates_columns_to_slice_by() -> None:
    gate = read(first_file.text(FULL, runner="other"))
    assert (gate.target, gate.runner) == ("demo", "other")
    assert gate.slice_columns == {"day": "date", "no": "timestamp"}
    assert [(rule.name, rule.check, rule.column, rule.arguments) for rule in gate.rules] == [
        ("id_is_filled", "not_null", "id", {}),
        ("odd_name_is_filled", "not_null", "Odd name", {}),
        ("id_is_unique", "unique", "id", {}),
        ("day_and_status_are_unique", "unique_combination_of_columns", None, {"combination_of_columns": ["day", "status"]}),
        (
            "odd_name_and_day_are_unique",
            "unique_combination_of_columns",
            None,
            {"combination_of_columns": ["Odd name", "day"], "quote_columns": True},
        ),
        ("status_is_unique", "unique", "status", {}),
        ("status_is_known", "accepted_values", "status", {"values": ["paid", "it's open", "no", "1:30", "1e5"]}),
        ("customer_is_in_raw_customers", "relationships", "customer", {"to": "raw.customers", "field": '"Id"'}),
        ("row_holds", "expression_is_true", None, {"expression": "(amount > (0)::numeric)"}),
        ("row_holds_2", "expression_is_true", None, {"expression": "(amount < 7)"}),
    ]


def test_what_cannot_be_a_rule_yet_is_told_beside_them() -> None:
    text = first_file.text(FULL, runner="default")
    assert "runner:" not in text
    assert "  # The dbt project does not know raw.shops: declare it there, and then:\n  # - name: shop_is_in_raw_shops\n" in text
    assert "  # shop, customer together are those of raw.pairs: that is no rule yet." in text
    # What is commented out is a rule once it is not.
    assert "shop_is_in_raw_shops" in {rule.name for rule in read(text.replace("  # - name", "  - name").replace("  #   ", "    ")).rules}


def test_a_name_in_a_comment_stays_there() -> None:
    key = ForeignKey(
        columns=("a\n  - {name: b, check: not_null, column: c}", "d\u2028e"), table="raw.pairs", referenced=("a", "b"), known=True
    )
    gate = read(first_file.text(catalog(column("a"), foreign_keys=(key,)), runner="default"))
    assert gate.rules == ()


def test_what_no_gate_file_can_say_is_left_out_and_told() -> None:
    long, odd = "c" * 64, "a\x7f\x85\u2028b"
    kinds = {"slices_by": ColumnType.DATE, "nullable": False}
    columns = (column("id", nullable=False), column(odd, **kinds), column(long, **kinds), column("{{ b }}", **kinds))
    text = first_file.text(catalog(*columns, conditions=(f"id <> '{'x' * 10_000}'",)), runner="default")
    gate = read(text)
    assert [(rule.check, rule.column) for rule in gate.rules] == [("not_null", "id"), ("not_null", odd)]
    assert gate.slice_columns == {odd: ColumnType.DATE}
    assert [line for line in text.splitlines() if "left out" in line] == [
        f"  # A rule {name} by the check {check} is left out: no gate file can say it."
        for name, check in ((f"{long}_is_filled", "not_null"), ("b_is_filled", "not_null"), ("row_holds", "expression_is_true"))
    ]


@pytest.mark.parametrize("columns", [(), (column("a", "json", slices_by=None),), (column("a"), column("{{ b }}"))])
def test_a_table_that_is_held_to_nothing_is_a_gate_without_rules(columns: tuple[CatalogColumn, ...]) -> None:
    text = first_file.text(catalog(*columns), runner="default")
    gate = read(text)
    assert (gate.rules, gate.slice_columns) == ((), {})
    # The example is one of this table, and a rule once it is none.
    first = read(text.replace("rules: []", "rules:").replace("#  - ", "  - ")) if columns else gate
    assert [(rule.name, rule.column) for rule in first.rules] == [("a_is_filled", "a")] * bool(columns)


def test_a_table_of_many_columns_makes_no_line_that_nobody_can_read() -> None:
    text = first_file.text(catalog(*(column(f"column_{place}") for place in range(300))), runner="default")
    assert max(map(len, text.splitlines())) <= first_file.WIDTH
    assert all(f"column_{place}: " in text for place in range(300))
    read(text)


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=30)


@given(st.lists(names, min_size=1, max_size=4, unique=True), st.lists(names, max_size=3))
def test_whatever_names_and_values_there_are_the_file_is_read_as_them(columns: list[str], values: list[str]) -> None:
    made = [column(name, nullable=False, accepted=tuple(values), slices_by=ColumnType.DATE) for name in columns]
    gate = read(first_file.text(catalog(*made, primary_key=tuple(columns)), runner="default"))
    sayable = [name for name in columns if not any(mark in name for mark in ("{{", "{%", "{#"))]
    assert [rule.column for rule in gate.rules if rule.check == "not_null"] == sayable
    assert list(gate.slice_columns) == sayable


@pytest.mark.parametrize("columns", [(), (column("shape", "polygon", slices_by=None),)])
def test_where_no_column_is_sliced_by_nothing_is_said_of_slices(columns: tuple[CatalogColumn, ...]) -> None:
    text = first_file.text(catalog(*columns), runner="default")
    assert "slice" not in text
    assert "\n\nrules: []\n" in text
    assert "\n\n\n" not in text
    assert read(text).rules == ()
