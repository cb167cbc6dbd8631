"""A runner's name stands for all its addresses."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from stringx.dispatch.discovery import resolve
from stringx.errors import RunnerUnavailable


def answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Has the name server say so."""

    def getaddrinfo(_host: str, port: int, **_: Any) -> list[Any]:
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
        return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in zip(families, addresses, strict=True)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_every_address_is_a_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "10.0.0.7", "10.0.0.3", "10.0.0.7")
    assert resolve("http://runner:5002") == ("http://10.0.0.3:5002", "http://10.0.0.7:5002")


def test_a_replica_with_addresses_of_both_families_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "::1", "127.0.0.1")
    assert resolve("http://localhost:5002") == ("http://127.0.0.1:5002",)


def test_an_ipv6_address_stands_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "fd00::7")
    assert resolve("http://runner:5002/dq") == ("http://[fd00::7]:5002/dq",)


def test_over_tls_a_name_is_one_replica() -> None:
    assert resolve("https://runner.example:443") == ("https://runner.example:443",)


def test_an_address_needs_no_name_server() -> None:
    assert resolve("http://127.0.0.1:5002") == ("http://127.0.0.1:5002",)


def test_a_name_that_does_not_resolve_is_a_runner_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(RunnerUnavailable, match="runner: Name or service not known"):
        resolve("http://runner:5002")
