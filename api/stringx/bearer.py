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
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("latin-1", "replace"), expected):
            raise Unauthorized(
                f"a bearer token is needed: send the header 'Authorization: Bearer <{setting}>'",
                www_authenticate=WWWAuthenticate("bearer", {"realm": realm}),
            )

    app.before_request(check)
