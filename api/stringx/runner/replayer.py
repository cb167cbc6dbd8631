"""A run by its recording: dbt's statements with this run's values, in a session that is open, judged as dbt judges them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing

from stringx.model import DbtResult, DbtStatus, Decision, Gate, ReportStatus, Samples
from stringx.runner import row_count, samples
from stringx.runner.evaluation import MAX_SQL, SAMPLES_SECONDS, Evaluated
from stringx.runner.invocation import StopSignal
from stringx.runner.planned import known_count
from stringx.runner.prepared_judgement import Judged, NotCertain, judge
from stringx.runner.recording import RecordedTest, Recording
from stringx.runner.replay_session import Answer, NoSample, ReplaySession, SessionLost, Unanswered


class Unreplayed(Exception):
    """Only dbt can tell what comes of this run; the message says why, without a value of the data."""

    def __init__(self, reason: str, *, outdated: bool = False) -> None:
        super().__init__(reason)
        #: the statements no longer fit the database: record them anew
        self.outdated = outdated


class Replayer:
    """Replays runs, one at a time, in one session."""

    def __init__(self, session: ReplaySession, stop: StopSignal, shown: Callable[[str], str], *, warnings_are_errors: bool) -> None:
        """`shown`: a text as it may be told. `warnings_are_errors`: dbt's flag."""
        self._session = session
        self._stop = stop
        self._shown = shown
        self._warnings_are_errors = warnings_are_errors

    def replay(self, recording: Recording, gate: Gate, values: Sequence[str], *, timeout_seconds: float) -> Evaluated:
        """All tests on one snapshot, which is held until `end`. Blocks until they are done, or until SIGINT. Raises Unreplayed."""
        deadline = time.monotonic() + timeout_seconds
        evaluated = Evaluated(None)
        try:
            with self._stop.armed():
                try:
                    self._ask(evaluated, recording, gate, values, deadline)
                except SessionLost:
                    # It had been idle for long, or the server has restarted. All of it again: there is another snapshot.
                    evaluated = Evaluated(None)
                    self._ask(evaluated, recording, gate, values, deadline)
        except KeyboardInterrupt:
            return evaluated
        except NotCertain as error:
            raise Unreplayed(str(error)) from error
        except Unanswered as error:
            raise Unreplayed(str(error), outdated=error.outdated) from error
        evaluated.status = ReportStatus.COMPLETED
        self._add_samples(evaluated, recording, values, gate.samples, deadline)
        return evaluated

    @property
    def excludes_writers(self) -> bool:
        """Whether `end` must come before anybody is told what `replay` gave."""
        return self._session.excludes_writers

    def end(self) -> None:
        """Lets the snapshot go. Never raises."""
        self._session.end()

    def _ask(self, evaluated: Evaluated, recording: Recording, gate: Gate, values: Sequence[str], deadline: float) -> None:
        """Adds each test's result as soon as it is there."""
        statements = [statement for test in recording.tests for statement in (test.statement, test.rows) if statement is not None]
        questions = [self._session.question(statement, values) for statement in statements]
        limit = row_count.limit_seconds(deadline - time.monotonic())
        if recording.count is not None:
            # The last one: where it is ended at its limit, the rest is there.
            questions.append(self._session.question(recording.count, values, limit))
        asked_at = time.monotonic()
        with closing(self._session.ask(questions)) as answers:
            for test in recording.tests:
                answer, answered_at = next(answers), time.monotonic()
                result = self._result(test, answer, values, answered_at - asked_at)
                if test.rows is not None:
                    result = result.model_copy(update={"rows": self._judged(test, next(answers)).failures})
                evaluated.results.append(result)
                asked_at = time.monotonic()
            uncounted = None
            try:
                counted = list(answers)
            except Unanswered as error:
                if not error.over_limit or gate.on_no_rows is Decision.CLOSED:  # dbt's worker asks whether there is any
                    raise
                uncounted = f"it took more than {limit:.1f} s"
        if recording.count is None:
            uncounted = row_count.no_table(gate.table)
        if uncounted is not None:
            evaluated.message = self._shown(uncounted)
            evaluated.notes.append(f"the rows were not counted: {evaluated.message}")
        else:
            evaluated.rows = _count(counted)

    def _result(self, test: RecordedTest, answer: Answer, values: Sequence[str], seconds: float) -> DbtResult:
        judged = self._judged(test, answer)
        return DbtResult(
            rule=test.rule,
            select=test.select,
            test=test.test,
            status=judged.status,
            severity=test.severity,
            failures=judged.failures,
            message=None if judged.message is None else self._shown(judged.message),
            rows=known_count(test.looked_at),
            looked_at=test.looked_at,
            sliced=test.sliced,
            sql=samples.clean(test.compiled.literal(values), MAX_SQL),
            duration_seconds=seconds,
        )

    def _judged(self, test: RecordedTest, answer: Answer) -> Judged:
        return judge(
            answer.columns,
            answer.rows,
            severity=test.severity,
            warn_if=test.warn_if,
            error_if=test.error_if,
            warnings_are_errors=self._warnings_are_errors,
        )

    def _add_samples(self, evaluated: Evaluated, recording: Recording, values: Sequence[str], wanted: Samples, deadline: float) -> None:
        """Gives the failing results the first rows of their SQL, as far as there is time. What fails is noted, and no more."""
        failing = [
            place for place, result in enumerate(evaluated.results) if result.failures and result.status in (DbtStatus.FAIL, DbtStatus.WARN)
        ]
        if not failing or not wanted.rows:
            return
        until = min(deadline, time.monotonic() + SAMPLES_SECONDS)
        for place in failing:
            result = evaluated.results[place]
            remaining = until - time.monotonic()
            if self._stop.asked or remaining <= 0:
                evaluated.notes.append(f"{result.test}: no time was left for a sample")
                continue
            statement = recording.tests[place].compiled.literal(values)
            try:
                sample = self._session.sample(statement, limit=wanted.rows, mask=wanted.mask, timeout_seconds=remaining)
            except NoSample as error:
                evaluated.notes.append(f"{result.test}: no sample: {error}")
            else:
                evaluated.results[place] = result.model_copy(update={"columns": sample.columns, "sample": sample.rows})


def _count(answers: Sequence[Answer]) -> int:
    match answers:
        case [Answer(rows=((int(rows),),))]:
            return rows
    raise NotCertain("the count of the rows is no number")
