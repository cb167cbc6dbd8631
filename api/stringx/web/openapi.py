"""What `/openapi.json` says beyond what the views' own models give: the trigger's request, the waiting, the errors."""

from __future__ import annotations

import json
from typing import Any, cast

from apiflask import APIFlask

from stringx import http_problems, metrics
from stringx.gates.shape import GateShape
from stringx.model import TriggerBody
from stringx.triggers.http import CLOUDEVENT, IDEMPOTENCY_HEADER, JSON
from stringx.web import health, schemas
from stringx.web.gate_body import YAML

CONFIG = {
    # Client generators do not read 3.2 yet.
    "OPENAPI_VERSION": "3.1.0",
    "AUTO_SERVERS": False,
    "AUTO_404_RESPONSE": False,
    "AUTO_VALIDATION_ERROR_RESPONSE": False,
    "AUTO_AUTH_ERROR_RESPONSE": False,
}

#: Endpoints that are answered without a token.
WITHOUT_TOKEN = (*health.ENDPOINTS, *schemas.ENDPOINTS)

DESCRIPTION = "An event-driven data-quality gate on dbt: say that a table was loaded, and learn whether its data may be used."

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` is stable and for machines; `field` is the dotted path of what is wrong.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "field": {"type": "string"},
        "problems": {
            "type": "array",
            "description": "Of a gate that is wrong, all that is.",
            "items": {"$ref": "#/components/schemas/GateFault"},
        },
    },
}

CLOUD_EVENT = {
    "type": "object",
    "description": "A CloudEvent 1.0 in structured mode; `id` and `source` are the trigger's identity. Extension attributes are ignored.",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 200},
        "source": {"type": "string", "minLength": 1, "maxLength": 200},
        "type": {"type": "string"},
        "data": {"$ref": "#/components/schemas/TriggerBody"},
    },
}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


PREFER = _header("Prefer", "`wait=30`: answer only once there is a verdict, or after 30 seconds (300 at most).")
IDEMPOTENCY_KEY = _header(IDEMPOTENCY_HEADER, "The trigger's id, where its body has none.")
TRACEPARENT = _header("traceparent", "W3C Trace Context; it goes along to the runner and into the acknowledgement.")
TRACESTATE = _header("tracestate", "W3C Trace Context; read beside a traceparent, and comes back with the acknowledgement.")
CORRELATION_ID = _header("X-Correlation-Id", "Goes along to the runner and into the acknowledgement.")

IF_MATCH = _header("If-Match", "The `ETag` of the version in force that is to be changed; without it, 428, and 412 where another one is.")
IF_NONE_MATCH = _header("If-None-Match", "`*`: no version of the gate is in force.")
IF_CHANGED = _header("If-None-Match", "The `ETag` of a version: 304 as long as that is in force. It says nothing of `prepared`.")

#: Headers that an operation reads.
HEADERS = {
    "createTrigger": [PREFER, IDEMPOTENCY_KEY, TRACEPARENT, TRACESTATE, CORRELATION_ID],
    "getTrigger": [PREFER],
    "rerun": [PREFER, IDEMPOTENCY_KEY],
    "getGate": [IF_CHANGED],
    "putGate": [IF_MATCH, IF_NONE_MATCH],
    "rollbackGate": [IF_MATCH, IF_NONE_MATCH],
    "withdrawGate": [IF_MATCH],
}
#: Operations that answer 200 instead of 202 once the verdict is there.
WAITING = ("createTrigger", "rerun")
#: Operations that answer 201 instead of 200 where no version of the gate was in force.
CREATING = ("putGate", "rollbackGate")
#: Operations whose body is a gate.
TAKING_GATES = ("putGate", "planGate")
#: Operations that answer with the version in force.
TELLING_VERSIONS = ("getGate", "putGate", "rollbackGate")
ETAG = {"ETag": {"description": "Of the version in force.", "schema": {"type": "string"}}}


def describe(app: APIFlask) -> None:
    """Completes the document that APIFlask makes of the views."""
    app.description = DESCRIPTION
    app.security_schemes = {"token": {"type": "http", "scheme": "bearer"}}
    app.spec_processor(_complete)


def _complete(spec: dict[str, Any] | str) -> dict[str, Any] | str:
    assert isinstance(spec, dict)  # noqa: S101  # text only where YAML is asked for
    # APIFlask writes what several answers share once for each of them, as `RunPage.Timings`; here it stands once.
    text = json.dumps(spec)
    for name in [name for name in spec["components"]["schemas"] if "." in name]:
        for place in ("", "#/components/schemas/"):
            text = text.replace(f'"{place}{name}"', f'"{place}{name.split(".")[1]}"')
    spec = cast(dict[str, Any], json.loads(text))
    schemas = spec["components"]["schemas"]
    body = TriggerBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= body.pop("$defs")
    # One predicate may stand for a list of one.
    body["properties"]["slice"] = {"anyOf": [{"$ref": "#/components/schemas/Predicate"}, {"$ref": "#/components/schemas/Slice"}]}
    gate_file = GateShape.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= gate_file.pop("$defs")
    schemas |= {"GateFile": gate_file, "TriggerBody": body, "Problem": PROBLEM, "CloudEvent": CLOUD_EVENT}
    spec["components"]["responses"] = {
        "Problem": {
            "description": "What is wrong, and what would mend it.",
            "content": {http_problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    }
    spec["security"] = [{"token": []}]
    for operations in spec["paths"].values():
        for operation in (value for value in operations.values() if isinstance(value, dict)):
            name = operation["operationId"]
            operation["parameters"] = [*operation.get("parameters", []), *HEADERS.get(name, [])]
            operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
            if name in WAITING:
                settled = {**operation["responses"]["202"], "description": "Its verdict, waited for; or a duplicate that has one already."}
                operation["responses"]["200"] = settled
            if name in TELLING_VERSIONS:
                operation["responses"]["200"]["headers"] = ETAG
            if name in CREATING:
                operation["responses"]["201"] = {**operation["responses"]["200"], "description": "No version of the gate was in force."}
            if name in TAKING_GATES:
                schema = {"schema": {"$ref": "#/components/schemas/GateFile"}}
                operation["requestBody"] = {"required": True, "content": dict.fromkeys((JSON, *YAML), schema)}
            if name in {endpoint.partition(".")[2] for endpoint in WITHOUT_TOKEN}:
                operation["security"] = []
    spec["paths"]["/v1/gates/{table}"]["get"]["responses"]["304"] = {"description": "`If-None-Match` names the version in force."}
    spec["paths"]["/metrics"]["get"]["responses"]["200"]["content"] = {metrics.CONTENT_TYPE: {"schema": {"type": "string"}}}
    spec["paths"]["/v1/triggers"]["post"]["requestBody"] = {
        "required": True,
        "content": {
            JSON: {"schema": {"$ref": "#/components/schemas/TriggerBody"}},
            CLOUDEVENT: {"schema": {"$ref": "#/components/schemas/CloudEvent"}},
        },
    }
    return spec
