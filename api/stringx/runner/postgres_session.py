"""A replay worker's session in Postgres, on psycopg's libpq directly: what it sends is known in full beforehand, and of what
comes back it reads integers and booleans alone."""

from __future__ import annotations

import os
import select
import time
from collections import OrderedDict
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import psycopg
from psycopg import pq

from stringx.runner import samples
from stringx.runner.recording import Template
from stringx.runner.replay_session import KEPT_ROWS, Answer, NoSample, Question, SessionLost, Unanswered
from stringx.runner.samples import Sample
from stringx.runner.sessions import SETTINGS, unprotected

#: Prepared statements that a session keeps; some 40 KB each in the server's memory.
KEPT_STATEMENTS = 1000

_BEGIN = b"begin isolation level repeatable read, read only"
#: No parameter of Postgres before 12.
_CUSTOM_PLANS = "select set_config(name, 'force_custom_plan', false) from pg_settings where name = 'plan_cache_mode'"
_INTEGERS = {20, 21, 23}  # int8, int2, int4
_BOOLEAN = 16
_CANCEL_SECONDS = 2.0
_CANCEL_AGAIN_SECONDS = 0.05
#: A prepared statement whose result has other columns by now; one that is no longer there.
_FORGETFUL = {"0A000", "26000"}
#: The server ends the session: it is shut down, or an administrator does.
_SERVER_GOES = ("57P", "08")
_QUERY_CANCELED = "57014"
#: Names, types and privileges of what a statement mentions.
_NAMES_AND_TYPES = "42"
#: Sent, and not acknowledged by the network for so long: the session is lost. dbt connects anew for each run and does not meet this.
_UNACKNOWLEDGED_MILLISECONDS = 10_000


def connection_arguments(credentials: Any, application_name: str) -> dict[str, Any]:
    """What psycopg connects with, as dbt's Postgres adapter would: from a profile's credentials."""
    own = os.environ.get("PGOPTIONS", "")
    if credentials.search_path:
        own = "-c search_path=" + credentials.search_path.replace(" ", "\\ ")
    arguments = {
        "host": credentials.host,
        "port": credentials.port,
        "user": credentials.user,
        "password": credentials.password,
        "dbname": credentials.database,
        "connect_timeout": credentials.connect_timeout,
        "keepalives_idle": credentials.keepalives_idle or None,
        "sslmode": credentials.sslmode or None,
        "sslcert": credentials.sslcert,
        "sslkey": credentials.sslkey,
        "sslrootcert": credentials.sslrootcert,
        "application_name": application_name,
        "options": f"{own} {SETTINGS}".strip(),
        "tcp_user_timeout": _UNACKNOWLEDGED_MILLISECONDS,
    }
    return {name: value for name, value in arguments.items() if value is not None}


class PostgresSession:
    """A `ReplaySession` in Postgres: pipelined, each statement prepared once and planned anew for its values."""

    excludes_writers = False

    def __init__(self, arguments: Mapping[str, Any], role: str | None = None) -> None:
        """`arguments`: `connection_arguments`. It connects when it is first asked."""
        self._arguments = dict(arguments)
        self._role = role
        self._connection: psycopg.Connection[Any] | None = None
        #: SQL → the name of its prepared statement, the least recently used first
        self._prepared: OrderedDict[str, bytes] = OrderedDict()
        self._names = 0

    def question(self, statement: Template, values: Sequence[str], limit_seconds: float | None = None) -> Question:
        return Question(statement.bound(), statement.arguments(values), limit_seconds)

    def ask(self, questions: Sequence[Question]) -> Generator[Answer]:
        complete = False
        try:
            connection = self._connected()
            pgconn = connection.pgconn
            encoding = connection.info.encoding
            encoded = [
                (question, question.sql.encode(encoding), [argument.encode(encoding) for argument in question.arguments])
                for question in questions
            ]
            pgconn.enter_pipeline_mode()
            pgconn.send_query_params(_BEGIN, None)
            results = [self._send(pgconn, question, sql, arguments) for question, sql, arguments in encoded]
            pgconn.pipeline_sync()
            _take(pgconn, 1)
            for count in results:
                yield _answer(_take(pgconn, count), encoding)
            _next_result(pgconn)  # the sync's
            pgconn.exit_pipeline_mode()
            complete = True
        except UnicodeEncodeError as error:
            raise Unanswered("a statement or a value cannot be written in the database's encoding") from error
        except psycopg.Error as error:
            raise SessionLost(f"the session was lost, or there is none ({type(error).__name__})") from error
        finally:
            if not complete:
                self.close()

    def sample(self, sql: str, *, limit: int, mask: Collection[str], timeout_seconds: float) -> Sample:
        try:
            connection = self._connected()
            if connection.info.transaction_status == pq.TransactionStatus.IDLE:
                connection.execute(_BEGIN)
            with _SampleCursor(connection) as cursor:
                cursor.execute("savepoint stringx_sample")
                try:
                    return samples.fetch(cursor, sql, limit=limit, mask=mask, timeout_seconds=timeout_seconds)
                except psycopg.Error:
                    cursor.execute("rollback to savepoint stringx_sample")
                    raise
        except psycopg.Error as error:
            # Not its text, which may quote a value that the gate masks.
            raise NoSample(f"{type(error).__name__} (SQLSTATE {error.sqlstate or 'unknown'})") from error

    def end(self) -> None:
        try:
            if self._connection is not None:
                self._connection.rollback()
        except psycopg.Error:
            self.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        self._prepared.clear()
        if connection is None:
            return
        with suppress(psycopg.Error):  # it is lost, and its query with it
            _cancel(connection)
        connection.close()

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self._prepared.clear()
        connection = psycopg.connect(**self._arguments, autocommit=True, prepare_threshold=None)
        try:
            lacks = unprotected(connection)
            if lacks is not None:
                raise psycopg.NotSupportedError(lacks)
            connection.execute(_CUSTOM_PLANS)
            if not (connection.info.parameter_status("DateStyle") or "ISO").startswith("ISO"):
                connection.execute("set datestyle to 'ISO'")  # as psycopg2 does
            if self._role:
                connection.execute(f"set role {self._role}".encode())  # as dbt does
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _send(self, pgconn: pq.abc.PGconn, question: Question, sql: bytes, arguments: Sequence[bytes]) -> int:
        """Puts a question on its way; how many results it will have, of which the last is the answer."""
        results = 1
        if question.limit_seconds is not None:
            limit = str(max(1, int(question.limit_seconds * 1000))).encode()
            pgconn.send_query_params(b"select set_config('statement_timeout', $1, true)", [limit])
            results += 1
        name = self._prepared.get(question.sql)
        if name is None:
            self._names += 1
            name = self._prepared[question.sql] = f"stringx_{self._names}".encode()
            pgconn.send_prepare(name, sql)
            results += 1
            if len(self._prepared) > KEPT_STATEMENTS:
                _, oldest = self._prepared.popitem(last=False)
                pgconn.send_query_params(b"deallocate " + oldest, None)
                results += 1
        self._prepared.move_to_end(question.sql)
        pgconn.send_query_prepared(name, arguments)
        pgconn.send_flush_request()  # its answer is to come when it is there, not when all are
        return results


