"""Every error as `application/problem+json` (RFC 9457), its status decided here and nowhere else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

from apiflask import APIFlask, HTTPError
from flask import Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from stringx import logs
from stringx.errors import Conflict, DatabaseUnavailable, NotFound, Refusal, StringXError, TooLarge, Unavailable
from stringx.web import triggers

log = logs.get(__name__)

CONTENT_TYPE = "application/problem+json"

#: Seconds after which a client may try again when a part of ours does not answer.
RETRY_AFTER_SECONDS = 2


@dataclass(frozen=True)
class Problem:
    status: int
    #: stable, for machines; part of `type`
    code: str
    detail: str
    #: dotted path of the field that is wrong
    field: str | None = None


def problem_of(error: Exception) -> Problem:
    """What an error is over HTTP. An error that nobody raised on purpose tells nothing of itself."""
    match error:
        case Conflict():
            # A known id with another content is a fault of the request's content; other conflicts are with the state of a thing.
            status = error.status if request.blueprint == triggers.blueprint.name else HTTPStatus.CONFLICT
            return Problem(status, error.code, error.reason, error.field)
        case Refusal():
            return Problem(error.status, error.code, error.reason, error.field)
        case NotFound():
            return Problem(HTTPStatus.NOT_FOUND, "not_found", str(error))
        case DatabaseUnavailable():
            # Its text may name hosts and users of the internal network.
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "the database does not answer; try again later")
        case Unavailable():
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", str(error))
        case HTTPError(__cause__=ValidationError() as cause):  # APIFlask's: a query parameter that does not fit its model
            fault = cause.errors(include_url=False, include_input=False)[0]
            detail = "no such parameter" if fault["type"] == "extra_forbidden" else fault["msg"]
            return Problem(error.status_code, "invalid", detail, ".".join(str(part) for part in fault["loc"]))
        case RequestEntityTooLarge():
            return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TooLarge.code, "the body is too large: name the data, do not send it")
        case HTTPException(code=int(code)):
            return Problem(code, error.name.lower().replace(" ", "_"), error.description or error.name)
        case _:
            return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "an error of StringX's own; its log says more")


def answer(error: Exception) -> Response:
    """The response to an error; what is our fault is logged, with its traceback unless somebody foresaw it."""
    problem = problem_of(error)
    body = {
        "type": f"urn:stringx:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": int(problem.status),
        "detail": problem.detail,
        "code": problem.code,
        **({"field": problem.field} if problem.field else {}),
    }
    response = Response(json.dumps(body, ensure_ascii=False), problem.status, content_type=CONTENT_TYPE)
    if isinstance(error, HTTPException):  # `Allow` of a 405, `WWW-Authenticate` of a 401
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        # What was not read of the body would be taken for the next request.
        response.headers["Connection"] = "close"
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        expected = isinstance(error, Unavailable)
        fields = {"method": request.method, "path": request.path, "status": int(problem.status), "error": str(error)}
        log.error("request failed", **fields, exc_info=None if expected else error)
    return response


def answer_errors(app: APIFlask) -> None:
    """Has `answer` answer every error of the application, those of the framework and the unforeseen included."""
    app.error_processor(answer)
    for kind in (HTTPError, HTTPException, StringXError, Exception):
        app.register_error_handler(kind, answer)
