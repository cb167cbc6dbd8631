"""Executes dbt's commands, one after the other: most of a short one's time goes into its start.
`python -m stringx.runner.dbt_commands`.

Stdin is a socket. Each line that comes in there is a command's arguments as JSON, and is answered with a byte once it has succeeded;
the first that fails is the last. What dbt says goes to stdout.
"""

from __future__ import annotations

import json
import os
import sys

from dbt.cli.main import dbtRunner


def main() -> int:
    """Blocks until nobody is left who could send a command."""
    for line in sys.stdin:
        if not dbtRunner().invoke(json.loads(line)).success:
            return 1
        os.write(sys.stdin.fileno(), b".")
    return 0


if __name__ == "__main__":
    sys.exit(main())
