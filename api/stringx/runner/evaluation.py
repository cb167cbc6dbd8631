"""One run in a worker: the gate's rules and selected tests → one dbt invocation → results with their samples."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import psycopg2
from dbt_common.exceptions import DbtBaseException

from stringx.errors import NotFound, Refusal
from stringx.model import DbtResult, DbtStatus, Decision, Gate, ReportStatus, RunRequest, Samples, Slice
from stringx.runner import messages, row_count, samples, sessions
from stringx.runner.adapter_count import AdapterCount
from stringx.runner.adapter_session import AdapterSession
from stringx.runner.invocation import DbtFolders, Invocation, Ran, StopSignal, adapter, run_tests
from stringx.runner.parsed import KnownTable, ParsedProject
from stringx.runner.planned import Planned, known_count
from stringx.runner.planning import Planner
from stringx.runner.recorder import Recorder
from stringx.runner.recording import Recording, Unprepared
from stringx.runner.render_reads import Reads
from stringx.runner.replay_session import NoSample
from stringx.runner.row_count import Uncounted
from stringx.runner.slice_sql import check_quotable, new_nonce, slice_sql, slice_values
from stringx.runner.templates import shows_slice, unmarked

MAX_MESSAGE = 10_000
MAX_SQL = 100_000
#: For all samples of a run: they decide nothing, and the verdict waits for them.
SAMPLES_SECONDS = 5.0

_WITH_ROWS = (DbtStatus.FAIL, DbtStatus.WARN)
_JUDGED = (DbtStatus.PASS, *_WITH_ROWS)

#: dbt's pointer to a file of the worker's own, which nobody can look at
_COMPILED_AT = re.compile(r"\n\s*compiled code at [^\n]*")


@dataclass
class Evaluated:
    """What a worker has to say of a run. `status` is None where it was interrupted: why, the one who interrupted knows."""

    status: ReportStatus | None
    #: why it is not `completed`; of one that is, why its rows are not counted
    message: str | None = None
    results: list[DbtResult] = field(default_factory=list)
    #: that the run is about; None where they were not counted
    rows: int | None = None
    #: where they were not counted: there is one at least; asked where a gate wants to know
    has_rows: bool = False
    #: what went wrong beside the verdict: rows that could not be counted, samples that could not be fetched
    notes: list[str] = field(default_factory=list)
    #: of a run that was to be recorded and whose tests dbt could judge: its recording, or why these tests stay with dbt
    recording: Recording | None = None
    unprepared: tuple[Unprepared, ...] = ()

    def done(self, run: str, attempt: int, gate_fingerprint: str) -> messages.Done:
        """As the pool is told. `gate_fingerprint`: of the gate that it was judged by, made from its content."""
        return messages.Done(
            run=run,
            attempt=attempt,
            status=self.status,
            gate_fingerprint=gate_fingerprint,
            message=self.message,
            results=tuple(self.results),
            rows=self.rows,
            has_rows=self.has_rows,
            notes=tuple(self.notes),
            recording=self.recording,
            unprepared=self.unprepared,
        )


class Evaluator:
    """Evaluates runs, one at a time, on one parsed project."""

    def __init__(
        self,
        project: ParsedProject,
        folders: DbtFolders,
        opened: sessions.Sessions,
        stop: StopSignal,
        scrub: Callable[[str], str],
    ) -> None:
        self._project = project
        self._folders = folders
        self._sessions = opened
        self._stop = stop
        self._scrub = scrub

    def evaluate(self, request: RunRequest, *, record: bool = False) -> Evaluated:
        """Runs the gate's tests on the slice, and records how. Blocks until they are done, or until SIGINT.

        Raises nothing that a request can cause.
        """
        deadline = time.monotonic() + request.timeout_seconds
        self._sessions.error_texts = not request.gate.samples.mask
        nonce = new_nonce()
        if request.gate.fingerprint != request.gate_fingerprint:
            message = f"the request names gate {request.gate_fingerprint} and brings gate {request.gate.fingerprint}"
            return Evaluated(ReportStatus.ERRORED, message=message)
        try:
            check_quotable(slice_values(request.slice), adapter().type())
            condition = self._condition(request.slice, nonce, request.gate)
            table = self._project.table(request.gate.table, request.gate.relation)
        except (NotFound, Refusal) as error:
            return Evaluated(ReportStatus.ERRORED, message=self._text(str(error)))
        planner = Planner(self._project, table, condition, names_between=adapter().quote(""), shown=lambda error: self._text(str(error)))
        plan = planner.plan(request.gate, request.gate_fingerprint)
        planned, results = plan.tests, plan.refused
        if not planned:
            return Evaluated(ReportStatus.COMPLETED, results=results)
        # Before the tests: rows that come in between may be told as none, but none that a test did not see are told as checked.
        rows, has_rows, uncounted, ended = None, False, None, ReportStatus.COMPLETED
        try:
            rows = self._count(request, table, nonce, deadline)
        except KeyboardInterrupt:
            return Evaluated(None, results=results)
        except row_count.SliceDoesNotFit as error:  # what looks at the whole table is run all the same: a failure of it closes the gate
            uncounted, ended = self._text(str(error)), ReportStatus.ERRORED
            results += [test.result(DbtStatus.ERROR, message=uncounted) for test in planned if test.sliced]
            planned = [test for test in planned if not test.sliced]
            if not planned:
                return Evaluated(ended, message=uncounted, results=results)
        except Uncounted as error:
            uncounted, has_rows = self._text(str(error)), error.has_rows
        reads = Reads() if record else None
        manifest = self._project.cut(node for test in planned for node in test.nodes)
        invocation = run_tests(manifest, self._folders, self._stop, reads, trusted=plan.trusted)
        if invocation.error is not None:
            return Evaluated(ReportStatus.ERRORED, message=self._text(invocation.error), results=results, rows=rows)
        evaluated = Evaluated(None, results=results, rows=rows, has_rows=has_rows)
        if not invocation.interrupted:
            evaluated.status, evaluated.message = ended, uncounted
        if uncounted is not None:
            evaluated.notes.append(f"the rows were not counted: {uncounted}")
        failing: dict[int, str] = {}
        for test in planned:
            result = self._result(test, invocation, request.gate, table, nonce, sliced=bool(condition))
            if result is not None:
                if result.failures and result.status in _WITH_ROWS:
                    failing[len(evaluated.results)] = invocation.results[test.node.unique_id].sql or ""
                evaluated.results.append(result)
        if not invocation.interrupted:
            self._add_samples(evaluated, failing, request.gate.samples, deadline)
            # What could not be judged or counted this time may be the next time: of such a run, nothing is said.
            judged = all(result.status in _JUDGED for result in evaluated.results)
            if reads is not None and judged and (uncounted is None or table.relation is None):
                count = None if table.relation is None else row_count.count_sql(table.relation, [("", condition)] if condition else [])
                recorded = Recorder(self._project, request, invocation, reads, nonce).record(planned, count)
                if isinstance(recorded, Recording):
                    evaluated.recording = recorded
                else:
                    evaluated.unprepared = recorded
        return evaluated

    def _condition(self, slice_: Slice, nonce: str, gate: Gate) -> str:
        return slice_sql(slice_, nonce, gate.slice_columns, names_between=adapter().quote(""))

    def rest(self) -> None:
        """There is nothing to evaluate for a while."""
        self._sessions.end_kept()

    # --- the rows that it is about ---

    def _count(self, request: RunRequest, table: KnownTable, nonce: str, deadline: float) -> int:
        """Raises Uncounted, SliceDoesNotFit, and KeyboardInterrupt as soon as SIGINT comes."""
        if table.relation is None:
            raise Uncounted(row_count.no_table(request.gate.table))
        conditions = [(predicate.column, self._condition(Slice((predicate,)), nonce, request.gate)) for predicate in request.slice]
        if not sessions.opens(adapter()):
            return self._count_by_adapter(request, table.relation, conditions, deadline)

        def ask(question: Callable[..., int]) -> int:
            seconds = row_count.limit_seconds(deadline - time.monotonic())
            with self._stop.armed(), sessions.within(seconds), sessions.cursor(adapter(), "stringx_count") as cursor:
                samples.end_after(cursor, seconds)  # of a session that is given up the server learns only when it has the answer
                return question(cursor, table.relation, conditions, table=request.gate.table)

        try:
            try:
                return ask(row_count.count_rows)
            except (sessions.OutOfTime, psycopg2.errors.QueryCanceled) as error:
                if request.gate.on_no_rows is Decision.OPEN:
                    raise
                if not ask(row_count.any_row):
                    return 0
                raise Uncounted(str(error).strip(), has_rows=True) from error
        except (sessions.OutOfTime, psycopg2.Error, DbtBaseException) as error:
            raise Uncounted(str(error).strip()) from error

    def _count_by_adapter(self, request: RunRequest, relation: str, conditions: list[tuple[str, str]], deadline: float) -> int:
        with closing(AdapterSession(adapter())) as session, self._stop.armed():
            count = AdapterCount(
                session,
                relation,
                conditions,
                limit_seconds=lambda: row_count.limit_seconds(deadline - time.monotonic()),
                shown=lambda error: type(error).__name__ if request.gate.samples.mask else str(error).strip(),
            )
            return count.rows(table=request.gate.table, ask_for_any=request.gate.on_no_rows is Decision.CLOSED)

    # --- what came of them ---

    def _result(
        self, test: Planned, invocation: Invocation, gate: Gate, table: KnownTable, nonce: str, *, sliced: bool
    ) -> DbtResult | None:
        ran = invocation.results.get(test.node.unique_id)
        if ran is None:
            return None if invocation.interrupted else test.result(DbtStatus.ERROR, message="dbt gave no result for this test")
        status = _status(ran)
        sql = None if ran.sql is None else samples.clean(unmarked(ran.sql, nonce), MAX_SQL)
        if status in _JUDGED:
            if test.sliced and sliced:
                fault = _unsliced(invocation.statements.get(test.node.unique_id, []), nonce, table)
                if fault:
                    return test.result(DbtStatus.ERROR, message=fault, sql=sql, duration_seconds=ran.duration_seconds)
            message = None if ran.message is None else self._text(ran.message)
        else:
            message = self._error_text(ran.message or "dbt gave no reason", gate)
        rows = known_count(test.looked_at)
        if status in _JUDGED and test.each_node is not None:
            counted = invocation.results.get(test.each_node.unique_id)
            if counted is None and invocation.interrupted:
                return None
            if counted is None or _status(counted) not in _JUDGED:
                why = self._error_text((counted and counted.message) or "dbt gave no result", gate)
                return test.result(DbtStatus.ERROR, message=test.uncounted(why), sql=sql, duration_seconds=ran.duration_seconds)
            rows = counted.failures
        return test.result(status, failures=ran.failures, rows=rows, message=message, sql=sql, duration_seconds=ran.duration_seconds)

    def _error_text(self, text: str, gate: Gate) -> str:
        # Database errors were cut by `Sessions` where columns are masked; dbt's texts on a result that it cannot read quote it.
        told = ("Database Error", "Compilation Error") if sessions.opens(adapter()) else ("Compilation Error",)
        if gate.samples.mask and not text.startswith(told):
            return "dbt could not evaluate this test; its text is withheld, because the gate masks columns"
        return self._text(text)

    def _text(self, text: str) -> str:
        return samples.clean(self._scrub(_COMPILED_AT.sub("", text)), MAX_MESSAGE)

    def _add_samples(self, evaluated: Evaluated, failing: dict[int, str], wanted: Samples, deadline: float) -> None:
        """Gives the results at these places the first rows of their SQL, as far as there is time. What fails is noted, and no more."""
        if not failing or not wanted.rows:
            return
        until = min(deadline, time.monotonic() + SAMPLES_SECONDS)
        try:
            with self._sampling(wanted) as sampled:
                for place, statement in failing.items():
                    result = evaluated.results[place]
                    remaining = until - time.monotonic()
                    if self._stop.asked or remaining <= 0:
                        evaluated.notes.append(f"{result.test}: no time was left for a sample")
                        continue
                    try:
                        sample = sampled(statement, remaining)
                    except NoSample as error:
                        evaluated.notes.append(f"{result.test}: no sample: {self._text(str(error))}")
                    else:
                        evaluated.results[place] = result.model_copy(update={"columns": sample.columns, "sample": sample.rows})
        except (psycopg2.Error, DbtBaseException) as error:
            evaluated.notes.append(f"no samples: {self._text(str(error))}")

    @contextmanager
    def _sampling(self, wanted: Samples) -> Iterator[Callable[[str, float], samples.Sample]]:
        """Gives what fetches the sample of a statement within so many seconds, or raises NoSample."""
        if not sessions.opens(adapter()):
            with closing(AdapterSession(adapter())) as session:
                yield lambda sql, seconds: session.sample(sql, limit=wanted.rows, mask=wanted.mask, timeout_seconds=seconds)
            return
        with sessions.cursor(adapter(), "stringx_sample") as cursor:

            def sampled(sql: str, seconds: float) -> samples.Sample:
                try:
                    return samples.fetch(cursor, sql, limit=wanted.rows, mask=wanted.mask, timeout_seconds=seconds)
                except psycopg2.Error as error:
                    raise NoSample(str(error)) from error
                finally:
                    cursor.connection.rollback()

            yield sampled


def _status(ran: Ran) -> DbtStatus:
    try:
        return DbtStatus(ran.status)
    except ValueError:  # a status that a later dbt may have: not one that lets data pass
        return DbtStatus.ERROR


def _unsliced(statements: list[str], nonce: str, table: KnownTable) -> str | None:
    """Why the slice was not, or may not have been, laid on; None where it was.

    The test's own statement, the last one, must hold the slice, and so must any earlier one that reads the table.
    """
    if not statements:
        return "the slice was not applied: dbt sent no statement for this test"
    if not shows_slice(statements[-1], nonce):
        return "the slice was not applied: the test does not read its table by the `model` it is given; give the rule `scope: table`"
    for statement in statements[:-1]:
        if table.relation and table.relation in statement and not shows_slice(statement, nonce):
            return "the slice was not applied: the test also reads the whole table in a query of its own; give the rule `scope: table`"
    return None
