"""Rules → dbt tests: what a rule written in a gate looks like as the SQL file of a dbt singular test. Pure.

Gate text is data. Every string of a gate gets into the file as a Jinja string literal in which all but plain letters, digits
and a few harmless characters are escaped; a string that holds Jinja's own brackets is refused all the same, so that nobody
can expect it to be rendered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from stringx.errors import Invalid
from stringx.gates.located import JINJA
from stringx.gates.rule_library import LIBRARY, Check
from stringx.gates.rule_library import arguments as sorts
from stringx.gates.thresholds import conditions, is_of_rows_with_values, is_of_sql, looked_at
from stringx.model import LookedAt, Rule

#: Arguments of a project's own tests that name another table, as people write it: they reach the test as dbt's `source(…)` or
#: `ref(…)`. Of the library's checks the catalogue tells which do.
RELATION_ARGUMENTS = frozenset({"to", "compare_model"})

#: The library's macro by which every check of it matches a regular expression.
MATCHES_REGEX = "stringx__matches_regex"

#: The rows that a test finds, as dbt's `fail_calc`.
_NUMBER_OF_ROWS = '"count(*)"'

_HARMLESS = re.compile(r"[A-Za-z0-9 _.,:;=<>()+*/@!?|&~^$-]")
_PLAIN_COLUMN = re.compile(r"[a-z_][a-z0-9_]*")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEEPEST = 10

#: What Postgres does not take for a column's name unless it is quoted (its reserved key words).
_RESERVED = frozenset(
    """all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
    concurrently constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full
    grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references returning right
    select session_user similar some symmetric system_user table tablesample then to trailing true union unique user using
    variadic verbose when where window with""".split()  # noqa: SIM905  # as a list it would be a page long
)


def test_name(gate_fingerprint: str, rule: Rule) -> str:
    """The name of the dbt test made from a rule; it carries the gate version's fingerprint, so that two versions never mix."""
    return f"stringx_{gate_fingerprint[:12]}_{rule.name}"


def each_test_name(gate_fingerprint: str, rule: Rule) -> str:
    """The name of the test that counts what the rule's looks at; no rule's test has it."""
    return f"stringx_rows_{gate_fingerprint[:12]}_{rule.name}"


def test_sql(
    rule: Rule,
    relation: str,
    resolve: Callable[[str], str],
    *,
    sliced: bool = False,  # noqa: PT028  # it is no test of pytest's
    names_between: str = '""',  # noqa: PT028
) -> str:
    """The text of the singular test. `relation` is the gate's table; `resolve("raw.airports")` gives "source('raw', 'airports')".
    `sliced`: that a slice is laid on. `names_between`: the characters that this database has a name between.

    dbt is told to count: `!= 0` whatever the gate's threshold, for dbt says 0 failures of a test that it lets pass, and the
    gate judges the raw count: of failing rows, or, where a share is accepted, of the rows that have a failing value. All that a
    project's `data_tests:` block could set for every test is set here. Raises Invalid, with the argument's name, for text that Jinja
    would render and for values that no literal can stand for.
    """
    of_values = is_of_rows_with_values(rule)
    if of_values and sliced and rule.check == "unique" and rule.column is not None:
        repeated = _repeated_rows(rule, column_sql(rule.column, names_between), resolve(relation))
        return f"{_config(rule, _sum_of('n_records'))}\n{repeated}\n"
    failures = _sum_of("n_records_of_slice" if _looks_beyond(rule, sliced) else "n_records") if of_values else _NUMBER_OF_ROWS
    arguments = ", ".join(_arguments(rule, relation, resolve, sliced, names_between))
    return f"{_config(rule, failures)}\n{{{{ test_{rule.check}({arguments}) }}}}\n"


