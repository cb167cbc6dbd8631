"""Requests to one HTTP server, on connections that stay open.

On the standard library's `http.client`: two of these requests stand in the way of every verdict, and httpx2 (2.16) takes almost a
millisecond more for each of them. What it does not have are kept connections, which are here.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2

#: A connection that rests is kept for so long: less than a server keeps it, so that none is used that is just being closed.
KEEP_ALIVE_SECONDS = 60.0


class NotConnected(Exception):
    """No connection came about: the server has nothing of the request."""


class NoAnswer(Exception):
    """The server may have the request; what it says of it is not known."""


@dataclass(frozen=True)
class Answer:
    """What a server said, whatever its status is."""

    status: int
    reason: str
    #: names in lower case
    headers: Mapping[str, str]
    content: bytes


class Wire(Protocol):
    """A way to send requests to one server; safe for threads."""

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, connect_seconds: float, answer_seconds: float
    ) -> Answer:
        """Sends once, never again. Raises NotConnected, NoAnswer."""

    def close(self) -> None:
        """Ends the requests that wait, with NoAnswer, and refuses further ones with it."""


class HttpWire:
    """To the server at `url`, HTTP/1.1, by no proxy."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path.rstrip("/")
        # With the certificates that `stringx.client` trusts.
        self._tls = httpx2.create_ssl_context(trust_env=False) if parts.scheme == "https" else None
        self._lock = threading.Lock()
        #: by when they came to rest, the oldest first
        self._idle: list[tuple[float, _Connection]] = []
        self._busy: set[_Connection] = set()
        self._closed = False

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, connect_seconds: float, answer_seconds: float
    ) -> Answer:
        connection, usable = self._taken(connect_seconds), False
        try:
            connection.sock.settimeout(answer_seconds)
            connection.request(method, self._path + path, body, headers)
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, response.reason, told, response.read())
            usable = not response.will_close
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(str(error) or type(error).__name__) from error
        finally:
            self._put_back(connection, usable=usable)
        return answer

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = [connection for _, connection in self._idle], []
            for connection in self._busy:
                connection.interrupt()
        for connection in idle:
            connection.close()

    def _taken(self, connect_seconds: float) -> _Connection:
        """The one that was used last, which is warm, or a new one."""
        ended = []
        try:
            with self._lock:
                if self._closed:
                    raise NoAnswer("the client is closed")
                while self._idle:
                    rested_at, connection = self._idle.pop()
                    if time.monotonic() - rested_at < KEEP_ALIVE_SECONDS and not connection.has_ended():
                        self._busy.add(connection)
                        return connection
                    ended.append(connection)
        finally:
            for connection in ended:
                connection.close()
        connection = self._connected(connect_seconds)
        with self._lock:
            if not self._closed:
                self._busy.add(connection)
                return connection
        connection.close()
        raise NoAnswer("the client is closed")

    def _connected(self, connect_seconds: float) -> _Connection:
        connection = _Connection(self._host, self._port, connect_seconds, self._tls)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise NotConnected(str(error) or type(error).__name__) from error
        return connection

    def _put_back(self, connection: _Connection, *, usable: bool) -> None:
        with self._lock:
            self._busy.discard(connection)
            if usable and not self._closed:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()


class _Connection(http.client.HTTPConnection):
    """Sends a request in one piece: `http.client` (3.11 to 3.14) sends head and body one after the other, whoever serves it wakes
    twice, and where there are few cores the sender waits for that between the two."""

    sock: socket.socket

    def __init__(self, host: str, port: int | None, timeout: float, tls: ssl.SSLContext | None) -> None:
        self.default_port = http.client.HTTPS_PORT if tls is not None else http.client.HTTP_PORT
        super().__init__(host, port, timeout=timeout)
        self._tls = tls
        self._unsent: list[bytes] = []

    def connect(self) -> None:
        super().connect()
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)

    def send(self, data: Any) -> None:
        self._unsent.append(bytes(data))

    def getresponse(self) -> http.client.HTTPResponse:
        request, self._unsent = b"".join(self._unsent), []
        # Who is answered before all is sent (413, 401) reads the answer.
        with suppress(ConnectionError):
            self.sock.sendall(request)
        return super().getresponse()

    def has_ended(self) -> bool:
        """The server closed it, or said what nobody asked for."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))

    def interrupt(self) -> None:
        """Wakes the thread that waits for an answer; any thread may call it."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
