"""How long `stringx gates apply` takes: the command as a process, on a real Postgres, its start included."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import figures
import psycopg
from installation import STOP_SECONDS, say

from stringx.embedded.postgres import EmbeddedPostgres
from stringx.settings import PREFIX

REPOSITORY = Path(__file__).parents[2]
#: The demo's gates, which are taken in turn.
TEMPLATES = sorted((REPOSITORY / "configs" / "gates" / "default").glob("*.yaml"))


def measure(*, gates: int, n: int) -> list[figures.Apply]:
    """Each of the three `n` times, in turn: all gates are new, none has changed, each has changed."""
    samples: dict[str, list[float]] = {"created": [], "unchanged": [], "changed": []}
    with _postgres() as (folder, postgres):
        for number in range(n):
            say(f"gates {number + 1} of {n}")
            database = f"gates_{number}"
            with psycopg.connect(postgres.url(), autocommit=True) as connection:
                connection.execute(f"create database {database}")  # a name of ours
            url = postgres.url(database)
            _stringx(url, "migrate")
            for action, found in samples.items():
                _write(folder / "files", gates, more="priority: 7\n" if action == "changed" else "")
                began = time.perf_counter()
                told = _stringx(url, "gates", "apply", str(folder / "files"))
                found.append(time.perf_counter() - began)
                changed = 0 if action == "unchanged" else gates
                if not told.endswith(f"{changed} gates of {gates} changed\n"):
                    raise RuntimeError(f"not all gates were {action}: {told[-200:]}")
    return [figures.apply(gates, what, found) for what, found in samples.items()]


@contextmanager
def _postgres() -> Iterator[tuple[Path, EmbeddedPostgres]]:
    """And a folder that any user may pass through: as root, Postgres runs as somebody else."""
    with tempfile.TemporaryDirectory(prefix="stringx-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder / "postgres")
        postgres.start()
        try:
            yield folder, postgres
        finally:
            postgres.close()
            if not postgres.join(STOP_SECONDS):
                postgres.terminate()


def _write(folder: Path, gates: int, *, more: str) -> None:
    texts = [(path.stem, path.read_text()) for path in TEMPLATES]
    (folder / "default").mkdir(parents=True, exist_ok=True)
    for number in range(gates):
        name, text = texts[number % len(texts)]
        table = f"{name}_{number}"
        (folder / "default" / f"{table}.yaml").write_text(text.replace(f"table: {name}\n", f"table: {table}\n{more}", 1))


def _stringx(url: str, *words: str) -> str:
    """What the command prints; RuntimeError where it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {f"{PREFIX}DATABASE_URL": url, f"{PREFIX}INLINE_TARGETS": '["demo"]'}
    done = subprocess.run([sys.executable, "-m", "stringx", *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"stringx {' '.join(words)}: {done.stderr}")
    return done.stdout
