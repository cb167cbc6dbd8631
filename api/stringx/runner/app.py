"""The runner over HTTP: JSON in, JSON out, errors as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from flask import Flask, Response, request
from pydantic import ValidationError

from stringx import logs
from stringx.bearer import require_token
from stringx.errors import Invalid, Malformed, NotFound, RunnerBusy, Unavailable
from stringx.http_problems import Problem, problem_of, response_to
from stringx.model import TABLE_NAME, Value, fault_text
from stringx.runner.port import AckBody, CancelBody, RunsBody, ValidateBody
from stringx.runner.service import Runner
from stringx.settings import Settings

log = logs.get(__name__)

MAX_BODY_BYTES = 64 * 2**20
#: A longer wait would outlive what proxies and clients bear.
LONGEST_WAIT_SECONDS = 60.0
#: Requests that may wait for reports at a time; others of this process's threads answer probes and take runs.
WAITING_POLLS = 8
#: Questions that are answered at a time: each takes a thread and a process.
ANSWERING = 2
_PROBES = ("livez", "readyz")

_Body = TypeVar("_Body", bound=Value)


def end_process() -> None:
    """Ends this process in order; whoever supervises it (gunicorn's master) starts another."""
    os.kill(os.getpid(), signal.SIGTERM)


def create_app(runner: Runner, settings: Settings, *, when_broken: Callable[[], None] = end_process) -> Flask:
    """The WSGI application in front of a runner that was started. ConfigurationError where there is no token.

    `when_broken` is called when the runner has failed by a fault of ours, which only a new process mends.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    require_token(app, settings.required("runner_token"), setting="STRINGX_RUNNER_TOKEN", realm="stringx runner", but=_PROBES)
    app.register_error_handler(Exception, _answer_error)
    runner.on_broken(when_broken)
    _add_probes(app, runner)
    _add_runs(app, runner)
    _add_reports(app, runner)
    _add_inquiries(app, runner)
    return app


def _add_probes(app: Flask, runner: Runner) -> None:
    @app.get("/livez")
    def livez() -> Response:
        if runner.broken:
            raise Unavailable("a pool of workers has failed; only a new process mends it")
        return _json({"status": "alive"})

    @app.get("/readyz")
    def readyz() -> Response:
        if not runner.ready:
            raise Unavailable("not every target has a dbt project in charge; GET /v1/status says why")
        return _json({"status": "ready"})


def _add_runs(app: Flask, runner: Runner) -> None:
    @app.post("/v1/runs")
    def submit() -> Response:
        body = _body(RunsBody)
        return _value(runner.submit(body.installation, body.runs), HTTPStatus.ACCEPTED)

    @app.get("/v1/runs/<run>")
    def state(run: str) -> Response:
        found = runner.state(_installation(), run)
        if found is None:
            raise NotFound(f"this runner has no run {run}")
        return _json({"run": run, "attempt": found[0], "state": found[1]})

    @app.post("/v1/runs/<run>/cancel")
    def cancel(run: str) -> Response:
        if not runner.cancel(_body(CancelBody).installation, run):
            raise NotFound(f"this runner has no run {run}")
        return _json({"run": run}, HTTPStatus.ACCEPTED)


def _add_reports(app: Flask, runner: Runner) -> None:
    waiting = threading.BoundedSemaphore(WAITING_POLLS)

    @app.get("/v1/reports")
    def reports() -> Response:
        installation, seconds = _installation(), _wait_seconds()
        if not seconds or not waiting.acquire(blocking=False):
            return _value(runner.reports(installation, 0))  # what is there; who asked too often asks again
        try:
            return _value(runner.reports(installation, seconds))
        finally:
            waiting.release()

    @app.post("/v1/reports/ack")
    def acknowledge() -> Response:
        body = _body(AckBody)
        runner.acknowledge(body.installation, body.finished)
        return Response(status=HTTPStatus.NO_CONTENT)

    @app.get("/v1/status")
    def status() -> Response:
        return _value(runner.status(_installation()))


def _add_inquiries(app: Flask, runner: Runner) -> None:
    answering = threading.BoundedSemaphore(ANSWERING)

    def answered(ask: Callable[[], Value]) -> Response:
        if not answering.acquire(blocking=False):
            raise RunnerBusy(f"it answers {ANSWERING} such questions already", 1.0)
        try:
            return _value(ask())
        finally:
            answering.release()

    @app.post("/v1/validate")
    def validate() -> Response:
        gates = _body(ValidateBody).gates
        return answered(lambda: runner.validate(gates))

    @app.get("/v1/tables/<name>")
    def table(name: str) -> Response:
        target = request.args.get("target")
        if target is None:
            raise Invalid("is missing: name an output of the dbt profile", field="target")
        if not TABLE_NAME.fullmatch(name):
            raise Invalid("must be schema.table or database.schema.table", field="name")
        return answered(lambda: runner.table(name, target))


# --- reading ---


def _body(kind: type[_Body]) -> _Body:
    """The request's JSON as a value; Malformed where it is no JSON, Invalid where a field is wrong."""
    raw = request.get_data(cache=False)
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        if fault["type"] == "json_invalid":
            raise Malformed(fault_text(fault)) from None
        raise Invalid(fault_text(fault), field=".".join(str(part) for part in fault["loc"])) from None


def _installation() -> str:
    installation = request.args.get("installation")
    if installation is None:
        raise Invalid("is missing", field="installation")
    return installation


def _wait_seconds() -> float:
    text = request.args.get("wait", "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_WAIT_SECONDS:
        raise Invalid(f"must be seconds from 0 to {LONGEST_WAIT_SECONDS:g}", field="wait")
    return seconds


# --- answering ---


def _value(value: Value, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(value.model_dump_json(), status, content_type="application/json")


def _json(data: dict[str, object], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(json.dumps(data), status, content_type="application/json")


def _answer_error(error: Exception) -> Response:
    if isinstance(error, RunnerBusy):
        problem = Problem(HTTPStatus.TOO_MANY_REQUESTS, "busy", str(error))
        return response_to(error, problem, retry_after_seconds=max(1, round(error.retry_after_seconds)))
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request failed", method=request.method, path=request.path, exc_info=error)
    return response_to(error, problem)
