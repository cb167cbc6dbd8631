"""What is asked of a runner before anything is run: what a table is like, and what of a gate would not work."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from runner_lab import TOKEN, Bench, Lab, prepared, rule, rules_with_regexes, wait_for, with_library

from stringx.errors import NotFound, Unavailable
from stringx.model import ColumnType, Relation, TableCatalog
from stringx.runner.app import ANSWERING, create_app
from stringx.settings import Settings

KEYED = """
drop schema if exists keyed cascade;
create schema keyed;
create type keyed.mood as enum ('glad', 'sad');
create table keyed.parents (a integer, b integer, primary key (a, b));
create table keyed.rows (
  id bigint primary key,
  "Odd name" text not null,
  code character varying(8) unique,
  day date not null,
  seen timestamptz,
  mood keyed.mood,
  status text check (status in ('paid', 'it''s open')),
  amount numeric(10, 2) check (amount > 0),
  customer integer references raw.keyed_customers (id),
  pa integer, pb integer,
  deleted boolean,
  unique (day, code),
  foreign key (pb, pa) references keyed.parents (b, a)
);
create unique index on keyed.rows (lower(code));
create unique index on keyed.rows (pa) where not deleted;
"""


@pytest.fixture(scope="module", autouse=True)
def _keyed(lab: Lab) -> None:
    lab.change("drop table if exists raw.keyed_customers cascade")
    lab.change("create table raw.keyed_customers (id integer primary key)")
    lab.change(KEYED)


@pytest.fixture(scope="module", autouse=True)
def _ready(bench: Bench) -> None:
    wait_for(lambda: bench.runner.ready, "the project is parsed")


# --- tables ---


def test_a_table_is_told_with_its_columns_keys_and_constraints(bench: Bench) -> None:
    found = bench.runner.table("keyed.rows", "demo")
    assert found.relation is Relation.PLAIN
    assert [(one.name, one.type, one.nullable, one.slices_by) for one in found.columns] == [
        ("id", "bigint", False, ColumnType.INTEGER),
        ("Odd name", "text", False, ColumnType.TEXT),
        ("code", "character varying(8)", True, ColumnType.TEXT),
        ("day", "date", False, ColumnType.DATE),
        ("seen", "timestamp with time zone", True, ColumnType.TIMESTAMP),
        ("mood", "keyed.mood", True, ColumnType.TEXT),
        ("status", "text", True, ColumnType.TEXT),
        ("amount", "numeric(10,2)", True, None),
        ("customer", "integer", True, ColumnType.INTEGER),
        ("pa", "integer", True, ColumnType.INTEGER),
        ("pb", "integer", True, ColumnType.INTEGER),
        ("deleted", "boolean", True, None),
    ]
    assert {one.name: one.accepted for one in found.columns if one.accepted} == {"mood": ("glad", "sad"), "status": ("paid", "it's open")}
    assert found.primary_key == ("id",)
    assert found.unique == (("code",), ("day", "code"))
    keys = {one.columns: (one.table, one.referenced, one.known) for one in found.foreign_keys}
    assert keys == {("customer",): ("raw.keyed_customers", ("id",), False), ("pb", "pa"): ("keyed.parents", ("b", "a"), False)}
    assert found.conditions == ("(amount > (0)::numeric)",)


def test_what_the_project_calls_it_is_told(bench: Bench) -> None:
    assert bench.runner.table("raw.orders", "demo").relation is Relation.SOURCE
    assert bench.runner.table("RAW.Orders", "demo").columns[0].name == "id"
    assert bench.runner.table("runner_lab.raw.customers", "demo").relation is Relation.SOURCE


@pytest.mark.parametrize("name", ["raw.nowhere", "nowhere.orders", "raw.announced"])
def test_a_table_that_is_not_there_is_not_found(name: str, bench: Bench) -> None:
    with pytest.raises(NotFound, match=f"the target demo cannot read {name}: there is no "):
        bench.runner.table(name, "demo")


def test_the_table_of_the_database_that_is_probably_meant_is_named(bench: Bench) -> None:
    with pytest.raises(NotFound, match=r"there is no \S+: did you mean `keyed.parents`\?"):
        bench.runner.table("keyed.parnets", "demo")
    found = faults(bench, table="runner_lab.keyed.parnets", relation="plain")
    assert found[None, ("table",)].endswith("did you mean `keyed.parents`?")


def test_a_target_that_is_not_served_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound, match="serves demo, not elsewhere"):
        bench.runner.table("raw.orders", "elsewhere")


# --- gates ---


def faults(bench: Bench, *rules: dict[str, Any], **fields: Any) -> dict[tuple[str | None, tuple[str | int, ...]], str]:
    (found,) = bench.runner.validate([bench.gate(*rules, **fields)]).gates
    return {(fault.rule or fault.select, fault.field): fault.message for fault in found.faults}


def test_a_gate_that_works_has_no_fault(bench: Bench) -> None:
    assert (
        faults(
            bench,
            rule("filled", "not_null", column="amount", threshold={"error": "5%"}),
            rule("once", "unique", column="id"),
            rule("known", "relationships", column="customer", arguments={"to": "raw.customers", "field": "id"}),
            rule("holds", "holds", arguments={"expression": "amount > 0"}, row_condition="status = 'paid'"),
            slice_columns={"day": "date", "id": "integer", "status": "text"},
            samples={"mask": ["EMAIL"]},
            select=[{"select": "tag:nightly", "kind": "engineering"}],
        )
        == {}
    )


def test_everything_that_would_not_work_is_told_at_once(bench: Bench) -> None:
    found = faults(
        bench,
        rule("column_gone", "not_null", column="amuont"),
        rule("context", "holds", arguments={"expression": "true"}, context_columns=("ID", "staus")),
        rule("check_gone", "no_such_check"),
        rule("check_misspelt", "hodls", arguments={"expression": "true"}),
        rule("check_of_library", "expect_column_values_to_be_betwen", column="id", arguments={"min_value": 1}),
        rule("table_gone", "relationships", column="customer", arguments={"to": "raw.custommers", "field": "id"}),
        rule("field_gone", "relationships", column="customer", arguments={"to": "raw.customers", "field": "idd"}),
        rule("name_gone", "holds", arguments={"expression": "amuont > 0"}),
        rule("grammar", "holds", arguments={"expression": "amount >"}),
        rule("types", "holds", arguments={"expression": "day > 7"}),
        rule("constant", "holds", arguments={"expression": "amount > cast('a' as integer)"}),
        rule("two", "holds", arguments={"expression": "true); drop table raw.customers; --"}),
        rule("condition", "not_null", column="id", row_condition="statsu = 'paid'"),
        rule("fine", "not_null", column="id"),
        slice_columns={"dya": "date", "email": "integer", "id": "integer"},
        samples={"mask": ["email", "e-mail"]},
        select=[{"select": "tag:nightlty", "kind": "engineering"}, {"select": "orders_gone_not_null", "kind": "engineering"}],
    )
    says = {
        ("column_gone", ("column",)): "raw.orders has no column `amuont`: did you mean `amount`?",
        ("context", ("context_columns", 0)): "raw.orders has no column `ID`: did you mean `id`?",
        ("context", ("context_columns", 1)): "did you mean `status`?",
        ("check_gone", ("check",)): "the dbt project has no generic test `no_such_check`: add it to the project, or correct the name",
        ("check_misspelt", ("check",)): "no generic test `hodls`: did you mean `holds`?",
        ("check_of_library", ("check",)): "did you mean `expect_column_values_to_be_between`?",
        ("table_gone", ("arguments", "to")): "did you mean `raw.customers`?",
        ("field_gone", ("arguments", "field")): 'the database\'s answer to it: column "idd" does not exist',
        ("name_gone", ()): 'column "amuont" does not exist',
        ("grammar", ()): "syntax error",
        ("types", ()): "operator does not exist: date > integer",
        ("constant", ()): 'invalid input syntax for type integer: "a"',
        ("two", ()): "more than one statement",
        ("condition", ("row_condition",)): 'the database\'s answer to it: column "statsu" does not exist',
        (None, ("slice", "columns", "dya")): "did you mean `day`?",
        (None, ("slice", "columns", "email")): "the column is text, which is not sliced by `integer`: write `text`",
        (None, ("samples", "mask", 1)): "did you mean `email`?",
        ("tag:nightlty", ()): "did you mean `tag:nightly`?",
        ("orders_gone_not_null", ()): 'the test orders_gone_not_null: column "gone" does not exist',
    }
    assert set(found) == set(says)
    for where, word in says.items():
        assert word in found[where], where


def test_a_table_that_the_role_may_not_read_is_told_with_what_mends_it(bench: Bench, lab: Lab) -> None:
    lab.change("drop schema if exists sealed cascade")
    lab.change("create schema sealed")
    lab.change("create table sealed.rows (id integer)")
    lab.change("revoke usage on schema sealed from current_user")
    with pytest.raises(NotFound, match=r"permission denied for schema sealed: let the role of its dbt profile read it"):
        bench.runner.table("sealed.rows", "demo")
    lab.change("grant usage on schema sealed to current_user")
    lab.change("revoke select on sealed.rows from current_user")
    says = r"cannot read sealed\.rows: permission denied for .*: let the role of its dbt profile read it: grant it `select` on the table$"
    with pytest.raises(NotFound, match=says):
        bench.runner.table("sealed.rows", "demo")
    found = faults(bench, rule("a", "not_null", column="id"), table="sealed.rows", relation="plain")
    assert set(found) == {(None, ("table",))}
    assert re.search(says, found[None, ("table",)])
    lab.change("grant select (id) on sealed.rows to current_user")
    assert faults(bench, rule("a", "not_null", column="id"), table="sealed.rows", relation="plain") == {}


def test_a_call_that_a_test_does_not_take_is_told_at_its_place(bench: Bench) -> None:
    found = faults(
        bench,
        rule("misspelt", "holds", arguments={"expresion": "amount > 0"}),
        rule("too_many", "holds", arguments={"expression": "amount > 0", "strict": True}),
        rule("of_dbt", "accepted_values", column="status", arguments={"valeus": ["a"]}),
        rule("none_given", "slow"),
        rule("one_missing", "relationships", column="customer", arguments={"to": "raw.customers"}),
        rule("of_no_column", "any_row"),
        rule("of_a_column", "holds", column="id", arguments={"expression": "amount > 0"}),
        rule("column_gone", "any_row", column="idd"),
        rule("with_default", "unique_combination_of_columns", arguments={"combination_of_columns": ["id", "day"]}),
    )
    assert found == {
        ("misspelt", ("arguments", "expresion")): "unknown argument `expresion`: did you mean `expression`?",
        ("too_many", ("arguments", "strict")): "unknown argument `strict`: holds takes `expression`",
        ("of_dbt", ("arguments", "valeus")): "unknown argument `valeus`: did you mean `values`?",
        ("none_given", ("check",)): "slow needs the argument `seconds`",
        ("one_missing", ("arguments",)): "relationships needs the argument `field`",
        ("of_no_column", ("check",)): "any_row is about one column: say which with `column`",
        ("of_a_column", ("column",)): "holds is not about one column: leave `column` out",
        ("column_gone", ("column",)): "raw.orders has no column `idd`: did you mean `id`?",
    }


@pytest.mark.parametrize(
    ("table", "relation", "says"),
    [
        ("raw.orders", "model", "the dbt project has raw.orders as a source, not as a model: correct `relation`"),
        ("lab.paid_orders", "source", "the dbt project has lab.paid_orders as a model, not as a source: correct `relation`"),
    ],
)
def test_a_table_that_is_something_else_is_told_at_its_relation_and_looked_at_as_what_it_is(
    table: str, relation: str, says: str, bench: Bench
) -> None:
    found = faults(
        bench,
        rule("misspelt", "holds", arguments={"expresion": "amount > 0"}),
        rule("of_itself", "relationships", column="id", arguments={"to": table, "field": "id"}),
        table=table,
        relation=relation,
    )
    assert set(found) == {(None, ("relation",)), ("misspelt", ("arguments", "expresion"))}
    assert found[None, ("relation",)].startswith(says)


def test_a_table_whose_name_the_database_has_in_capital_letters_is_told_with_what_mends_it(bench: Bench, lab: Lab) -> None:
    lab.change('drop table if exists keyed."Invoices"')
    lab.change('create table keyed."Invoices" (id integer)')
    with pytest.raises(
        NotFound, match=r"it has keyed\.Invoices, and tells upper from lower case: declare that as a source of the dbt project"
    ):
        bench.runner.table("keyed.invoices", "demo")


def test_a_regular_expression_that_is_none_is_told_at_its_place(make_runner: Any, project: Path) -> None:
    bench = make_runner(dbt_project_dir=with_library(project))
    wait_for(lambda: bench.runner.ready, "the project is parsed")
    assert faults(bench, *rules_with_regexes()) == {
        ("open", ("arguments", "regex")): "invalid regular expression: brackets [] not balanced",
        ("listed", ("arguments", "regex_list", 1)): "invalid regular expression: parentheses () not balanced",
    }


def test_what_the_database_says_of_a_rule_is_told_once_at_what_it_is_about(make_runner: Any, project: Path) -> None:
    bench = make_runner(dbt_project_dir=with_library(project))
    wait_for(lambda: bench.runner.ready, "the project is parsed")
    holds, determined = "expression_is_true", "functional_dependency"
    assert faults(
        bench,
        rule("context", holds, arguments={"expression": "amount > 0"}, context_columns=("id", "amuont")),
        rule("context_too", holds, arguments={"expression": "amount >"}, context_columns=("amuont",)),
        rule("listed", determined, arguments={"determinant_columns": ["amuont", "current_date"], "dependent_columns": ["id", '"Day"']}),
        rule("of_sql", determined, arguments={"determinant_columns": ["amuont + 1"], "dependent_columns": ["id"]}),
        rule("fine", determined, arguments={"determinant_columns": ["Amount", " id"], "dependent_columns": ['"day"']}),
        rule("to_gone", "relationships", column="customer", arguments={"to": "raw.custommers", "field": "id"}),
        table="raw.orders",
        relation="plain",
    ) == {
        ("context", ("context_columns", 1)): "raw.orders has no column `amuont`: did you mean `amount`?",
        ("context_too", ("context_columns", 0)): "raw.orders has no column `amuont`: did you mean `amount`?",
        ("context_too", ("arguments", "expression")): 'the database\'s answer to it: syntax error at or near ")"',
        ("listed", ("arguments", "determinant_columns", 0)): "raw.orders has no column `amuont`: did you mean `amount`?",
        ("listed", ("arguments", "dependent_columns", 1)): "raw.orders has no column `Day`: did you mean `day`?",
        ("of_sql", ()): 'column "amuont" does not exist. Perhaps you meant to reference the column "orders.amount".',
        (
            "to_gone",
            ("arguments", "to"),
        ): 'the target demo cannot read raw.custommers: there is no "runner_lab"."raw"."custommers": did you mean `raw.customers`?',
    }


def test_a_table_that_is_not_there_is_one_fault_and_selections_are_looked_at_all_the_same(bench: Bench) -> None:
    found = faults(
        bench,
        rule("any", "not_null", column="id"),
        table="raw.announced",
        select=[{"select": "tag:nobody", "kind": "engineering"}],
    )
    assert set(found) == {(None, ("table",)), ("tag:nobody", ())}
    assert 'the target demo cannot read raw.announced: there is no "runner_lab"."raw"."announced": load it' in found[None, ("table",)]
    assert set(faults(bench, table="raw.oders")) == {(None, ("table",))}


def test_a_table_of_another_database_is_a_fault_of_its_gate_alone(bench: Bench) -> None:
    any_column = rule("any", "not_null", column="id")
    asked = [bench.gate(any_column, table="other.raw.orders", relation="plain"), bench.gate(rule("gone", "not_null", column="idd"))]
    elsewhere, here = bench.runner.validate(asked).gates
    assert [fault.field for fault in elsewhere.faults] == [("table",)]
    assert "cannot read other.raw.orders: cross-database references are not implemented" in elsewhere.faults[0].message
    assert elsewhere.faults[0].message.endswith("did you mean `raw.orders`?")
    assert [fault.rule for fault in here.faults] == ["gone"]
    with pytest.raises(NotFound, match=r"cannot read other\.raw\.orders: cross-database references"):
        bench.runner.table("other.raw.orders", "demo")


def test_a_check_of_the_library_that_the_project_lacks_is_told_with_where_it_is(bench: Bench) -> None:
    found = faults(bench, rule("a", "expect_column_values_to_be_between", column="id", arguments={"min_value": 1}))
    assert found["a", ("check",)].endswith(
        "it is of StringX's rule library, whose macros the project lacks: copy dbt_project/macros into its own"
    )


@pytest.mark.parametrize("check", ["not_null", "counted_first"])
def test_a_lock_on_a_table_keeps_nothing_of_other_gates_back(check: str, bench: Bench, lab: Lab) -> None:
    lab.change("drop table if exists raw.locked")
    lab.change("create table raw.locked (id integer)")
    locked = bench.gate(rule("any", check, column="id"), rule("gone", "not_null", column="idd"), table="raw.locked", relation="plain")
    with psycopg.connect(lab.url) as locking:
        locking.execute("lock table raw.locked in access exclusive mode")
        first, second = bench.runner.validate([locked, bench.gate(rule("gone", "not_null", column="idd"))]).gates
    assert [fault.rule for fault in first.faults] == ["gone"], "what was found before"
    assert (first.unasked or "").startswith("somebody holds a lock on raw.locked, or on a table that its rules name: ")
    assert ([fault.rule for fault in second.faults], second.unasked) == (["gone"], None)


def test_nothing_is_run_on_the_data(bench: Bench, lab: Lab) -> None:
    """A test that sleeps for an hour and one that writes are looked at in no time, and leave nothing."""
    before = time.monotonic()
    assert faults(bench, rule("slow", "slow_once", arguments={"seconds": 3600}), rule("writes", "writes")) == {}
    assert time.monotonic() - before < 60
    assert lab.ask("select count(*) from raw.customers where name = 'trace'") == 0


def test_gates_of_several_targets_are_answered_in_their_order(bench: Bench) -> None:
    asked = [bench.gate(target="elsewhere"), bench.gate(table="raw.nowhere"), bench.gate(rule("any", "not_null", column="id"))]
    here, nowhere, fine = bench.runner.validate(asked).gates
    assert (here.faults[0].field, here.faults[0].message) == (("target",), "this runner serves demo, not elsewhere")
    assert (nowhere.table, nowhere.faults[0].field) == ("raw.nowhere", ("table",))
    assert fine.faults == ()


def test_what_would_work_does(bench: Bench) -> None:
    """Beside runs, and with replays: what is asked leaves no trace in the project."""
    gate = bench.gate(rule("holds", "holds", arguments={"expression": "amount > 0"}))
    assert bench.runner.validate([gate]).gates[0].faults == ()
    prepared(bench, gate)
    assert bench.runner.validate([gate]).gates[0].faults == ()


def test_a_project_that_is_not_in_charge_cannot_be_asked(make_runner: Any, project: Any) -> None:
    (project / "models" / "schema.yml").write_text("version: 2\nmodels: {")
    runner = make_runner(dbt_project_dir=project).runner
    wait_for(lambda: runner.status("x").errors, "the project is refused")
    with pytest.raises(Unavailable, match="no dbt project is in charge of demo"):
        runner.table("raw.orders", "demo")


def test_a_question_whose_process_dies_is_answered_by_an_error(make_runner: Any, lab: Lab) -> None:
    bench = make_runner()
    wait_for(lambda: bench.runner.ready, "the project is parsed")
    lab.change("drop table if exists raw.locked")
    lab.change("create table raw.locked (id integer)")
    gate = bench.gate(rule("any", "not_null", column="id"), table="raw.locked", relation="plain")

    def waits() -> bool:
        asking = f"application_name like 'stringx-%-{bench.runner.boot[:8]}-%' and wait_event_type = 'Lock'"
        return bool(lab.ask(f"select count(*) from pg_stat_activity where {asking}"))

    with psycopg.connect(lab.url) as locking, ThreadPoolExecutor(1) as threads:
        locking.execute("lock table raw.locked in access exclusive mode")
        answer = threads.submit(bench.runner.validate, [gate])
        wait_for(waits, "the rule's SQL is looked at")
        os.kill(bench.generation, signal.SIGKILL)
        with pytest.raises(Unavailable, match="ended without a word"):
            answer.result(60)


# --- over HTTP ---


def test_more_questions_than_it_answers_at_a_time_are_to_come_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def slowly(*_: object) -> Any:
        begun.release()
        assert go_on.wait(60)
        return TableCatalog(table="raw.orders", target="demo", relation=Relation.SOURCE, columns=())

    monkeypatch.setattr(bench.runner, "table", slowly)
    app = create_app(bench.runner, Settings(runner_token=TOKEN))  # type: ignore[arg-type]  # pydantic makes it a secret

    def ask() -> Any:
        return app.test_client().get("/v1/tables/raw.orders?target=demo", headers={"Authorization": f"Bearer {TOKEN}"})

    with ThreadPoolExecutor(ANSWERING) as threads:
        waiting = [threads.submit(ask) for _ in range(ANSWERING)]
        for _ in waiting:
            assert begun.acquire(timeout=60)
        busy = ask()
        assert (busy.status_code, busy.headers["Retry-After"]) == (429, "1")
        go_on.set()
        assert [one.result().status_code for one in waiting] == [200] * ANSWERING


def test_both_are_asked_over_http(bench: Bench) -> None:
    http = create_app(bench.runner, Settings(runner_token=TOKEN)).test_client()  # type: ignore[arg-type]  # pydantic makes it a secret
    token = {"Authorization": f"Bearer {TOKEN}"}
    table = http.get("/v1/tables/raw.customers?target=demo", headers=token)
    assert [one["name"] for one in table.json["columns"]] == ["id", "name"]
    assert http.get("/v1/tables/raw.nowhere?target=demo", headers=token).status_code == 404
    assert http.get("/v1/tables/raw.customers", headers=token).status_code == 422
    assert http.get("/v1/tables/raw;x?target=demo", headers=token).status_code == 422
    assert http.get("/v1/tables/raw.customers?target=demo").status_code == 401
    gates = http.post("/v1/validate", headers=token, json={"gates": [bench.gate(table="raw.nowhere").as_json()]})
    assert gates.json["gates"][0]["faults"][0]["field"] == ["table"]
    assert http.post("/v1/validate", headers=token, json={"gates": [{}]}).status_code == 422