def _arguments(rule: Rule, relation: str, resolve: Callable[[str], str], sliced: bool, names_between: str) -> Iterator[str]:
    """What the rule's macros are called with, as Jinja."""
    check = LIBRARY.get(rule.check)
    yield f"model=get_where_subquery({resolve(relation)})"
    if _looks_beyond(rule, sliced):
        yield f"whole={_whole(rule, resolve(relation))}"
    if rule.column is not None:
        yield f"column_name={literal(column_sql(rule.column, names_between), 'column')}"
    if check is not None and check.context_columns and rule.context_columns:
        columns = [column_sql(column, names_between) for column in rule.context_columns]
        yield f"context_columns={literal(columns, 'context_columns')}"
    for name, value in _for_dbt(rule).items():
        field = f"arguments.{name}"
        if not _ARGUMENT.fullmatch(name):
            raise Invalid("is not the name of an argument", field=field)
        if isinstance(value, str) and names_a_table(check, name):
            _refuse_jinja(value, field)
            yield f"{name}={resolve(value)}"
        else:
            yield f"{name}={literal(value, field)}"


def _looks_beyond(rule: Rule, sliced: bool) -> bool:
    check = LIBRARY.get(rule.check)
    return check is not None and check.whole and sliced


def _repeated_rows(rule: Rule, column: str, relation: str) -> str:
    """What dbt's own `unique` finds of a slice, with how many rows of the slice have it: dbt's counts those outside as well. `column` is
    SQL, `relation` Jinja."""
    name = f"{{{{ {literal(column, 'column')} }}}}"
    slice_, whole = f"{{{{ get_where_subquery({relation}) }}}}", f"{{{{ {_whole(rule, relation)} }}}}"
    return f"""select {name} as unique_field, count(*) as n_records
from {slice_}
where {name} in (
select {name} from {whole}
where {name} in (select {name} from {slice_})
group by {name}
having count(*) > 1
)
group by {name}"""  # noqa: S608  # Jinja that makes the SQL


def each_macro(rule: Rule) -> str | None:
    """The library's macro that gives what the rule's test looks at, a row for each; None where it looks at rows of the table, or is judged
    as a whole."""
    things = looked_at(rule)
    if things is LookedAt.WHOLE or (things is LookedAt.ROWS and not is_of_sql(rule)):
        return None
    return LIBRARY[rule.check].each


def each_test_sql(
    rule: Rule,
    relation: str,
    resolve: Callable[[str], str],
    *,
    sliced: bool = False,
    names_between: str = '""',
) -> str:
    """The text of the singular test whose failures are what the rule's test looks at: rows, groups, keys, … Of a rule that is not judged
    as a whole: that is one, and nobody has to count it. The rest is as in `test_sql`, whose failures are some of these.
    """
    macro = each_macro(rule)
    if macro is not None:
        arguments = ", ".join(_arguments(rule, relation, resolve, sliced, names_between))
        return f"{_config(rule)}\n{{{{ {macro}({arguments}) }}}}\n"
    rows = f"{{{{ get_where_subquery({resolve(relation)}) }}}}"
    # The line breaks let a condition end in a comment.
    only = " and ".join(f"(\n{{{{ {literal(sql, f'arguments.{name}')} }}}}\n)" for name, sql in conditions(rule).items())
    where = f"\nwhere {only}" if only else ""
    return f"{_config(rule)}\nselect 1 as looked_at from {rows}{where}\n"


def regexes(rule: Rule) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The regular expressions of a rule of the library's: where each stands in the rule, and the text of a singular test that has the
    database read it, as the rule's own test has, but against no row's value. Raises Invalid as `test_sql` does.
    """
    check = LIBRARY.get(rule.check)
    for name, argument in check.arguments.items() if check else ():
        value = rule.arguments.get(name)
        if argument.sort is sorts.REGEX and isinstance(value, str):
            yield ("arguments", name), _regex_sql(rule, value)
        elif argument.sort is sorts.REGEXES and isinstance(value, (list, tuple)):
            for place, regex in enumerate(value):
                yield ("arguments", name, place), _regex_sql(rule, regex)


def _regex_sql(rule: Rule, regex: object) -> str:
    arguments = (literal("''", "arguments"), literal(regex, "arguments"), literal(rule.arguments.get("flags", ""), "arguments.flags"))
    return f"{_config(rule)}\nselect 1 as matched where {{{{ {MATCHES_REGEX}({', '.join(arguments)}) }}}}\n"


def _sum_of(column: str) -> str:
    """The sum over what a test finds, as dbt's `fail_calc`: a whole number, 0 where it finds nothing."""
    return f'"cast(coalesce(sum({column}), 0) as " ~ dbt.type_bigint() ~ ")"'


