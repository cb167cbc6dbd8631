"""What a runner keeps on disk: reports, distrusted gates, its name in the target database, and the work folders of its dbt processes."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from itertools import count
from pathlib import Path

from stringx.model import fingerprint


def private_folder(folder: Path) -> None:
    """Makes a folder for this user alone, also where it is there already: rows of the data may be in it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid == os.getuid():  # a mounted volume may be another's, and its mode his to say
        folder.chmod(0o700)


class StateFolder:
    """The first of the folders `<root>/1`, `<root>/2`, … that no living process has: replicas may share a volume."""

    def __init__(self, root: Path, boot: str) -> None:
        """Claims a folder, until `release` or the process's end. OSError where `root` cannot be written."""
        for number in count(1):
            folder = root / str(number)
            private_folder(root)
            private_folder(folder)
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            self._descriptor: int | None = descriptor
            self._folder = folder
            break
        earlier = self._read()
        #: the same at each start
        self.name = str(earlier.get("name") or uuid.uuid4().hex[:8])
        #: of the process that had this folder before; None at the first start
        self.earlier_boot = earlier.get("boot")
        self._write({"name": self.name, "boot": boot})
        shutil.rmtree(folder / "work", ignore_errors=True)  # of a process that was killed
        #: for this boot alone: what a killed one has left running cannot write into it
        self.work = folder / "work" / boot[:8]
        private_folder(folder / "work")
        private_folder(self.work)

    @property
    def reports(self) -> Path:
        return self._folder / "reports"

    def distrust(self, target: str) -> Path:
        """A target's file for the gates that are distrusted."""
        return self._folder / f"distrusted-{fingerprint(target)[:8]}.json"

    def release(self) -> None:
        """Lets another process have the folder."""
        if self._descriptor is not None:
            shutil.rmtree(self.work, ignore_errors=True)
            os.close(self._descriptor)
            self._descriptor = None

    def _read(self) -> dict[str, str]:
        try:
            known = json.loads((self._folder / "runner.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return known if isinstance(known, dict) else {}

    def _write(self, known: dict[str, str]) -> None:
        unfinished = self._folder / "runner.json.unfinished"
        unfinished.write_text(json.dumps(known))
        unfinished.replace(self._folder / "runner.json")
