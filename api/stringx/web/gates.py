"""`/v1/gates`: the gates in force, and whether their tables' data may be used."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, jsonify, request

from stringx.model import DEFAULT_WORKSPACE, GateDetail, GateList, GateStatus, WorkspaceName
from stringx.store import views
from stringx.store.database import transaction
from stringx.web.backend import backend
from stringx.web.query import Query

blueprint = APIBlueprint("gates", __name__, tag="Gates", url_prefix="/v1/gates")


class AnyWorkspace(Query):
    workspace: WorkspaceName | None = None


class OneWorkspace(Query):
    workspace: WorkspaceName = DEFAULT_WORKSPACE


@blueprint.get("")
@blueprint.input(AnyWorkspace, location="query", arg_name="asked")
@blueprint.output(GateList, description="The gates, by workspace and table.")
@blueprint.doc(operation_id="listGates")
def list_gates(asked: AnyWorkspace) -> Response:
    """The gates in force"""
    with transaction(backend().engine) as connection:
        gates = GateList(gates=views.list_gates(connection, asked.workspace))
    return jsonify(gates.as_json())


@blueprint.get("/<table>")
@blueprint.input(OneWorkspace, location="query", arg_name="asked")
@blueprint.output(GateDetail, description="The version in force, with its rules.")
@blueprint.doc(operation_id="getGate")
def get_gate(table: str, asked: OneWorkspace) -> Response:
    """The gate of a table; 304 where `If-None-Match` names the version in force"""
    with transaction(backend().engine) as connection:
        gate = views.gate(connection, asked.workspace, table)
    response = jsonify(gate.as_json())
    response.headers["ETag"] = gate.etag
    response.make_conditional(request)
    return response


@blueprint.get("/<table>/status")
@blueprint.input(OneWorkspace, location="query", arg_name="asked")
@blueprint.output(GateStatus, description="Open, closed, or not judged yet; and the slices that are still closed.")
@blueprint.doc(operation_id="getGateStatus")
def get_gate_status(table: str, asked: OneWorkspace) -> Response:
    """Whether a table's data may be used: its newest trigger's verdict, and beside it the slices that are still closed"""
    with transaction(backend().engine) as connection:
        status = views.gate_status(connection, asked.workspace, table)
    return jsonify(status.as_json())
