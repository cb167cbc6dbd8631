"""An HTTP transport that sends a request in one piece.

httpcore (2.16) sends a request's head and its body one after the other. Whoever serves it then wakes twice, and where there are few
cores the sender waits for that between the two: a millisecond of a trigger's way.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpcore2
import httpx2

#: A connection that rests is kept for so long: less than a server keeps it, so that none is used that is just being closed.
KEEP_ALIVE_SECONDS = 60.0


class OneSendTransport(httpx2.HTTPTransport):
    """For a client of one server, HTTP/1.1, with no proxy. Safe for threads."""

    def __init__(self) -> None:
        context = httpx2.create_ssl_context(trust_env=False)
        super().__init__(verify=context)
        self._pool.close()
        # httpx2 has no argument for a backend.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context, max_connections=100, keepalive_expiry=KEEP_ALIVE_SECONDS, network_backend=_Backend()
        )


class _Backend(httpcore2.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options))


class _Stream(httpcore2.NetworkStream):
    """Keeps what is written until it is to be read what comes of it; nobody reads before a request is complete."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream
        self._unsent: list[bytes] = []

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  # its place is where it is sent
        self._unsent.append(buffer)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._unsent:
            request, self._unsent = b"".join(self._unsent), []
            # As httpcore does: who is answered before all is sent (413, 401) reads the answer.
            with suppress(httpcore2.WriteError):
                self._stream.write(request, timeout)
        return self._stream.read(max_bytes, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> _Stream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
