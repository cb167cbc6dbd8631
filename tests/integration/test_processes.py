"""How every process stops: cleanly at SIGTERM and SIGINT, with exit code 0; with another one where it ended by itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from stringx.embedded.ports import HOST, any_free

#: A process whose `start` says so, and that ends as its argument says.
PROCESS = """
import sys, threading
from stringx.cli import processes
from stringx.settings import Settings

class Process:
    def __init__(self):
        self.ended = threading.Event()

    def start(self):
        print("started", flush=True)
        if sys.argv[1] == "by itself":
            self.ended.set()

    def wait(self, timeout_seconds=None):
        return self.ended.wait(timeout_seconds)

    def close(self):
        self.ended.set()

    def join(self, timeout_seconds):
        return sys.argv[1] != "never"

    def terminate(self):
        print("terminated", flush=True)

processes._run(Process(), Settings(home="."))
"""

#: gunicorn with `/` (the worker's pid), and `/wait`, which waits until the worker closes what is behind the application.
SERVER = """
import os, sys, threading
from stringx.cli import gunicorn_server

def build():
    closed = threading.Event()

    def app(environ, start_response):
        waited = environ["PATH_INFO"] == "/wait" and closed.wait(60)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"closed" if waited else str(os.getpid()).encode()]

    def finish(seconds):
        print("finished after", closed.is_set(), flush=True)

    print("threads when built:", threading.active_count(), flush=True)
    return gunicorn_server.Built(app, close=closed.set, finish=finish)

gunicorn_server.serve(build, host="127.0.0.1", port=int(sys.argv[1]), threads=4, grace_seconds=5.0)
"""


@contextmanager
def running(program: str, argument: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", program, argument]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env={**os.environ, "HOME": str(folder)}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_stops_at_a_signal_with_exit_code_0(number: signal.Signals, tmp_path: Path) -> None:
    with running(PROCESS, "when asked", tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(number)
        assert process.wait(30) == 0


def test_a_process_that_ended_by_itself_has_failed(tmp_path: Path) -> None:
    with running(PROCESS, "by itself", tmp_path) as process:
        assert process.wait(30) == 1


def test_a_process_that_does_not_finish_is_cut_off(tmp_path: Path) -> None:
    with running(PROCESS, "never", tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 1
        assert process.stdout.readline() == "terminated\n"


class TestServer:
    @pytest.fixture
    def port(self) -> int:
        return any_free()

    @pytest.fixture
    def server(self, port: int, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
        with running(SERVER, str(port), tmp_path) as process:
            yield process

    def get(self, port: int, path: str = "/") -> str:
        """The answer, waiting until there is one."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return httpx2.get(f"http://{HOST}:{port}{path}", timeout=60, trust_env=False).text
            except httpx2.TransportError:
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.05)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_stops_at_a_signal_with_exit_code_0(self, server: subprocess.Popen[str], port: int, number: signal.Signals) -> None:
        assert int(self.get(port)) != server.pid
        server.send_signal(number)
        assert server.wait(30) == 0

    def test_the_application_is_built_before_there_are_threads_and_finished_after_the_last_request(
        self, server: subprocess.Popen[str], port: int
    ) -> None:
        self.get(port)
        server.terminate()
        said, _ = server.communicate(timeout=30)
        assert said == "threads when built: 1\nfinished after True\n"

    def test_requests_that_wait_are_answered_when_it_stops(self, server: subprocess.Popen[str], port: int) -> None:
        self.get(port)
        waiting = [sys.executable, "-c", f"import httpx2; print(httpx2.get('http://{HOST}:{port}/wait', timeout=60).text)"]
        with subprocess.Popen(waiting, stdout=subprocess.PIPE, text=True) as client:
            deadline = time.monotonic() + 30
            while not self.connected(client.pid, port):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            server.terminate()
            assert client.communicate(timeout=30)[0] == "closed\n"
        assert server.wait(30) == 0

    def test_a_worker_that_is_killed_is_replaced(self, server: subprocess.Popen[str], port: int) -> None:
        worker = int(self.get(port))
        subprocess.run(["kill", "-9", str(worker)], check=True)
        assert int(self.get(port)) != worker
        server.terminate()
        assert server.wait(30) == 0

    @pytest.mark.usefixtures("server")
    def test_what_is_no_request_is_refused_as_the_applications_refuse(self, port: int) -> None:
        self.get(port)
        long = httpx2.get(f"http://{HOST}:{port}/?message={'x' * 9000}", timeout=60, trust_env=False)
        headers = httpx2.get(f"http://{HOST}:{port}/", headers={"A": "x" * 9000}, timeout=60, trust_env=False)
        with socket.create_connection((HOST, port), timeout=60) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            nonsense = connection.makefile("rb").read()
        for answer, status, code in ((long, 414, "uri_too_long"), (headers, 431, "headers_too_large")):
            assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
            assert (answer.json()["code"], answer.json()["status"]) == (code, status)
        assert "may have 8190 bytes" in long.json()["detail"]
        assert nonsense.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert json.loads(nonsense.partition(b"\r\n\r\n")[2])["code"] == "malformed"
        assert httpx2.get(f"http://{HOST}:{port}/?message={'x' * 8000}", timeout=60, trust_env=False).status_code == 200

    def test_it_makes_no_control_socket(self, server: subprocess.Popen[str], port: int, tmp_path: Path) -> None:
        self.get(port)
        assert server.poll() is None
        assert list(tmp_path.iterdir()) == [], "gunicorn would put it below the user's home"

    def connected(self, pid: int, port: int) -> bool:
        """Whether the process has a connection to the port."""
        try:
            lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
            links = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
        except OSError:
            return False
        inodes = {f"socket:[{line.split()[9]}]" for line in lines if line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "01"}
        return bool(inodes & links)
