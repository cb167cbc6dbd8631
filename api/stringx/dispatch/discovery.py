"""Finds the replicas of a runner: every address that its name leads to is one."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from stringx.errors import RunnerUnavailable


def resolve(url: str) -> tuple[str, ...]:
    """The URL of each replica behind `url`, sorted; raises RunnerUnavailable where the name does not resolve.

    Over TLS a name stands for one replica: a certificate is for the name, and not for the addresses.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname is None:
        return (url,)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except OSError as error:
        raise RunnerUnavailable(f"{parts.hostname}: {error.strerror or error}") from error
    addresses = {(family, str(address[0])) for family, _, _, _, address in found}
    # A replica that has both an IPv4 and an IPv6 address would be counted twice.
    wanted = socket.AF_INET if any(family == socket.AF_INET for family, _ in addresses) else socket.AF_INET6
    port = f":{parts.port}" if parts.port is not None else ""
    return tuple(
        sorted(
            f"http://{f'[{address}]' if family == socket.AF_INET6 else address}{port}{parts.path}"
            for family, address in addresses
            if family == wanted
        )
    )
