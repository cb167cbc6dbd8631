"""Which tests a run is: the gate's rules, and the project's tests that it selects, as dbt's nodes with the slice laid on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dbt_common.exceptions import DbtBaseException

from stringx.errors import NotFound, Refusal
from stringx.gates.tests import column_sql, each_macro, each_test_name, each_test_sql, test_name, test_sql
from stringx.gates.thresholds import is_of_rows_with_values, looked_at, told
from stringx.model import DbtResult, DbtStatus, Gate, LookedAt, Rule, Scope, Selection, Severity
from stringx.runner.parsed import KnownTable, ParsedProject, own_copy
from stringx.runner.planned import Planned
from stringx.runner.selection import chosen, nothing_chosen
from stringx.runner.slice_sql import combined, with_repeats_outside


@dataclass
class Plan:
    """What a run is to execute."""

    tests: list[Planned] = field(default_factory=list)
    #: the results of the rules and selections that no test can be made of
    refused: list[DbtResult] = field(default_factory=list)

    @property
    def trusted(self) -> frozenset[str]:
        """The ids of the tests that hold nothing of the gate's but its slice."""
        return frozenset(test.node.unique_id for test in self.tests if test.rule is None)


class Planner:
    """Makes the plan of one run."""

    def __init__(
        self, project: ParsedProject, table: KnownTable, condition: str, *, names_between: str, shown: Callable[[Exception], str]
    ) -> None:
        """`table`: the gate's. `condition`: the slice as SQL, empty for the whole table. `names_between`: the characters that this
        database has a name between. `shown`: an error's text as it may be told.
        """
        self._project = project
        self._table = table
        self._condition = condition
        self._names_between = names_between
        self._shown = shown

    def plan(self, gate: Gate, gate_fingerprint: str) -> Plan:
        plan = Plan()
        for rule in gate.rules:
            name = test_name(gate_fingerprint, rule)
            try:
                plan.tests.append(self._of_rule(rule, name, gate, gate_fingerprint))
            except (NotFound, Refusal, DbtBaseException) as error:
                sliced = rule.scope is Scope.SLICE
                plan.refused.append(DbtResult(rule=rule.name, test=name, status=DbtStatus.ERROR, message=self._shown(error), sliced=sliced))
        for selection in gate.select:
            selected = list(self._of_selection(selection, gate.table))
            plan.tests += selected
            if not selected:
                nothing = NotFound(nothing_chosen(selection.select, gate.table, self._project.attached_tests(gate.table)))
                plan.refused.append(
                    DbtResult(
                        select=selection.select,
                        test=selection.select,
                        status=DbtStatus.ERROR,
                        message=self._shown(nothing),
                        sliced=selection.scope is Scope.SLICE,
                    )
                )
        _give_ids_of_their_own(plan.tests)
        return plan

    # --- rules ---

    def _of_rule(self, rule: Rule, name: str, gate: Gate, gate_fingerprint: str) -> Planned:
        rule = rule if rule.threshold else rule.model_copy(update={"threshold": gate.threshold})
        sliced = rule.scope is Scope.SLICE
        condition = self._condition if sliced else ""
        resolve = self._resolver(gate)
        node = self._node(name, test_sql(rule, gate.table, resolve, sliced=bool(condition), names_between=self._names_between))
        # The line break lets it end in a `--` comment, as dbt alone does not.
        own = None if rule.row_condition is None else f"{rule.row_condition}\n"
        if rule.check == "unique" and rule.column is not None and not is_of_rows_with_values(rule):
            column = column_sql(rule.column, self._names_between)
            node.config.where = with_repeats_outside(condition, own, column=column, relation=self._table.within_a_test)
        else:
            node.config.where = combined(condition, own)
        if rule.threshold is None or not rule.threshold.has_share:
            return Planned(node, rule.name, None, sliced)
        each_node = None
        if looked_at(rule) is not LookedAt.WHOLE:
            self._check_that_counts(rule)
            each_sql = each_test_sql(rule, gate.table, resolve, sliced=bool(condition), names_between=self._names_between)
            each_node = self._node(each_test_name(gate_fingerprint, rule), each_sql)
            each_node.config.where = combined(condition, own)
        return Planned(node, rule.name, None, sliced, each_node, told(rule))

    def _check_that_counts(self, rule: Rule) -> None:
        """NotFound, with the fix, where the project lacks what counts the things that the rule's threshold is a share of."""
        macro = each_macro(rule)
        if macro is not None and self._project.macro(macro) is None:
            raise NotFound(
                f"the dbt project lacks the macro `{macro}`, which counts the {looked_at(rule)} that the threshold is a share of:"
                " copy StringX's dbt_project/macros into its own anew"
            )

    def _node(self, name: str, sql: str) -> Any:
        node = own_copy(self._project.rule_test(name, sql))
        # A project's `data_tests:` block cannot be unset from within the test's file.
        node.config.limit = None
        _store_nothing(node)
        return node

    def _resolver(self, gate: Gate) -> Callable[[str], str]:
        """Tables by their names in the gate, as Jinja."""

        def resolve(name: str) -> str:
            return (self._table if name == gate.table else self._project.table_beside(name, gate.relation)).jinja

        return resolve

    # --- tests of the project ---

    def _of_selection(self, selection: Selection, table: str) -> Iterator[Planned]:
        for test in self._project.attached_tests(table):
            if not chosen(selection.select, test):
                continue
            node = own_copy(test)
            # A singular test is all SQL of its own: there is no place for a slice in it.
            sliced = selection.scope is Scope.SLICE and hasattr(node, "test_metadata")
            condition = self._condition if sliced else ""
            column = _unique_column(node)
            if column is not None:
                node.config.where = with_repeats_outside(condition, node.config.where, column=column, relation=self._table.within_a_test)
            else:
                node.config.where = combined(condition, node.config.where)
            if selection.severity is not None:
                _judged_by(node, selection.severity)
            _store_nothing(node)
            yield Planned(node, None, selection.select, sliced)


def _unique_column(node: Any) -> str | None:
    """The column, as SQL, that dbt's own test `unique` is about; None of any other test."""
    metadata = getattr(node, "test_metadata", None)
    if metadata is None or metadata.name != "unique" or metadata.namespace is not None:
        return None
    column = metadata.kwargs.get("column_name")
    return None if column is None else str(column)


def _give_ids_of_their_own(planned: list[Planned]) -> None:
    """A test that two selections chose runs twice, for its slice or its scope may differ."""
    seen: dict[str, int] = {}
    for test in planned:
        count = seen[test.node.unique_id] = seen.get(test.node.unique_id, 0) + 1
        if count > 1:
            test.node.unique_id = f"{test.node.unique_id}.{count}"


def _judged_by(node: Any, severity: Severity) -> None:
    """In place of the test's own thresholds: any failure counts, and dbt tells the count that it found."""
    node.config.severity = severity.value
    node.config.warn_if = node.config.error_if = "!= 0"
    node.config.limit = None


def _store_nothing(node: Any) -> None:
    node.config.store_failures = False
    node.config.store_failures_as = "ephemeral"
