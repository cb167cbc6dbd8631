"""The worker's sessions in a Postgres: they can only read, carry the worker's name, and can be ended by that name.

Every session of a worker, dbt's own included, is opened by `psycopg2.connect`; so that is where this takes hold. PGOPTIONS
would not do: it is lost where a profile sets `search_path`, and a profile's `application_name` wins over PGAPPNAME.

dbt opens a session per test and some beside, each of which costs more than the test's query. So a worker keeps the sessions that
dbt closes, and hands them out again where nothing tells them from new ones (`kept_sessions`).
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import psycopg2.errorcodes
import psycopg2.extensions

from stringx.runner.kept_sessions import KeptSessions, Session

#: Classes of SQLSTATE whose texts tell of statements, privileges and the server, never of a row's values.
_WITHOUT_VALUES = ("08", "25", "28", "3D", "3F", "42", "53", "55", "57", "58")

#: They read, and read texts in the way that `templates` knows: a second statement must not pass for a text.
_ON = ("default_transaction_read_only", "standard_conforming_strings")
SETTINGS = " ".join(f"-c {name}=on" for name in _ON)

#: A worker that has had nothing to do for so long holds no session.
IDLE_SECONDS = 30.0

_connect = psycopg2.connect


class Sessions:
    """How this process opens sessions. One per process; `install` before the first connection."""

    def __init__(self, application_name: str) -> None:
        self.application_name = application_name
        #: whether texts of database errors may quote values; a run whose gate masks columns switches it off
        self.error_texts = True
        self._cursor_class = _cursor_class(self)
        self._kept: KeptSessions | None = None

    def install(self) -> None:
        psycopg2.connect = self._open

    def keep(self) -> None:
        """From now on sessions are kept when they are closed. Only in a process that does not fork."""
        self._kept = KeptSessions()

    def end_kept(self) -> None:
        """Ends what is kept: there is nothing to do for a while."""
        if self._kept is not None:
            self._kept.end()

    def _open(self, *arguments: Any, **keywords: Any) -> Any:
        own = keywords.get("options") or os.environ.get("PGOPTIONS", "")
        keywords["options"] = f"{own} {SETTINGS}".strip()
        keywords["application_name"] = self.application_name
        keywords["cursor_factory"] = self._cursor_class
        keywords["connection_factory"] = Session
        if self._kept is None:
            return _opened(*arguments, **keywords)
        # All that makes a session what it is.
        likeness = (arguments, tuple(sorted(keywords.items())))
        return self._kept.hand_out(likeness, lambda: _opened(*arguments, **keywords))


def unprotected(session: Any) -> str | None:
    """What a session that was opened with `SETTINGS`, by psycopg2 or psycopg, lacks of them; None where it has them all.

    A pooler between may drop a connection's options without a word (pgbouncer with `ignore_startup_parameters = options`).
    """
    for name in _ON:
        value = session.info.parameter_status(name)
        if value is None:  # Postgres before 14 does not tell of all of them unasked
            with session.cursor() as cursor:
                cursor.execute(f"select current_setting('{name}')")
                (value,) = cursor.fetchone()
            session.rollback()
        if value != "on":
            return (
                f"the session was opened with {name}=on, and has it {value}: something between, as a connection pooler, drops the"
                " connection's `options`; have it pass them on, connect past it, or set it for the role (`alter role … set`)"
            )
    return None


def _opened(*arguments: Any, **keywords: Any) -> Any:
    session = _connect(*arguments, **keywords)
    lacks = unprotected(session)
    if lacks is not None:
        session.close()
        raise psycopg2.NotSupportedError(lacks)
    return session


def _cursor_class(sessions: Sessions) -> type[Any]:
    class Cursor(psycopg2.extensions.cursor):  # type: ignore[misc]  # psycopg2 has no types
        """Withholds the text of an error that may quote a masked value, before dbt or a log can see it."""

        def execute(self, query: Any, variables: Any = None) -> Any:
            self.connection.note(query)
            try:
                return super().execute(query, variables)
            except psycopg2.Error as error:
                code = error.pgcode or ""
                if sessions.error_texts or not code or code.startswith(_WITHOUT_VALUES):
                    raise
                text = f"{_name(code)} (SQLSTATE {code}); the database's text is withheld, because the gate masks columns"
                raise type(error)(text) from None

    return Cursor


def _name(code: str) -> str:
    try:
        return str(psycopg2.errorcodes.lookup(code)).lower().replace("_", " ")
    except KeyError:
        return "database error"


def opens(adapter: Any) -> bool:
    """Whether the adapter's sessions are opened here; any other's are its own, and are neither named, kept nor ended by name."""
    return bool(adapter.type() == "postgres")


@contextmanager
def cursor(adapter: Any, name: str) -> Iterator[Any]:
    """A psycopg2 cursor on a session of its own, opened by dbt's adapter (its profile, role and search path), closed at the end."""
    with adapter.connection_named(name):
        handle = adapter.connections.get_thread_connection().handle
        with handle.cursor() as opened:
            yield opened


class OutOfTime(Exception):
    """What was done `within` a time limit was not done by then."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Has this thread connect and ask until then at most: OutOfTime, with the session closed. Signals are heard meanwhile.

    The server goes on with the query, and must have a limit of its own: to cancel it would be to wait for the server once more, and
    libpq waits without a limit there, with all threads of the process (it holds Python's lock).
    Without it psycopg2 waits within libpq, where no signal handler gets a turn. For all sessions of the process: no other
    thread may use any.
    """
    until = time.monotonic() + seconds

    def wait(connection: Any) -> None:
        while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
            place = [connection.fileno()]
            reading = state == psycopg2.extensions.POLL_READ
            remaining = until - time.monotonic()
            if remaining <= 0 or not any(select.select(place if reading else [], [] if reading else place, [], remaining)):
                raise OutOfTime(f"it took more than {seconds:.1f} s" if seconds > 0 else "no time was left for it")

    psycopg2.extensions.set_wait_callback(wait)
    try:
        yield
    finally:
        psycopg2.extensions.set_wait_callback(None)


def end_sessions(adapter: Any, prefixes: list[str]) -> int:
    """Ends this role's sessions whose application name starts with one of `prefixes`; how many. Blocks until the server answers.

    Of a database that is no Postgres, none.
    """
    if not opens(adapter):
        return 0
    with cursor(adapter, "stringx_end_sessions") as opened:
        opened.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where usename = session_user and pid <> pg_backend_pid() and application_name ^@ any (%s)",
            [prefixes],
        )
        return int(opened.fetchone()[0])
