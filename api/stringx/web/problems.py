"""The API's errors as `application/problem+json`: what they are beyond those of any service of ours."""

from __future__ import annotations

from http import HTTPStatus

from apiflask import APIFlask, HTTPError
from flask import Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from stringx import http_problems, logs
from stringx.errors import Conflict, DatabaseUnavailable, StringXError, TooLarge, Unavailable
from stringx.http_problems import Problem
from stringx.model import fault_text
from stringx.triggers.parse import allowed_bytes
from stringx.web import gate_body, gate_changes, triggers
from stringx.web.backend import backend
from stringx.web.gate_body import InvalidGate
from stringx.web.query import UNKNOWN_PARAMETER

log = logs.get(__name__)

#: Seconds after which a client may try again when a part of ours does not answer.
RETRY_AFTER_SECONDS = 2


def problem_of(error: Exception) -> Problem:
    """What an error is over HTTP; its status is decided here and nowhere else."""
    match error:
        case Conflict():
            # A known id with another content is a fault of the request's content; other conflicts are with the state of a thing.
            status = error.status if request.blueprint == triggers.blueprint.name else HTTPStatus.CONFLICT
            return Problem(status, error.code, error.reason, error.field)
        case DatabaseUnavailable():
            # Its text may name hosts and users of the internal network.
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "the database does not answer; try again later")
        case HTTPError(__cause__=ValidationError() as cause):  # APIFlask's: a query parameter that does not fit its model
            fault = cause.errors(include_url=False, include_input=False)[0]
            if fault["type"] == UNKNOWN_PARAMETER:
                return Problem(HTTPStatus.BAD_REQUEST, UNKNOWN_PARAMETER, fault_text(fault), fault["ctx"]["name"])
            return Problem(error.status_code, "invalid", fault_text(fault), ".".join(str(part) for part in fault["loc"]))
        case InvalidGate():
            problems = [fault.as_json() for fault in error.faults]
            return Problem(error.status, error.code, error.reason, error.field, problems)
        case RequestEntityTooLarge() if request.blueprint == gate_changes.blueprint.name:
            return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TooLarge.code, gate_body.TOO_LARGE)
        case RequestEntityTooLarge():
            detail = f"the body is too large: it {allowed_bytes(backend().settings)}"
            return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TooLarge.code, detail)
        case _:
            return http_problems.problem_of(error)


def answer(error: Exception) -> Response:
    """The response to an error; what is our fault is logged, with its traceback unless somebody foresaw it."""
    problem = problem_of(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        expected = isinstance(error, Unavailable)
        fields = {"method": request.method, "path": request.path, "status": int(problem.status), "error": str(error)}
        log.error("request failed", **fields, exc_info=None if expected else error)
    later = RETRY_AFTER_SECONDS if problem.status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return http_problems.response_to(error, problem, retry_after_seconds=later)


def answer_errors(app: APIFlask) -> None:
    """Has `answer` answer every error of the application, those of the framework and the unforeseen included."""
    app.error_processor(answer)
    for kind in (HTTPError, HTTPException, StringXError, Exception):
        app.register_error_handler(kind, answer)
