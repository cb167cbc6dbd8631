"""`/schemas/…`: what an editor completes a gate file by."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr

from stringx.schemas import NAMES, path
from stringx.settings import Settings
from stringx.store.database import connect
from stringx.web.app import create_app


@pytest.fixture
def api() -> Any:
    settings = Settings(database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"), api_token=SecretStr("secret"))
    return create_app(settings, connect(settings)).test_client()


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_served_to_whoever_asks(api: Any, name: str) -> None:
    response = api.get(f"/schemas/{name}.json")
    assert (response.status_code, response.content_type) == (200, "application/schema+json")
    assert response.json == json.loads(path(name).read_text())


@pytest.mark.parametrize("name", ["gate.v2.json", "__init__.py", "gate.v1", "☃"])
def test_what_is_no_schema_is_404_and_told_what_there_is(api: Any, name: str) -> None:
    response = api.get(f"/schemas/{name}")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert "there are gate.v1.json, trigger.v1.json, verdict.v1.json" in response.json["detail"]
