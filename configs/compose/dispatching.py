"""Exit code 0 where this container's dispatcher has said within a lease that it is there: the health check of `dispatch`.

It says so at every third of a lease; its name holds the name of its host.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import psycopg

SEEN = """
    select from dispatchers where seen_at > now() - make_interval(secs => %s) and split_part(id, ':', 2) = %s limit 1
"""

if __name__ == "__main__":
    url = Path(os.environ["STRINGX_DATABASE_URL_FILE"]).read_text()
    lease_seconds = float(os.environ.get("STRINGX_LEASE_SECONDS", "15"))
    with psycopg.connect(url, connect_timeout=4) as connection:
        if connection.execute(SEEN, [lease_seconds, socket.gethostname()]).fetchone() is None:
            sys.exit(f"the dispatcher of this container has not been seen for {lease_seconds:g} seconds")
