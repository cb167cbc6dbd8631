"""What the Kafka door reads out of librdkafka's statistics, as three brokers made them."""

from __future__ import annotations

from typing import Any

import pytest

from stringx.triggers.consumer import has_protocol

ASKED = {"FindCoordinator": 0, "Metadata": 1, "ApiVersion": 2, "OffsetFetch": 0}


def statistics(*, tx: int, age: int, state: str = "up", **named: int) -> dict[str, Any]:
    return {
        "brokers": {"127.0.0.1:9092/1": {"req": {"Metadata": 1}, "tx": 1, "state": "UP"}}
        | {"GroupCoordinator": {"req": ASKED | named, "tx": tx, "state": "UP"}},
        "cgrp": {"state": state, "stateage": age},
    }


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (statistics(tx=3, age=1444), False),
        (statistics(tx=3, age=444), None),
        (statistics(tx=3, age=5000, state="query-coord"), None),
        (statistics(tx=5, age=445), True),
        (statistics(tx=5, age=9000), True),
        # A librdkafka that names them.
        (statistics(tx=5, age=9000, ConsumerGroupHeartbeat=2), True),
        ({"brokers": {}}, None),
    ],
    ids=["3.6", "3.6 at first", "no coordinator", "4.3 at first", "4.3", "named", "nothing"],
)
def test_whether_the_broker_has_the_newer_group_protocol(told: dict[str, Any], known: bool | None) -> None:
    assert has_protocol(told) is known
