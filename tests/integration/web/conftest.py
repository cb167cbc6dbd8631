"""A served API with one gate, on a fresh database."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
import structlog
from served import Served, flights_gate
from serving import serving

from stringx.client import Client
from stringx.gates.files import GateFile
from stringx.settings import Settings
from stringx.store import gates
from stringx.store.database import connect, transaction
from stringx.web.app import create_app


@pytest.fixture
def served(make_settings: Callable[..., Settings]) -> Iterator[Served]:
    # Not to where the output of a command goes that runs in this process.
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(sys.stdout))
    settings = make_settings(api_waiters=2)
    engine = connect(settings)
    with transaction(engine) as connection:
        gates.apply(connection, [GateFile(flights_gate(), "default/raw.flights.yaml")])
    app = create_app(settings, engine)
    with serving(app) as url:
        with Client(url, settings.required("api_token")) as client:
            yield Served(settings, engine, app, url, client)
        app.extensions["stringx"].waiters.close()
    assert app.extensions["stringx"].waiters.join(30)
    engine.dispose()
    structlog.reset_defaults()
