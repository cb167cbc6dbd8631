"""The runner's HTTP API in front of a runner that waits for as long as a test wants."""

from __future__ import annotations

import threading
from typing import Any, cast

import httpx2
import pytest
from pydantic import SecretStr

from stringx.model import ReportBatch
from stringx.runner import app as runner_app
from stringx.runner.app import create_app
from stringx.settings import Settings

TOKEN = "the-token"
PATH = "/v1/reports?installation=x&wait=60"


class Waiting:
    """Has no report until it is told to answer."""

    ready = True
    broken = False

    def __init__(self) -> None:
        self.polled = threading.Semaphore(0)
        self.answer = threading.Event()

    def on_broken(self, _tell: object) -> None: ...

    def reports(self, _installation: str, wait_seconds: float) -> ReportBatch:
        if wait_seconds:
            self.polled.release()
            assert self.answer.wait(60)
        return ReportBatch(boot="b" if wait_seconds else "at once")


def test_polls_beyond_the_cap_are_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_app, "WAITING_POLLS", 2)
    runner = Waiting()
    app = create_app(cast(Any, runner), Settings(runner_token=SecretStr(TOKEN)))
    boots: list[str] = []

    def poll() -> None:
        with http(app) as client:
            boots.append(client.get(PATH).json()["boot"])

    threads = [threading.Thread(target=poll) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert runner.polled.acquire(timeout=60)
    poll()
    assert boots == ["at once"]
    runner.answer.set()
    for thread in threads:
        thread.join(60)
    poll()
    assert boots == ["at once", "b", "b", "b"], "who has been answered makes room"


def http(app: Any) -> httpx2.Client:
    return httpx2.Client(transport=httpx2.WSGITransport(app=app), base_url="http://runner", headers={"Authorization": f"Bearer {TOKEN}"})
