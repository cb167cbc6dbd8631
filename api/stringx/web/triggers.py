"""`/v1/triggers`: the HTTP door, and what became of a trigger."""

from __future__ import annotations

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response, jsonify, request, url_for

from stringx import inbox
from stringx.model import Trigger, TriggerAnswer
from stringx.store import views
from stringx.store.database import transaction
from stringx.triggers.http import parse_request, preferred_wait
from stringx.web.backend import backend
from stringx.web.query import NoParameters

blueprint = APIBlueprint("triggers", __name__, tag="Triggers", url_prefix="/v1/triggers")

#: Seconds that one request may wait at most; a client that waits longer asks again.
LONGEST_WAIT_SECONDS = 300


@blueprint.post("")
@blueprint.input(NoParameters, location="query", arg_name="_none")
@blueprint.output(TriggerAnswer, status_code=202, description="Taken; its verdict is still to come.")
@blueprint.doc(operation_id="createTrigger")
def create_trigger(_none: NoParameters) -> Response:
    """Say that a table, or a slice of it, was loaded and wants a verdict

    The same id (of the body, of the CloudEvent, or as `Idempotency-Key`) with the same content is taken once and answered
    with what is stored; with another content it is refused. With `Prefer: wait=30` the answer waits up to 30 seconds for the
    verdict and then is 200; where too many requests wait already, it is 202 at once.
    """
    return accepted(parse_request(request.headers.items(), request.get_data(), backend().settings))


@blueprint.get("/<trigger_id>")
@blueprint.input(NoParameters, location="query", arg_name="_none")
@blueprint.output(TriggerAnswer, description="What became of it so far.")
@blueprint.doc(operation_id="getTrigger")
def get_trigger(trigger_id: str, _none: NoParameters) -> Response:
    """One trigger, and its verdict once there is one; `Prefer: wait=30` waits for it"""
    with transaction(backend().engine) as connection:
        trigger = views.trigger(connection, trigger_id)
    return _respond(_waited_for(trigger), HTTPStatus.OK)


def accepted(trigger: Trigger) -> Response:
    """Hands a trigger to the inbox and answers what became of it: 202, or 200 where nothing more will come of it."""
    with transaction(backend().engine) as connection:
        taken = inbox.accept(connection, backend().settings, trigger)
        stored = views.trigger(connection, taken.trigger)
    # What is new is answered 202 unless its sender asked to wait, even where it settled at once.
    waited = preferred_wait(request.headers.get("Prefer")) is not None
    answer = _waited_for(stored).model_copy(update={"duplicate": taken.duplicate})
    done = answer.settled and (waited or taken.duplicate)
    return _respond(answer, HTTPStatus.OK if done else HTTPStatus.ACCEPTED)


def _waited_for(trigger: TriggerAnswer) -> TriggerAnswer:
    seconds = preferred_wait(request.headers.get("Prefer"))
    if seconds is None:
        return trigger
    return backend().waiters.wait(trigger, min(seconds, LONGEST_WAIT_SECONDS))


def _respond(trigger: TriggerAnswer, status: HTTPStatus) -> Response:
    response = jsonify(trigger.as_json())
    response.status_code = status
    response.headers["Location"] = url_for("triggers.get_trigger", trigger_id=trigger.trigger)
    return response
