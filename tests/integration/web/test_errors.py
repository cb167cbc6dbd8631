"""Every error is problem+json with its status; nobody gets in without the token; the document says what is served."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx2
import openapi_spec_validator
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from pydantic import SecretStr
from served import Served
from sqlalchemy import Engine, text

from stringx.errors import ConfigurationError
from stringx.metrics import CONTENT_TYPE
from stringx.model import TriggerAnswer
from stringx.settings import Settings
from stringx.store.database import connect, transaction
from stringx.web.app import create_app
from stringx.web.waiting import VerdictWaiters

TOKEN = "token-of-the-tests"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
PROBLEM = "application/problem+json"


@pytest.fixture
def nowhere() -> Settings:
    """Settings whose database does not answer."""
    return Settings(database_url=SecretStr("postgresql://who:secret-of-the-tests@127.0.0.1:1/none"), api_token=SecretStr(TOKEN))


def app_of(settings: Settings) -> Any:
    return create_app(settings, connect(settings)).test_client()


@pytest.mark.parametrize("path", ["/v1/runs", "/v1/triggers/x", "/v1/status", "/metrics", "/openapi.json", "/nothing", "/"])
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", "Basic eDp5", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ☃".encode().decode("latin-1")],
)
def test_without_the_token_everything_but_the_probes_is_401(nowhere: Settings, path: str, authorization: str | None) -> None:
    response = app_of(nowhere).get(path, headers={} if authorization is None else {"Authorization": authorization})
    assert (response.status_code, response.content_type) == (401, PROBLEM)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert TOKEN not in response.text


@pytest.mark.parametrize(
    ("authorization", "says"),
    [
        (None, "there is no bearer token: send the header 'Authorization: Bearer <STRINGX_API_TOKEN>'"),
        ("Bearer ", "there is no bearer token: "),
        ("Bearer hunter2", "the bearer token is not the one of this service: "),
        ("hunter2", "the header Authorization has no bearer token: "),
        ("Basic hunter2", "the header Authorization has no bearer token: "),
    ],
)
def test_a_401_tells_a_wrong_token_from_none_and_repeats_neither(nowhere: Settings, authorization: str | None, says: str) -> None:
    response = app_of(nowhere).get("/v1/runs", headers={} if authorization is None else {"Authorization": authorization})
    assert response.json["detail"].startswith(says)
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    ("path", "field", "says"),
    [
        ("/v1/runs?foo=1", "foo", "no such query parameter; there are cursor, decision, limit, state, table, verdict, workspace"),
        ("/v1/runs?tabel=raw.flights", "tabel", "no such query parameter: did you mean `table`? There are cursor, decision, "),
        ("/v1/gates?table=raw.flights", "table", "no such query parameter; there are workspace"),
        ("/v1/gates/raw.flights?x=1", "x", "no such query parameter; there are workspace"),
        ("/v1/gates/raw.flights/status?workspaces=a", "workspaces", "no such query parameter: did you mean `workspace`?"),
        ("/v1/status?x=1", "x", "no such query parameter; there are none"),
        ("/metrics?x=1", "x", "no such query parameter; there are none"),
        ("/v1/runs/00000000?engine=dbt", "engine", "no such query parameter; there are none"),
        ("/v1/triggers/00000000?wait=5", "wait", "no such query parameter; there are none"),
        ("/v1/gates/raw.flights/versions?to=1", "to", "no such query parameter; there are cursor, limit, workspace"),
        ("/v1/dead-letters?Limit=1", "Limit", "no such query parameter: did you mean `limit`? There are cursor, limit"),
    ],
)
def test_a_query_parameter_that_there_is_not_is_400_and_names_those_that_there_are(
    nowhere: Settings, path: str, field: str, says: str
) -> None:
    response = app_of(nowhere).get(path, headers=AUTHORIZED)
    assert (response.status_code, response.content_type, response.json["code"]) == (400, PROBLEM, "unknown_parameter")
    assert response.json["field"] == field
    assert response.json["detail"].startswith(says)


def test_a_trigger_with_a_query_parameter_is_refused_since_it_says_all_in_its_body(nowhere: Settings) -> None:
    response = app_of(nowhere).post("/v1/triggers?workspace=team", json={"table": "raw.flights"}, headers=AUTHORIZED)
    assert (response.status_code, response.json["code"], response.json["field"]) == (400, "unknown_parameter", "workspace")


@pytest.mark.parametrize(
    ("method", "path", "field", "says"),
    [
        ("GET", "/v1/runs?limit=x", "limit", "must be a whole number"),
        ("GET", "/v1/runs?limit=0", "limit", "must be at least 1"),
        ("GET", "/v1/runs?limit=501", "limit", "must be at most 500"),
        ("GET", f"/v1/runs?cursor={2**63}", "cursor", f"must be less than {2**63}"),
        ("GET", "/v1/runs?state=busy", "state", "must be 'queued', 'leased' or 'done'"),
        ("GET", "/v1/runs?workspace=A", "workspace", "must be lower-case letters, digits, '-' and '_', at most 63 of them"),
        ("DELETE", "/v1/gates/raw.flights?take_over=maybe", "take_over", "must be true or false"),
        ("DELETE", "/v1/gates/raw.flights?author=", "author", "must not be empty"),
        ("DELETE", f"/v1/gates/raw.flights?message={'x' * 2001}", "message", "must not be longer than 2000 characters"),
        ("POST", "/v1/gates/raw.flights/rollback", "to", "is missing: add it"),
    ],
)
def test_a_query_parameter_that_is_wrong_is_422_and_says_how_it_must_be(
    nowhere: Settings, method: str, path: str, field: str, says: str
) -> None:
    response = app_of(nowhere).open(path, method=method, headers=AUTHORIZED)
    assert (response.status_code, response.json["field"], response.json["detail"]) == (422, field, says)


def test_a_body_that_is_too_large_names_the_limit_and_the_setting(nowhere: Settings) -> None:
    app = app_of(nowhere.model_copy(update={"max_trigger_bytes": 2048}))
    for size in (2049, 5000):
        response = app.post("/v1/triggers", data=b" " * size, headers={**AUTHORIZED, "Content-Type": "application/json"})
        assert (response.status_code, response.json["code"]) == (413, "too_large")
        assert "may have 2048 bytes (STRINGX_MAX_TRIGGER_BYTES)" in response.json["detail"]


def test_an_api_without_a_token_does_not_start() -> None:
    settings = Settings(database_url=SecretStr("postgresql://a:b@127.0.0.1:1/none"))
    with pytest.raises(ConfigurationError, match="STRINGX_API_TOKEN"):
        create_app(settings, connect(settings))


def test_the_frameworks_own_errors_are_problems(nowhere: Settings) -> None:
    app = app_of(nowhere)
    missing, wrong = app.get("/v1/nothing", headers=AUTHORIZED), app.put("/v1/runs", headers=AUTHORIZED)
    assert (missing.status_code, missing.content_type, missing.json["status"]) == (404, PROBLEM, 404)
    assert (wrong.status_code, wrong.content_type) == (405, PROBLEM)
    assert set(wrong.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_database_that_does_not_answer_is_503_and_tells_nothing_of_itself(nowhere: Settings) -> None:
    app = app_of(nowhere)
    for response in (app.get("/readyz"), app.get("/v1/runs", headers=AUTHORIZED)):
        assert (response.status_code, response.content_type) == (503, PROBLEM)
        assert int(response.headers["Retry-After"]) > 0
        assert "secret-of-the-tests" not in response.text
        assert "127.0.0.1" not in response.text
    assert app.get("/livez").status_code == 200


def test_an_unforeseen_error_is_500_and_tells_nothing_of_itself(nowhere: Settings) -> None:
    app = create_app(nowhere, connect(nowhere))

    @app.get("/v1/broken")  # type: ignore[untyped-decorator]
    def broken() -> str:
        raise RuntimeError("secret-of-the-tests")

    response = app.test_client().get("/v1/broken", headers=AUTHORIZED)
    assert (response.status_code, response.content_type, response.json["code"]) == (500, PROBLEM, "internal")
    assert "secret-of-the-tests" not in response.text


def test_readiness_wants_a_migrated_database(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    engine = connect(settings)
    app = create_app(settings, engine).test_client()
    assert app.get("/readyz").status_code == 200
    _stand_at(engine, "9999")
    assert app.get("/readyz").status_code == 200, "a newer program has migrated it; this one goes on until it is replaced"
    _stand_at(engine, "0001")
    response = app.get("/readyz")
    assert (response.status_code, response.content_type) == (503, PROBLEM)
    assert "stringx migrate" in response.json["detail"]
    with transaction(engine) as connection:
        connection.execute(text("delete from alembic_version"))
    assert app.get("/readyz").status_code == 503
    engine.dispose()


def _stand_at(engine: Engine, revision: str) -> None:
    with transaction(engine) as connection:
        connection.execute(text("update alembic_version set version_num = :revision"), {"revision": revision})


def test_the_document_is_valid_openapi_3_1_0_and_names_every_view(nowhere: Settings) -> None:
    app = create_app(nowhere, connect(nowhere))
    document = app.test_client().get("/openapi.json", headers=AUTHORIZED).json
    assert document["openapi"] == "3.1.0"
    openapi_spec_validator.validate(document)
    paths = {rule.rule.replace("<", "{").replace(">", "}") for rule in app.url_map.iter_rules()} - {"/openapi.json"}
    assert document["paths"].keys() == paths
    body = document["paths"]["/v1/triggers"]["post"]["requestBody"]["content"]
    assert body.keys() == {"application/json", "application/cloudevents+json"}
    assert document["paths"]["/metrics"]["get"]["responses"]["200"]["content"].keys() == {CONTENT_TYPE}
    gate = document["paths"]["/v1/gates/{table}"]["put"]
    assert gate["requestBody"]["content"].keys() == {"application/json", "application/yaml", "text/yaml"}
    assert {header["name"] for header in gate["parameters"] if header["in"] == "header"} == {"If-Match", "If-None-Match"}
    for path, operations in document["paths"].items():
        for operation in (operations[method] for method in ("get", "post", "put", "delete") if method in operations):
            assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
            assert operation.get("security", document["security"]) == (
                [] if path in ("/livez", "/readyz", "/schemas/{file}") else [{"token": []}]
            )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=10), children, max_size=4),
    max_leaves=12,
)
FIELDS = ["table", "slice", "id", "source", "workspace", "reply_to", "priority", "engine", "metadata", "data", "specversion", "other"]
SLICES = st.dictionaries(st.sampled_from(["column", "equals", "in", "from", "to"]), JSON_VALUES | st.just("flight_date"), max_size=3)
TRIGGERS = st.fixed_dictionaries(
    {"table": st.just("raw.flights") | JSON_VALUES},
    optional={"slice": SLICES | st.lists(SLICES, max_size=3), **dict.fromkeys(FIELDS[2:], JSON_VALUES)},
)
OUR_HEADERS = ["Prefer", "Idempotency-Key", "traceparent", "X-Correlation-Id", "ce-id", "ce-source", "ce-specversion", "ce-type"]
HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)


@profile(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    body=st.binary(max_size=60) | JSON_VALUES | TRIGGERS,
    content_type=st.sampled_from(["application/json", "application/cloudevents+json"]) | HEADER_TEXT,
    headers=st.dictionaries(
        st.sampled_from(
            ["Prefer", "Idempotency-Key", "traceparent", "X-Correlation-Id", "ce-id", "ce-source", "ce-specversion", "ce-type"]
        ),
        st.sampled_from(["wait=0", "1.0", "%ff", "%00"]) | HEADER_TEXT,
        max_size=4,
    ),
)
def test_no_request_whatever_is_answered_with_a_fault_of_ours(
    served: Served, body: Any, content_type: str, headers: dict[str, str]
) -> None:
    """Bytes, JSON of any shape, triggers with anything in their fields, headers of any text: taken, or refused with a reason."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = [("Content-Type", content_type), *headers.items(), *served.authorized.items()]
    response = served.app.test_client().post("/v1/triggers", data=sent, headers=named)
    assert response.status_code in (200, 202, 400, 413, 415, 422), response.text
    assert response.content_type == ("application/json" if response.status_code in (200, 202) else PROBLEM)


