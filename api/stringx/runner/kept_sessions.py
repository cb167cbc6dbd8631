"""Sessions that were closed and are handed out again, where nothing tells them from new ones.

When its user closes a session, `discard all` brings it back to what it was when it was opened: settings, role, temporary tables,
prepared statements, advisory locks. What the server knows no way back from (a setting of an invented name, the seed of `random()`,
a loaded library) comes of statements that do more than read; a session that executed any is ended, and so is whatever is in doubt.
"""

from __future__ import annotations

import re
import select
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

import psycopg2
import psycopg2.extensions

#: So long after it was opened a session is no longer handed out: what the server gives to new ones may have changed (`alter role … set`).
LONGEST_SECONDS = 60.0

#: dbt sends `begin`, `commit` and the profile's `set role`; samples are fetched, and queries explained, with limits of their transaction.
_READS = re.compile(
    r"(?:\s|/\*.*?\*/|--[^\n]*\n)*+"
    r"(?:select|with|explain\s+select|begin|commit|rollback|set\s+(?:role|transaction|local\s+(?:statement|lock)_timeout))\b",
    re.IGNORECASE | re.DOTALL,
)
#: A second statement, and functions that leave in the session what `discard all` does not take away.
_LEAVES_TRACES = re.compile(r";\s*\S|set_config|setseed|dblink", re.IGNORECASE)


class Session(psycopg2.extensions.connection):  # type: ignore[misc]  # psycopg2 has no types
    """A session that knows how old it is, and whether it was only read in. Its cursors `note` what they execute."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.opened_at = time.monotonic()
        self.only_read = True

    def note(self, statement: object) -> None:
        """Call it before the statement is executed."""
        if not isinstance(statement, str) or not _READS.match(statement) or _LEAVES_TRACES.search(statement):
            self.only_read = False

    def restored(self) -> bool:
        """Brings it back to how it was opened; False where it is to be ended. Raises psycopg2.Error, and what a wait callback does."""
        if self.closed or not self.only_read:
            return False
        self.rollback()
        self.autocommit = True  # it is refused in a transaction
        with self.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
            cursor.execute("discard all")
        self.autocommit = False
        # psycopg2 sets the style of dates when it opens a session, where it is another on the server.
        return str(self.get_parameter_status("DateStyle")).startswith("ISO")

    def as_good_as_new(self) -> bool:
        """Whether nothing has happened to it meanwhile: a server that says anything unasked ends it, or has changed its settings."""
        if self.closed or time.monotonic() > self.opened_at + LONGEST_SECONDS:
            return False
        return not select.select([self.fileno()], [], [], 0)[0]


class KeptSessions:
    """By likeness: all that they were opened with. Safe for threads, which use nothing of it but what is atomic: whoever waited
    for a lock could be interrupted with it."""

    def __init__(self) -> None:
        self._kept: defaultdict[Hashable, list[Session]] = defaultdict(list)

    def hand_out(self, likeness: Hashable, open_new: Callable[[], Session]) -> Any:
        """A kept session of this likeness or a new one, to be used and closed as any session of psycopg2."""
        kept = self._kept[likeness]
        with suppress(IndexError):
            while True:
                session = kept.pop()
                if session.as_good_as_new():
                    return Lease(session, kept)
                session.close()
        return Lease(open_new(), kept)

    def end(self) -> None:
        """Ends all that is kept; what is in use is kept when it is closed."""
        for kept in self._kept.values():
            with suppress(IndexError):
                while True:
                    kept.pop().close()


class Lease:
    """A session as its user sees it: closed is closed, also when somebody else has the session by then."""

    _session: Session | None
    _kept: list[Session]

    def __init__(self, session: Session, kept: list[Session]) -> None:
        self.__dict__.update(_session=session, _kept=kept)

    @property
    def closed(self) -> int:
        return 1 if self._session is None else int(self._session.closed)

    def close(self) -> None:
        """Keeps the session where that may be, and ends it otherwise; never raises what the server or the network does to it."""
        session, self.__dict__["_session"] = self._session, None
        if session is None:
            return
        restored = False
        try:
            with suppress(psycopg2.Error):  # then it is ended
                restored = session.restored()
        finally:
            if restored:
                self._kept.append(session)
            else:
                session.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._used(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._used(), name, value)

    def _used(self) -> Session:
        if self._session is None:
            raise psycopg2.InterfaceError("connection already closed")  # psycopg2's words, which dbt knows
        return self._session
