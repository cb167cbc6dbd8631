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
    with pytest.raises(OutOfTime), within(-1):
        connect(silent)


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
