"""Gate files: what they become, and how everything that is wrong with them is told."""

from __future__ import annotations

import json
from importlib.resources import files as package_files
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stringx.errors import ConfigurationError, GateFileErrors, Problem
from stringx.gates.files import LARGEST_BYTES, read, refuse_empty
from stringx.gates.parse import parse
from stringx.gates.served import Served
from stringx.gates.shape import json_schema
from stringx.model import Decision, Dimension, Gate, Kind, Level, Mode, Samples, Severity, Threshold
from stringx.model.slices import ColumnType

REPOSITORY = Path(__file__).parent.parent.parent
GATES = REPOSITORY / "configs" / "gates"


def gate_of(text: str, name: str = "raw.orders", **more: object) -> Gate:
    found = parse(text, workspace="default", name=name, file=f"{name}.yaml", **more)  # type: ignore[arg-type]
    assert isinstance(found, Gate), "\n".join(str(problem) for problem in found)
    return found


def problems_of(text: str, name: str = "raw.orders", **more: object) -> list[str]:
    """`line:column: message` of each."""
    found = parse(text, workspace="default", name=name, file=f"{name}.yaml", **more)  # type: ignore[arg-type]
    assert isinstance(found, list), "it is a gate"
    return [str(problem).removeprefix(f"{name}.yaml:") for problem in found]


def orders(lines: str = "") -> str:
    return f"table: raw.orders\ntarget: demo\n{lines}"


def rule(lines: str) -> str:
    return orders("rules:\n  - name: one\n    " + lines.replace("\n", "\n    ") + "\n")


# --- what is right ---------------------------------------------------------------------------------------------------


def test_a_file_with_the_least_is_a_gate_with_defaults() -> None:
    gate = gate_of(orders())
    assert gate == Gate(workspace="default", table="raw.orders", target="demo")
    assert (gate.mode, gate.on_error, gate.on_no_checks, gate.samples) == (Mode.ASYNC, Decision.CLOSED, Decision.CLOSED, Samples())


def test_every_field_reaches_the_gate() -> None:
    gate = gate_of("""
table: raw.orders
description: Orders, as they come
owners: [sales, "data"]
target: demo
runner: eu
mode: inline
engine: dbt
timeout: 2m
priority: -5
slice:
  columns: {day: date, at: timestamp, shop: integer, region: text}
on_error: open
on_no_checks: open
on_no_rows: closed
samples: {rows: 20, mask: [email]}
reply_to: [orders.verdicts]
select:
  - {select: "tag:nightly", kind: business, dimension: accuracy, level: row, severity: warn, scope: table}
  - select: path:tests/orders
rules:
  - name: known
    check: not_null
    column: id
    kind: business
    dimension: accuracy
    level: row
    severity: warn
    threshold: {warn: 1, error: 10}
    row_condition: paid
    scope: table
    description: why
    owner: sales
""")
    assert gate.timeout_seconds == 120
    assert gate.slice_columns == {
        "day": ColumnType.DATE,
        "at": ColumnType.TIMESTAMP,
        "shop": ColumnType.INTEGER,
        "region": ColumnType.TEXT,
    }
    assert (gate.runner, gate.mode, gate.priority, gate.on_error, gate.on_no_checks) == (
        "eu",
        Mode.INLINE,
        -5,
        Decision.OPEN,
        Decision.OPEN,
    )
    assert gate.on_no_rows is Decision.CLOSED
    assert gate.samples == Samples(rows=20, mask=("email",))
    assert gate.reply_to == ("orders.verdicts",)
    assert [one.select for one in gate.select] == ["tag:nightly", "path:tests/orders"]
    assert gate.select[0].severity is Severity.WARN
    assert gate.select[1].severity is None
    (only,) = gate.rules
    assert (only.kind, only.dimension, only.level, only.severity) == (Kind.BUSINESS, Dimension.ACCURACY, Level.ROW, Severity.WARN)
    assert only.threshold == Threshold(warn=1, error=10)
    assert (only.row_condition, only.description, only.owner) == ("paid", "why", "sales")


