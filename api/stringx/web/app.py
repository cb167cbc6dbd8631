"""The HTTP API as a WSGI application: `create_app(settings, engine)`. Nothing is connected to until the first request."""

from __future__ import annotations

import importlib.metadata
import time
from typing import TYPE_CHECKING, Any

from apiflask import APIFlask
from flask import Response, g, request

from stringx import logs
from stringx.bearer import require_token
from stringx.settings import Settings
from stringx.web import dead_letters, gate_changes, gates, health, openapi, problems, runs, schemas, status, triggers
from stringx.web.backend import Backend
from stringx.web.waiting import VerdictWaiters

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logs.get(__name__)


def create_app(settings: Settings, engine: Engine) -> APIFlask:
    """The API on a migrated internal database. ConfigurationError where there is no token to ask for."""
    app = APIFlask(
        __name__,
        title="StringX",
        version=importlib.metadata.version("stringx"),
        spec_path="/openapi.json",
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]  # Flask's own way to say that there is none
    )
    app.config.update(openapi.CONFIG)
    # One byte more than a trigger may have: of a body whose length was not announced, werkzeug reads so much and stops in silence.
    app.config["MAX_CONTENT_LENGTH"] = settings.max_trigger_bytes + 1
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    app.extensions["stringx"] = Backend(settings=settings, engine=engine, waiters=VerdictWaiters(settings, engine))
    app.before_request(_start_request)
    require_token(app, settings.required("api_token"), setting="STRINGX_API_TOKEN", realm="stringx", but=openapi.WITHOUT_TOKEN)
    problems.answer_errors(app)
    for part in (triggers, runs, gates, gate_changes, dead_letters, schemas, status, health):
        app.register_blueprint(part.blueprint)
    openapi.describe(app)
    app.after_request(_log_request)
    return app


def _start_request() -> None:
    g.started = time.monotonic()


def _log_request(response: Response) -> Response:
    if request.endpoint not in health.ENDPOINTS:
        fields: dict[str, Any] = {"method": request.method, "path": request.path, "status": response.status_code}
        log.info("request answered", **fields, duration_seconds=round(time.monotonic() - g.started, 4))
    return response
