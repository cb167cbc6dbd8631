"""Where the servers of a test run keep their files; what a killed run left there goes with the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PREFIX = "stringx-test-run-"
#: Files in memory. A test's database is made there in a fifth of the time that a disk takes.
MEMORY = Path("/dev/shm")  # noqa: S108  # only a fresh folder in it is used
#: What the servers of some processes may fill.
MEMORY_BYTES = 4 * 2**30


@contextmanager
def fresh_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder that any user may pass through, as pytest's own are not: as root, Postgres runs as somebody else.

    It is locked while the block lasts, and the kernel releases the lock of a process that is killed: so a folder without one is nobody's.
    """
    parent = parent or (MEMORY if _is_roomy(MEMORY) else Path(tempfile.gettempdir()))
    with ExitStack() as lock:
        with _locked(parent):  # nobody takes it for one that was left, between its making and its lock
            _remove_what_was_left(parent)
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            lock.enter_context(_locked(folder))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _remove_what_was_left(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(BlockingIOError, FileNotFoundError):  # its run lives, or has just ended
            if folder.stat().st_uid == os.geteuid():
                with _locked(folder, wait=False):
                    # A server that is only just ending may still write there: the rest goes another time.
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """BlockingIOError where somebody has it and is not to be waited for."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _is_roomy(folder: Path) -> bool:
    """Whether the servers can be kept there: a container's memory may be small, and programs in it forbidden."""
    if not folder.is_dir():
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize > MEMORY_BYTES and not found.f_flag & os.ST_NOEXEC
