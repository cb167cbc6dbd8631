"""The bearer token of our HTTP services: asked for by everything but the probes, unknown paths included."""

from __future__ import annotations

import hmac
from collections.abc import Collection

from flask import Flask, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from stringx.errors import ConfigurationError


def require_token(app: Flask, token: str, *, setting: str, realm: str, but: Collection[str]) -> None:
    """Refuses every request with 401 unless it carries `token`, compared in constant time, or its endpoint is one of `but`.

    `setting` is the variable that holds the token: whoever is refused is told its name. ConfigurationError where it is blank.
    """
    if not token.strip():
        raise ConfigurationError(f"{setting} is empty: anybody could use the API")
    expected = token.encode()

    def check() -> None:
        if request.endpoint in but:
            return
        why = _refusal(request.headers.get("Authorization", ""), expected)
        if why is not None:
            raise Unauthorized(
                f"{why}: send the header 'Authorization: Bearer <{setting}>'", www_authenticate=WWWAuthenticate("bearer", {"realm": realm})
            )

    app.before_request(check)


def _refusal(header: str, expected: bytes) -> str | None:
    """What is wrong with an Authorization header, without a word of it: what is no `Bearer` may be a token all the same."""
    scheme, _, given = header.strip().partition(" ")
    if not header.strip() or (scheme.lower() == "bearer" and not given.strip()):
        return "there is no bearer token"
    if scheme.lower() != "bearer":
        return "the header Authorization has no bearer token"
    return (
        None
        if hmac.compare_digest(given.strip().encode("latin-1", "replace"), expected)
        else "the bearer token is not the one of this service"
    )
