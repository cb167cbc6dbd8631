"""Commands, in an environment without a developer's own settings."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

from command_line import stringx
from served import Served
from waiting import until


def start(*words: str, **environment: str) -> subprocess.Popen[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("STRINGX_")}
    return subprocess.Popen(words, env=plain | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def command(*words: str, **environment: str) -> subprocess.Popen[str]:
    """`stringx` with these words, as a process of its own."""
    return start(sys.executable, "-m", "stringx", *words, **environment)


def run(served: Served, *words: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `stringx` with these words, told where the served API is."""
    done = stringx(*words, **{"STRINGX_API_URL": served.url, "STRINGX_API_TOKEN": served.token} | environment)
    return done.returncode, done.stdout, done.stderr


def judged(served: Served, failures: dict[str, int] | None = None, **changes: Any) -> threading.Thread:
    """Judges the first run that comes, from a thread of its own."""

    def wait_and_judge() -> None:
        until(lambda: served.count("runs") == 1, "the run")
        served.judge(served.client.runs().runs[0].run, failures, **changes)

    thread = threading.Thread(target=wait_and_judge)
    thread.start()
    return thread
