"""The dbt docs portal: makes the docs anew whenever the dbt project or the gate files change, and serves the newest ones.

While the first are being made, and when dbt fails, it serves a page that says so, with dbt's own message.
"""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from flask import Flask, Response, render_template_string, send_from_directory

from stringx import logs
from stringx.runner.artifacts import SERVED, Closed, Docs, DocsFailed, generate
from stringx.runner.background import Background
from stringx.runner.project_copy import project_signature
from stringx.runner.state_folder import StateFolder
from stringx.settings import Settings

log = logs.get(__name__)

LOOK_SECONDS = 2.0

#: dbt's page brings all that it needs with it; what it would send elsewhere, it must not.
_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'self'; base-uri 'self'; form-action 'none'"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{% if refresh_seconds %}<meta http-equiv="refresh" content="{{ refresh_seconds }}">{% endif %}
<title>{{ title }} · StringX</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 4rem auto; padding: 0 1.5rem; color: #1c2733; background: #fff; }
pre { background: #f4f6f8; border-left: 4px solid #b3261e; padding: 1rem; overflow-x: auto; white-space: pre-wrap; }
@media (prefers-color-scheme: dark) { body { color: #e6e9ec; background: #14181d; } pre { background: #1f262d; } }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p>{{ text }}</p>
{% if message %}<pre>{{ message }}</pre>{% endif %}
</body>
</html>
"""


@dataclass(frozen=True)
class State:
    """What is served; replaced as a whole, never changed."""

    #: the newest docs; None until there were some
    docs: Docs | None = None
    #: why there are no newer ones
    error: str | None = None


class DocsPortal(Background):
    """Makes docs in a thread of its own; `state` is what there is to serve. `close` stops a dbt that runs, too."""

    def __init__(self, settings: Settings, *, look_seconds: float = LOOK_SECONDS) -> None:
        """OSError where STRINGX_HOME cannot be written."""
        super().__init__("docs", self._keep_up, daemon=False)  # it stops its dbt
        self._settings = settings
        self._look_seconds = look_seconds
        self._folder = StateFolder(settings.home / "docs", uuid.uuid4().hex)
        self.state = State()

    def _keep_up(self) -> None:
        """Until it is closed: docs of each state of the project that has come to rest."""
        known: str | None = None
        number = 0
        while True:
            now = self._look()
            if now != known and (known is None or self._at_rest(now)):
                known = now
                number += 1
                self._make(self._folder.work / str(number))
            if self.closed.wait(self._look_seconds):
                break
        self._folder.release()

    def _at_rest(self, now: str) -> bool:
        """Not in the middle of a `git pull`: nothing changes any more."""
        return not self.closed.wait(self._look_seconds) and self._look() == now

    def _look(self) -> str:
        settings = self._settings
        try:
            return "".join(project_signature(folder, settings.profiles_dir) for folder in (settings.dbt_project_dir, settings.gates_dir))
        except OSError as error:  # unreadable is a state as any other: making docs of it tells
            return str(error)

    def _make(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        older = self.state.docs
        try:
            docs = generate(self._settings, folder, self.closed)
        except Closed:
            return
        except (DocsFailed, OSError) as error:
            self.state = State(older, str(error))
            log.error("docs failed", error=str(error))
            shutil.rmtree(folder, ignore_errors=True)
            return
        self.state = State(docs)
        for rule, reason in docs.left_out.items():
            log.warning("rule left out of the docs", rule=rule, reason=reason)
        log.info("docs made", rules_left_out=len(docs.left_out))
        if older is not None:
            shutil.rmtree(older.folder.parent, ignore_errors=True)


def create_app(portal: DocsPortal) -> Flask:
    """The WSGI application in front of a portal that was started."""
    app = Flask(__name__, static_folder=None)

    @app.get("/livez")
    def livez() -> tuple[dict[str, str], HTTPStatus]:
        return {"status": "alive"}, HTTPStatus.OK

    @app.get("/readyz")
    def readyz() -> tuple[dict[str, str], HTTPStatus]:
        state = portal.state
        if state.error is not None:
            return {"status": "failed"}, HTTPStatus.SERVICE_UNAVAILABLE
        if state.docs is None:
            return {"status": "being made"}, HTTPStatus.SERVICE_UNAVAILABLE
        return {"status": "ready"}, HTTPStatus.OK

    @app.get("/")
    def index() -> Response:
        state = portal.state
        if state.error is not None:
            return _page("The docs could not be made", "Mend what is said here; the docs are made again by themselves.", state.error)
        if state.docs is None:
            return _page("The docs are being made", "dbt reads the project and the catalog; this page looks again by itself.")
        return send_from_directory(state.docs.folder, "index.html", max_age=0)

    @app.get("/<name>")
    def file(name: str) -> Response | tuple[dict[str, str], HTTPStatus]:
        docs = portal.state.docs
        if name not in SERVED or docs is None:
            return {"detail": "there is no such page"}, HTTPStatus.NOT_FOUND
        return send_from_directory(docs.folder, name, max_age=0)

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return app


def _page(title: str, text: str, message: str | None = None) -> Response:
    page = render_template_string(_PAGE, title=title, text=text, message=message, refresh_seconds=3)
    return Response(page, HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "3", "Cache-Control": "no-store"})
