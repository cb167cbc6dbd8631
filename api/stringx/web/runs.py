"""`/v1/runs`: evaluations of gates, why they are open or closed, and starting them again or stopping them."""

from __future__ import annotations

import uuid
from typing import Annotated

from apiflask import APIBlueprint
from flask import Response, jsonify, request
from pydantic import Field

from stringx import dispatch
from stringx.errors import Conflict
from stringx.model import (
    Decision,
    Door,
    Engine,
    RunDetail,
    RunPage,
    RunState,
    TableName,
    Trigger,
    TriggerAnswer,
    VerdictName,
    WorkspaceName,
)
from stringx.store import views
from stringx.store.database import transaction
from stringx.triggers.http import IDEMPOTENCY_HEADER, idempotency_key
from stringx.web.backend import backend
from stringx.web.query import NoParameters, Query
from stringx.web.triggers import accepted

blueprint = APIBlueprint("runs", __name__, tag="Runs", url_prefix="/v1/runs")


class Page(Query):
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    #: `next` of the page before
    cursor: Annotated[int, Field(ge=1, lt=2**63)] | None = None


class RunFilters(Page):
    workspace: WorkspaceName | None = None
    table: TableName | None = None
    verdict: VerdictName | None = None
    decision: Decision | None = None
    state: RunState | None = None


@blueprint.get("")
@blueprint.input(RunFilters, location="query", arg_name="filters")
@blueprint.output(RunPage, description="A page of runs, the newest first.")
@blueprint.doc(operation_id="listRuns")
def list_runs(filters: RunFilters) -> Response:
    """Runs, the newest first"""
    with transaction(backend().engine) as connection:
        page = views.list_runs(
            connection,
            workspace=filters.workspace,
            table=filters.table,
            verdict=filters.verdict,
            decision=filters.decision,
            state=filters.state,
            limit=filters.limit,
            before=filters.cursor,
        )
    return jsonify(page.as_json())


@blueprint.get("/<run_id>")
@blueprint.input(NoParameters, location="query", arg_name="_none")
@blueprint.output(RunDetail, description="The run with its checks, attempts and triggers.")
@blueprint.doc(operation_id="getRun")
def get_run(run_id: str, _none: NoParameters) -> Response:
    """One run, by its id or the first 8 or more characters of it: why it is open or closed"""
    with transaction(backend().engine) as connection:
        run = views.run(connection, views.find_run(connection, run_id))
    return jsonify(run.as_json())


class RerunOptions(Query):
    engine: Engine | None = None


@blueprint.post("/<run_id>/rerun")
@blueprint.input(RerunOptions, location="query", arg_name="options")
@blueprint.output(TriggerAnswer, status_code=202, description="A new trigger for the same table and slice.")
@blueprint.doc(operation_id="rerun")
def rerun(run_id: str, options: RerunOptions) -> Response:
    """Judge the same slice again, by the gate as it is now, or with `engine=dbt` by dbt itself"""
    with transaction(backend().engine) as connection:
        run = views.run(connection, views.find_run(connection, run_id))
    trigger = Trigger(
        workspace=run.workspace,
        source=f"rerun:{run.run}",
        id=idempotency_key(request.headers.get(IDEMPOTENCY_HEADER)) or uuid.uuid4().hex,
        table=run.table,
        slice=run.slice,
        reply_to=None,
        priority=None,
        engine=options.engine,
        metadata={},
        door=Door.HTTP,
        correlation_id=run.correlation_id,
    )
    return accepted(trigger)


@blueprint.post("/<run_id>/cancel")
@blueprint.input(NoParameters, location="query", arg_name="_none")
@blueprint.output(RunDetail, status_code=202, description="Asked for; a run that was still queued is cancelled already.")
@blueprint.doc(operation_id="cancelRun")
def cancel(run_id: str, _none: NoParameters) -> Response:
    """Stop a run; its verdict is `cancelled`, its decision `closed`"""
    with transaction(backend().engine) as connection:
        run = views.run(connection, views.find_run(connection, run_id))
        if run.state == "done":
            raise Conflict(f"run {run.run} has its verdict already: {run.verdict}", code="already_judged")
        dispatch.request_cancel(connection, backend().settings, run.run)
        run = views.run(connection, run.run)
    response = jsonify(run.as_json())
    response.status_code = 202
    return response