@pytest.mark.parametrize(
    ("check", "kind", "dimension", "level"),
    [
        ("not_null\ncolumn: a", Kind.ENGINEERING, Dimension.COMPLETENESS, Level.COLUMN),
        ("unique\ncolumn: a", Kind.ENGINEERING, Dimension.UNIQUENESS, Level.COLUMN),
        ("accepted_values\ncolumn: a\narguments: {values: [x, 1, true]}", Kind.ENGINEERING, Dimension.VALIDITY, Level.COLUMN),
        ("relationships\ncolumn: a\narguments: {to: raw.b, field: c}", Kind.ENGINEERING, Dimension.CONSISTENCY, Level.DATASET),
        ("unique_combination_of_columns\narguments: {combination_of_columns: [a, b]}", Kind.ENGINEERING, Dimension.UNIQUENESS, Level.TABLE),
        ("expression_is_true\narguments: {expression: a < b}", Kind.ENGINEERING, Dimension.VALIDITY, Level.ROW),
        ("share_of_rows\narguments: {condition: a is null, below: 0.25}", Kind.BUSINESS, Dimension.VALIDITY, Level.TABLE),
    ],
)
def test_a_rule_says_only_what_its_check_does_not(check: str, kind: Kind, dimension: Dimension, level: Level) -> None:
    (only,) = gate_of(rule(f"check: {check}")).rules
    assert (only.kind, only.dimension, only.level, only.severity) == (kind, dimension, level, Severity.ERROR)


def test_a_test_of_the_users_own_project_takes_any_arguments() -> None:
    (only,) = gate_of(rule("check: our_own\ndimension: accuracy\nlevel: table\narguments: {anything: [1, {deep: null}]}")).rules
    assert (only.check, only.kind, only.arguments) == ("our_own", Kind.ENGINEERING, {"anything": [1, {"deep": None}]})


@pytest.mark.parametrize(("written", "seconds"), [("60s", 60), ("5m", 300), ("1h", 3600), ("45", 45), ("24h", 86400), ("'7s'", 7)])
def test_a_timeout_has_a_unit_or_is_in_seconds(written: str, seconds: int) -> None:
    assert gate_of(orders(f"timeout: {written}\n")).timeout_seconds == seconds


@pytest.mark.parametrize("written", ["0", "25h", "86401", "1.5m", "-1s", "soon", "true", "60 s", "1e2"])
def test_a_timeout_that_is_none_is_refused(written: str) -> None:
    (problem,) = problems_of(orders(f"timeout: {written}\n"))
    assert problem.startswith("3:10: ")


def test_dates_and_quoted_words_stay_text() -> None:
    text = "check: accepted_values\ncolumn: a\narguments: {values: [2013-02-08, 'no', \"1:30\", 'NO', '0x1', '1e3']}"
    (only,) = gate_of(rule(text)).rules
    assert only.arguments == {"values": ["2013-02-08", "no", "1:30", "NO", "0x1", "1e3"]}


def test_the_demos_gates_are_right() -> None:
    gates = {file.file: file.gate for file in read(GATES, served=Served(["demo"], ["default"]))}
    assert sorted(gates) == [f"default/raw.{table}.yaml" for table in ("airlines", "airports", "flights", "planes", "weather")]
    assert gates["default/raw.flights.yaml"].mode is Mode.ASYNC
    assert {gate.mode for gate in gates.values()} == {Mode.ASYNC, Mode.INLINE}


# --- what is wrong ---------------------------------------------------------------------------------------------------


