"""A backend with queued runs and without doors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_publisher import FakeKafka
from fake_runner import FakeRunner
from queued import Start, Store, stop

from stringx.dispatch.dispatcher import Dispatcher
from stringx.settings import Settings
from stringx.store.database import connect


@pytest.fixture
def store(make_settings: Callable[..., Settings]) -> Iterator[Store]:
    settings = make_settings(lease_seconds=60.0, max_attempts=3)
    engine = connect(settings)
    yield Store(settings, engine)
    engine.dispose()


@pytest.fixture
def start(make_settings: Callable[..., Settings]) -> Iterator[Start]:
    """Starts a dispatcher for some runners; all of them are stopped after the test."""
    running: list[Dispatcher] = []

    def begin(*runners: FakeRunner, inline: FakeRunner | None = None, kafka: FakeKafka | None = None, **changes: Any) -> Dispatcher:
        defaults: dict[str, Any] = {
            "lease_seconds": 60.0,
            "runner_discovery_seconds": 0.1,
            "stop_grace_seconds": 0.5,
            "inline_targets": ("demo",) if inline else (),
        }
        settings = make_settings(**(defaults | changes))
        ports = {runner.address: runner for runner in runners}
        dispatcher = Dispatcher(
            settings,
            connect(settings),
            inline,
            connect=lambda address: ports[address],
            publisher=(kafka or FakeKafka()).publisher,
            find=lambda _url: tuple(ports),
        )
        dispatcher.start()
        running.append(dispatcher)
        return dispatcher

    yield begin
    for dispatcher in running:
        stop(dispatcher)
