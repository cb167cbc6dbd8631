"""What `stringx up` tells its processes, before anything is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from stringx.embedded import demo
from stringx.embedded.home import Home
from stringx.embedded.postgres import EmbeddedPostgres
from stringx.embedded.stack import Stack
from stringx.settings import Settings


class Server:
    """In place of a Postgres: it has everything already."""

    def ensure_database(self, *_: Any) -> None: ...
    def ensure_login(self, *_: Any) -> None: ...
    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}:secret@127.0.0.1:1/{database}"


def test_the_demos_target_comes_to_the_users_own_inline_targets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STRINGX_INLINE_TARGETS", '["mine"]')
    monkeypatch.setattr(demo, "load", lambda _url: None)
    stack = Stack(Settings(home=tmp_path), Home(tmp_path), demo=True, say=lambda _line: None)
    stack._prepare_target(cast("EmbeddedPostgres", Server()))  # noqa: SLF001  # the parts that start servers are left out
    for process in ("dispatch", "gates"):
        assert json.loads(stack._environment(process)["STRINGX_INLINE_TARGETS"]) == ["mine", "demo"]  # noqa: SLF001
    assert stack._inline_targets == ("mine", "demo")  # noqa: SLF001
