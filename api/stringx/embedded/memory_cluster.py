"""librdkafka's in-memory cluster as a program: `python memory_cluster.py ADDRESS_FILE`, until SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from confluent_kafka import Producer


def main() -> None:
    address = Path(sys.argv[1])
    stopping = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)  # before librdkafka's threads, which inherit it
    # The cluster lives in the client that made it.
    cluster = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1})
    broker = next(iter(cluster.list_topics(timeout=10).brokers.values()))
    unfinished = address.with_suffix(".unfinished")
    unfinished.write_text(f"{broker.host}:{broker.port}")
    unfinished.rename(address)
    signal.sigwait(stopping)


if __name__ == "__main__":
    main()
