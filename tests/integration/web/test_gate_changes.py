"""Gates changed over HTTP: who says which version they have seen, who manages the gate, what is wrong with it; and its versions."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from served import RULES, Served, flights_gate

from stringx.errors import Conflict, Invalid, NotFound, Stale, Unconditional
from stringx.gates.document import document, text
from stringx.gates.files import LARGEST_BYTES, GateFile
from stringx.model import Gate, GateDetail, GateWithdrawal, RunnerStatus
from stringx.store import dispatchers, gates, runner_replicas
from stringx.store.database import transaction

TABLE = "raw.orders"
FLIGHTS = "/v1/gates/raw.flights"


def orders(**fields: Any) -> dict[str, Any]:
    return {"table": TABLE, "target": "demo", "rules": [{"name": "a", "check": "not_null", "column": "b"}], **fields}


def created(served: Served, **fields: Any) -> GateDetail:
    return served.client.put_gate(orders(**fields), TABLE)


def send(served: Served, method: str, path: str, body: str | bytes = b"", **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.request(method, served.url + path, content=body, headers=served.authorized | named, trust_env=False)


# --- putting in force ------------------------------------------------------------------------------------------------


def test_a_gate_is_created_changed_and_withdrawn(served: Served) -> None:
    first = served.client.put_gate(orders(), TABLE, author="ann", message="the first")
    assert (first.version, first.file, first.author, first.message) == (1, None, "ann", "the first")
    assert first.gate.rules[0].name == "a"
    second = served.client.put_gate(orders(priority=5), TABLE, if_match=first.etag)
    assert (second.version, second.gate.priority, second.author) == (2, 5, "api")
    same = served.client.put_gate(orders(priority=5), TABLE, if_match=second.etag)
    assert (same.version, same.applied_at) == (2, second.applied_at), "the same content is no new version"
    withdrawn = served.client.withdraw_gate(TABLE, if_match=second.etag, author="bob", message="no longer loaded")
    assert (withdrawn.action, withdrawn.version) == ("withdrawn", 2)
    with pytest.raises(NotFound, match="it was withdrawn at"):
        served.client.gate(TABLE)
    with pytest.raises(NotFound, match="it was withdrawn at"):
        served.client.withdraw_gate(TABLE, if_match=second.etag)
    again = served.client.put_gate(orders(), TABLE)
    assert (again.version, again.gate.priority) == (3, 0)


def test_a_gate_is_of_its_workspace(served: Served) -> None:
    served.client.put_gate(orders(), TABLE, "team")
    assert [one.workspace for one in served.client.gates("team").gates] == ["team"]
    with pytest.raises(NotFound):
        served.client.gate(TABLE)


def test_what_is_answered_can_be_put_again(served: Served) -> None:
    found = served.client.gate("raw.flights")
    assert found.document == document(flights_gate())
    same = served.client.put_gate(found.document, "raw.flights", if_match=found.etag)
    assert same.version == found.version


@pytest.mark.parametrize("content_type", ["application/json", "application/yaml", "text/yaml; charset=utf-8"])
def test_a_gate_is_sent_as_json_or_as_yaml(served: Served, content_type: str) -> None:
    body = json.dumps(orders()) if "json" in content_type else "table: raw.orders # with a comment\ntarget: demo\nrules: []\n"
    response = send(served, "PUT", f"/v1/gates/{TABLE}", body, Content_Type=content_type, If_None_Match="*")
    assert (response.status_code, response.json()["version"]) == (201, 1)
    assert response.headers["ETag"] == served.client.gate(TABLE).etag


# --- preconditions ---------------------------------------------------------------------------------------------------


def test_a_change_says_which_version_it_has_seen(served: Served) -> None:
    first = created(served)
    second = served.client.put_gate(orders(priority=5), TABLE, if_match=first.etag)
    path, seen = f"/v1/gates/{TABLE}", {"Content_Type": "application/json"}
    for method, where in (("PUT", path), ("DELETE", path), ("POST", f"{path}/rollback?to=1")):
        for condition, code in (
            ({}, 428),
            ({"If_Match": first.etag}, 412),
            ({"If_Match": f"W/{second.etag}"}, 412),  # a weak one never matches
            ({"If_Match": "nonsense"}, 412),
            ({"If_None_Match": "*"}, 412),
        ):
            response = send(served, method, where, json.dumps(orders()), **seen, **condition)
            assert (response.status_code, response.json()["status"]) == (code, code), (method, condition)
            assert f"version 2 is in force, with the ETag {second.etag}" in response.json()["detail"]
    assert served.client.gate(TABLE).version == 2
    assert send(served, "PUT", path, json.dumps(orders()), **seen, If_Match=f'"x", {second.etag}').json()["version"] == 3
    assert send(served, "DELETE", path, If_Match="*").json()["action"] == "withdrawn"


def test_a_gate_that_is_new_is_said_to_be(served: Served) -> None:
    path, seen = f"/v1/gates/{TABLE}", {"Content_Type": "application/json"}
    assert send(served, "PUT", path, json.dumps(orders()), **seen).status_code == 428
    assert send(served, "PUT", path, json.dumps(orders()), **seen, If_Match="*").status_code == 412
    assert created(served).version == 1
    with pytest.raises(Stale, match="version 1 is in force"):
        created(served)
    with pytest.raises(Stale):
        served.client.put_gate(orders(), TABLE, if_match='"1-x"')
    with pytest.raises(Unconditional):
        served.client._call(GateDetail, "PUT", path, json=orders())  # noqa: SLF001  # the client itself always says it


def test_a_version_that_was_seen_is_not_sent_again(served: Served) -> None:
    first = send(served, "GET", FLIGHTS)
    assert first.headers["ETag"] == served.client.gate("raw.flights").etag
    same = send(served, "GET", FLIGHTS, If_None_Match=first.headers["ETag"])
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert send(served, "GET", FLIGHTS, If_None_Match='"1-x"').status_code == 200
    with transaction(served.engine) as connection:
        gates.apply(connection, [GateFile(flights_gate(priority=5), "default/raw.flights.yaml")])
    assert send(served, "GET", FLIGHTS, If_None_Match=first.headers["ETag"]).json()["version"] == 2


# --- who manages it --------------------------------------------------------------------------------------------------


def test_a_gate_that_a_file_manages_refuses_an_edit_and_names_the_file(served: Served) -> None:
    found = served.client.gate("raw.flights")
    edited = found.document | {"priority": 5}
    for edit, fix in (
        (lambda: served.client.put_gate(edited, "raw.flights", if_match=found.etag), "change that file and apply it, or take"),
        (lambda: served.client.withdraw_gate("raw.flights", if_match=found.etag), "delete that file and apply the others with --prune, or"),
    ):
        with pytest.raises(Conflict, match=rf"managed by the file default/raw\.flights\.yaml: {fix}") as refused:
            edit()
        assert refused.value.code == "managed_by_file"
    response = send(served, "DELETE", FLIGHTS, If_Match=found.etag)
    assert (response.status_code, response.headers["Content-Type"]) == (409, "application/problem+json")
    taken = served.client.put_gate(edited, "raw.flights", if_match=found.etag, take_over=True)
    assert (taken.version, taken.file) == (2, None)
    third = served.client.put_gate(found.document, "raw.flights", if_match=taken.etag)
    assert third.version == 3, "the API manages it now"
    with transaction(served.engine) as connection:
        (kept,) = gates.apply(connection, [GateFile(flights_gate(priority=7), "default/raw.flights.yaml")])
    assert kept.action == "kept"


def test_a_gate_that_a_file_manages_is_withdrawn_once_taken_over(served: Served) -> None:
    found = served.client.gate("raw.flights")
    assert served.client.withdraw_gate("raw.flights", if_match=found.etag, take_over=True).action == "withdrawn"


# --- what is wrong ---------------------------------------------------------------------------------------------------

WRONG = {"table": TABLE, "target": "demo", "tagret": 1, "rules": [{"name": "a", "check": "not_nul"}, {"name": "a", "check": "not_null"}]}


def test_all_that_is_wrong_is_told_with_its_place(served: Served) -> None:
    path, new = f"/v1/gates/{TABLE}", {"If_None_Match": "*"}
    as_json = send(served, "PUT", path, json.dumps(WRONG), Content_Type="application/json", **new)
    assert (as_json.status_code, as_json.headers["Content-Type"]) == (422, "application/problem+json")
    assert as_json.json()["code"] == "invalid_gate"
    problems = as_json.json()["problems"]
    assert {one["pointer"] for one in problems} == {"/tagret", "/rules/0/check", "/rules/1/name", "/rules/1/check"}
    assert {(one["line"], one["column"]) for one in problems} == {(None, None)}
    assert "did you mean `target`?" in problems[0]["message"]
    assert "the first of" in as_json.json()["detail"]
    yaml = "table: raw.orders\ntarget: demo\ntagret: 1\nrules:\n  - name: a\n    check: not_nul\n"
    as_yaml = send(served, "PUT", path, yaml, Content_Type="text/yaml", **new)
    assert [(one["pointer"], one["line"], one["column"]) for one in as_yaml.json()["problems"]] == [
        ("/tagret", 3, 1),
        ("/rules/0/check", 6, 12),
    ]
    with pytest.raises(Invalid) as refused:
        served.client.put_gate(WRONG, TABLE)
    assert refused.value.code == "invalid_gate"
    with pytest.raises(NotFound):
        served.client.gate(TABLE)


@pytest.mark.parametrize(
    ("body", "content_type", "code", "says"),
    [
        (b"{", "application/json", 400, "must be JSON"),
        (b"\xff", "application/yaml", 400, "must be UTF-8"),
        (b"{}", "text/plain", 415, "must be application/json or application/yaml, not text/plain"),
        (b"{}", "", 415, "not missing"),
        (b"[]", "application/json", 422, "is not a gate"),
        (b"", "application/yaml", 422, "is not a gate"),
        (b"a: [", "application/yaml", 422, "is not YAML"),
        (b'{"table": "raw.others", "target": "demo"}', "application/json", 422, "the address names the table raw.orders"),
        (b'{"table": "raw.orders", "target": "{{ x }}"}', "application/json", 422, "never rendered as Jinja"),
        (b" " * (LARGEST_BYTES + 1), "application/yaml", 413, f"a gate may have {LARGEST_BYTES} bytes"),
        (b" " * (LARGEST_BYTES + 2), "application/yaml", 413, f"a gate may have {LARGEST_BYTES} bytes"),
    ],
)
def test_what_is_no_gate_is_refused(served: Served, body: bytes, content_type: str, code: int, says: str) -> None:
    response = send(served, "PUT", f"/v1/gates/{TABLE}", body, Content_Type=content_type, If_None_Match="*")
    assert (response.status_code, response.headers["Content-Type"]) == (code, "application/problem+json")
    assert says in response.json()["detail"]


def test_a_gate_larger_than_a_trigger_is_taken(served: Served) -> None:
    gate = orders(description="long " * served.settings.max_trigger_bytes)
    assert len(json.dumps(gate)) < LARGEST_BYTES
    assert served.client.put_gate(gate, TABLE).version == 1


def test_a_gate_that_nobody_serves_is_refused_as_far_as_that_is_known(served: Served) -> None:
    assert created(served, runner="nobody").version == 1, "no dispatcher is there to know"
    with transaction(served.engine) as connection:
        dispatchers.register(connection, "here", runners=["default"], inline_targets=[])
        status = {"boot": "b", "version": "1", "workers": 1, "free": 1, "targets": ("demo",), "held": (), "fingerprints": {}, "errors": {}}
        runner_replicas.answered(connection, "default", "http://a:5002", RunnerStatus.model_validate(status))
    triggers = served.settings.kafka_triggers_topic
    for wrong, pointer in (
        ({"runner": "nobody"}, "/runner"),
        ({"target": "dmo"}, "/target"),
        ({"mode": "inline"}, "/mode"),
        ({"notify": [{"topic": triggers}]}, "/notify/0/topic"),
    ):
        plan = served.client.plan_gate(orders(**wrong), TABLE)
        assert [one.pointer for one in plan.problems] == [pointer]
    both = served.client.plan_gate(orders(runner="nobody", target="dmo"), TABLE)
    assert {one.pointer for one in both.problems} == {"/runner", "/target"}
    several = orders(target="dmo", threshold={"error": "x"}, rules=[{"name": "a", "check": "not_nul", "column": "b"}])
    with pytest.raises(Invalid, match=r"the first of 3 problems"):
        served.client.put_gate(several, TABLE)
    pointers = {one.pointer for one in served.client.plan_gate(several, TABLE).problems}
    assert pointers == {"/target", "/threshold/error", "/rules/0/check"}
    assert served.client.plan_gate(orders(), TABLE).problems == ()


# --- plans -----------------------------------------------------------------------------------------------------------


def test_a_plan_says_what_would_change_or_what_is_wrong_and_changes_nothing(served: Served) -> None:
    plan = served.client.plan_gate(orders(), TABLE)
    assert (plan.problems, plan.change and plan.change.action) == ((), "created")
    with pytest.raises(NotFound):
        served.client.gate(TABLE)
    created(served)
    changed = served.client.plan_gate(orders(priority=5), TABLE).change
    assert changed is not None
    assert (changed.action, changed.version) == ("changed", 2)
    assert [(one.field, one.before, one.after) for one in changed.differences] == [("priority", None, 5)]
    wrong = served.client.plan_gate(WRONG, TABLE)
    assert wrong.change is None
    assert "/tagret" in {one.pointer for one in wrong.problems}
    managed = served.client.plan_gate(served.client.gate("raw.flights").document | {"priority": 5}, "raw.flights").change
    assert managed is not None
    assert managed.action == "kept"


# --- versions --------------------------------------------------------------------------------------------------------


def test_the_versions_of_a_gate_are_told_in_pages_and_one_alone(served: Served) -> None:
    found = created(served)
    for priority in (1, 2):
        found = served.client.put_gate(orders(priority=priority), TABLE, if_match=found.etag, author="ann", message=f"{priority}")
    page = served.client.gate_versions(TABLE, limit=2)
    assert [(one.version, one.author, one.message, one.in_force) for one in page.versions] == [
        (3, "ann", "2", True),
        (2, "ann", "1", False),
    ]
    (oldest,) = served.client.gate_versions(TABLE, limit=2, cursor=page.next).versions
    assert (oldest.version, oldest.author) == (1, "api")
    one = served.client.gate_version(TABLE, 2)
    assert (one.version, one.gate.priority, one.document["priority"], one.in_force) == (2, 1, 1, False)
    served.client.withdraw_gate(TABLE, if_match=found.etag, message="no longer loaded")
    withdrawn = served.client.gate_versions(TABLE)
    assert withdrawn.withdrawn_at is not None
    assert [one.in_force for one in withdrawn.versions] == [False, False, False]
    newest = served.client.gate_version(TABLE, 3)
    assert newest.in_force is False
    assert newest.withdrawn == GateWithdrawal(at=withdrawn.withdrawn_at, author="api", message="no longer loaded")
    assert [one.withdrawn for one in withdrawn.versions] == [newest.withdrawn, None, None]
    again = served.client.rollback_gate(TABLE, 3, author="bob")
    assert (again.version, again.fingerprint, again.author) == (4, found.fingerprint, "bob"), "who put it in force again is told as well"
    restored = served.client.gate_versions(TABLE)
    assert restored.withdrawn_at is None
    assert [one.withdrawn for one in restored.versions] == [None, newest.withdrawn, None, None]


@pytest.mark.parametrize(
    "path", ["raw.nothing/versions", "raw.flights/versions/2", "raw.flights/versions/x", "raw/versions", "%00/versions/1"]
)
def test_a_version_that_there_is_not_is_404(served: Served, path: str) -> None:
    assert send(served, "GET", f"/v1/gates/{path}").status_code == 404


def test_a_rollback_is_a_new_version(served: Served) -> None:
    first = created(served)
    second = served.client.put_gate(orders(priority=5), TABLE, if_match=first.etag)
    third = served.client.rollback_gate(TABLE, 1, if_match=second.etag, author="bob")
    assert (third.version, third.fingerprint, third.author, third.message) == (3, first.fingerprint, "bob", "rollback to version 1")
    with pytest.raises(NotFound, match="has no version 9: the newest is 3"):
        served.client.rollback_gate(TABLE, 9, if_match=third.etag)
    flights = served.client.gate("raw.flights")
    with transaction(served.engine) as connection:
        gates.apply(connection, [GateFile(flights_gate(priority=5), "default/raw.flights.yaml")])
    present = served.client.gate("raw.flights")
    with pytest.raises(Conflict, match="managed by the file"):
        served.client.rollback_gate("raw.flights", 1, if_match=present.etag)
    back = served.client.rollback_gate("raw.flights", 1, if_match=present.etag, take_over=True)
    assert (back.version, back.fingerprint, back.file) == (3, flights.fingerprint, None)


def test_a_rollback_to_what_would_not_be_put_now_is_refused_as_a_put_is(served: Served) -> None:
    created(served, runner="nobody")
    with transaction(served.engine) as connection:
        rules = [
            {"name": "a", "check": "not_null", "kind": "engineering", "dimension": "completeness", "level": "column", "severity": "error"}
        ]
        gates.put(connection, Gate.model_validate({"workspace": "default", "table": TABLE, "target": "demo", "rules": rules}))
        dispatchers.register(connection, "here", runners=["default"], inline_targets=[])
    third = served.client.put_gate(orders(), TABLE, if_match=served.client.gate(TABLE).etag)
    for number, pointer in ((1, "/runner"), (2, "/rules/0/check")):
        response = send(served, "POST", f"/v1/gates/{TABLE}/rollback?to={number}", If_Match=third.etag)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_gate")
        assert [one["pointer"] for one in response.json()["problems"]] == [pointer]
    assert served.client.gate(TABLE).version == 3


def test_what_goes_without_saying_is_told_all_the_same(served: Served) -> None:
    gate = send(served, "GET", FLIGHTS).json()["gate"]
    assert (gate["on_no_rows"], gate["severity"], gate["rules"][0]["weight"]) == ("open", "error", 1)
    assert served.client.gate("raw.flights").gate == flights_gate()


def test_a_rule_edited_while_triggers_flow_judges_the_next_run_and_no_earlier_one(served: Served) -> None:
    """What is queued is judged by the version that it was queued with, and every verdict shows the version that it was judged by."""

    def trigger(day: int) -> str:
        run = served.client.trigger({"table": "raw.flights", "slice": {"column": "flight_date", "equals": f"2013-02-{day:02}"}}).run
        assert run is not None
        return run

    def edit(threshold: dict[str, int]) -> GateDetail:
        found = served.client.gate("raw.flights")
        rules = [rule | ({"threshold": threshold} if rule["name"] == RULES[1] else {}) for rule in found.document["rules"]]
        return served.client.put_gate(found.document | {"rules": rules}, "raw.flights", if_match=found.etag, take_over=True)

    judged, queued = trigger(8), trigger(9)
    served.judge(judged, {RULES[1]: 5})
    edited = edit({"error": 10})
    after = trigger(10)
    served.judge(queued, {RULES[1]: 5})
    served.judge(after, {RULES[1]: 5})
    edit({"error": 100})
    found = {run: served.client.run(run) for run in (judged, queued, after)}
    assert {run: (one.gate_version, one.decision) for run, one in found.items()} == {
        judged: (1, "closed"),
        queued: (1, "closed"),
        after: (2, "open"),
    }
    assert found[after].gate_fingerprint == edited.fingerprint
    versions = [served.client.gate_version("raw.flights", found[run].gate_version) for run in (judged, after)]
    assert [version.fingerprint for version in versions] == [found[judged].gate_fingerprint, found[after].gate_fingerprint]
    thresholds = [version.gate.rules[1].threshold for version in versions]
    assert [limit and limit.error for limit in thresholds] == [None, 10]


def test_the_text_of_a_gate_is_taken_as_it_is_exported(served: Served) -> None:
    found = served.client.gate("raw.flights")
    assert isinstance(found.gate, Gate)
    response = send(served, "PUT", FLIGHTS, text(found.gate), Content_Type="application/yaml", If_Match=found.etag)
    assert (response.status_code, response.json()["version"]) == (200, 1)
