"""Requests to one server: in one piece, on kept connections, sent once, ended by a close."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from stringx.runner.wire import Answer, HttpWire, NoAnswer, NotConnected

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Takes connections one after the other, and has a function talk on each."""

    def __init__(self, talk: Callable[[socket.socket], None]) -> None:
        self._talk = talk
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection:
                if self.connections < 0:
                    return
                self.connections += 1
                self._talk(connection)

    def close(self) -> None:
        self.connections = -1
        socket.create_connection(self._listening.getsockname()).close()
        self._thread.join(10)
        self._listening.close()


@contextmanager
def talking(talk: Callable[[socket.socket], None]) -> Iterator[tuple[Server, HttpWire]]:
    server = Server(talk)
    wire = HttpWire(server.url)
    try:
        yield server, wire
    finally:
        wire.close()
        server.close()


def send(wire: HttpWire, body: bytes | None = b"[]", *, path: str = "/v1/runs") -> Answer:
    return wire.send("POST", path, headers={"Authorization": "Bearer token"}, body=body, connect_seconds=3, answer_seconds=10)


def test_a_request_comes_in_one_piece_and_a_connection_that_rests_is_used_again() -> None:
    pieces: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        while piece := connection.recv(2**20):
            pieces.append(piece)
            connection.sendall(OK)

    with talking(talk) as (server, wire):
        answers = [send(wire, b'{"a": 1}') for _ in range(3)]
        assert server.connections == 1
    assert [(answer.status, answer.reason, answer.content) for answer in answers] == [(200, "OK", b"ok")] * 3
    assert [(piece.startswith(b"POST /v1/runs HTTP/1.1\r\n"), piece.endswith(b'\r\n\r\n{"a": 1}')) for piece in pieces] == [
        (True, True)
    ] * 3


def test_the_path_of_the_url_stands_before_each_request() -> None:
    pieces: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        pieces.append(connection.recv(2**20))
        connection.sendall(OK)

    with talking(talk) as (server, _):
        below = HttpWire(f"{server.url}/runner/")
        assert send(below, None).headers["content-length"] == "2"
        below.close()
    assert pieces[0].startswith(b"POST /runner/v1/runs HTTP/1.1\r\n")


@pytest.mark.parametrize("told", [True, False])
def test_a_connection_that_the_server_ended_is_not_used_again(told: bool) -> None:
    ended = threading.Semaphore(0)

    def talk(connection: socket.socket) -> None:
        connection.recv(2**20)
        connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") if told else OK)
        connection.shutdown(socket.SHUT_RDWR)
        ended.release()

    with talking(talk) as (server, wire):
        for _ in range(2):
            assert send(wire).status == 200
            assert ended.acquire(timeout=10)
        assert server.connections == 2


def test_what_was_not_answered_is_not_sent_again() -> None:
    with talking(lambda connection: connection.recv(2**20) and None) as (server, wire):  # type: ignore[func-returns-value]
        with pytest.raises(NoAnswer, match="closed connection without response"):
            send(wire)
        assert server.connections == 1


def test_who_is_answered_before_all_is_sent_reads_the_answer() -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(2**20):
            pass

    with talking(talk) as (_, wire):
        assert send(wire, bytes(8 * 2**20)).status == 413


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
def test_what_is_no_answer_is_told_as_that(said: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(2**20)
        connection.sendall(said)

    with talking(talk) as (_, wire), pytest.raises(NoAnswer):
        send(wire)


def test_a_server_that_stands_still_is_not_waited_for() -> None:
    still = threading.Event()
    with talking(lambda _: still.wait(10) and None) as (_, wire):  # type: ignore[func-returns-value]
        with pytest.raises(NoAnswer, match="timed out"):
            wire.send("GET", "/", headers={}, body=None, connect_seconds=3, answer_seconds=0.01)
        still.set()


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(NotConnected, match="refused"):
        send(HttpWire(f"http://127.0.0.1:{port}"))


def test_a_close_ends_a_request_that_waits_and_refuses_the_next() -> None:
    asked = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(2**20)
        asked.set()
        connection.recv(2**20)  # until the client closes it

    with talking(talk) as (_, wire), ThreadPoolExecutor(1) as threads:
        waiting: Future[Answer] = threads.submit(send, wire)
        assert asked.wait(10)
        wire.close()
        with pytest.raises(NoAnswer):
            waiting.result(10)
        with pytest.raises(NoAnswer, match="closed"):
            send(wire)
