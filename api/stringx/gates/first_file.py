"""The first gate file of a table: what its database already holds it to, as rules to go on from. Pure."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator

from stringx.gates.parse import parse
from stringx.gates.tests import column_sql
from stringx.model import RULE_NAME, TABLE_NAME, ColumnType, Gate, Relation, TableCatalog

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*")
#: Words that YAML reads as something else.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
#: What JSON may hold as it is, and YAML refuses, or takes for the end of a line.
_ODD = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

#: Characters of a line, where it may be broken.
WIDTH = 140
#: A space at which no line is broken; nothing that `_yaml` writes holds it.
_SPACE = "\x00"

_HEAD = """\
# The first gate of {table}, by what its database knew of it: read it, take out what is not so, and add what the data must be.
# What a rule can check, and what else a gate can say, stands in docs/reference/gate-file.md.
# `stringx gates validate --online` holds this file against the database, `stringx gates apply` puts it in force.
table: {table}
"""


def text(catalog: TableCatalog, *, runner: str) -> str:
    """The file. Without a rule where the database holds the table to nothing: then they are all yet to be written."""
    table = catalog.table.lower()
    lines = [_HEAD.format(table=table).rstrip()]
    if catalog.relation is Relation.PLAIN:
        lines += ["# The dbt project does not know this table.", "relation: plain"]
    lines.append(f"target: {_yaml(catalog.target)}")
    if runner != "default":
        lines.append(f"runner: {_yaml(runner)}")
    for part in (_slice(catalog), _rules(catalog)):
        if written := list(part):
            lines += ["", *written]
    return "\n".join(lines) + "\n"


def _slice(catalog: TableCatalog) -> Iterator[str]:
    kinds = {one.name: one.slices_by for one in catalog.columns if one.slices_by is not None}
    kinds = {name: kind for name, kind in kinds.items() if _sayable(f"slice: {{columns: {{{_yaml(name)}: {kind}}}}}")}
    moments = {name: kind for name, kind in kinds.items() if kind in (ColumnType.DATE, ColumnType.TIMESTAMP)}
    others = {name: kind for name, kind in kinds.items() if name not in moments}
    if kinds:
        yield "# What a trigger's slice may name: columns by which the table is loaded."
    if moments:
        yield "slice:"
        yield "  columns:"
        yield from (f"    {_yaml(name)}: {kind}" for name, kind in moments.items())
    also = [f"{_yaml(name)}: {kind}" for name, kind in others.items()]
    if also:
        yield from _comment(f"{'Others' if moments else 'slice: {columns: {…}}, of these'}: ", also)


def _comment(begun: str, items: list[str]) -> list[str]:
    """Lines that are broken between items, and not within one."""
    whole = begun.replace(" ", _SPACE) + ", ".join(item.replace(" ", _SPACE) for item in items)
    lines = textwrap.wrap(whole, WIDTH, initial_indent="# ", subsequent_indent="#   ", break_long_words=False, break_on_hyphens=False)
    return [line.replace(_SPACE, " ") for line in lines]


def _rules(catalog: TableCatalog) -> Iterator[str]:
    rules = list(_Rules(catalog).all())
    yield "rules:" if any(_is_rule(one) for one in rules) else "rules: []"
    yield from rules
    column = next((one.name for one in catalog.columns if _PLAIN.fullmatch(one.name) and one.name not in _WORDS), None)
    if not rules and column is not None:
        yield "# The database holds this table to nothing. A first rule, in place of the brackets, could be:"
        yield f"#  - {{name: {column}_is_filled, check: not_null, column: {column}}}"


class _Rules:
    """The rules' text, one after the other, each with a name of its own."""

    def __init__(self, catalog: TableCatalog) -> None:
        self._catalog = catalog
        self._names: set[str] = set()

    def all(self) -> Iterator[str]:
        catalog = self._catalog
        for column in catalog.columns:
            if column.nullable is False:
                yield self._rule(f"{column.name}_is_filled", "not_null", column.name)
        for columns in filter(None, (catalog.primary_key, *catalog.unique)):
            yield self._unique(columns)
        for column in catalog.columns:
            if column.accepted:
                yield self._rule(f"{column.name}_is_known", "accepted_values", column.name, values=list(column.accepted))
        for key in catalog.foreign_keys:
            yield self._foreign(key.columns, key.table.lower(), key.referenced, known=key.known or catalog.relation is Relation.PLAIN)
        for condition in catalog.conditions:
            yield self._rule("row_holds", "expression_is_true", expression=condition)

    def _unique(self, columns: tuple[str, ...]) -> str:
        if len(columns) == 1:
            return self._rule(f"{columns[0]}_is_unique", "unique", columns[0])
        arguments: dict[str, object] = {"combination_of_columns": list(columns)}
        if any(column_sql(one) != one for one in columns):
            arguments["quote_columns"] = True
        return self._rule(f"{'_and_'.join(columns)}_are_unique", "unique_combination_of_columns", **arguments)

    def _foreign(self, columns: tuple[str, ...], table: str, referenced: tuple[str, ...], *, known: bool) -> str:
        if len(columns) > 1 or not TABLE_NAME.fullmatch(table):
            return f"  # {', '.join(map(_yaml, columns))} together are those of {_yaml(table)}: that is no rule yet."
        written = self._rule(f"{columns[0]}_is_in_{table}", "relationships", columns[0], to=table, field=column_sql(referenced[0]))
        if known or not _is_rule(written):
            return written
        commented = re.sub("^  ", "  # ", written, flags=re.MULTILINE)
        return f"  # The dbt project does not know {table}: declare it there, and then:\n{commented}"

    def _rule(self, name: str, check: str, column: str | None = None, /, **arguments: object) -> str:
        name = self._name(name)
        lines = [f"- name: {name}", f"  check: {check}"]
        if column is not None:
            lines.append(f"  column: {_yaml(column)}")
        if arguments:
            lines.append("  arguments:")
            lines += [f"    {argument}: {_yaml(value)}" for argument, value in arguments.items()]
        written = "\n".join(f"  {line}" for line in lines)
        if _sayable(f"rules:\n{written}"):
            return written
        return f"  # A rule {name} by the check {check} is left out: no gate file can say it."

    def _name(self, wanted: str) -> str:
        plain = re.sub(r"[^a-z0-9]+", "_", wanted.lower()).strip("_")[:90]
        plain = plain if RULE_NAME.fullmatch(plain) else f"rule_{plain}"
        name, number = plain, 2
        while name in self._names:
            name, number = f"{plain}_{number}", number + 1
        self._names.add(name)
        return name


def _yaml(value: object) -> str:
    """A text, or a list of such, that YAML reads as that. JSON is YAML, without its traps."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value not in _WORDS:
        return value
    if isinstance(value, list):
        return f"[{', '.join(_yaml(item) for item in value)}]"
    return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _is_rule(written: str) -> bool:
    """And no comment."""
    return not written.startswith("  #")


def _sayable(field: str) -> bool:
    """Whether a gate file may have that field: not where a text in it is too long, say, or holds what Jinja would render."""
    return isinstance(parse(f"table: a.b\ntarget: c\n{field}\n", workspace="default", name="a.b", file=""), Gate)
