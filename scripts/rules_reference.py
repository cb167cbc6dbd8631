"""Prints docs/reference/rules.md, or with `--macros` dbt_project/macros/descriptions.yml, from the catalogue of checks.

.venv/bin/python scripts/rules_reference.py >docs/reference/rules.md
.venv/bin/python scripts/rules_reference.py --macros >dbt_project/macros/descriptions.yml
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import yaml

from stringx.gates.rule_library import LIBRARY, Argument, Check, Column, Counted, Origin

ORIGINS = {
    Origin.DBT: ("dbt's own", "They come with dbt."),
    Origin.STRINGX: ("StringX's own", "What the packages do not have."),
    Origin.DBT_UTILS: ("dbt_utils", "The generic tests of dbt_utils 1.3, written anew."),
    Origin.DBT_EXPECTATIONS: ("dbt_expectations", "The generic tests of dbt_expectations 0.10, written anew."),
}
SHARES = {
    Counted.ROWS_SHOWN: "Takes `context_columns`. A share is of the rows.",
    Counted.ROWS: "A share is of the rows.",
    Counted.VALUES_OF_ROWS: "A share is of the rows: then its failures are those that have such a value.",
    Counted.VALUES_OF_SQL: "Takes `context_columns`. A share is of the rows, or of the groups; an aggregate of all rows is one.",
    Counted.GROUPS: "A share is of the groups; without groups, of the whole.",
    Counted.WHOLE: "A share is of the whole.",
}
COLUMN = {Column.REQUIRED: "a `column`", Column.OPTIONAL: "a `column`, or none", Column.NONE: "no `column`"}

HEAD = """# Rules

<!-- Made by scripts/rules_reference.py from api/stringx/gates/rule_library/; a test holds both equal. -->

The checks that a gate's rule can name. Each is a dbt generic test too: a macro of `dbt_project/macros`, which a dbt project uses from
its YAML files, without a package. Those of dbt_utils and dbt_expectations have their names, arguments, defaults and answers there:
take the prefix of the package away, and keep the YAML. [Where they answer otherwise](#differences) is named, with the reason.

Beside its arguments each rule takes what [a gate file](gate-file.md#rules) says of rules: `row_condition`, `threshold`, `severity`,
`scope` and more. Where failing rows are rows of the table, `context_columns` are shown beside them. A `threshold` may be a
[share](gate-file.md#thresholds), of what the check looks at. The argument `row_condition`, which checks of
dbt_expectations have as well, does the same as the rule's, but that of a comparison with another table holds for that one, too, unless
`compare_row_condition` says otherwise. An argument that is SQL, or a column, names columns as SQL writes them: `"Odd name"`
in double quotes, unlike the rule's own `column`. A regular expression is one of the database's own kind. Of several arguments
that name bounds, one must be there, and something must lie between them.

Now, where a check looks at the clock, is told in the time zone of the database's sessions, or of the dbt variable `stringx:time_zone`.
Checks that are about a table's columns, and not its rows, look at the whole table whatever the slice, and take no `row_condition`.

The examples are rules of a gate of the demo's `raw.flights`.
"""


def page() -> Iterator[str]:
    yield HEAD
    yield "## Short names\n"
    yield "In a gate, `check` takes the short name as well.\n\n| short | check |\n|---|---|"
    for short, name in sorted((check.short, name) for name, check in LIBRARY.items() if check.short is not None):
        yield f"| `{short}` | [`{name}`](#{name.lower()}) |"
    for origin, (title, about) in ORIGINS.items():
        yield f"\n## {title}\n\n{about}"
        for name, check in LIBRARY.items():
            if check.origin is origin:
                yield from section(name, check)
    yield "\n## Differences\n\nWhere a check answers otherwise than the public one of its name, and why."
    yield "\n| check | difference |\n|---|---|"
    for name, check in LIBRARY.items():
        for difference in check.differences:
            yield f"| [`{name}`](#{name.lower()}) | {cell(difference)} |"


def section(name: str, check: Check) -> Iterator[str]:
    yield f"\n### {name}\n"
    short = f" Short: `{check.short}`." if check.short else ""
    yield f"Fails with {check.fails_with}. Takes {COLUMN[check.column]}.{short}"
    yield SHARES.get(check.counts, f"A share is of the {check.counts.looked_at}.")
    yield f"By itself: {check.kind.value}, {check.dimension.value}, {check.level.value}.\n"
    if check.arguments:
        yield "| argument | takes | default | |\n|---|---|---|---|"
        for argument, known in check.arguments.items():
            yield f"| `{argument}` | {cell(known.sort.name)} | {default(known)} | {cell(known.about)} |"
        yield ""
    yield f"```yaml\n{example(name, check)}```"


def default(argument: Argument) -> str:
    if argument.required:
        return "must be there"
    return "" if argument.default is None else f"`{cell(json.dumps(argument.default))}`"


def example(name: str, check: Check) -> str:
    rule = {"name": "a_name", "check": name, **check.example}
    return yaml.safe_dump([rule], sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def descriptions() -> str:
    """What dbt docs says of the macros: each with its example, as a rule of a gate."""
    macros = [
        {"name": f"test_{name}", "description": f"Fails with {check.fails_with}.\n\n```yaml\n{example(name, check)}```\n"}
        for name, check in LIBRARY.items()
        if check.origin is not Origin.DBT
    ]
    head = "# Made by scripts/rules_reference.py from api/stringx/gates/rule_library/; a test holds both equal.\n"
    return head + yaml.safe_dump({"version": 2, "macros": macros}, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    print(descriptions() if sys.argv[1:] == ["--macros"] else "\n".join(page()), end="" if sys.argv[1:] else "\n")
