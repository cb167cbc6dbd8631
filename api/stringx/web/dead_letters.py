"""`/v1/dead-letters`: Kafka records that were refused, and why."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, jsonify

from stringx.errors import NotFound
from stringx.model import DeadLetter, DeadLetterPage
from stringx.store import views
from stringx.store.database import transaction
from stringx.web.backend import backend
from stringx.web.query import NoParameters
from stringx.web.runs import Page

blueprint = APIBlueprint("dead_letters", __name__, tag="Dead letters", url_prefix="/v1/dead-letters")


@blueprint.get("")
@blueprint.input(Page, location="query", arg_name="page")
@blueprint.output(DeadLetterPage, description="A page of dead letters, the newest first.")
@blueprint.doc(operation_id="listDeadLetters")
def list_dead_letters(page: Page) -> Response:
    """Refused records, the newest first"""
    with transaction(backend().engine) as connection:
        letters = views.list_dead_letters(connection, limit=page.limit, before=page.cursor)
    return jsonify(letters.as_json())


@blueprint.get("/<letter_id>")
@blueprint.input(NoParameters, location="query", arg_name="_none")
@blueprint.output(DeadLetter, description="The record with its bytes, as text where they are UTF-8, else in base64.")
@blueprint.doc(operation_id="getDeadLetter")
def get_dead_letter(letter_id: str, _none: NoParameters) -> Response:
    """One refused record with its bytes"""
    if not (letter_id.isascii() and letter_id.isdigit() and len(letter_id) < 19):
        raise NotFound(f"there is no dead letter {letter_id!r}: its id is a number")
    with transaction(backend().engine) as connection:
        letter = views.dead_letter(connection, int(letter_id))
    return jsonify(letter.as_json())