def _cancel(connection: psycopg.Connection[Any]) -> None:
    """Ends what the server still executes; of a mere close it would learn only when it has the answer. Blocks until it has ended."""
    until = time.monotonic() + _CANCEL_SECONDS
    while connection.pgconn.transaction_status == pq.TransactionStatus.ACTIVE and time.monotonic() < until:
        connection.cancel_safe(timeout=_CANCEL_SECONDS)
        with suppress(TimeoutError):  # a request between two statements is not heard: once more
            while time.monotonic() < until:
                result = _next_result(connection.pgconn, _CANCEL_AGAIN_SECONDS)
                if result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC:
                    return


def _take(pgconn: pq.abc.PGconn, count: int) -> pq.abc.PGresult:
    """The last of the next `count` results, all of which must be right."""
    result = _next_result(pgconn)
    if result is None:
        raise SessionLost("the session was lost")
    if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        lost = not state or state in _FORGETFUL or state.startswith(_SERVER_GOES)
        raise (SessionLost if lost else Unanswered)(
            f"the database answered with SQLSTATE {state or 'unknown'}",
            outdated=state.startswith(_NAMES_AND_TYPES),
            over_limit=state == _QUERY_CANCELED,
        )
    _next_result(pgconn)  # None: the end of this one
    return result if count == 1 else _take(pgconn, count - 1)


def _next_result(pgconn: pq.abc.PGconn, seconds: float | None = None) -> pq.abc.PGresult | None:
    """Waits for it, and sends meanwhile what is not sent yet. psycopg.OperationalError where the connection is lost; TimeoutError."""
    while True:
        unsent = pgconn.flush()
        if not pgconn.is_busy():
            return pgconn.get_result()
        poll = select.poll()
        poll.register(pgconn.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
        events = poll.poll(None if seconds is None else seconds * 1000)
        if not events:
            raise TimeoutError
        if any(event & ~select.POLLOUT for _, event in events):
            pgconn.consume_input()


def _answer(result: pq.abc.PGresult, encoding: str) -> Answer:
    columns = tuple((result.fname(column) or b"").decode(encoding) for column in range(result.nfields))
    rows = tuple(
        tuple(_value(result.get_value(row, column), result.ftype(column)) for column in range(result.nfields))
        for row in range(min(result.ntuples, KEPT_ROWS))
    )
    return Answer(columns, rows)


def _value(text: bytes | None, type_: int) -> int | bool | bytes | None:
    if text is None:
        return None
    if type_ in _INTEGERS:
        return int(text)
    return text == b"t" if type_ == _BOOLEAN else text


class _SampleCursor(psycopg.Cursor[Any]):
    """Tells of its columns where they come from, as psycopg2's does."""

    @property
    def description(self) -> Any:
        columns, result = super().description, self.pgresult
        if columns is None or result is None:
            return None
        return [
            SimpleNamespace(
                name=column.name, type_code=column.type_code, table_oid=result.ftable(place), table_column=result.ftablecol(place)
            )
            for place, column in enumerate(columns)
        ]
