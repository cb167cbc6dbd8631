"""A run that dbt has executed → its recording, or why some of its tests must stay with dbt.

A test may be repeated without dbt only if that is provably the same: dbt sent exactly one select for it, made of nothing that
may change from run to run (`render_reads`), with the slice's values in it as values and in no other way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dbt_common.exceptions import DbtBaseException

from stringx.model import RunRequest
from stringx.runner.compiling import compiled
from stringx.runner.invocation import Invocation
from stringx.runner.parsed import ParsedProject, own_copy
from stringx.runner.planned import Planned
from stringx.runner.recording import RecordedTest, Recording, Template, Unprepared
from stringx.runner.render_reads import Reads, of_dbt
from stringx.runner.slice_sql import shape, slice_values
from stringx.runner.templates import NotRepeatable, check_one_select, remarked, template


class Recorder:
    """Makes the recording of one run. `reads`: of the invocation that gave the results."""

    def __init__(self, project: ParsedProject, request: RunRequest, invocation: Invocation, reads: Reads, nonce: str) -> None:
        self._project = project
        self._request = request
        self._invocation = invocation
        self._reads = reads
        self._nonce = nonce
        self._values = slice_values(request.slice)

    def record(self, planned: Sequence[Planned], count: str | None) -> Recording | tuple[Unprepared, ...]:
        """The recording of these tests, each of which dbt has judged; or, where there is none, the reasons by test."""
        tests: list[RecordedTest] = []
        unprepared: list[Unprepared] = []
        for test in planned:
            try:
                tests.append(self._recorded(test))
            except NotRepeatable as error:
                unprepared.append(Unprepared(test=test.node.name, reason=str(error)))
        if unprepared:
            return tuple(unprepared)
        return Recording(
            gate_fingerprint=self._request.gate_fingerprint,
            project_fingerprint=self._project.fingerprint,
            shape=shape(self._request.slice, self._request.gate.slice_columns),
            tests=tuple(tests),
            count=None if count is None else self._template(count),
        )

    def _recorded(self, test: Planned) -> RecordedTest:
        statement, own = self._sent(test.node)
        return RecordedTest(
            rule=test.rule,
            select=test.select,
            test=test.node.name,
            sliced=test.sliced,
            severity=test.severity,
            statement=statement,
            compiled=own,
            rows=None if test.each_node is None else self._sent(test.each_node)[0],
            looked_at=test.looked_at,
            warn_if=test.node.config.warn_if,
            error_if=test.node.config.error_if,
        )

    def _sent(self, node: Any) -> tuple[Template, Template]:
        """What was sent for a node, and its own SQL within."""
        sent = self._reads.of_the_test(self._invocation.statements.get(node.unique_id, []))
        if len(sent) != 1:
            raise NotRepeatable(f"dbt sends {len(sent)} statements for it, not one")
        self._check_what_made_it(node)
        statement = self._reads.uncommented(sent[0])
        own = self._invocation.results[node.unique_id].sql
        if not own or own not in statement:
            raise NotRepeatable("a macro of the dbt project changes its SQL before it is sent")
        templates = self._template(statement), self._template(own)
        check_one_select(templates[0])
        self._check_other_values(node, templates[1])
        return templates

    def _template(self, sql: str) -> Template:
        return template(sql, self._nonce, self._values)

    def _check_what_made_it(self, node: Any) -> None:
        changing = sorted({name for unique_id in self._rendered(node) for name in self._reads.changing(unique_id)})
        if changing:
            raise NotRepeatable(f"its SQL is made with what may be different in each run: {', '.join(changing)}")
        macro = self._project.manifest.find_materialization_macro_by_name(
            self._project.config.project_name, node.get_materialization(), self._project.config.credentials.type
        )
        if macro is None or not of_dbt(macro):
            raise NotRepeatable("the dbt project has a materialization of its own for tests")

    def _rendered(self, node: Any) -> Iterator[str]:
        """The node, and the ephemeral models whose SQL becomes part of its own."""
        yield node.unique_id
        for unique_id in node.depends_on.nodes:
            parent = self._project.manifest.nodes.get(unique_id)
            if parent is not None and parent.is_ephemeral_model:
                yield from self._rendered(parent)

    def _check_other_values(self, tested: Any, known: Template) -> None:
        """Has dbt render the test with other values: a macro can look at the slice's text, and do one thing or another."""
        if not known.places:
            return
        others = [f"another value {place}" for place in range(len(self._values))]
        node = own_copy(tested)
        node.config.where = remarked(node.config.where, self._nonce, others)
        try:
            others_sql = compiled(self._project, node)
        except DbtBaseException as error:
            raise NotRepeatable("its SQL depends on the slice's values: with others it cannot be rendered") from error
        if template(others_sql, self._nonce, others) != known:
            raise NotRepeatable("its SQL depends on the slice's values")
