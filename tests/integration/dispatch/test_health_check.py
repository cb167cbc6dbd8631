"""The health check of the composition's dispatcher looks at its own container alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from queued import Store

from stringx.settings import Settings
from stringx.store import dispatchers
from stringx.store.database import transaction

SCRIPT = Path(__file__).parents[3] / "configs" / "compose" / "dispatching.py"


@pytest.mark.parametrize(
    ("name", "seen", "healthy"),
    [
        (f"inline:{socket.gethostname()}:1", "now()", True),
        (f"dispatcher:{socket.gethostname()}:1", "now() - interval '10 seconds'", True),
        (f"dispatcher:{socket.gethostname()}:1", "now() - interval '20 seconds'", False),
        ("dispatcher:another:1", "now()", False),
    ],
)
def test_only_a_dispatcher_of_this_host_that_was_just_seen_is_healthy(
    store: Store, tmp_path: Path, name: str, seen: str, healthy: bool
) -> None:
    with transaction(store.engine) as connection:
        dispatchers.register(connection, name, runners=[], inline_targets=[])
    store.rows(f"update dispatchers set seen_at = {seen} returning id")
    url = tmp_path / "url"
    url.write_text(store.settings.required("database_url"))
    # The script has the default of the settings in it, so that it need not load them every few seconds.
    assert Settings.model_fields["lease_seconds"].default == 15
    environment = {key: value for key, value in os.environ.items() if key != "STRINGX_LEASE_SECONDS"}
    checked = subprocess.run(
        [sys.executable, "-I", SCRIPT],
        env=environment | {"STRINGX_DATABASE_URL_FILE": str(url)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode == 0) == healthy, checked.stderr
