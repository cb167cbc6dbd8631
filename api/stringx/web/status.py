"""`/v1/status` and `/metrics`: how the backend and its runners do, for people and for Prometheus."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, jsonify

from stringx import metrics
from stringx.model import BackendStatus
from stringx.store.database import transaction
from stringx.store.status import status
from stringx.web.backend import backend
from stringx.web.query import NoParameters

blueprint = APIBlueprint("status", __name__, tag="Status")


@blueprint.get("/v1/status")
@blueprint.input(NoParameters, location="query", arg_name="_none")
@blueprint.output(BackendStatus, description="The queue, the outbox, the dispatchers, and the replicas of runners that they speak to.")
@blueprint.doc(operation_id="getStatus")
def get_status(_none: NoParameters) -> Response:
    """How the backend and its runners do"""
    return jsonify(_status().as_json())


@blueprint.get("/metrics")
@blueprint.input(NoParameters, location="query", arg_name="_none")
@blueprint.doc(operation_id="getMetrics", responses={200: "The metrics, in Prometheus' text format."})
def get_metrics(_none: NoParameters) -> Response:
    """The same as metrics, for Prometheus"""
    return Response(metrics.exposition(_status()), content_type=metrics.CONTENT_TYPE)


def _status() -> BackendStatus:
    with transaction(backend().engine) as connection:
        return status(connection, backend().settings.lease_seconds)