def _config(rule: Rule, failures: str = _NUMBER_OF_ROWS) -> str:
    """The options of a test; `failures` is its `fail_calc`, as Jinja."""
    options = {
        "enabled": True,
        "severity": rule.severity.value,
        "warn_if": "!= 0",
        "error_if": "!= 0",
        "limit": None,
        "where": rule.row_condition,
        "store_failures": False,
        "store_failures_as": "ephemeral",
    }
    written = ", ".join(f"{name}={literal(value, 'row_condition')}" for name, value in options.items())
    return f"{{{{ config({written}, fail_calc={failures}) }}}}"


def _whole(rule: Rule, relation: str) -> str:
    """The gate's table as `model` has it, but for the slice: the rule's condition holds beyond that too."""
    if rule.row_condition is None:
        return relation
    # The line break lets the condition end in a `--` comment.
    after = literal(f" where {rule.row_condition}\n) stringx_whole", "row_condition")
    return f'"(select * from " ~ {relation} ~ {after}'  # noqa: S608  # Jinja that makes the SQL


def names_a_table(check: Check | None, argument: str) -> bool:
    """Whether an argument of a check, None of which is the library's, is the name of another table."""
    if check is None:
        return argument in RELATION_ARGUMENTS
    return argument in check.arguments and check.arguments[argument].sort is sorts.TABLE


def _for_dbt(rule: Rule) -> dict[str, object]:
    """The arguments as dbt's macro wants them: `accepted_values` puts values between quotes without doubling those within."""
    arguments: dict[str, object] = dict(rule.arguments)
    values = arguments.get("values")
    if rule.check == "accepted_values" and isinstance(values, list) and arguments.get("quote", True):
        arguments["values"] = [value.replace("'", "''") if isinstance(value, str) else value for value in values]
    return arguments


def column_sql(column: str, names_between: str = '""') -> str:
    """A column's name as SQL: plain lower-case names as they are, as dbt's own tests have them, all others quoted."""
    if _PLAIN_COLUMN.fullmatch(column) and column not in _RESERVED:
        return column
    return quoted_name(column, names_between)


def quoted_name(name: str, between: str) -> str:
    """A name between these characters: where it is between others, a database may read it as a text, of which no row is null."""
    return between[0] + name.replace(between[-1], between[-1] * 2) + between[-1]


def literal(value: object, field: str, *, depth: int = 0) -> str:
    """A value of a gate as a Jinja literal. Raises Invalid, naming `field`, where there is none."""
    if depth > _DEEPEST:
        raise Invalid(f"is nested more than {_DEEPEST} deep", field=field)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"({value})"  # in brackets: `-1` is an operator and a number
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Invalid("must be a finite number", field=field)
        return f"({value!r})"
    if isinstance(value, str):
        _refuse_jinja(value, field)
        return '"' + "".join(character if _HARMLESS.match(character) else _escaped(character) for character in value) + '"'
    if isinstance(value, Mapping):
        pairs = (
            f"{literal(str(key), field, depth=depth + 1)}: {literal(item, f'{field}.{key}', depth=depth + 1)}"
            for key, item in value.items()
        )
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(literal(item, f"{field}.{place}", depth=depth + 1) for place, item in enumerate(value)) + "]"
    raise Invalid(f"is a {type(value).__name__}, which a test's argument cannot be", field=field)


def _refuse_jinja(text: str, field: str) -> None:
    for mark in JINJA:
        if mark in text:
            raise Invalid(f"must not hold {mark!r}: what is written in a gate is never rendered as Jinja", field=field)


def _escaped(character: str) -> str:
    # Jinja reads the escapes of a Python string.
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
