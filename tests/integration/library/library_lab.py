"""The library's tests on one database: a dbt project with all cases, and what dbt made of each of them.

A case says what plain reading of the rows gives: check → name of the case → (table, the rule's fields, failures). The failures
are a count or "error", or one of these by database. Rules become tests as in a gate; a rule's `row_condition` is dbt's
`where`, as a slice is. With `slice` (SQL) beside the fields, checks that look beyond it are given the whole table too. `looked_at` says
of how many things a share is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from case import Case, Cases, Failures
from cases_dbt import CASES as OF_DBT
from cases_expectations_columns import CASES as COLUMNS
from cases_expectations_tables import CASES as OF_TABLES
from cases_expectations_values import CASES as VALUES
from cases_own import CASES as OWN
from cases_utils import CASES as UTILS

from stringx.embedded import demo
from stringx.gates.rule_library import LIBRARY
from stringx.gates.shape import RuleShape
from stringx.gates.tests import each_macro, literal
from stringx.gates.tests import each_test_name as each_name_of
from stringx.gates.tests import each_test_sql as each_sql_of
from stringx.gates.tests import test_name as name_of
from stringx.gates.tests import test_sql as sql_of
from stringx.model import Rule

REPOSITORY = Path(__file__).parent.parent.parent.parent

#: A target of dbt.
Profile = Mapping[str, object]

#: Cases that each check has; a name may say more behind `_`: `nulls_pass`. A table's columns have neither nulls nor slices.
KINDS = {"passes", "fails", "empty", "nulls", "quoted", "slice"}
KINDS_OF_COLUMNS = {"passes", "fails", "empty", "quoted"}

#: Fields of a case that are none of its rule's.
BESIDE_THE_RULE = {"slice", "looked_at"}

#: Behind the name of a case: what its test looks at, counted.
LOOKED_AT = ", looked at"

CASES: Cases = {**OF_DBT, **UTILS, **VALUES, **COLUMNS, **OF_TABLES, **OWN}

#: `dbt test` with these arguments, which prints what came of each test; of hundreds, dbt's own artifacts and logs take seconds to write.
DBT_TEST = """
import json, sys
from dbt.cli.main import dbtRunner
quiet = ["--log-level", "none", "--log-level-file", "none", "--no-write-json", "--no-partial-parse", "--no-populate-cache"]
done = dbtRunner().invoke([*quiet, "test", *sys.argv[1:]])
if done.exception:
    raise done.exception
print(json.dumps([[one.node.name, one.status, one.failures, one.message] for one in done.result.results]))
"""

#: A Wednesday. The project's clock stands, so that no case depends on when it is run.
NOW = "cast('2024-03-06 15:30+00' as timestamp with time zone)"
CLOCK = "".join(f"{{% macro {database}__current_timestamp() %}}{NOW}{{% endmacro %}}\n" for database in ("postgres", "duckdb"))

#: What the cases are about, in SQL of both databases.
TABLES = (Path(__file__).parent / "tables.sql").read_text()

SOURCES = [
    {"name": "lab", "quoting": {"identifier": True}, "tables": [{"name": name} for name in re.findall(r"create table lab\.(\w+)", TABLES)]},
    {"name": "raw", "tables": [{"name": name} for name in demo.TABLES]},
]


def rule(check: str, name: str, fields: Mapping[str, Any]) -> Rule:
    return RuleShape.model_validate({"name": name, "check": check, **fields}).rule()


def postgres_profile(url: str, schema: str) -> Profile:
    info = psycopg.conninfo.conninfo_to_dict(url)
    address = {name: info[name] for name in ("host", "user", "password", "dbname")}
    return {"type": "postgres", **address, "port": int(info["port"]), "schema": schema}


def outcomes(folder: Path, profile: Profile, cases: Cases = CASES, variables: Mapping[str, str] | None = None) -> Mapping[str, Failures]:
    """What dbt makes of each case, by `check-name`, and by `check-name, looked at` how much each that fails looks at, if no rows: one
    project with them all and with these variables, one run. The tables are there already."""
    project = folder / "project"
    shutil.copytree(REPOSITORY / "dbt_project", project, ignore=shutil.ignore_patterns("models", "tests", "target", "logs"))
    (project / "macros" / "clock.sql").write_text(CLOCK)
    (project / "profiles.yml").write_text(json.dumps({"stringx": {"target": "lab", "outputs": {"lab": profile}}}))
    (project / "models").mkdir()
    (project / "models" / "sources.yml").write_text(json.dumps({"version": 2, "sources": SOURCES}))
    (project / "tests").mkdir()
    names: dict[str, str] = {}
    for number, (check, name, (table, fields, failures)) in enumerate(numbered(cases)):
        condition = fields.get("slice")
        made = rule(check, f"case_{number}", {key: value for key, value in fields.items() if key not in BESIDE_THE_RULE})
        texts = {name_of("0" * 32, made): sql_of(made, table, resolve, sliced=condition is not None)}
        names[name_of("0" * 32, made)] = f"{check}-{name}"
        if failures == "error":  # of what a macro refuses while dbt parses, no other case would be run
            texts = {test: text.replace("\n{{", "\n{% if execute %}{{") + "{% endif %}" for test, text in texts.items()}
        elif each_macro(made) is not None and (failures or "looked_at" in fields):  # of no failures all counts are right
            texts[each_name_of("0" * 32, made)] = each_sql_of(made, table, resolve, sliced=condition is not None)
            names[each_name_of("0" * 32, made)] = f"{check}-{name}{LOOKED_AT}"
        for test, text in texts.items():
            sliced = text if condition is None else text.replace("where=none", f"where={literal(condition, 'slice')}")
            (project / "tests" / f"{test}.sql").write_text(sliced)
    options = ["--project-dir", project, "--profiles-dir", project, "--vars", json.dumps(variables or {})]
    done = subprocess.run(
        [sys.executable, "-c", DBT_TEST, *options],
        env=os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = {names[test]: result for test, *result in json.loads(done.stdout)}
    assert len(results) == len(names)
    errors = (f"{case}: {message}\n" for case, (status, _, message) in results.items() if status == "error")
    sys.stdout.writelines(errors)  # pytest shows it where a case fails
    return {case: "error" if status == "error" else failures for case, (status, failures, _) in results.items()}


def resolve(table: str) -> str:
    schema, _, name = table.partition(".")
    return f"source('{schema}', '{name}')"


def numbered(cases: Cases = CASES) -> Iterator[tuple[str, str, Case]]:
    for check, of_check in cases.items():
        for name, (table, fields, failures) in of_check.items():
            beside = name == "fails" and LIBRARY[check].context_columns and table in ("lab.orders", "lab.words")
            yield check, name, (table, {"context_columns": ["c", "Odd name"], **fields} if beside else fields, failures)


def expected(case: Case, database: str) -> Failures:
    failures = case[2]
    return failures[database] if isinstance(failures, Mapping) else failures


def share_fault(found: Mapping[str, Failures], check: str, name: str) -> str | None:
    """What is wrong with the number of things that the test of a case looked at: its failures are some of them."""
    failures, looked_at = found[f"{check}-{name}"], found.get(f"{check}-{name}{LOOKED_AT}")
    fields = CASES[check][name][1]
    if "looked_at" in fields and looked_at != fields["looked_at"]:
        return f"looked at {looked_at}, not at {fields['looked_at']}"
    if looked_at is None or failures == "error":
        return None
    return None if looked_at != "error" and failures <= looked_at else f"{failures} failures of {looked_at}"