def test_ten_mistakes_are_ten_problems_each_at_its_place() -> None:
    assert problems_of("""table: raw.orders
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
""") == [
        "1:1: `target` is missing: add it",
        "2:1: unknown field `tagret`: did you mean `target`?",
        "3:7: must be 'inline' or 'async'; did you mean `inline`?",
        "4:10: YAML reads `1:30` as 90: write that number, or '1:30' in quotes for the text",
        "5:17: must be at most 100",
        "5:22: unknown field `masks`: did you mean `mask`?",
        "6:1: `description` is empty: give it a value, or leave it out",
        "8:13: must be `tag:NAME`, `path:FOLDER` or the name of one test",
        "11:12: unknown check `not_nul`: did you mean `not_null`? If it is a test of your dbt project, add `dimension` and `level`",
        "13:11: rule `a` stands twice, first in line 10: give it another name",
        "16:16: accepted_values needs the argument `values`",
        "16:17: unknown argument `vals`: did you mean `values`?",
        "20:18: holds `{{`: what is written in a gate is never rendered as Jinja; take it out",
        "21:14: must be a share: more than 0 and at most 1, as 0.25 for a quarter",
    ]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("owners: [NO]", "3:10: YAML reads `NO` as false: write true or false, or 'NO' in quotes for the text"),
        ("owners: [on]", "3:10: YAML reads `on` as true: write true or false, or 'on' in quotes for the text"),
        ("priority: 010", "3:11: YAML reads `010` as 8: write that number, or '010' in quotes for the text"),
        ("priority: 1_0", "3:11: YAML reads `1_0` as 10: write that number, or '1_0' in quotes for the text"),
        ("priority: .inf", "3:11: YAML reads `.inf` as no finite number: write that number, or '.inf' in quotes for the text"),
        ("priority: 1e1", "3:11: YAML reads `1e1` as text: write the number in digits, or '1e1' in quotes for the text"),
        ("priority: 99999999999999999999", "3:11: is larger than an integer can be: put it in quotes for the text"),
        ("priority: 1.5", "3:11: must be a whole number"),
        ("owners: sales", "3:9: must be a list"),
        ("owners: [1]", "3:10: must be text: put it in quotes if it is meant so"),
        ("owners: &o [a]\nreply_to: *o", "4:11: `*o` is an alias, which is not taken here: write out what it stands for"),
        ("owners: !!python/name:os.system", "3:9: has the tag `tag:yaml.org,2002:python/name:os.system`: leave it out"),
        ("owners: !ours [a]", "3:9: has the tag `!ours`: leave it out"),
        ("table: raw.orders", "3:1: `table` stands twice, first in line 1: leave one of them out"),
        ("1: a", "3:1: a field's name must be text: put it in quotes"),
        ("? [a]\n: b", "3:3: a field's name must be text: put it in quotes"),
        ("workspace: default", "3:1: unknown field `workspace`: the folder that the file is in names the workspace"),
        ("slice: {columns: {day: dat}}", "3:24: must be 'date', 'timestamp', 'integer' or 'text'; did you mean `date`?"),
        ("slice: {columns: {}}", "3:18: must not be empty"),
        ("slice: day", "3:8: must be fields with values, as `name: value`"),
        ("reply_to: ['a b']", "3:12: must be a Kafka topic name: letters, digits, '.', '_' and '-'"),
        ("description: 'a {% b'", "3:14: holds `{%`: what is written in a gate is never rendered as Jinja; take it out"),
        ("description: 'a {# b'", "3:14: holds `{#`: what is written in a gate is never rendered as Jinja; take it out"),
        ('description: "a\\0b"', "3:14: must not contain NUL characters"),
        ("select: [{select: a}, {select: a}]", "3:32: `a` is selected twice: leave one of them out"),
        ("a\tb: [", "4:1: is not YAML: while parsing a flow node did not find expected node content"),
        ("slice:\n\tcolumns: {}", "4:1: holds a tab: indent with spaces"),
        ("a: \x07", "3:4: holds the character U+0007, which YAML does not allow: take it out"),
        ("--- \na: b", "3:1: is not YAML: expected a single document in the stream but found another document"),
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
        ("check: accepted_values\ncolumn: a\narguments: {values: []}", "7:25: must be a list of values: texts, numbers, true or false"),
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
        ("check: expression_is_true\narguments: {expression: ' '}", "6:29: must be SQL, as text"),
        (
            "check: our_own\nlevel: row\ndimension: accuracy\narguments: {model: x}",
            "8:17: `model` is not an argument here: leave it out: it is the gate's table",
        ),
        (
            "check: unique\ncolumn: a\nthreshold: {}",
            "7:16: must have 'warn', 'error' or both: the largest count of failures that is still accepted",
        ),
        ("check: unique\ncolumn: a\nthreshold: {warn: -1}", "7:23: must be at least 0"),
        (
            "check: unique\ncolumns: [a]\ncolumn: a",
            "6:5: unknown field `columns`: a column stands in `column`, several in the check's `arguments`",
        ),
        (
            "check: Unique\ncolumn: a\nlevel: row\ndimension: accuracy",
            "5:12: must be lower-case letters, digits and '_', starting with a letter",
        ),
    ],
)
def test_a_rules_mistake_is_told_at_its_place(lines: str, problem: str) -> None:
    assert problems_of(rule(lines)) == [problem]


