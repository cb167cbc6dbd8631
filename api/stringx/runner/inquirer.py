"""Answers what is asked of a target beside its runs, on the parsed project and the database's catalog. No test is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg2
import psycopg2.errors
from dbt_common.exceptions import DbtBaseException

from stringx.errors import NotFound, Refusal
from stringx.gates.located import Path
from stringx.gates.rule_library import LIBRARY
from stringx.gates.rule_sql import listed_columns, named_tables, only_sql
from stringx.gates.tests import MATCHES_REGEX, regexes
from stringx.model import CatalogColumn, Gate, GateOnTarget, Relation, Rule, TableCatalog, TargetFault, Validation
from stringx.nearest import did_you_mean, nearest
from stringx.runner import catalog, one_statement, sessions
from stringx.runner.catalog import Unreadable, Withheld
from stringx.runner.compiling import compiled
from stringx.runner.gate_columns import GateColumns
from stringx.runner.invocation import adapter
from stringx.runner.parsed import KnownTable, OtherRelation, ParsedProject, own_copy
from stringx.runner.planned import Planned
from stringx.runner.planning import Planner
from stringx.runner.signature import Signature


class Inquirer:
    """Answers one question after the other. One process."""

    def __init__(self, project: ParsedProject, target: str, shown: Callable[[str], str]) -> None:
        """`shown`: a text as it may be told."""
        self._project = project
        self._target = target
        self._shown = shown

    def describe(self, name: str) -> TableCatalog:
        """NotFound where the database has no such table. Raises the errors of the driver and of dbt."""
        try:
            table = self._project.table(name)
        except NotFound:
            table = self._project.table(name, Relation.PLAIN)
        if table.relation is None:
            raise NotFound(f"{name} is an ephemeral model, which is no table of the database: write its gate by hand")
        try:
            found = catalog.read(adapter(), table.relation, self._knows)
        except Unreadable as error:
            raise NotFound(self._absence(name, error)) from error
        return TableCatalog(
            table=name,
            target=self._target,
            relation=table.kind,
            columns=found.columns,
            primary_key=found.primary_key,
            unique=found.unique,
            foreign_keys=found.foreign_keys,
            conditions=found.conditions,
        )

    def check(self, gates: tuple[Gate, ...]) -> Validation:
        """Raises the errors of the driver and of dbt where the database does not answer."""
        return Validation(gates=tuple(map(self._told, gates)))

    def _told(self, gate: Gate) -> GateOnTarget:
        """A lock keeps back what is said of this gate alone, from there on; it is no fault of the gate."""
        faults: list[TargetFault] = []
        unasked = None
        try:
            faults.extend(self._faults(gate))  # which keeps those before an error
        except psycopg2.errors.LockNotAvailable:
            unasked = f"somebody holds a lock on {gate.table}, or on a table that its rules name: not all was looked at, ask again"
        return GateOnTarget(workspace=gate.workspace, table=gate.table, faults=tuple(faults), unasked=unasked)

    def _faults(self, gate: Gate) -> Iterator[TargetFault]:
        try:
            table = self._project.table(gate.table, gate.relation)
        except OtherRelation as error:
            yield TargetFault(field=("relation",), message=self._shown(str(error)))
            table = error.table
        except NotFound as error:
            yield TargetFault(field=("table",), message=self._shown(str(error)))
            return
        found: Sequence[CatalogColumn] | None = ()
        try:
            if table.relation is not None:
                found = catalog.read(adapter(), table.relation, self._knows).columns
        except Unreadable as error:
            found = None
            yield TargetFault(field=("table",), message=self._shown(self._absence(gate.table, error)))
        uncallable = list(self._call_faults(gate))
        yield from uncallable
        # Whether another than Postgres tells upper from lower case is not known.
        columns = GateColumns(gate, found or (), tells_case=sessions.opens(adapter()))
        faulty = list(columns.faults())
        yield from faulty
        planner = Planner(
            self._project,
            table,
            columns.some_slice(adapter().quote("")),
            names_between=adapter().quote(""),
            shown=lambda error: self._shown(_words(error)),
        )
        unresolved = list(self._table_faults(gate))
        yield from unresolved
        without_test = {fault.rule for fault in (*uncallable, *unresolved)}
        rules = {rule.name: columns.without_missing_context(rule) for rule in gate.rules if rule.name not in without_test}
        callable_ = gate.model_copy(update={"rules": tuple(rules.values())})
        plan = planner.plan(callable_, gate.fingerprint)
        for refused in plan.refused:
            yield TargetFault(rule=refused.rule, select=refused.select, message=refused.message or "no test can be made of it")
        if found is None:
            return  # all of them would say so once more
        told = {fault.rule for fault in faulty if fault.field == ("column",)}
        for fault in self._regex_faults(callable_):
            told.add(fault.rule)
            yield fault
        for test in plan.tests:
            if test.rule is None:
                yield from self._test_faults(test)
            elif test.rule not in told:
                yield from self._rule_test_faults(test, rules[test.rule], gate, columns)

    def _absence(self, name: str, error: Unreadable) -> str:
        """Why a table cannot be read, and what to do about it."""
        return f"the target {self._target} cannot read {name}: {_words(error)}: {self._fix_of_absence(name, error)}"

    def _fix_of_absence(self, name: str, error: Unreadable) -> str:
        if isinstance(error, Withheld):
            return f"let the role of its dbt profile read it: grant it {error.lacks}"
        wanted = ".".join(name.lower().split(".")[-2:])
        tables = catalog.tables_near(adapter(), wanted.partition(".")[0])
        for one in tables:
            if one.lower() == wanted != one:
                return f"it has {one}, and tells upper from lower case: declare that as a source of the dbt project, by its `identifier`"
        near = nearest(wanted, tables, alike=0.75)
        return did_you_mean(near if near != name.lower() else None) or "load it, or correct the name"

    def _call_faults(self, gate: Gate) -> Iterator[TargetFault]:
        """Of rules whose check is a test of nobody's, or is not called so: Jinja would say it in its words, or the database in its own."""
        for rule in gate.rules:
            macro = self._project.generic_test(rule.check)
            if macro is None:
                yield TargetFault(rule=rule.name, field=("check",), message=self._no_test(rule.check))
                continue
            signature = Signature.of(macro.macro_sql)
            for field, message in signature.faults(rule):
                # What misses an argument is told where the check stands, if the rule gives none.
                place = ("check",) if field == ("arguments",) and not rule.arguments else field
                yield TargetFault(rule=rule.name, field=place, of_name=signature.is_unknown(field), message=message)

    def _no_test(self, check: str) -> str:
        if check in LIBRARY:
            fix = "it is of StringX's rule library, whose macros the project lacks: copy dbt_project/macros into its own"
        else:
            fix = did_you_mean(nearest(check, [*self._project.generic_tests(), *LIBRARY])) or "add it to the project, or correct the name"
        return f"the dbt project has no generic test `{check}`: {fix}"

    def _table_faults(self, gate: Gate) -> Iterator[TargetFault]:
        """Of other tables that rules name, and the project does not know."""
        for rule in gate.rules:
            for field, name in _other_tables(rule, gate):
                try:
                    self._other_table(name, gate)
                except NotFound as error:
                    yield TargetFault(rule=rule.name, field=field, message=self._shown(str(error)))

    def _other_table(self, name: str, gate: Gate) -> KnownTable:
        """As a run of the gate has it: beside a plain table stand others that the project need not know either."""
        try:
            return self._project.table(name)
        except NotFound:
            if gate.relation is not Relation.PLAIN:
                raise
            return self._project.table(name, Relation.PLAIN)

    # --- tests ---

    def _regex_faults(self, gate: Gate) -> Iterator[TargetFault]:
        """A test with a regular expression that is none would fail at its first row, and not before."""
        if self._project.macro(MATCHES_REGEX) is None:
            return  # its checks are those of a package, with ways of their own
        for rule in gate.rules:
            with suppress(NotFound, Refusal, DbtBaseException):  # no test can be made with it: the plan has told that of the rule's own
                for field, sql in regexes(rule):
                    fault = self._fault_of(own_copy(self._project.rule_test("stringx_regex", sql)), of_a_rule=True)
                    if fault is not None:
                        yield TargetFault(rule=rule.name, field=field, message=self._shown(fault.message))

    def _test_faults(self, test: Planned) -> Iterator[TargetFault]:
        """Of a test of the project."""
        fault = self._fault_of(test.node, of_a_rule=False)
        if fault is not None:
            yield TargetFault(select=test.select, message=self._shown(f"the test {test.node.name}: {fault.message}"))

    def _rule_test_faults(self, test: Planned, rule: Rule, gate: Gate, columns: GateColumns) -> Iterator[TargetFault]:
        for node in test.nodes:
            fault = self._fault_of(node, of_a_rule=True)
            if fault is None:
                continue
            told: list[tuple[Path, str]] = [((), fault.message)]
            if node is test.rows_node:
                told = [(("threshold",), test.uncounted(fault.message))]
            elif fault.by_database:
                told = self._explained(fault.message, rule, gate, columns)
            yield from (TargetFault(rule=rule.name, field=field, message=self._shown(message)) for field, message in told)
            return

    def _explained(self, message: str, rule: Rule, gate: Gate, columns: GateColumns) -> list[tuple[Path, str]]:
        """What the database says of a rule's test, told of what is meant where the rule shows that: where, and what."""
        listed = [(field, name, columns.missing(name)) for field, name in listed_columns(rule)]
        # The database names the first.
        if any(missing and name in message for _, name, missing in listed):
            return [(field, missing) for field, _, missing in listed if missing]
        if tables := list(self._unreadable_tables(rule, gate)):
            return tables
        field = only_sql(rule)
        return [((), message)] if field is None else [(field, f"the database's answer to it: {message}")]

    def _unreadable_tables(self, rule: Rule, gate: Gate) -> Iterator[tuple[Path, str]]:
        """Of the other tables that a rule names."""
        for field, name in _other_tables(rule, gate):
            relation = self._other_table(name, gate).relation
            try:
                if relation is not None:
                    catalog.read(adapter(), relation, self._knows)
            except Unreadable as error:
                yield field, self._absence(name, error)

    def _fault_of(self, node: Any, *, of_a_rule: bool) -> _Fault | None:
        try:
            with adapter().connection_named("stringx_compile"):
                sql = compiled(self._project, node)
        except DbtBaseException as error:
            return _Fault(_words(error))
        if of_a_rule and (fault := one_statement.fault(sql, adapter().type())):
            return _Fault(fault)
        answer = catalog.plan_fault(adapter(), sql)
        return None if answer is None else _Fault(answer, by_database=True)

    def _knows(self, name: str) -> bool:
        with suppress(NotFound):
            self._project.table(name)
            return True
        return False


@dataclass(frozen=True)
class _Fault:
    """Why a test cannot be run."""

    message: str
    #: that these are the database's words, and not ours or dbt's
    by_database: bool = False


def _other_tables(rule: Rule, gate: Gate) -> Iterator[tuple[Path, str]]:
    """What is wrong with the gate's own is told of the gate."""
    return ((field, name) for field, name in named_tables(rule) if name != gate.table)


def unanswered(target: str, error: psycopg2.Error | DbtBaseException) -> str:
    """Why a question has no answer, and what to look at."""
    return f"the database of {target} did not answer; see that it is up, and that the dbt profile is right: {_words(error)}"


def _words(error: Exception) -> str:
    """The words of dbt's or the database's, in one line."""
    return " ".join(str(getattr(error, "msg", None) or error).split())
