"""What `stringx up` leaves for other programs: private files, replaced in one step."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from stringx.embedded import addresses
from stringx.embedded.addresses import Addresses
from stringx.embedded.home import Home
from stringx.embedded.ports import HOST, any_free, next_free
from stringx.errors import ConfigurationError

FOUND = Addresses(
    api="http://127.0.0.1:5001", runner="http://127.0.0.1:5002", docs="http://127.0.0.1:8001", kafka="127.0.0.1:9092", kafka_kind="apache"
)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_addresses_are_read_as_they_were_written_by_their_owner_alone(tmp_path: Path) -> None:
    addresses.write(tmp_path, FOUND)
    assert addresses.read(tmp_path) == FOUND
    assert mode(tmp_path / "addresses.json") == 0o600


def test_there_are_no_addresses_before_the_first_start(tmp_path: Path) -> None:
    assert addresses.read(tmp_path) is None


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "addresses.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"addresses\.json"):
        addresses.read(tmp_path)


def test_a_token_is_made_once_and_private(tmp_path: Path) -> None:
    assert addresses.read_token(tmp_path, "api") is None
    token = addresses.ensure_token(tmp_path, "api")
    assert len(token) >= 32
    assert addresses.ensure_token(tmp_path, "api") == addresses.read_token(tmp_path, "api") == token
    assert addresses.ensure_token(tmp_path, "runner") != token
    assert mode(tmp_path / "tokens" / "api") == 0o600
    assert mode(tmp_path / "tokens") == 0o700


def test_the_next_free_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, any_free()))
        taken.listen()
        port = taken.getsockname()[1]
        assert next_free(port) > port


def test_a_port_that_is_promised_is_not_promised_again() -> None:
    port = any_free()
    assert next_free(port, but=frozenset({port})) > port


def test_a_home_has_one_owner_at_a_time(tmp_path: Path) -> None:
    first, second = Home(tmp_path / "home"), Home(tmp_path / "home")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_the_brokers_folder_has_an_owner_of_its_own(tmp_path: Path) -> None:
    up, broker = Home(tmp_path / "home"), Home(tmp_path / "home")
    assert broker.acquire_broker()
    assert up.acquire()
    assert not up.acquire_broker()
    assert up.broker_holder() == str(os.getpid())
    broker.release()
    assert up.acquire_broker()
    up.release()


def test_a_home_is_emptied_of_what_is_ours_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    addresses.write(tmp_path, FOUND)
    addresses.ensure_token(tmp_path, "api")
    for folder in (home.postgres, home.broker, home.processes, tmp_path / "letters"):
        folder.mkdir()
    (tmp_path / "diary.txt").write_text("mine")
    home.empty()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["diary.txt", "letters"]
