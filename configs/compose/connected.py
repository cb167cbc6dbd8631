"""Exit code 0 where a process of this container has a connection to the port given: the health check of `consume`.

A member of a consumer group keeps its connections to the broker open as long as it reads.
"""

from __future__ import annotations

import sys
from pathlib import Path

ESTABLISHED = "01"

if __name__ == "__main__":
    port = int(sys.argv[1])
    connections = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    if not any(state == ESTABLISHED and int(remote.rpartition(":")[2], 16) == port for _, _, remote, state, *_ in connections):
        sys.exit(f"no connection to port {port}")
