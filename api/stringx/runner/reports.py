"""Finished reports, kept until they are acknowledged or expire: for a moment in memory, then on disk, one file each.

A process that is killed loses those that are in memory, and a power failure those that the disk has not taken: to the backend
their attempts are lost, as one is that did not finish. What is on disk is there whole or not at all.
"""

from __future__ import annotations

import base64
import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from stringx.errors import Invalid
from stringx.model import Report, UnreadableReport
from stringx.runner.port import faults
from stringx.runner.state_folder import private_folder

#: Names that may be a folder.
INSTALLATION = re.compile(r"[A-Za-z0-9_-]{1,64}")

_NAME = re.compile(r"([0-9a-f]{32})\.([0-9]{1,9})\.json")
_UNFINISHED = ".unfinished"

#: Where a report is: installation, and run and attempt.
Place = tuple[str, tuple[str, int]]


class ReportShelf:
    """Reports by installation. Safe for threads; one process per folder."""

    def __init__(self, folder: Path) -> None:
        """Finds what an earlier process has left. OSError where the folder cannot be used."""
        self._folder = folder
        self._lock = threading.Lock()
        self._kept: dict[str, dict[tuple[str, int], Path]] = {}
        #: with their JSON: who asks for a report at once has it as it was put
        self._unwritten: dict[Place, tuple[Report, bytes]] = {}
        private_folder(folder)
        for installation, key, path in _found(folder):
            self._kept.setdefault(installation, {})[key] = path

    def put(self, installation: str, report: Report) -> None:
        """It is there for `read` at once; `write` is to follow."""
        key, raw = (report.run, report.attempt), report.model_dump_json().encode()
        with self._lock:
            self._kept.setdefault(installation, {})[key] = self._path(installation, *key)
            self._unwritten[installation, key] = report, raw

    def unwritten(self) -> list[Place]:
        """What is in memory alone, for `write`."""
        with self._lock:
            return list(self._unwritten)

    def write(self, places: Iterable[Place]) -> None:
        """Returns when these reports, but for those that were acknowledged, are safe on disk. OSError where the disk does not take one:
        what it did not take is still in memory."""
        failure = None
        written: dict[Path, list[Place]] = {}
        for place in places:
            with self._lock:
                unwritten, path = self._unwritten.get(place), self._kept.get(place[0], {}).get(place[1])
            if unwritten is None or path is None:  # acknowledged meanwhile
                continue
            try:
                self._write(path, unwritten[1])
            except OSError as error:  # another installation's folder may do
                failure = failure or error
            else:
                written.setdefault(path.parent, []).append(place)
        for folder, its in written.items():
            _sync(folder)
            self._safe(its)
        if failure is not None:
            raise failure

    def _safe(self, places: Sequence[Place]) -> None:
        """These are on disk, and need no place in memory."""
        with self._lock:
            for installation, (run, attempt) in places:
                if self._unwritten.pop((installation, (run, attempt)), None) is None:  # acknowledged while it was written
                    self._path(installation, run, attempt).unlink(missing_ok=True)

    def _path(self, installation: str, run: str, attempt: int) -> Path:
        return self._folder / installation / f"{run}.{attempt}.json"

    def _write(self, path: Path, raw: bytes) -> None:
        if not path.parent.is_dir():
            private_folder(path.parent)
            _sync(self._folder)
        unfinished = path.with_suffix(_UNFINISHED)
        with unfinished.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)

    def keys(self, installation: str) -> list[tuple[str, int]]:
        """Run and attempt of each, the oldest first."""
        with self._lock:
            return list(self._kept.get(installation, ()))

    def read(self, installation: str, *, reports: int, characters: int) -> list[Report | UnreadableReport]:
        """The oldest: at most `reports`, and not many more than `characters` of JSON; at least one where there is one."""
        with self._lock:
            kept = [(key, path, self._unwritten.get((installation, key))) for key, path in self._kept.get(installation, {}).items()]
        found: list[Report | UnreadableReport] = []
        size = 0
        for key, path, unwritten in kept[:reports]:
            try:
                report, raw = unwritten or (None, path.read_bytes())
            except FileNotFoundError:  # acknowledged meanwhile
                continue
            size += len(raw)
            if found and size > characters:
                break
            found.append(report or _parsed(key, raw))
        return found

    def forget(self, installation: str, run: str, attempt: int) -> None:
        """Nothing where there is no such report. OSError where the disk does not let it: the report is still kept."""
        with self._lock:
            kept = self._kept.get(installation, {})
            if (run, attempt) in kept:
                if self._unwritten.pop((installation, (run, attempt)), None) is None:
                    kept[run, attempt].unlink(missing_ok=True)
                del kept[run, attempt]

    def expire(self, finished_before: float) -> Counter[str]:
        """Forgets the reports of before a point in time (seconds since 1970); how many of each installation.

        OSError where the disk does not let it; what is left is looked at the next time.
        """
        with self._lock:
            kept = [(installation, key, path) for installation, paths in self._kept.items() for key, path in paths.items()]
        expired: Counter[str] = Counter()
        for installation, (run, attempt), path in kept:
            with suppress(FileNotFoundError):  # acknowledged meanwhile
                if path.stat().st_mtime < finished_before:
                    self.forget(installation, run, attempt)
                    expired[installation] += 1
        return expired


def checked(installation: str) -> str:
    """`installation`, or Invalid where it could not be a folder's name."""
    if not INSTALLATION.fullmatch(installation):
        raise Invalid("must be 1 to 64 letters, digits, '-' and '_'", field="installation")
    return installation


def _found(folder: Path) -> Iterator[tuple[str, tuple[str, int], Path]]:
    paths = [path for path in folder.glob("*/*") if path.is_file()]
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns):
        # The process was killed while it was written, or the power failed: that attempt is lost.
        if path.suffix == _UNFINISHED or not path.stat().st_size:
            path.unlink()
        elif match := _NAME.fullmatch(path.name):
            yield path.parent.name, (match[1], int(match[2])), path


def _parsed(key: tuple[str, int], raw: bytes) -> Report | UnreadableReport:
    try:
        return Report.model_validate_json(raw)
    except ValidationError as error:  # of another version, or a damaged disk
        return _unreadable(key, raw, faults(error))


def _unreadable(key: tuple[str, int], raw: bytes, message: str) -> UnreadableReport:
    """With its bytes, to the last one."""
    try:
        return UnreadableReport(run=key[0], attempt=key[1], raw=raw.decode(), error=message)
    except UnicodeDecodeError:
        text = base64.b64encode(raw).decode()
        return UnreadableReport(run=key[0], attempt=key[1], raw=text, encoding="base64", error=message)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