@profile(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(segment=st.text(max_size=40), query=st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=2))
def test_no_path_whatever_is_answered_with_a_fault_of_ours(served: Served, segment: str, query: dict[str, str]) -> None:
    app = served.app.test_client()
    name = quote(segment, safe="", errors="replace")
    of_gate = (f"gates/{name}", f"gates/{name}/status", f"gates/{name}/versions", f"gates/raw.flights/versions/{name}")
    for path in (f"runs/{name}", f"triggers/{name}", *of_gate, f"dead-letters/{name}"):
        response = app.get(f"/v1/{path}", query_string=query, headers=served.authorized)
        assert response.status_code < 500, response.text
    for path in ("runs", "gates", "dead-letters"):
        assert app.get(f"/v1/{path}", query_string=query, headers=served.authorized).status_code in (200, 400, 422)


@profile(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    body=st.binary(max_size=60)
    | JSON_VALUES
    | st.fixed_dictionaries({"table": st.just("raw.flights"), "target": JSON_VALUES, "rules": JSON_VALUES}),
    content_type=st.sampled_from(["application/json", "application/yaml"]) | HEADER_TEXT,
    conditions=st.dictionaries(st.sampled_from(["If-Match", "If-None-Match"]), st.sampled_from(["*", '"1-x"']) | HEADER_TEXT, max_size=2),
    query=st.dictionaries(st.sampled_from(["workspace", "author", "message", "take_over", "other"]), st.text(max_size=20), max_size=2),
)
def test_no_gate_whatever_is_answered_with_a_fault_of_ours(
    served: Served, body: Any, content_type: str, conditions: dict[str, str], query: dict[str, str]
) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"Content-Type": content_type, **conditions, **served.authorized}
    for method, path in (
        ("PUT", "raw.flights"),
        ("POST", "raw.flights/plan"),
        ("DELETE", "raw.flights"),
        ("POST", "raw.flights/rollback?to=1"),
    ):
        asked = query if "?" not in path else None
        response = served.app.test_client().open(f"/v1/gates/{path}", method=method, query_string=asked, data=sent, headers=named)
        assert response.status_code < 500, response.text


