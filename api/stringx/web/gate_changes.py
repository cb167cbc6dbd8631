"""`/v1/gates/{table}`: putting a gate in force, taking it out, its versions. Whoever changes one says which version they have seen."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from apiflask import APIBlueprint
from flask import Response, jsonify, request
from pydantic import Field

from stringx.errors import NotFound, Stale, Unconditional
from stringx.model import (
    Author,
    GateChange,
    GateDetail,
    GatePlan,
    GateVersion,
    GateVersionDetail,
    GateVersionPage,
    Message,
    Signature,
)
from stringx.store import gates, views
from stringx.store.database import transaction
from stringx.store.status import status
from stringx.web.backend import backend
from stringx.web.gate_body import InvalidGate, read_gate, require_valid, served_by
from stringx.web.gates import OneWorkspace
from stringx.web.runs import Page

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stringx.gates.served import Served

blueprint = APIBlueprint("gate_changes", __name__, tag="Versions of gates", url_prefix="/v1/gates")

#: Who asked, where they do not say: the token names nobody.
AUTHOR = "api"


class Signed(OneWorkspace):
    take_over: bool = False
    author: Author = AUTHOR
    message: Message | None = None

    @property
    def signature(self) -> Signature:
        return {"author": self.author, "message": self.message}


class TakeOver(OneWorkspace):
    take_over: bool = False


class Rollback(Signed):
    #: the version whose content is to be in force again
    to: Annotated[int, Field(ge=1)]


class Versions(OneWorkspace, Page):
    pass


@blueprint.put("/<table>")
@blueprint.input(Signed, location="query", arg_name="asked")
@blueprint.output(GateDetail, description="In place of the version that `If-Match` names, or that very content was in force already.")
@blueprint.doc(operation_id="putGate")
def put_gate(table: str, asked: Signed) -> Response:
    """Put a gate in force: a new one (`If-None-Match: *`), or in place of the version that `If-Match` names

    The body is what a gate file is. Where a file manages the gate it is refused, 409, unless `take_over=true`: from then on
    `stringx gates apply` leaves the gate alone.
    """
    views.require_name(table)
    gate = read_gate(request, asked.workspace, table, _served())
    with transaction(backend().engine) as connection:
        present = _seen(connection, asked.workspace, table)
        gates.put(connection, gate, take_over=asked.take_over, **asked.signature)
        return _in_force(connection, asked.workspace, table, HTTPStatus.OK if present else HTTPStatus.CREATED)


@blueprint.post("/<table>/plan")
@blueprint.input(TakeOver, location="query", arg_name="asked")
@blueprint.output(GatePlan, description="What `PUT` would do, with each field that would change; or all that is wrong with the gate.")
@blueprint.doc(operation_id="planGate")
def plan_gate(table: str, asked: TakeOver) -> Response:
    """Validate a gate, and say what putting it in force would change; nothing is"""
    views.require_name(table)
    try:
        gate = read_gate(request, asked.workspace, table, _served())
    except InvalidGate as invalid:
        return jsonify(GatePlan(problems=invalid.faults, change=None).as_json())
    with transaction(backend().engine) as connection:
        change = gates.plan_put(connection, gate, take_over=asked.take_over).answer()
    return jsonify(GatePlan(problems=(), change=change).as_json())


@blueprint.delete("/<table>")
@blueprint.input(Signed, location="query", arg_name="asked")
@blueprint.output(GateChange, description="Withdrawn; its versions and runs stay.")
@blueprint.doc(operation_id="withdrawGate")
def withdraw_gate(table: str, asked: Signed) -> Response:
    """Take the version that `If-Match` names out of force: triggers of its table are `unmatched` from now on"""
    views.require_name(table)
    with transaction(backend().engine) as connection:
        _seen(connection, asked.workspace, table, required=True)
        change = gates.withdraw(connection, asked.workspace, table, by_file=asked.take_over, **asked.signature)
    return jsonify(change.answer().as_json())


@blueprint.post("/<table>/rollback")
@blueprint.input(Rollback, location="query", arg_name="asked")
@blueprint.output(GateDetail, description="The new version, with the content of the earlier one.")
@blueprint.doc(operation_id="rollbackGate")
def rollback_gate(table: str, asked: Rollback) -> Response:
    """Put an earlier version in force again, as a new one, in place of the version that `If-Match` names

    What is wrong with it by today's checks, or is not served any more, is refused as `PUT` refuses it.
    """
    views.require_name(table)
    served = _served()
    with transaction(backend().engine) as connection:
        earlier = gates.version(connection, asked.workspace, table, asked.to)
        present = _seen(connection, asked.workspace, table)
        require_valid(earlier.gate, served)
        gates.rollback(connection, asked.workspace, table, asked.to, take_over=asked.take_over, **asked.signature)
        return _in_force(connection, asked.workspace, table, HTTPStatus.OK if present else HTTPStatus.CREATED)


@blueprint.get("/<table>/versions")
@blueprint.input(Versions, location="query", arg_name="asked")
@blueprint.output(GateVersionPage, description="A page of versions, the newest first.")
@blueprint.doc(operation_id="listGateVersions")
def list_versions(table: str, asked: Versions) -> Response:
    """The versions of a gate, of a withdrawn one too: who applied and who withdrew each, when, and why"""
    with transaction(backend().engine) as connection:
        page = views.version_page(connection, asked.workspace, table, limit=asked.limit, before=asked.cursor)
    return jsonify(page.as_json())


@blueprint.get("/<table>/versions/<number>")
@blueprint.input(OneWorkspace, location="query", arg_name="asked")
@blueprint.output(GateVersionDetail, description="The version with its rules.")
@blueprint.doc(operation_id="getGateVersion")
def get_version(table: str, number: str, asked: OneWorkspace) -> Response:
    """One version of a gate, as it was when runs were judged by it"""
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise NotFound(f"there is no version {number!r}: versions are numbers")
    with transaction(backend().engine) as connection:
        version = views.version_detail(connection, asked.workspace, table, int(number))
    return jsonify(version.as_json())


def _served() -> Served | None:
    """In a transaction of its own: none is open while the body comes in."""
    settings = backend().settings
    with transaction(backend().engine) as connection:
        present = status(connection, settings.lease_seconds)
    return served_by(present, settings.kafka_triggers_topic)


def _seen(connection: Connection, workspace: str, table: str, *, required: bool = False) -> GateVersion | None:
    """The version in force, if any, as the request says that it has seen; until the transaction ends nobody else changes gates.

    Stale, Unconditional; NotFound where one is `required` and there is none.
    """
    gates.lock(connection)
    present = gates.current(connection, workspace, table)
    if present is None and required:
        raise NotFound(gates.absence(connection, workspace, table))
    _check_preconditions(present)
    return present


def _check_preconditions(present: GateVersion | None) -> None:
    """Stale, or Unconditional, unless the request says rightly what is in force (RFC 9110, 13.1; RFC 6585, 3)."""
    match, none_match = "If-Match" in request.headers, "If-None-Match" in request.headers
    if present is None:
        if match:
            raise Stale("no version of the gate is in force: send If-None-Match: * in place of If-Match", field="headers.If-Match")
        if not none_match:
            raise Unconditional("no version of the gate is in force: say so with If-None-Match: *", field="headers.If-None-Match")
        return
    newest = f"version {present.number} is in force, with the ETag {present.etag}"
    if none_match:
        raise Stale(f"{newest}: send that as If-Match to change it", field="headers.If-None-Match")
    if not match:
        raise Unconditional(f"{newest}: send as If-Match the one that you have seen", field="headers.If-Match")
    if present.etag.strip('"') not in request.if_match:
        raise Stale(f"{newest}: look at what changed, and send that as If-Match", field="headers.If-Match")


def _in_force(connection: Connection, workspace: str, table: str, code: HTTPStatus) -> Response:
    gate = views.gate(connection, workspace, table)
    response = jsonify(gate.as_json())
    response.status_code = code
    response.headers["ETag"] = gate.etag
    return response
