"""A session in a database that StringX has no code for: the connection of dbt's own adapter, as dbt has it when it runs a test.

Statements are sent one after the other, each with the slice's values as the quoted texts that dbt's run had: placeholders differ
from driver to driver, and so it is the very text that dbt would send. They stand in the transaction that the adapter begins for dbt.
That is one snapshot where the database's transactions have one (DuckDB); where they have none, or there are no transactions
(Spark), each statement sees what is there when it is executed, as each of dbt's own does.

Drivers wait in ways that no signal interrupts. So the connection lives in a thread of its own, and whoever asks waits for that
thread: an interruption and a time limit are heard at once, and the query is cancelled as dbt cancels it, where the adapter can.
"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from stringx.errors import Invalid
from stringx.runner import duckdb_target, samples
from stringx.runner.recording import Template
from stringx.runner.replay_session import KEPT_ROWS, Answer, NoSample, Question, SessionLost, Unanswered
from stringx.runner.samples import Sample
from stringx.runner.slice_sql import check_quotable

_NAME = "stringx_session"
_NO_SQL = "the adapter is not derived from dbt's SQLAdapter"
#: What has not ended so long after it was cancelled is left to itself.
_CANCEL_SECONDS = 2.0
_CANCEL_AGAIN_SECONDS = 0.05
#: A larger integer is none that every database, and a report, can tell.
_LARGEST = 2**63 - 1

T = TypeVar("T")


class AdapterSession:
    """A `ReplaySession` on the connection of dbt's adapter.

    It only reads as far as the profile's role, or `duckdb_target`, sees to that. Nothing in the database tells whose session it is:
    one that a killed process leaves is ended by the server when it notices.
    """

    def __init__(self, adapter: Any) -> None:
        """`adapter`: of dbt's last invocation in this process. It connects when it is first asked."""
        self._adapter = adapter
        self._thread: ThreadPoolExecutor | None = None
        #: the thread's, connected or not
        self._connection: Any = None
        #: what the thread does, or did last
        self._doing: Future[Any] | None = None
        #: the connection has been used before, and may have been lost since
        self._used = False
        # dbt keeps what an invocation is about in context variables, which a new thread does not have.
        self._context = contextvars.copy_context()

    @property
    def excludes_writers(self) -> bool:
        return duckdb_target.locks(self._adapter)

    def question(self, statement: Template, values: Sequence[str], limit_seconds: float | None = None) -> Question:
        try:
            check_quotable(values, self._adapter.type())
        except Invalid as error:
            raise Unanswered(str(error)) from error
        return Question(statement.literal(values), limit_seconds=limit_seconds)

    def ask(self, questions: Sequence[Question]) -> Generator[Answer]:
        complete = False
        if not self._sends_sql():
            raise Unanswered(_NO_SQL)
        try:
            used, self._used = self._used, True
            try:
                self._do(self._begin)
            except Exception as error:
                reason = f"the session was lost, or there is none ({_name(error)})"
                raise (SessionLost if used else Unanswered)(reason) from error
            for question in questions:
                try:
                    answer = self._do(partial(self._answer, question.sql), question.limit_seconds)
                except _OverLimit as error:
                    raise Unanswered("the database took longer than it may", over_limit=True) from error
                except Exception as error:
                    reason = f"the database answered with an error ({_name(error)})"
                    # No code tells one error from another, and a session that was lost from a statement that no longer fits. Of a
                    # session that is new, it is taken for the latter: to record once too often costs a run of dbt's, while a
                    # recording that no longer fits would send every run through a failing replay.
                    raise (SessionLost(reason) if used else Unanswered(reason, outdated=True)) from error
                yield answer
            complete = True
        finally:
            if not complete:
                self.close()

    def sample(self, sql: str, *, limit: int, mask: Collection[str], timeout_seconds: float) -> Sample:
        # The SQL is dbt's, of a test that has just run; it cannot be bound.
        first = f"select * from (\n{sql}\n) stringx_test limit {int(limit)}"  # noqa: S608

        def fetched() -> Sample:
            self._begin()
            columns, rows = self._executed(first)
            return samples.shown(columns, rows, sql, mask)

        if not self._sends_sql():
            raise NoSample(_NO_SQL)
        self._used = True
        try:
            return self._do(fetched, timeout_seconds)
        except Exception as error:
            self.close()
            raise NoSample("it took too long" if isinstance(error, _OverLimit) else _name(error)) from error

    def end(self) -> None:
        if self.excludes_writers:
            self.close()
        elif self._thread is not None:
            try:
                self._do(self._adapter.connections.rollback_if_open, _CANCEL_SECONDS)
            except Exception:  # noqa: BLE001  # a driver may raise anything; the next session is a new one
                self.close()

    def close(self) -> None:
        thread, self._thread = self._thread, None
        self._used = False
        if thread is None:
            return
        released = self._doing = thread.submit(self._context.run, self._release)
        thread.shutdown(wait=False)
        until = time.monotonic() + _CANCEL_SECONDS
        while time.monotonic() < until:
            try:
                released.result(_CANCEL_AGAIN_SECONDS)
            except TimeoutError:  # the database still executes something. A request between two statements is not heard: once more
                self._cancel()
            except Exception:  # noqa: BLE001  # a driver may raise anything; it is closed as far as that goes
                return
            else:
                return

    # --- by whoever asks ---

    def _do(self, function: Callable[[], T], limit_seconds: float | None = None) -> T:
        """Waits for what the thread does; raises what that raises, and _OverLimit."""
        if self._doing is not None and not self._doing.done():
            raise TimeoutError("the database still executes what was given up")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "adapter session")
        doing: Future[T] = self._thread.submit(self._context.run, function)
        self._doing = doing
        try:
            return doing.result(limit_seconds)
        except TimeoutError as error:
            if doing.done():
                raise
            raise _OverLimit from error

    def _sends_sql(self) -> bool:
        """Whether it is one of dbt's SQL adapters. Others (BigQuery's) have ways of their own to execute a statement."""
        return hasattr(self._adapter.connections, "add_query")

    def _cancel(self) -> None:
        """Asks the database to end what it executes, as dbt does.

        Not by dbt's `cancel_open`: that would look at the handle of whatever connection there is, which connects one that does not
        stand yet, here and now, and nobody could connect or cancel until it does.
        """
        connection = self._connection
        if connection is None or connection.state != "open":
            return
        with suppress(Exception):  # a driver may raise anything, of a connection that has just been closed for one
            if self._adapter.is_cancelable():
                with self._adapter.connection_named(f"{_NAME}_cancel"):
                    self._adapter.connections.cancel(connection)

    # --- by the thread ---

    def _begin(self) -> None:
        connections = self._adapter.connections
        connection = self._connection = self._adapter.acquire_connection(_NAME)
        if not connection.transaction_open and not getattr(connections, "disable_transactions", False):  # dbt-duckdb's setting
            connections.begin()

    def _answer(self, sql: str) -> Answer:
        columns, rows = self._executed(sql)
        return Answer(columns, tuple(tuple(_value(value) for value in row) for row in rows[:KEPT_ROWS]))

    def _executed(self, sql: str) -> tuple[tuple[str, ...], Sequence[Sequence[Any]]]:
        _, cursor = self._adapter.connections.add_query(sql, auto_begin=False)
        # All, as dbt does: not every adapter's cursor can fetch less. It is the answer to a test, or has a limit in its SQL.
        rows = cursor.fetchall()
        return tuple(str(column[0]) for column in cursor.description), rows

    def _release(self) -> None:
        try:
            self._adapter.release_connection()
        finally:
            self._adapter.connections.clear_thread_connection()
            duckdb_target.let_go(self._adapter)


class _OverLimit(Exception):
    pass


def _name(error: BaseException) -> str:
    """Of the driver's error, which adapters wrap. Not its text, which may quote a row."""
    return type(error.__cause__ or error).__name__


def _value(value: object) -> int | bool | bytes | None:
    if value is None or type(value) is bool:
        return value
    return value if type(value) is int and -_LARGEST <= value <= _LARGEST else b""
