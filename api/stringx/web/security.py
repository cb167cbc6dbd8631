"""The bearer token: asked for by everything but the probes, unknown paths included."""

from __future__ import annotations

import hmac

from flask import Flask, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from stringx.errors import ConfigurationError
from stringx.web import health


def require_token(app: Flask, token: str) -> None:
    """Refuses every request but the probes with 401 unless it carries `token`; compared in constant time."""
    if not token.strip():
        raise ConfigurationError("STRINGX_API_TOKEN is empty: anybody could use the API")
    expected = token.encode()

    def check() -> None:
        if request.endpoint in health.ENDPOINTS:
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("latin-1", "replace"), expected):
            raise Unauthorized(
                "a bearer token is needed: send the header 'Authorization: Bearer <STRINGX_API_TOKEN>'",
                www_authenticate=WWWAuthenticate("bearer", {"realm": "stringx"}),
            )

    app.before_request(check)
