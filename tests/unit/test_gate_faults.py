"""Everything that is wrong with the text of a gate file, and with what it asks for, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from gate_texts import gate_of, orders, problems_of, rule
from hypothesis import given
from hypothesis import strategies as st

from stringx.cli.gates import gates
from stringx.gates.parse import parse
from stringx.gates.served import Served
from stringx.gates.shape import GateShape, RuleShape, SelectionShape
from stringx.model import Mode, Notice, Samples, Threshold

#: A file with more mistakes than ten.
MISTAKES = """table: raw.orders
tagret: demo
mode: inlin
timeout: 1:30
samples: {rows: 101, masks: [x]}
description:
select:
  - select: +upstream
rules:
  - name: a
    check: not_nul
    column: x
  - name: a
    check: accepted_values
    column: x
    arguments: {vals: [a]}
  - name: b
    check: share_of_rows
    arguments:
      condition: "{{ x }}"
      below: 25
  - name: c
    check: dbt_utils.expression_is_true
    arguments: {expression: a > 1; delete from b}
    threshold: {error: 5 %}
    row_condition: (a > 1
    weight: heavy
"""
#: What is wrong with it, by line and column.
PROBLEMS = [
    "2:1: unknown field `tagret`: did you mean `target`?",
    "3:7: must be 'inline' or 'async'; did you mean `inline`?",
    "4:10: YAML reads `1:30` as 90: must be a length of time from one second to a day: 60s, 5m, 1h, or a number of seconds",
    "5:17: must be at most 100",
    "5:22: unknown field `masks`: did you mean `mask`?",
    "6:1: `description` is empty: give it a value, or leave it out",
    "8:13: must be `tag:NAME`, `path:FOLDER` or the name of one test",
    "11:12: unknown check `not_nul`: did you mean `not_null`? If it is a test of your dbt project, add `dimension` and `level`",
    "13:11: rule `a` stands twice, first in line 10: give it another name",
    "16:17: unknown argument `vals`: did you mean `values`?",
    "20:18: holds `{{`: what is written in a gate is never rendered as Jinja; take it out",
    "21:14: must be a share: more than 0 and at most 1, as 0.25 for a quarter",
    "23:12: a check stands here without its package's name: write `expression_is_true`",
    "24:29: holds `;`: a rule is one expression, not several statements; take it out",
    "25:24: must be a count of failures, 0 or more, or a share, as 5% or 0.1%: leave the blank out, write 5%",
    "26:20: opens `(`, and does not close it",
    "27:13: must be a whole number",
]

#: What a threshold's limit is.
A_LIMIT = "must be a count of failures, 0 or more, or a share, as 5% or 0.1%"


def test_as_many_mistakes_are_as_many_problems_each_at_its_place() -> None:
    assert problems_of(MISTAKES) == PROBLEMS


def test_the_command_tells_all_of_them_at_once(tmp_path: Path) -> None:
    file = tmp_path / "default" / "raw.orders.yaml"
    file.parent.mkdir()
    file.write_text(MISTAKES)
    found = CliRunner().invoke(gates, ["validate", str(file)])
    assert found.exception is not None
    assert str(found.exception).splitlines() == [f"{file}:{problem}" for problem in PROBLEMS]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        # What YAML takes for something else: in quotes where a text is expected, else what is.
        ("owners: [NO]", "3:10: YAML reads `NO` as false: put it in quotes, as 'NO'"),
        ("owners: [on]", "3:10: YAML reads `on` as true: put it in quotes, as 'on'"),
        ("slice: {columns: {no: date}}", "3:19: YAML reads `no` as false: put it in quotes, as 'no'"),
        ("priority: 010", "3:11: YAML reads `010` as 8: write 8, if that is meant"),
        ("priority: 1_0", "3:11: YAML reads `1_0` as 10: write 10, if that is meant"),
        ("priority: .inf", "3:11: YAML reads `.inf` as no finite number: must be a whole number"),
        ("priority: 1e1", "3:11: YAML reads `1e1` as text: must be a whole number"),
        ("on_error: on", "3:11: YAML reads `on` as true: must be 'open' or 'closed'; did you mean `open`?"),
        ("owners: no", "3:9: YAML reads `no` as false: must be a list"),
        ("priority: 99999999999999999999", "3:11: is larger than an integer can be: put it in quotes for the text"),
        ("priority: 1.5", "3:11: must be a whole number"),
        ("owners: sales", "3:9: must be a list: write [sales]"),
        ("owners: 'no'", "3:9: must be a list"),
        ("owners: sales and others", "3:9: must be a list"),
        ("owners: [a, ~]", "3:13: is empty: give it a value, or leave it out"),
        ("notify: orders.closed", "3:9: must be a list: write [{topic: orders.closed}]"),
        ("select: tag:nightly", "3:9: must be a list: write [{select: tag:nightly}]"),
        ('priority: "10"', "3:11: must be a whole number: take the quotes away"),
        ('priority: "ten"', "3:11: must be a whole number"),
        ('select: [{select: a, required: "true"}]', "3:32: must be true or false: take the quotes away"),
        ("timeout: 010", "3:10: YAML reads `010` as 8: write 8, if that is meant"),
        ("priority: 0x100", "3:11: YAML reads `0x100` as 256: must be a whole number"),
        ("threshold: {error: 0.05}", "3:20: must be a count of failures, 0 or more, or a share, as 5% or 0.1%: write 5%"),
        ("threshold: {error: 0.00000001}", "3:20: must be a count of failures, 0 or more, or a share, as 5% or 0.1%"),
        ("rules: [~]", "3:9: is empty: give it a value, or leave it out"),
        ("threshold: {error: 1.5}", "3:20: must be a count of failures, 0 or more, or a share, as 5% or 0.1%"),
        ("threshold: {error: 012}", "3:20: YAML reads `012` as 10: write 10, if that is meant"),
        ("slice: {day: date}", "3:9: unknown field `day`: write it below `columns`"),
        ("slice: {columns: {day: date}, id: integer}", "3:31: unknown field `id`: write it below `columns`"),
        ("rules: [{<<: {name: a}, check: not_null}]", "3:10: `<<` merges fields in, which is not read here: write out what it stands for"),
        (
            'description: "\\d"',
            "3:15: holds a `\\` between double quotes, where YAML reads it as the start of an escape: put the text in single quotes",
        ),
        ("description: [a]", "3:14: must be one text"),
        (f"runner: {'r' * 201}", "3:9: must not be longer than 200 characters"),
        # What is empty
        ("runner: ''", "3:9: must not be empty"),
        ("mode: ''", "3:7: is empty: it must be 'inline' or 'async'"),
        ("notify: [{topic: ''}]", "3:18: is empty: it must be a Kafka topic name: letters, digits, '.', '_' and '-'"),
        ("select: [{select: ''}]", "3:19: must not be empty"),
        # A name that is misspelt is not missing too.
        ("slice: {colums: {a: date}}", "3:9: unknown field `colums`: did you mean `columns`?"),
        ("select: [{selct: a}]", "3:11: unknown field `selct`: did you mean `select`?"),
        ("rules: [{nam: a, check: not_null, column: a}]", "3:10: unknown field `nam`: did you mean `name`?"),
        ("owners: [1]", "3:10: must be text: put it in quotes if it is meant so"),
        ("owners: &o [a]\nreply_to: *o", "4:11: `*o` is an alias, which is not taken here: write out what it stands for"),
        ("owners: !!python/name:os.system", "3:9: has the tag `!!python/name:os.system`: leave it out"),
        ("owners: !!seq [a]", "3:9: has the tag `!!seq`: leave it out"),
        ("description: !!str demo", "3:14: has the tag `!!str`: leave it out"),
        ("description: !!str 'demo'", "3:14: has the tag `!!str`: leave it out"),
        ("description: !!str 5", "3:14: has the tag `!!str`: leave it out, and write '5' in quotes"),
        ("description: ! demo", "3:14: has the tag `!`: leave it out"),
        ("priority: !!int 5", "3:11: has the tag `!!int`: leave it out"),
        ("slice: {columns: {!!str day: date}}", "3:19: has the tag `!!str`: leave it out"),
        ("owners: !ours [a]", "3:9: has the tag `!ours`: leave it out"),
        ("table: raw.orders", "3:1: `table` stands twice, first in line 1: leave one of them out"),
        ("1: a", "3:1: a field's name must be text: put it in quotes"),
        ("? [a]\n: b", "3:3: a field's name must be text: put it in quotes"),
        (
            "workspace: default",
            "3:1: unknown field `workspace`: the folder that the file is in names the workspace; over HTTP the address does, `?workspace=`",
        ),
        ("slice: {columns: {day: dat}}", "3:24: must be 'date', 'timestamp', 'integer' or 'text'; did you mean `date`?"),
        ("slice: {columns: {}}", "3:18: must not be empty"),
        ("relation: table", "3:11: must be 'source', 'model' or 'plain'"),
        ("severity: err", "3:11: must be 'warn' or 'error'; did you mean `error`?"),
        ("threshold: 5%", "3:12: write {error: 5%} to fail above 5%, {warn: 5%} to warn, or both with two limits"),
        ("threshold: 5", "3:12: write {error: 5} to fail above 5, {warn: 5} to warn, or both with two limits"),
        ("threshold: 150%", "3:12: must be {error: LIMIT}, {warn: LIMIT} or both: a share is at most 100%"),
        ("threshold: 0.05", "3:12: must be {error: LIMIT}, {warn: LIMIT} or both: write 5%"),
        ("threshold: five", "3:12: must be fields with values, as `name: value`"),
        ("threshold: {error: 150%}", f"3:20: {A_LIMIT}: a share is at most 100%"),
        ("threshold: {error: 150.12345%}", f"3:20: {A_LIMIT}: a share is at most 100%"),
        ("threshold: {error: 5.12345%}", f"3:20: {A_LIMIT}: a share has at most four digits behind the point"),
        ('threshold: {error: "5 %"}', f"3:20: {A_LIMIT}: leave the blank out, write 5%"),
        ('threshold: {error: "5"}', f"3:20: {A_LIMIT}: take the quotes away for a count, or write 5% for a share"),
        ('threshold: {error: "500"}', f"3:20: {A_LIMIT}: take the quotes away"),
        ("threshold: {error: -5%}", f"3:20: {A_LIMIT}"),
        (
            "threshold: {warn: 100, error: 10}",
            "3:12: warns above 100 and fails above 10, so that it never warns: make `warn` the smaller, or leave it out",
        ),
        (
            "rules: [{name: a, check: not_null, column: a, threshold: {warn: 0.50%, error: 0.5%}}]",
            "3:58: warns above 0.50% and fails above 0.5%, so that it never warns: make `warn` the smaller, or leave it out",
        ),
        ("threshold: {warning: 1}", "3:13: unknown field `warning`: did you mean `warn`?"),
        ("select: [{select: a, weight: 1001}]", "3:30: must be at most 1000"),
        ("select: [{select: a, required: yes}]", "3:32: YAML reads `yes` as true: must be true or false"),
        ("select: [{select: a, required: 1}]", "3:32: must be true or false"),
        ("notify: [{topic: a b}]", "3:18: must be a Kafka topic name: letters, digits, '.', '_' and '-'"),
        ("notify: [{topic: a, when: close}]", "3:27: must be 'closed' or 'always'; did you mean `closed`?"),
        ("slice: day", "3:8: must be fields with values, as `name: value`"),
        ("reply_to: ['a b']", "3:12: must be a Kafka topic name: letters, digits, '.', '_' and '-'"),
        ("description: 'a {% b'", "3:14: holds `{%`: what is written in a gate is never rendered as Jinja; take it out"),
        ("description: 'a {# b'", "3:14: holds `{#`: what is written in a gate is never rendered as Jinja; take it out"),
        ('description: "a\\0b"', "3:14: must not contain NUL characters"),
        ("select: [{select: a}, {select: a}]", "3:32: `a` is selected twice: leave one of them out"),
        ("a\tb: [", "4:1: is not YAML: while parsing a flow node did not find expected node content"),
        ("slice:\n\tcolumns: {}", "4:1: holds a tab: indent with spaces"),
        ("a: \x07", "3:4: holds the character U+0007, which YAML does not allow: take it out"),
        ("--- \na: b", "3:1: begins a second document: a file holds one"),
        ("&o owners: [a]\n*o : b", "4:1: a field's name must be text: put it in quotes"),
    ],
)
def test_one_mistake_is_told_at_its_place(lines: str, problem: str) -> None:
    assert problems_of(orders(lines + "\n")) == [problem]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("check: not_null", "5:12: not_null is about one column: say which with `column`"),
        ("check: relationships\ncolumn: a", "5:12: relationships needs the arguments `to`, `field`"),
        (
            "check: relationships\ncolumn: a\narguments: {to: orders, field: b}",
            "7:21: must be a table: schema.table or database.schema.table",
        ),
        (
            "check: accepted_values\ncolumn: a\narguments: {values: []}",
            "7:25: is empty: it must be a list of values: texts, numbers, true or false",
        ),
        (
            "check: unique_combination_of_columns\narguments: {combination_of_columns: [a, a]}",
            "6:41: must be a list of names of columns, each of them once",
        ),
        (
            "check: share_of_rows\ncolumn: a\narguments: {condition: a, below: 1}",
            "6:13: share_of_rows is not about one column: leave `column` out",
        ),
        (
            "check: share_of_rows\narguments: {condition: a, below: true}",
            "6:38: must be a share: more than 0 and at most 1, as 0.25 for a quarter",
        ),
        ("check: expression_is_true\narguments: {expression: ' '}", "6:29: is empty: it must be SQL, as text"),
        ("check: ''\ncolumn: a", "5:12: is empty: it must be the name of a dbt test: letters, digits and '_', starting with a letter"),
        ("check: not_null\ncolumn: ''", "6:13: must not be empty"),
        ("check: not_null\ncolumn: a\nrow_condition: ' '", "7:20: holds no SQL: write an expression"),
        (
            "check: our_own\nlevel: row\ndimension: accuracy\narguments: {model: x}",
            "8:17: `model` is not an argument here: leave it out: it is the gate's table",
        ),
        (
            "check: unique\ncolumn: a\nthreshold: {}",
            "7:16: is empty: it must have 'warn', 'error' or both: the largest count of failures that is still accepted",
        ),
        (
            "check: unique\ncolumn: a\nthreshold: {warn: -1}",
            "7:23: must be a count of failures, 0 or more, or a share, as 5% or 0.1%",
        ),
        (
            "check: un-ique\ncolumn: a\nlevel: row\ndimension: accuracy",
            "5:12: must be the name of a dbt test: letters, digits and '_', starting with a letter",
        ),
    ],
)
def test_a_rules_mistake_is_told_at_its_place(lines: str, problem: str) -> None:
    assert problems_of(rule(lines)) == [problem]


@pytest.mark.parametrize(
    "lines",
    [
        "owners: &o [a, *o]\ntagret: x",
        "owners: &o [*o]\nrules: [*o, *o]\ntagret: x",
        "owners: [*nobody]\ntagret: x",
        "slice: &s\n  <<: *s\ntagret: x",
    ],
)
def test_aliases_are_told_and_a_cycle_of_them_ends(lines: str) -> None:
    found = problems_of(orders(lines + "\n"))
    assert sum("is an alias" in problem for problem in found) == lines.count("*")
    assert any("unknown field `tagret`" in problem for problem in found), "and what else is wrong"


def test_what_stands_before_a_fault_of_yaml_is_told_too() -> None:
    assert problems_of(orders("owners: [no]\nrules: [\n")) == [
        "3:10: YAML reads `no` as false: write true or false, or 'no' in quotes for the text",
        "5:1: is not YAML: while parsing a flow node did not find expected node content",
    ]


def test_a_document_that_would_unfold_without_end_is_read_in_no_time() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))]
    assert len([problem for problem in problems_of(orders("\n".join(lines) + "\n")) if "is an alias" in problem]) == 9 * 39


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "a\n", "null\n"])
def test_a_file_without_fields_is_no_gate(text: str) -> None:
    (problem,) = problems_of(text)
    assert "is not a gate" in problem


def test_nesting_without_end_is_refused() -> None:
    assert problems_of("[" * 100_000) == ["1:51: is nested more than 50 deep"]


@pytest.mark.parametrize("table", ["orders", "raw.orders; drop table x", "a.b.c.d", "raw.", "raw.or ders"])
def test_a_table_is_two_or_three_plain_names(table: str) -> None:
    assert any("schema.table" in problem for problem in problems_of(f"table: '{table}'\ntarget: demo\n"))


def test_a_table_whose_name_is_wrong_is_one_fault() -> None:
    assert problems_of("table: orders\ntarget: demo\n") == ["1:8: must be schema.table or database.schema.table, made of plain identifiers"]
    assert problems_of("table: ''\ntarget: demo\n") == [
        "1:8: is empty: it must be schema.table or database.schema.table, made of plain identifiers"
    ]


def test_the_file_is_called_after_its_table() -> None:
    assert problems_of(orders(), name="raw.sales") == [
        "1:8: the file is called after another table: call it raw.orders.yaml, or write `table: raw.sales`"
    ]
    assert problems_of("table: RAW.Orders\ntarget: demo\n") == ["1:8: tables are named in lower case here: write raw.orders"]


def test_an_inline_gate_wants_a_target_that_the_backend_has() -> None:
    text = orders("mode: inline\n")
    assert gate_of(text).mode is Mode.INLINE
    assert gate_of(text, served=Served(["demo"], [])).mode is Mode.INLINE
    (problem,) = problems_of(text, served=Served(["other"], []))
    assert problem.startswith("3:7: the backend cannot run dbt on the target demo itself (it runs dbt on other): ")
    assert problem.endswith('add "demo" to STRINGX_INLINE_TARGETS, or write `mode: async`')


def test_an_async_gate_wants_a_runner_that_the_backend_knows() -> None:
    served = Served([], ["default", "warehouse"])
    assert gate_of(orders(), served=served).runner == "default"
    assert problems_of(orders("runner: warehose\n"), served=served) == [
        "3:9: the backend knows no runner `warehose`: STRINGX_RUNNERS has `default`, `warehouse`; did you mean `warehouse`?"
    ]
    # Where no runner is written it is `default`, and no line is to be pointed at but the file's first.
    assert problems_of(orders(), served=Served([], ["warehouse"])) == [
        "1:1: the backend knows no runner `default`: STRINGX_RUNNERS has `warehouse`"
    ]


def test_an_async_gate_wants_a_target_that_its_runner_has_as_far_as_that_is_known() -> None:
    asked: list[str] = []

    def targets_of(runner: str) -> list[str] | None:
        asked.append(runner)
        return {"default": ["dmo", "other"], "silent": None}[runner]

    served = Served(["demo"], ["default", "silent", "nobodys"], targets_of)
    assert problems_of(orders(), served=served) == [
        "2:9: the runner `default` has no target `demo`: it has `dmo`, `other`; did you mean `dmo`?"
    ]
    assert gate_of(orders("runner: silent\n"), served=served).runner == "silent"
    assert gate_of(orders("mode: inline\n"), served=served).mode is Mode.INLINE
    assert asked == ["default", "silent"]


@pytest.mark.parametrize(("line", "place"), [("reply_to: [a, triggers]", "3:15"), ("notify: [{topic: a}, {topic: triggers}]", "3:30")])
def test_no_gate_has_acknowledgements_written_where_triggers_are_read(line: str, place: str) -> None:
    assert gate_of(orders(f"{line}\n"), served=Served([], ["default"])).runner == "default"
    assert problems_of(orders(f"{line}\n"), served=Served([], ["default"], triggers_topic="triggers")) == [
        f"{place}: triggers are read from triggers: an acknowledgement there would be refused, name another topic"
    ]


def test_a_notice_without_a_topic_is_one_fault() -> None:
    (problem,) = problems_of(orders("notify: [{when: closed}]\n"), served=Served([], ["default"]))
    assert "`topic` is missing" in problem


def test_what_is_not_served_is_told_beside_all_else_that_is_wrong() -> None:
    served = Served(["demo"], ["default"], lambda _runner: ["demo"], "triggers")
    text = (
        "table: raw.orders\ntarget: dem\n{}threshold: {{error: x}}\nreply_to: [triggers]\nrules: [{{name: a, check: not_nul, column: b}}]\n"
    )
    others = ["4:20: ", "5:12: triggers are read from triggers", "6:26: "]
    for line, unserved in (
        ("owners: [a]\n", ["2:9: the runner `default` has no target `dem`: it has `demo`; did you mean `demo`?"]),
        (
            "runner: defalt\n",
            ["2:9: no runner has the target `dem`: there are `demo`; did you mean `demo`?", "3:9: the backend knows no runner `defalt`"],
        ),
        ("mode: inline\n", ["3:7: the backend cannot run dbt on the target dem itself"]),
        ("mode: inlin\n", ["2:9: nobody has the target `dem`: there are `demo`", "3:7: must be 'inline' or 'async'"]),
        ("mode: !!str async\n", ["2:9: nobody has the target `dem`", "3:7: has the tag `!!str`"]),
        # A field that stands is what it says, whatever else was meant for it.
        ("targets: a\n", ["2:9: the runner `default` has no target `dem`", "3:1: unknown field `targets`: did you mean `target`?"]),
        ("owner: *a\n", ["2:9: the runner", "3:1: unknown field `owner`: did you mean `owners`?", "3:8: `*a` is an alias"]),
    ):
        told = problems_of(text.format(line), served=served)
        assert [one.startswith(says) for one, says in zip(told, [*unserved, *others], strict=True)] == [True] * len(told), told


def test_a_target_of_an_unknown_runner_is_refused_only_where_it_is_known_that_no_runner_has_it() -> None:
    wrong = orders("runner: nobodys\n")
    for has, told in (({"a": ["x"], "b": ["y"]}, 2), ({"a": ["x"], "b": ["demo"]}, 1), ({"a": ["x"], "b": None}, 1), ({}, 1)):
        assert len(problems_of(wrong, served=Served(["x"], list(has), has.get))) == told
    # The backend's own workers count where the gate may be meant for them.
    wrong = orders("mode: inlin\n")
    for inline, told in ((["demo"], 1), (None, 1), ([], 2)):
        assert len(problems_of(wrong, served=Served(inline, ["a"], lambda _runner: ["x"]))) == told


@pytest.mark.parametrize("line", ["mode: inlin", "moed: inline", "runner: [a]", "runer: warehouse"])
def test_a_field_that_is_wrong_or_misspelt_is_one_fault(line: str) -> None:
    """Its default, which nobody wrote, is not what was meant: that nobody serves that is not told."""
    (problem,) = problems_of(orders(f"{line}\n"), served=Served([], ["warehouse"]))
    assert problem.startswith("3:")


def test_no_gate_names_the_backend_as_its_runner() -> None:
    """What runs inline is kept under that name: a gate with it would wait for a runner that nobody can name in STRINGX_RUNNERS."""
    (problem,) = problems_of(orders("runner: inline\n"))
    assert problem.startswith("3:9: is the backend itself: write `mode: inline`")


#: Each field that there is, with what is to be read in it.
FIELDS = [
    *(f"{field}: WRONG" for field in GateShape.model_fields),
    *(f"select: [{{{field}: WRONG}}]" for field in SelectionShape.model_fields),
    *(f"rules: [{{{field}: WRONG}}]" for field in RuleShape.model_fields),
    *(f"samples: {{{field}: WRONG}}" for field in Samples.model_fields),
    *(f"threshold: {{{field}: WRONG}}" for field in Threshold.model_fields),
    *(f"notify: [{{{field}: WRONG}}]" for field in Notice.model_fields),
    "slice: {columns: WRONG}",
    "slice: {columns: {a: WRONG}}",
    "slice: {columns: {WRONG: date}}",
]


@pytest.mark.parametrize("wrong", ["''", "[]", "{}", "1.5", "-1", "true", "text", "[1]", "[{}]", "{a: [1]}", "[[a]]", f"'{'x' * 300}'"])
def test_no_fault_is_told_in_the_words_of_a_library(wrong: str) -> None:
    found = [problem for field in FIELDS for problem in told(field.replace("WRONG", wrong))]
    assert len(found) > len(FIELDS)
    assert [problem for problem in found if "nput " in problem or "alue error" in problem] == []


def told(text: str) -> list[str]:
    found = parse(text, workspace="default", name="raw.orders", file="")
    assert isinstance(found, list)
    return [problem.message for problem in found]


@given(st.text(max_size=300))
def test_no_text_makes_it_fall(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    found = parse(text, workspace="default", name="raw.orders", file="raw.orders.yaml")
    assert isinstance(found, list)
    assert found
