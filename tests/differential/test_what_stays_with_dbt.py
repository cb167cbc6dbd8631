"""What is not provably the same in the next run is not recorded, and it is said why; all else is."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from differential_lab import Engines, gate, request, rule, selecting

from stringx.model import DbtStatus, Gate
from stringx.runner.messages import Done
from stringx.runner.prepared import outcome

NAMED = [{"column": "name", "in": ["a", "b"]}]

CHANGING = "its SQL is made with what may be different in each run: "

REFUSED = {
    "moment": CHANGING + "run_started_at",
    "moment_nested": CHANGING + "run_started_at",
    "moment_dispatched": CHANGING + "run_started_at",
    "moment_as_condition": CHANGING + "run_started_at",
    "moment_looked_up": CHANGING + "run_started_at",
    "moment_got": CHANGING + "run_started_at",
    "moment_of_builtins": CHANGING + "run_started_at",
    "moment_called_by_name": CHANGING + "run_started_at",
    "moment_in_a_variable": CHANGING + "run_started_at",
    "moment_rendered": CHANGING + "run_started_at",
    "moment_when_called_back": CHANGING + "run_started_at",
    "all_names": CHANGING + "*",
    "invocation": CHANGING + "invocation_id",
    "invocation_logged": CHANGING + "invocation_id",
    "environment": CHANGING + "env_var",
    "graph_size": CHANGING + "graph",
    "clock": CHANGING + "modules.datetime",
    "clock_looked_up": CHANGING + "modules.datetime",
    "clock_among_others": CHANGING + "modules.*",
    "thread": CHANGING + "thread_id",
    "selected": CHANGING + "selected_resources",
    "started_with": CHANGING + "invocation_args_dict",
    "flag": CHANGING + "flags.LOG_PATH",
    "parsed_at": CHANGING + "model.created_at",
    "whole_node": CHANGING + "model.*",
    "chance": CHANGING + "|random",
    "chance_mapped": CHANGING + "|random",
    "placeholder_text": CHANGING + "lipsum",
    "asks_first": "dbt sends 2 statements for it, not one",
    "asks_the_catalog": "dbt sends 2 statements for it, not one",
    "asks_the_cache": "dbt sends ",
    "asks_by_another_way": "dbt sends 2 statements for it, not one",
    "address": CHANGING + "adapter as text",
    "slice_as_text": "it puts the slice into a string, a quoted name or a comment",
    "slice_in_doubled_quotes": "it changes the text of the slice's values",
    "slice_in_a_comment": "it puts the slice into a string, a quoted name or a comment",
    "slice_by_its_length": "its SQL depends on the slice's values",
    "slice_by_its_value": "its SQL depends on the slice's values",
    "slice_that_must_be_known": "its SQL depends on the slice's values: with others it cannot be rendered",
}


@pytest.fixture(scope="session", autouse=True)
def _some_things(database: psycopg.Connection) -> None:
    database.execute("truncate raw.things")
    database.execute("insert into raw.things (id, name, grp) values (1, 'a', 1), (2, 'b', 5), (2, null, null)")


def recorded(engines: Engines, gate: Gate, slice_: object = NAMED) -> Done:
    done = engines.dbt(request(gate, slice_), record=True)
    assert done.status == "completed", done.message
    assert [(result.test, result.message) for result in done.results if result.status is DbtStatus.ERROR] == []
    return done


def test_tests_that_may_send_something_else_next_time_stay_with_dbt(engines: Engines) -> None:
    done = recorded(engines, gate(*(rule(name, name) for name in REFUSED)))
    assert done.recording is None
    reasons = {test.split("_", 2)[2]: reason for test, reason in ((one.test, one.reason) for one in done.unprepared)}
    assert {name: reason for name, reason in reasons.items() if not reason.startswith(REFUSED[name])} == {}
    assert list(reasons) == list(REFUSED)


@pytest.mark.parametrize(
    ("name", "reason"), [("things_moment_as_argument", CHANGING + "run_started_at"), ("none_since", CHANGING + "run_started_at")]
)
def test_an_argument_and_an_ephemeral_model_are_part_of_a_test(name: str, reason: str, engines: Engines) -> None:
    done = recorded(engines, selecting(name))
    assert [(one.test, one.reason) for one in done.unprepared] == [(name, reason)]


def test_two_statements_of_the_projects_own_stay_with_dbt_and_of_a_rule_are_not_sent(engines: Engines) -> None:
    done = recorded(engines, selecting("things_two_statements"))
    assert [(one.test, one.reason) for one in done.unprepared] == [("things_two_statements", "it is more than one statement")]
    (result,) = engines.dbt(request(gate(rule("two", "two_statements")), NAMED)).results
    assert result.status is DbtStatus.ERROR
    assert "it is more than one statement. Nothing of it was executed" in (result.message or "")


def test_one_test_keeps_the_run_with_dbt(engines: Engines) -> None:
    done = recorded(engines, gate(rule("known", "not_null", column="id"), rule("moment", "moment")))
    assert done.recording is None
    assert [one.test for one in done.unprepared] == [done.results[1].test]


def test_nothing_is_recorded_that_nobody_asked_for(engines: Engines) -> None:
    done = engines.dbt(request(gate(rule("known", "not_null", column="id"), rule("moment", "moment"))))
    assert (done.recording, done.unprepared) == (None, ())


def test_nothing_is_said_of_a_run_that_dbt_could_not_judge(engines: Engines) -> None:
    done = engines.dbt(request(gate(rule("known", "not_null", column="gone"), rule("moment", "moment"))), record=True)
    assert done.results[0].status is DbtStatus.ERROR
    assert (done.recording, done.unprepared) == (None, ())


def test_a_test_that_has_its_slice_in_a_comment_alone_is_not_judged(engines: Engines) -> None:
    (result,) = engines.dbt(request(gate(rule("alone", "slice_in_a_comment_alone")), NAMED), record=True).results
    assert result.status is DbtStatus.ERROR
    assert result.message is not None
    assert result.message.startswith("the slice was not applied")


def test_without_a_slice_a_test_may_look_at_its_text(engines: Engines) -> None:
    done = recorded(engines, gate(rule("length", "slice_by_its_length"), rule("quoted", "slice_in_doubled_quotes")), [])
    assert done.recording is not None


HARMLESS = {
    "macros/overridden.sql": """
{% macro get_where_subquery(relation) %}
  {%- set where = config.get('where') -%}
  {%- if where -%}
    {{ return('(select own.* from ' ~ builtins.source('raw', 'things') ~ ' as own where ' ~ where ~ ') as own_subquery') }}
  {%- endif -%}
  {{ return(relation) }}
{% endmacro %}
{% macro source(name, table) %}{{ return(builtins.source(name, table)) }}{% endmacro %}
{% macro postgres__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}
select {{ fail_calc }} {{ error_if }} as should_error, {{ fail_calc }} as FAILURES, ({{ fail_calc }}) {{ warn_if }} as should_warn
from ( {{ main_sql }} ) as own_test
{% endmacro %}
{% macro default__test_not_null(model, column_name) %}
select {{ column_name }} from {{ model }} where {{ column_name }} is null and {{ column_name }} is not distinct from null
{% endmacro %}
""",
    # Hooks are not run by the runner, with whatever engine.
    "macros/hooked.sql": "{% macro hooked() %}select {{ run_started_at }}{% endmacro %}",
    "dbt_project.yml": """