def test_an_unknown_check_is_told_what_there_is() -> None:
    (problem,) = problems_of(rule("check: our_own\nlevel: row"))
    assert problem.startswith("5:12: unknown check `our_own`: the library has accepted_values, expression_is_true, not_null, ")
    assert problem.endswith("; if it is a test of your dbt project, add `dimension`")


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "a\n", "null\n"])
def test_a_file_without_fields_is_no_gate(text: str) -> None:
    (problem,) = problems_of(text)
    assert "is not a gate" in problem


def test_nesting_without_end_is_refused() -> None:
    assert problems_of("[" * 100_000) == ["1:51: is nested more than 50 deep"]


@pytest.mark.parametrize("table", ["orders", "raw.orders; drop table x", "a.b.c.d", "raw.", "raw.or ders"])
def test_a_table_is_two_or_three_plain_names(table: str) -> None:
    assert any("schema.table" in problem for problem in problems_of(f"table: '{table}'\ntarget: demo\n"))


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


def test_no_gate_names_the_backend_as_its_runner() -> None:
    """What runs inline is kept under that name: a gate with it would wait for a runner that nobody can name in STRINGX_RUNNERS."""
    (problem,) = problems_of(orders("runner: inline\n"))
    assert problem.startswith("3:9: is the backend itself: write `mode: inline`")


