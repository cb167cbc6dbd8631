"""Ports for what `stringx up` starts: the one that is wanted, or the next free one."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stringx.embedded.child import POLL_SECONDS, ChildFailed
from stringx.errors import ConfigurationError

HOST = "127.0.0.1"
TRIES = 200


@contextmanager
def one_start_at_a_time(say: Callable[[str], None]) -> Iterator[None]:
    """Holds back other starts of this user from the choice of the ports until servers listen on them: they would choose the same,
    and one would take the other's broker for its own. The kernel releases the lock of one that is killed.
    """
    # The folder is everybody's: a link that somebody else put there is not followed.
    name = Path(tempfile.gettempdir()) / f"stringx-{os.getuid()}.starting"
    with os.fdopen(os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start is under way on this machine: waiting until it has its ports")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen there now; one that ended a moment ago does not count as taking it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def next_free(wanted: int, host: str = HOST, *, but: frozenset[int] = frozenset()) -> int:
    """`wanted`, or the next one above it that is free and not in `but`."""
    for port in range(wanted, min(wanted + TRIES, 65536)):
        if port not in but and is_free(port, host):
            return port
    raise ConfigurationError(f"no free port on {host} from {wanted} to {min(wanted + TRIES, 65536) - 1}")


def any_free(host: str = HOST) -> int:
    """Some free port; another process may take it before it is used, so that the user of it must be ready to ask again."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_free(port: int, timeout_seconds: float, host: str = HOST) -> None:
    """Blocks while another program has the port; ChildFailed where it keeps it."""
    deadline = time.monotonic() + timeout_seconds
    while not is_free(port, host):
        if time.monotonic() > deadline:
            raise ChildFailed(f"port {port} on {host} is taken by another program")
        time.sleep(POLL_SECONDS)  # the kernel tells nobody that a port is free
