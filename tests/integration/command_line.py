"""The command line within this process: what a terminal has of it, without the time that a process and its imports take."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest import mock

from stringx.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def stringx(*words: str, **environment: str) -> Done:
    """`stringx` with these words, in an environment without a developer's own settings. Blocks until it has ended."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("STRINGX_")}
    out, err, code = io.StringIO(), io.StringIO(), None
    with (
        mock.patch("sys.argv", ["stringx", *words]),
        mock.patch.dict(os.environ, plain | environment, clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    assert code is None or isinstance(code, int)
    return Done(code or 0, out.getvalue(), err.getvalue())
