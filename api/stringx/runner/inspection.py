"""One gate, held against its target: what of it would not work there."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from dbt_common.exceptions import DbtBaseException

from stringx.errors import NotFound, Refusal
from stringx.gates.located import Path
from stringx.gates.rule_library import LIBRARY
from stringx.gates.rule_sql import listed_columns, named_tables, only_sql
from stringx.gates.tests import MATCHES_REGEX, regexes
from stringx.model import CatalogColumn, Gate, Rule, TargetFault
from stringx.nearest import did_you_mean, nearest
from stringx.runner import compiling, sessions
from stringx.runner.database_words import words
from stringx.runner.gate_columns import GateColumns
from stringx.runner.invocation import adapter
from stringx.runner.parsed import KnownTable, OtherRelation, ParsedProject, own_copy
from stringx.runner.planned import Planned
from stringx.runner.planning import Planner
from stringx.runner.signature import Signature
from stringx.runner.target_tables import TargetTables

_T = TypeVar("_T")

#: Yields what it finds fault with, and returns what the next step goes on from.
Step = Generator[TargetFault, None, _T]


class Inspection:
    """Of one gate, by the parsed project and the database's catalog. No test is run."""

    def __init__(self, gate: Gate, project: ParsedProject, tables: TargetTables) -> None:
        self._gate = gate
        self._project = project
        self._tables = tables

    def faults(self) -> Iterator[TargetFault]:
        """Each as it is found. Raises the errors of the driver and of dbt where the database does not answer."""
        table = yield from self._table()
        if table is None:
            return
        found = yield from self._catalog_columns(table)
        # Whether another than Postgres tells upper from lower case is not known.
        columns = GateColumns(self._gate, found or (), tells_case=sessions.opens(adapter()))
        rules = yield from self._callable_rules(columns)
        yield from columns.faults()
        tests = yield from self._planned_tests(rules, table, columns)
        if found is not None:  # else each of them would say so once more
            yield from self._test_faults(tests, rules, columns)

    # --- the gate's table ---

    def _table(self) -> Step[KnownTable | None]:
        """What the project has by that name, be it of another kind than the gate says."""
        try:
            return self._project.table(self._gate.table, self._gate.relation)
        except OtherRelation as error:
            yield TargetFault(field=("relation",), message=str(error))
            return error.table
        except NotFound as error:
            yield TargetFault(field=("table",), message=str(error))
            return None

    def _catalog_columns(self, table: KnownTable) -> Step[Sequence[CatalogColumn] | None]:
        """None where the table cannot be read; of an ephemeral model there are none."""
        try:
            return self._tables.read(self._gate.table, table).columns
        except NotFound as error:
            yield TargetFault(field=("table",), message=str(error))
            return None

    # --- its rules, before a test is made of them ---

    def _callable_rules(self, columns: GateColumns) -> Step[list[Rule]]:
        """Those whose check and tables there are; without the context columns that there are not, to find what else is wrong by them."""
        rules = []
        for rule in self._gate.rules:
            faults = [*self._call_faults(rule), *self._table_faults(rule)]
            yield from faults
            if not faults:
                rules.append(columns.without_missing_context(rule))
        return rules

    def _call_faults(self, rule: Rule) -> Iterator[TargetFault]:
        """Of one whose check is a test of nobody's, or is not called so: Jinja would say it in its words, or the database in its own."""
        macro = self._project.generic_test(rule.check)
        if macro is None:
            yield TargetFault(rule=rule.name, field=("check",), message=self._no_test(rule.check))
            return
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

    def _table_faults(self, rule: Rule) -> Iterator[TargetFault]:
        """Of other tables, which the project does not know."""
        for field, name in self._other_tables(rule):
            try:
                self._project.table_beside(name, self._gate.relation)
            except NotFound as error:
                yield TargetFault(rule=rule.name, field=field, message=str(error))

    def _other_tables(self, rule: Rule) -> Iterator[tuple[Path, str]]:
        """What is wrong with the gate's own is told of the gate."""
        return ((field, name) for field, name in named_tables(rule) if name != self._gate.table)

    # --- its tests ---

    def _planned_tests(self, rules: Sequence[Rule], table: KnownTable, columns: GateColumns) -> Step[list[Planned]]:
        """As a run would have them, on some slice."""
        quote = adapter().quote("")
        gate = self._gate.model_copy(update={"rules": tuple(rules)})
        plan = Planner(self._project, table, columns.some_slice(quote), names_between=quote, shown=words).plan(gate, self._gate.fingerprint)
        for refused in plan.refused:
            yield TargetFault(rule=refused.rule, select=refused.select, message=refused.message or "no test can be made of it")
        return plan.tests

    def _test_faults(self, tests: Sequence[Planned], rules: Sequence[Rule], columns: GateColumns) -> Iterator[TargetFault]:
        of_regexes = list(self._regex_faults(rules))
        yield from of_regexes
        told = {fault.rule for fault in of_regexes} | {rule.name for rule in rules if rule.column and columns.missing(rule.column)}
        by_name = {rule.name: rule for rule in rules}
        for test in tests:
            if test.rule is None:
                yield from self._faults_of_selected(test)
            elif test.rule not in told:
                yield from self._faults_of_rule(test, by_name[test.rule], columns)

    def _regex_faults(self, rules: Sequence[Rule]) -> Iterator[TargetFault]:
        """Of regular expressions that are none: a test with one would fail at its first row, and not before."""
        if self._project.macro(MATCHES_REGEX) is None:
            return  # its checks are those of a package, with ways of their own
        for rule in rules:
            with suppress(NotFound, Refusal, DbtBaseException):  # no test can be made with it: the plan has told that of the rule's own
                for field, sql in regexes(rule):
                    fault = compiling.fault_of(self._project, own_copy(self._project.rule_test("stringx_regex", sql)), of_a_rule=True)
                    if fault is not None:
                        yield TargetFault(rule=rule.name, field=field, message=fault.message)

    def _faults_of_selected(self, test: Planned) -> Iterator[TargetFault]:
        """Of a test of the project."""
        fault = compiling.fault_of(self._project, test.node, of_a_rule=False)
        if fault is not None:
            yield TargetFault(select=test.select, message=f"the test {test.node.name}: {fault.message}")

    def _faults_of_rule(self, test: Planned, rule: Rule, columns: GateColumns) -> Iterator[TargetFault]:
        for node in test.nodes:
            fault = compiling.fault_of(self._project, node, of_a_rule=True)
            if fault is None:
                continue
            told: list[tuple[Path, str]] = [((), fault.message)]
            if node is test.each_node:
                told = [(("threshold",), test.uncounted(fault.message))]
            elif fault.by_database:
                told = self._explained(fault.message, rule, columns)
            yield from (TargetFault(rule=rule.name, field=field, message=message) for field, message in told)
            return

    def _explained(self, message: str, rule: Rule, columns: GateColumns) -> list[tuple[Path, str]]:
        """What the database says of a rule's test, told of what is meant where the rule shows that: where, and what."""
        listed = [(field, name, columns.missing(name)) for field, name in listed_columns(rule)]
        # The database names the first.
        if any(missing and name in message for _, name, missing in listed):
            return [(field, missing) for field, _, missing in listed if missing]
        if tables := list(self._unreadable_tables(rule)):
            return tables
        field = only_sql(rule)
        return [((), message)] if field is None else [(field, f"the database's answer to it: {message}")]

    def _unreadable_tables(self, rule: Rule) -> Iterator[tuple[Path, str]]:
        for field, name in self._other_tables(rule):
            try:
                self._tables.read(name, self._project.table_beside(name, self._gate.relation))
            except NotFound as error:
                yield field, str(error)
