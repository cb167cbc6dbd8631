"""A server that takes connections and says nothing: whoever waits for it can be interrupted, and does not wait beyond the limit."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator

import psycopg2
import pytest

from stringx.runner.invocation import StopSignal
from stringx.runner.sessions import OutOfTime, within


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def connect(server: socket.socket) -> None:
    host, port = server.getsockname()
    psycopg2.connect(host=host, port=port, user="nobody", dbname="nothing", sslmode="disable").close()


def test_a_server_that_does_not_answer_is_given_up_at_the_limit(silent: socket.socket) -> None:
    begun = time.monotonic()
    with pytest.raises(OutOfTime, match=r"more than 0\.2 s"), within(0.2):
        connect(silent)
    assert time.monotonic() - begun >= 0.2


def test_a_limit_that_has_passed_is_out_of_time_at_once(silent: socket.socket) -> None:
    with pytest.raises(OutOfTime, match="no time was left"), within(-1):
        connect(silent)


def test_a_server_that_falls_silent_is_not_asked_again_to_cancel_the_query(silent: socket.socket) -> None:
    def greet() -> None:
        """As a Postgres without a password does. The next connection it never takes: there, cancelling would wait for ever."""
        ours.append(silent.accept()[0])
        ours[0].recv(1000)
        settings = {"server_version": "16.0", "client_encoding": "UTF8", "DateStyle": "ISO, MDY"}
        told = [(b"S", f"{name}\0{value}\0".encode()) for name, value in settings.items()]
        for kind, content in [(b"R", bytes(4)), *told, (b"K", bytes(8)), (b"Z", b"I")]:
            ours[0].sendall(kind + (len(content) + 4).to_bytes(4, "big") + content)

    ours: list[socket.socket] = []
    server = threading.Thread(target=greet)
    server.start()
    host, port = silent.getsockname()
    try:
        connection = psycopg2.connect(host=host, port=port, user="nobody", dbname="nothing", sslmode="disable")
        with pytest.raises(OutOfTime, match=r"more than 0\.2 s"), within(0.2):
            connection.cursor().execute("select 1")
        assert connection.closed
    finally:
        server.join()
        ours[0].close()


def test_a_signal_interrupts_whoever_waits_for_an_answer(silent: socket.socket) -> None:
    before = signal.getsignal(signal.SIGINT)
    stop = StopSignal()
    stop.install()

    def interrupt_when_connected() -> None:
        with silent.accept()[0]:
            signal.pthread_kill(main, signal.SIGINT)
            ended.wait(60)

    ended, main = threading.Event(), threading.get_ident()
    other = threading.Thread(target=interrupt_when_connected)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt), stop.armed(), within(60):
            connect(silent)
    finally:
        ended.set()
        other.join()
        signal.signal(signal.SIGINT, before)
    assert stop.asked


def test_outside_of_it_sessions_wait_as_they_always_did() -> None:
    with within(60):
        pass
    assert psycopg2.extensions.get_wait_callback() is None
