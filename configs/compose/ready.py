"""Exit code 0 where the address given answers 200: the health check of the services with a port."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

try:
    with urllib.request.urlopen(sys.argv[1], timeout=4) as answer:  # noqa: S310  # the composition's own addresses
        answer.read()
except urllib.error.URLError as error:
    sys.exit(f"{sys.argv[1]}: {error}")
