"""The catalogue of checks says what the dbt project's macros take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
from gate_texts import gate_of, rule
from jinja2 import nodes

from stringx.gates.rule_library import LIBRARY, SHORT_NAMES, Check, Column, Counted, Origin, faults
from stringx.model import Scope

MACROS = Path(__file__).parent.parent.parent / "dbt_project" / "macros"
#: What a test's macro may take beside a rule's arguments; StringX gives it.
GIVEN = {"model", "column_name", "context_columns", "whole"}
#: Of these, rows are counted without one, and the whole is one.
COUNTED_WITHOUT_A_MACRO = (Counted.ROWS, Counted.ROWS_SHOWN, Counted.VALUES_OF_ROWS, Counted.WHOLE)


def macros() -> dict[str, nodes.Macro]:
    """Macros and tests by their names; dbt's `{% test %}` read as Jinja's macro."""
    found = {}
    for file in MACROS.rglob("*.sql"):
        text = re.sub(r"\{%(-?)\s*(end)?test\b", r"{%\1 \2macro", file.read_text())
        environment = jinja2.Environment(extensions=["jinja2.ext.do"])  # noqa: S701  # it is read, never rendered
        found |= {macro.name: macro for macro in environment.parse(text).find_all(nodes.Macro)}
    return found


def signature_of(macro: nodes.Macro) -> dict[str, Any]:
    """Its arguments, each with its default, or `...` where it must be there."""
    names = [argument.name for argument in macro.args]
    defaults = [default.as_const() for default in macro.defaults]
    defaults = [() if default == [] else default for default in defaults]  # as the catalogue has it
    return dict(zip(names, [...] * (len(names) - len(defaults)) + defaults, strict=True))


BY_NAME = macros()
SIGNATURES = {name: signature_of(macro) for name, macro in BY_NAME.items()}
OF_MACROS = [name for name, check in LIBRARY.items() if check.origin is not Origin.DBT]


@pytest.mark.parametrize("name", OF_MACROS)
def test_a_check_takes_what_its_macro_takes(name: str) -> None:
    signature, check = SIGNATURES[name], LIBRARY[name]
    taken = {argument: value for argument, value in signature.items() if argument not in GIVEN}
    # A macro may have none where it says itself that the argument must be there.
    assert {argument: ... if value is None and check.arguments[argument].required else value for argument, value in taken.items()} == {
        argument: ... if known.required else known.default for argument, known in check.arguments.items()
    }
    assert ("column_name" in signature) == (check.column is not Column.NONE)
    assert ("context_columns" in signature) == check.context_columns
    assert ("whole" in signature) == check.whole


@pytest.mark.parametrize("name", [name for name, check in LIBRARY.items() if check.counts not in COUNTED_WITHOUT_A_MACRO])
def test_what_counts_the_things_of_a_check_takes_all_that_its_macro_takes(name: str) -> None:
    check, each = LIBRARY[name], LIBRARY[name].each
    grouped = "group_by" in check.arguments or "group_by_columns" in check.arguments
    assert grouped or each != "stringx__each_group"
    given = {"model": ..., **SIGNATURES[name]}
    taken = SIGNATURES[each]
    # It has the defaults of the check, so that both look at the same.
    own = {argument: value for argument, value in taken.items() if argument in given}
    assert {
        argument for argument, value in own.items() if given[argument] is not ... and (value or None) != (given[argument] or None)
    } == set()
    reads_the_rest = any(one.name == "kwargs" for one in BY_NAME[each].find_all(nodes.Name))
    assert reads_the_rest or set(given) <= set(taken)


def test_every_test_of_the_project_is_a_check() -> None:
    texts = [file.read_text() for file in MACROS.rglob("*.sql")]
    assert {name for text in texts for name in re.findall(r"\{%-? test (\w+)", text)} == set(OF_MACROS)


@pytest.mark.parametrize(("name", "check"), LIBRARY.items())
def test_a_check_has_a_sentence_and_an_example(name: str, check: Check) -> None:
    example = dict(check.example)
    assert check.fails_with
    assert example
    assert faults(name, column="column" in example, arguments=example.get("arguments", {})) == []  # type: ignore[arg-type]


def test_short_names_are_names_of_one_check_each() -> None:
    assert len(SHORT_NAMES) == len([check for check in LIBRARY.values() if check.short is not None])
    assert set(SHORT_NAMES) & set(LIBRARY) == set()


def test_the_packages_are_there_whole() -> None:
    of_utils = [name for name, check in LIBRARY.items() if check.origin is Origin.DBT_UTILS]
    expected = [name for name, check in LIBRARY.items() if check.origin is Origin.DBT_EXPECTATIONS]
    assert (len(of_utils), len([name for name in expected if name.startswith("expect_")])) == (16, 62)
    assert {"equal_expression", "expression_between"} == {name for name in expected if not name.startswith("expect_")}


@pytest.mark.parametrize("scope", ["slice", "table"])
def test_a_check_of_columns_looks_at_the_table_whatever_its_rule_says(scope: str) -> None:
    (only,) = gate_of(rule(f"check: column_exists\ncolumn: a\nscope: {scope}")).rules
    assert (only.check, only.scope) == ("expect_column_to_exist", Scope.TABLE)


@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("expect_column_values_to_be_between", {}, "needs one of the arguments `min_value`, `max_value`, or all"),
        ("expect_column_values_to_be_between", {"min_value": True}, "must be a number, or SQL as text"),
        ("expect_column_values_to_be_between", {"min_value": "2013-01-31"}, "begins with 2013-01-31, which SQL subtracts as numbers"),
        ("expression_is_true", {"expression": "2013-01-31 < day"}, "write a date in quotes of SQL's own, as \"'2013-01-31'\""),
        ("expect_column_values_to_be_in_set", {"value_set": []}, "must be a list of values"),
        ("expect_column_values_to_match_regex", {"regex": 1}, "must be a text"),
        ("expect_column_values_to_match_regex", {"regex": "a", "flags": "'i"}, "must be letters, as i for any case"),
        ("expect_column_values_to_match_regex_list", {"regex_list": "a"}, "must be a list of texts"),
        ("expect_column_values_to_match_like_pattern_list", {"like_pattern_list": ["a"], "match_on": "one"}, "must be one of any, all"),
        ("expect_column_quantile_values_to_be_between", {"quantile": 95, "min_value": 1}, "must be a share from 0 to 1"),
        ("expect_column_most_common_value_to_be_in_set", {"value_set": [1], "top_n": 0}, "must be a whole number above 0"),
        ("expect_row_values_to_have_recent_data", {"datepart": "days", "interval": 1}, "must be one of second, minute, hour"),
        ("expect_row_values_to_have_recent_data", {"datepart": "day", "interval": 1.5}, "must be a whole number"),
        ("accepted_range", {}, "needs one of the arguments `min_value`, `max_value`, or all"),
        (
            "mutually_exclusive_ranges",
            {"lower_bound_column": "a", "upper_bound_column": "b", "gaps": "no"},
            "must be one of allowed, not_allowed",
        ),
        ("freshness_sla", {"by": 480}, 'must be a time of day between quotes, as "08:00"'),
        ("freshness_sla", {"by": "24:00"}, "must be a time of day"),
        ("freshness_sla", {"by": "08:00", "time_zone": "Berlin"}, "must be the name of a time zone: Europe/Berlin"),
        ("freshness_sla", {"by": "08:00", "weekdays": ["Monday"]}, "must be a list of weekdays, each of them once: monday"),
        ("freshness_sla", {"by": "08:00", "weekdays": ["monday", "monday"]}, "must be a list of weekdays"),
        ("freshness_sla", {"by": "08:00", "days_behind": 0.5}, "must be a whole number, 0 or more"),
        ("no_outliers_by_iqr", {"factor": -1}, "must be a number, 0 or more"),
        ("no_schema_drift", {"columns": {"a": "int); select 1; --'"}}, "must give each column its type"),
        ("no_schema_drift", {"columns": ["a"]}, "must give each column its type"),
        ("row_count_like_before", {"slices": 0}, "must be a whole number above 0"),
    ],
)
def test_an_argument_that_does_not_fit_is_told_with_the_fix(name: str, arguments: dict[str, object], fault: str) -> None:
    [(_, message)] = faults(name, column=LIBRARY[name].column is Column.REQUIRED, arguments=arguments)
    assert fault in message