def test_a_served_app_speaks_http_as_the_test_client_says(served: Served) -> None:
    """Once over a real connection: the status, the media type and the challenge of a refusal."""
    response = httpx2.get(f"{served.url}/v1/runs", trust_env=False)
    assert (response.status_code, response.headers["Content-Type"]) == (401, PROBLEM)
    assert httpx2.get(f"{served.url}/livez", trust_env=False).json() == {"status": "alive"}
    assert httpx2.get(f"{served.url}/readyz", trust_env=False).json() == {"status": "ready"}


def test_a_trigger_that_is_taken_is_answered_though_the_database_goes_away_meanwhile(nowhere: Settings) -> None:
    """A 503 would say that it was not taken."""
    now = datetime.now(UTC)
    empty = dict.fromkeys(
        ("reply_to", "priority", "gate_version", "verdict", "decision", "message", "counts", "rows", "judged_at", "correlation_id")
    )
    names = {"trigger": "1" * 32, "id": "load-1", "source": "http", "workspace": "default", "table": "raw.flights", "run": "2" * 32}
    states = {"state": "accepted", "run_state": "queued", "door": "http", "slice": [], "metadata": {}, "failing": (), "received_at": now}
    taken = TriggerAnswer.model_validate(empty | names | states)
    waiters = VerdictWaiters(nowhere, connect(nowhere), recheck_seconds=0.05)
    assert waiters.wait(taken, 0.5) == taken
    waiters.close()
    assert waiters.join(30)
