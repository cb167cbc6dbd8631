"""`scripts/kafka`: the broker of `stringx up` alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from confluent_kafka import Producer

COMMAND = [sys.executable, "-m", "stringx.embedded"]


def test_it_prints_its_address_serves_and_stops_at_a_signal(tmp_path: Path) -> None:
    environment = {**os.environ, "STRINGX_HOME": str(tmp_path)}
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as first:
        assert first.stdout is not None
        address = first.stdout.readline().strip()
        producer = Producer({"bootstrap.servers": address})
        producer.produce("letters", b"a")
        assert producer.flush(30) == 0
        second = subprocess.run(COMMAND, capture_output=True, text=True, env=environment, check=True)
        assert second.stdout.strip() == address
        assert "runs already" in second.stderr
        up = subprocess.run([sys.executable, "-m", "stringx", "up"], capture_output=True, text=True, env=environment, check=False)
        assert (up.returncode, up.stdout) == (2, "")
        assert f"process {first.pid} (`scripts/kafka`)" in up.stderr
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 0
    assert list(tmp_path.glob("broker/*/*.pid")) == []
