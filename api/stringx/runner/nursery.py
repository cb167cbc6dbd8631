"""The nursery as the runner sees it: one process that has imported dbt, from which the generations of all targets are forked.

Importing dbt is most of what a process of dbt costs before it parses; so it is done once. The nursery is started as a program,
never forked: the runner has threads. Where it has died, the generations live on, and the next one asked for has it started anew.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from stringx import logs
from stringx.runner import messages
from stringx.runner.environment import environment_for_dbt

log = logs.get(__name__)


class Nursery:
    """Safe for threads. Its process is started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: _Process | None = None

    def fork(self, start: messages.Start) -> GenerationProcess:
        """Asks for a generation, which is told how to start. OSError where none can be asked for; what fails later its connection tells."""
        with self._lock:
            if self._process is not None and self._process.exit_status is not None:
                log.error("nursery ended", status=self._process.exit_status)
                self._process.hang_up()
                self._process = None
            if self._process is None:
                self._process = _Process()
            return self._process.fork(start)

    def close(self) -> None:
        """Has the process end. Never blocks; generations that live are left to whoever asked for them."""
        with self._lock:
            if self._process is not None:
                self._process.hang_up()

    def join(self, timeout_seconds: float) -> bool:
        """Waits for the end of the process; False where it still runs after that time."""
        return self._process is None or self._process.wait(timeout_seconds)


class GenerationProcess:
    """A generation's process, as whoever asked for it sees it. Not safe for threads."""

    def __init__(self, nursery: _Process, number: int, connection: Connection) -> None:
        self._nursery = nursery
        self._number = number
        #: to the generation, and of what becomes of it from the nursery. None once it has ended
        self.connection: Connection | None = connection
        #: None until it has said so
        self.pid: int | None = None

    def hear(self) -> messages.Message:
        """What it says next, at last that it is gone. Blocks until there is something."""
        assert self.connection is not None  # noqa: S101  # it has not ended
        message: messages.Message
        try:
            message = messages.receive(self.connection)
        except (EOFError, OSError):
            message = messages.GenerationGone(how="the nursery, which would know more, has ended")
        if isinstance(message, messages.GenerationHello):
            self.pid = message.pid
        elif isinstance(message, messages.GenerationGone):
            self.connection.close()
            self.connection = None
        return message

    def say(self, message: messages.Message) -> None:
        """Nothing where it has ended: what is heard of it next tells."""
        if self.connection is not None:
            with suppress(OSError):
                messages.send(self.connection, message)

    def kill(self) -> None:
        """Ends it with all that it has forked, soon after; to be repeated where its end is not heard."""
        if self.connection is None or self._nursery.kill(self._number):
            return
        # Nobody but the system can reap it now. As long as it has not hung up, its id is its own.
        if self.pid is not None and not _hung_up(self.connection):
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


class _Process:
    """One process of the nursery, until its end. Safe for threads."""

    def __init__(self) -> None:
        """OSError where it cannot be started."""
        self._lock = threading.Lock()
        self._last_number = 0
        self._socket, theirs = socket.socketpair()
        try:
            with theirs:
                self._popen: subprocess.Popen[bytes] = subprocess.Popen(
                    # -P: a folder in the working directory must not stand in for a module.
                    [sys.executable, "-P", "-m", "stringx.runner.nursery_process"],
                    stdin=theirs.fileno(),
                    stdout=2,  # what a project's macros print must not get between the lines of our own stdout
                    env=environment_for_dbt(),
                    start_new_session=True,  # Ctrl-C on the terminal is for us, who stop the workers in order
                )
        except OSError:
            self._socket.close()
            raise
        self._connection = Connection(os.dup(self._socket.fileno()))

    @property
    def exit_status(self) -> int | None:
        """None as long as it runs."""
        return self._popen.poll()

    def fork(self, start: messages.Start) -> GenerationProcess:
        ours, theirs = socket.socketpair()
        with theirs, self._lock, suppress(OSError):  # it has died: the connection, whose other end nobody has then, tells
            self._last_number += 1
            messages.send(self._connection, messages.ForkGeneration(number=self._last_number))
            socket.send_fds(self._socket, [b"\0"], [theirs.fileno()])
        generation = GenerationProcess(self, self._last_number, Connection(ours.detach()))
        generation.say(start)
        return generation

    def kill(self, number: int) -> bool:
        """False where it has died, and does nothing any more."""
        with self._lock, suppress(OSError):
            messages.send(self._connection, messages.Kill(number=number))
        return self.exit_status is None

    def hang_up(self) -> None:
        with self._lock:
            self._connection.close()
            self._socket.close()

    def wait(self, timeout_seconds: float) -> bool:
        try:
            self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def _hung_up(connection: Connection) -> bool:
    """Whether nobody has the other end any more, whatever is still to be read."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))
