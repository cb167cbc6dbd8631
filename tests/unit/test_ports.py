"""Ports are chosen by one start at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from stringx.embedded import ports
from stringx.embedded.ports import one_start_at_a_time


def test_a_second_start_says_that_it_waits_and_begins_when_the_first_one_has_its_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports.tempfile, "gettempdir", lambda: str(tmp_path))
    waits, begun = threading.Event(), threading.Event()

    def second() -> None:
        with one_start_at_a_time(lambda _line: waits.set()):
            begun.set()

    other = threading.Thread(target=second)
    with one_start_at_a_time(pytest.fail):
        other.start()
        assert waits.wait(30)
        assert not begun.is_set()
    assert begun.wait(30)
    other.join()
