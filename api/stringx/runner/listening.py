"""Where the processes of a target connect to its pool: a Unix socket that only this user can reach, and a key that only they are told."""

from __future__ import annotations

import secrets
import socket
import tempfile
import time
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path

from stringx import logs
from stringx.runner import messages

log = logs.get(__name__)

#: How long nobody is accepted after that has failed: out of file descriptors, say.
DEAF_SECONDS = 0.5
#: The longest path that a Unix socket takes, with some room.
_LONGEST_PATH = 100


class Listening:
    """One target's."""

    def __init__(self, work: Path) -> None:
        """In the folder `work`, where that has a path which is short enough for a socket."""
        inside = len(str(work.absolute())) < _LONGEST_PATH - len("/stringx-xxxxxxxx/s")
        self._folder = tempfile.TemporaryDirectory(prefix="stringx-", dir=work.absolute() if inside else None)
        self._key = secrets.token_bytes(32)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(f"{self._folder.name}/s")
        self.socket.listen(64)
        #: on the clock of `time.monotonic`
        self.deaf_until = 0.0

    @property
    def path(self) -> str:
        return str(self.socket.getsockname())

    @property
    def key(self) -> str:
        return self._key.hex()

    @property
    def hears(self) -> bool:
        """Whether `accept` is to be called when somebody connects."""
        return time.monotonic() >= self.deaf_until

    def accept(self) -> tuple[Connection, messages.Message] | None:
        """Who connects, with its greeting; None where it does not know the key, or cannot be accepted.

        Blocks for the greeting, which it sends at once.
        """
        try:
            accepted, _ = self.socket.accept()
        except OSError as error:
            log.error("cannot accept", socket=self.path, error=str(error))
            self.deaf_until = time.monotonic() + DEAF_SECONDS
            return None
        connection = Connection(accepted.detach())
        try:
            deliver_challenge(connection, self._key)
            answer_challenge(connection, self._key)
            return connection, messages.receive(connection)
        except (EOFError, OSError, AuthenticationError):
            connection.close()
            return None

    def close(self) -> None:
        self.socket.close()
        self._folder.cleanup()