@given(st.text(max_size=300))
def test_no_text_makes_it_fall(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    found = parse(text, workspace="default", name="raw.orders", file="raw.orders.yaml")
    assert isinstance(found, list)
    assert found


# --- folders ---------------------------------------------------------------------------------------------------------


def test_a_folder_tells_everything_that_is_wrong_with_any_file(tmp_path: Path) -> None:
    for name, content in {
        "default/raw.orders.yaml": orders().encode(),
        "default/raw.latin.yaml": "table: raw.latin\ntarget: d\xe9mo\n".encode("latin-1"),
        "default/raw.large.yaml": b" " * (LARGEST_BYTES + 1),
        "default/raw.old.yml": b"",
        "default/deeper/raw.deep.yaml": b"",
        "default/README.md": b"not a gate",
        "default/.hidden.yaml": b"not read",
        "Sales/raw.orders.yaml": orders().encode(),
        "raw.lost.yaml": b"",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(GateFileErrors) as caught:
        read(tmp_path)
    assert caught.value.problems == [
        Problem(str(tmp_path / "Sales"), 1, 1, "is no name of a workspace: lower-case letters, digits, '-' and '_', at most 63 of them"),
        Problem(
            str(tmp_path / "default/deeper"),
            1,
            1,
            "is a folder within a workspace, which is not read: put gate files right into the workspace",
        ),
        Problem(
            str(tmp_path / "default/raw.large.yaml"), 1, 1, f"is larger than {LARGEST_BYTES} bytes: a gate file holds one table's rules"
        ),
        Problem(str(tmp_path / "default/raw.latin.yaml"), 2, 10, "is not UTF-8: save it as UTF-8"),
        Problem(str(tmp_path / "default/raw.old.yml"), 1, 1, "is not read under this name: call it raw.old.yaml"),
        Problem(str(tmp_path / "raw.lost.yaml"), 1, 1, "stands in no workspace: put it into a folder that is called after its workspace"),
    ]


def test_the_same_table_in_two_workspaces_is_two_gates(tmp_path: Path) -> None:
    for workspace in ("sales", "default"):
        (tmp_path / workspace).mkdir()
        (tmp_path / workspace / "raw.orders.yaml").write_text(orders())
    assert [(file.gate.workspace, file.file) for file in read(tmp_path)] == [
        ("default", "default/raw.orders.yaml"),
        ("sales", "sales/raw.orders.yaml"),
    ]


def test_one_file_is_read_in_its_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sales" / "raw.orders.yaml"
    file.parent.mkdir()
    file.write_text(orders())
    (tmp_path / "sales" / "raw.broken.yaml").write_text("[")
    monkeypatch.chdir(file.parent)
    for written in (file, Path("raw.orders.yaml"), Path("../sales/raw.orders.yaml")):
        (only,) = read(written)
        assert (only.gate.workspace, only.gate.table, only.file) == ("sales", "raw.orders", "sales/raw.orders.yaml")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("sales/raw.orders.yml", "call it raw.orders.yaml"),
        ("sales/notes.md", "is not a gate file: name a <table>.yaml, or the folder of all of them"),
        ("Sales Team/raw.orders.yaml", "is no name of a workspace"),
    ],
)
def test_one_file_that_is_none_says_what_to_name(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(orders())
    with pytest.raises(GateFileErrors) as caught:
        read(tmp_path / name)
    (problem,) = caught.value.problems
    assert says in problem.message


@pytest.mark.parametrize(
    ("given", "meant"), [("", "configs/gates"), ("configs", "configs/gates"), ("configs/gates/default", "configs/gates"), ("docs", None)]
)
def test_a_folder_without_gate_files_names_the_one_that_was_meant(tmp_path: Path, given: str, meant: str | None) -> None:
    for name in ("configs/gates/default/raw.orders.yaml", "dbt_project/dbt_project.yml", "docs/adr/one.md", ".ci/a/b.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(orders())
    refuse_empty(tmp_path / "configs" / "gates")
    hint = f"did you mean {tmp_path / meant}?" if meant else "a gate stands in <workspace>/<table>.yaml"
    with pytest.raises(ConfigurationError) as caught:
        refuse_empty(tmp_path / given)
    assert str(caught.value) == f"there is no gate file below {tmp_path / given}: {hint}"


def test_a_gate_file_in_the_wrong_place_is_told_by_its_own_problem(tmp_path: Path) -> None:
    (tmp_path / "raw.orders.yaml").write_text(orders())
    refuse_empty(tmp_path)
    with pytest.raises(GateFileErrors, match="stands in no workspace"):
        read(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="STRINGX_GATES_DIR"):
        read(tmp_path / "nowhere")


# --- the schema ------------------------------------------------------------------------------------------------------


def published_schema() -> dict[str, object]:
    document: dict[str, object] = json.loads((package_files("stringx") / "schemas" / "gate.v1.json").read_text())
    return document


def test_the_published_schema_is_that_of_the_code() -> None:
    """To write it anew: `json.dumps(json_schema(), indent=2, ensure_ascii=False)` and a line's end."""
    assert published_schema() == json_schema()


@pytest.mark.parametrize("path", sorted(GATES.rglob("*.yaml")), ids=lambda path: path.name)
def test_the_demos_gate_files_fit_the_schema_and_name_it(path: Path) -> None:
    text = path.read_text()
    jsonschema.validate(yaml.safe_load(text), published_schema(), cls=jsonschema.Draft202012Validator)
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == REPOSITORY / "api" / "stringx" / "schemas" / "gate.v1.json"


@pytest.mark.parametrize("lines", ["tagret: x", "mode: inlin", "timeout: soon", "rules: [{name: a}]", "priority: null"])
def test_the_schema_refuses_what_the_reader_refuses(lines: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(orders(lines)), published_schema(), cls=jsonschema.Draft202012Validator)