name: lab
version: "1.0"
profile: stringx
on-run-start: ["select 1 / 0"]
on-run-end: ["{{ hooked() }}"]
vars: {plain: 3, listed: [a], rendered: "{{ 1 + 1 }}", moment: never}
data_tests: {+store_failures: true}
query-comment: {comment: "{{ run_started_at }} -- ' ;", append: true}
flags: {warn_error_options: {error: [LogTestResult]}}
""",
}


def test_what_a_project_overrides_is_recorded_as_it_is(make_engines: Callable[..., Engines]) -> None:
    engines = make_engines(HARMLESS)
    tests = gate(
        rule("known", "not_null", column="name", severity="warn"),
        rule("once", "unique", column="id"),
        rule("groups", "relationships", column="grp", arguments={"to": "raw.groups", "field": "id"}),
        select=[{"select": "tag:matrix", "kind": "engineering"}],
    )
    for slice_ in (NAMED, []):
        done = recorded(engines, tests, slice_)
        assert done.unprepared == ()
        assert done.recording is not None
        assert {result.status for result in done.results} == {DbtStatus.PASS, DbtStatus.FAIL}, "warnings are errors here"
        run = request(tests, [{"column": "name", "in": ["b", "c"]}] if slice_ else [])
        replayed = engines.replay(run, done.recording)
        assert isinstance(replayed, Done), replayed
        assert outcome(replayed) == outcome(engines.dbt(run))


OWN_STATEMENT = """
{% macro statement(name=None, fetch_result=False, auto_begin=True, language='sql') %}
  {{ return(dbt.statement(name, fetch_result, auto_begin, language, caller=caller)) }}
{% endmacro %}
"""

OWN_MATERIALIZATION = """
{% materialization test, default %}
  {% call statement('main', fetch_result=True) %}{{ get_test_sql(sql, 'count(*)', '!= 0', '!= 0', none) }}{% endcall %}
  {{ return({'relations': []}) }}
{% endmaterialization %}
"""

CHANGES_THE_SQL = """
{% macro postgres__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}
{{ default__get_test_sql(main_sql | replace('\\n', ' '), fail_calc, warn_if, error_if, limit) }}
{% endmacro %}
"""

HEADER = """
{% macro postgres__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}
set statement_timeout = 0;
{{ default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) }}
{% endmacro %}
"""


@pytest.mark.parametrize(
    ("macros", "reason"),
    [
        (OWN_STATEMENT, CHANGING + "a statement of the project's own"),
        (OWN_MATERIALIZATION, "the dbt project has a materialization of its own for tests"),
        (CHANGES_THE_SQL, "a macro of the dbt project changes its SQL before it is sent"),
        (HEADER, "it is more than one statement"),
    ],
    ids=["a statement of its own", "a materialization of its own", "changed SQL", "a header"],
)
def test_a_project_may_keep_its_tests_with_dbt(macros: str, reason: str, make_engines: Callable[..., Engines]) -> None:
    engines = make_engines({"macros/own.sql": macros})
    done = recorded(engines, gate(rule("known", "not_null", column="id")))
    assert done.recording is None
    assert [one.reason for one in done.unprepared] == [reason]
