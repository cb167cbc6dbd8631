"""Waiting for a NOTIFY of the internal database."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from sqlalchemy import make_url

from stringx.errors import DatabaseUnavailable
from stringx.settings import Settings
from stringx.store.database import CONNECT_ARGUMENTS


@dataclass(frozen=True)
class Notification:
    channel: str
    payload: str


class Listener:
    """Waits for NOTIFY on a connection of its own; one thread waits, any thread may `wake` it.

    The first `wait` after each (re)connection returns at once and empty, since what was sent before was missed: its caller
    looks for itself, and then waits.
    """

    def __init__(self, settings: Settings, *channels: str) -> None:
        self._url = make_url(settings.sqlalchemy_url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._channels = channels
        self._connection: psycopg.Connection | None = None
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wait(self, timeout_seconds: float) -> list[Notification]:
        """What was sent since the last call, waiting for it up to `timeout_seconds`. Raises DatabaseUnavailable."""
        try:
            if self._connection is None:
                self._connection = self._listening()
                return []
            # What came along with the answer to an earlier statement no longer makes the socket readable.
            return _received(self._connection) or self._received_within(self._connection, timeout_seconds)
        except psycopg.OperationalError as error:
            self._disconnect()
            raise DatabaseUnavailable(f"database: {(str(error).strip().splitlines() or ['lost'])[0]}") from error

    def wake(self) -> None:
        """Makes the present or the next `wait` return."""
        with suppress(BlockingIOError):  # the pipe is full of earlier calls: whoever waits wakes anyway
            os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Ends the connection; call it from the waiting thread, or after that has ended."""
        self._disconnect()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _received_within(self, connection: psycopg.Connection, timeout_seconds: float) -> list[Notification]:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        ready = poll.poll(max(timeout_seconds, 0) * 1000)
        if any(descriptor == self._wake_read for descriptor, _ in ready):
            os.read(self._wake_read, 4096)
        return _received(connection)

    def _listening(self) -> psycopg.Connection:
        connection = psycopg.connect(self._url, autocommit=True, application_name="stringx listener", **CONNECT_ARGUMENTS)  # type: ignore[arg-type]
        for channel in self._channels:
            connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _received(connection: psycopg.Connection) -> list[Notification]:
    return [Notification(sent.channel, sent.payload) for sent in connection.notifies(timeout=0)]
