"""`/livez` and `/readyz`: probes, without a token."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, jsonify

from stringx.errors import Unavailable
from stringx.store import migrations
from stringx.store.database import transaction
from stringx.web.backend import backend

blueprint = APIBlueprint("health", __name__, tag="Health")

#: What is answered without a token.
ENDPOINTS = ("health.livez", "health.readyz")


@blueprint.get("/livez")
@blueprint.doc(operation_id="livez", responses={200: "The process answers."})
def livez() -> Response:
    """Whether the process answers; it asks nobody else"""
    return jsonify({"status": "alive"})


@blueprint.get("/readyz")
@blueprint.doc(operation_id="readyz", responses={200: "The database answers and has this program's tables."})
def readyz() -> Response:
    """Whether it can serve: the database answers and is migrated"""
    with transaction(backend().engine) as connection:
        if not migrations.done(connection):
            raise Unavailable("the database is not migrated to this version: run `stringx migrate`")
    return jsonify({"status": "ready"})
