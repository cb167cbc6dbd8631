"""Exit code 0 where a dispatcher has said within the last 30 seconds that it is there: the health check of `dispatch`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg

if __name__ == "__main__":
    url = Path(os.environ["STRINGX_DATABASE_URL_FILE"]).read_text()
    with psycopg.connect(url, connect_timeout=4) as connection:
        if connection.execute("select from dispatchers where seen_at > now() - interval '30 seconds' limit 1").fetchone() is None:
            sys.exit("no dispatcher has been seen for 30 seconds")
