"""Errors as `application/problem+json` (RFC 9457), alike for all our HTTP services."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

from stringx.errors import NotFound, Refusal, Unavailable

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    status: int
    #: stable, for machines; part of `type`
    code: str
    detail: str
    #: dotted path of the field that is wrong
    field: str | None = None
    #: where several things are wrong, each of them
    problems: Sequence[Mapping[str, Any]] = ()


def problem_of(error: Exception) -> Problem:
    """What an error is over HTTP. An error that nobody raised on purpose tells nothing of itself."""
    match error:
        case Refusal():
            return Problem(error.status, error.code, error.reason, error.field)
        case NotFound():
            return Problem(HTTPStatus.NOT_FOUND, "not_found", str(error))
        case Unavailable():
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", str(error))
        case HTTPException(code=int(code)):
            return Problem(code, error.name.lower().replace(" ", "_"), error.description or error.name)
        case _:
            return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "an error of StringX's own; its log says more")


def body_of(problem: Problem) -> str:
    """The JSON that tells it."""
    body = {
        "type": f"urn:stringx:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": int(problem.status),
        "detail": problem.detail,
        "code": problem.code,
        **({"field": problem.field} if problem.field else {}),
        **({"problems": list(problem.problems)} if problem.problems else {}),
    }
    return json.dumps(body, ensure_ascii=False)


def response_to(error: Exception, problem: Problem, *, retry_after_seconds: int | None = None) -> Response:
    """The answer to a request that ended with `error`."""
    response = Response(body_of(problem), problem.status, content_type=CONTENT_TYPE)
    if isinstance(error, HTTPException):  # `Allow` of a 405, `WWW-Authenticate` of a 401
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
    if retry_after_seconds is not None:
        response.headers["Retry-After"] = str(retry_after_seconds)
    if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        # What was not read of the body would be taken for the next request.
        response.headers["Connection"] = "close"
    return response
