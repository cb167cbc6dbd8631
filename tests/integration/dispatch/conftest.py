"""A backend with queued runs and without doors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from queued import Store

from stringx.settings import Settings
from stringx.store.database import connect


@pytest.fixture
def store(make_settings: Callable[..., Settings]) -> Iterator[Store]:
    settings = make_settings(lease_seconds=60.0, max_attempts=3)
    engine = connect(settings)
    yield Store(settings, engine)
    engine.dispose()
