"""`POST /v1/triggers` and what became of a trigger."""

from __future__ import annotations

import json as json_text
import threading
from typing import Any

import httpx2
import pytest
from served import RULES, Served
from sqlalchemy import select
from waiting import until

from stringx.errors import Conflict, Invalid, NotFound, TooLarge
from stringx.model import Decision, Outcome, VerdictName
from stringx.store.database import transaction
from stringx.store.tables import outbox

FLIGHTS: dict[str, Any] = {"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-08"}}
PROBLEM = "application/problem+json"


def post(served: Served, body: bytes | str | None = None, *, json: Any = None, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"content": body} if json is None else {"json": json}
    return httpx2.post(f"{served.url}/v1/triggers", headers=served.authorized | named, trust_env=False, **sent)


def waiting(served: Served, *bodies: dict[str, Any], seconds: int = 60) -> tuple[list[threading.Thread], list[httpx2.Response]]:
    """Posts each body in a thread of its own, waiting; the answers come into the list."""
    answers: list[httpx2.Response] = []

    def send(body: dict[str, Any]) -> None:
        response = httpx2.post(
            f"{served.url}/v1/triggers",
            json=body,
            headers=served.authorized | {"Prefer": f"wait={seconds}"},
            timeout=seconds + 30,
            trust_env=False,
        )
        answers.append(response)

    threads = [threading.Thread(target=send, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    return threads, answers


def test_a_trigger_is_taken_with_202_and_a_place_to_ask(served: Served) -> None:
    response = post(served, json=FLIGHTS | {"id": "load-1", "metadata": {"job": 7}})
    assert response.status_code == 202
    answer = response.json()
    assert (answer["id"], answer["source"], answer["door"], answer["state"]) == ("load-1", "http", "http", "accepted")
    assert (answer["verdict"], answer["decision"], answer["run_state"], answer["duplicate"]) == (None, None, "queued", False)
    assert answer["slice"] == [{"column": "flight_date", "equals": "2013-02-08"}]
    asked = httpx2.get(served.url + response.headers["Location"], headers=served.authorized, trust_env=False)
    assert asked.json() == answer
    assert served.client.run(answer["run"]).triggers[0].id == "load-1"


def test_a_waiting_trigger_is_answered_with_its_verdict(served: Served) -> None:
    (thread,), answers = waiting(served, FLIGHTS)
    until(lambda: served.count("runs") == 1, "the run")
    served.judge(served.client.runs().runs[0].run, {RULES[1]: 3, RULES[0]: 2})
    thread.join(60)
    assert answers[0].status_code == 200
    answer = answers[0].json()
    assert (answer["verdict"], answer["decision"], answer["run_state"]) == ("failed", "closed", "done")
    failing = {rule["name"]: (rule["outcome"], rule["failures"]) for rule in answer["failing"]}
    assert failing == {RULES[0]: ("warned", 2), RULES[1]: ("failed", 3)}


def test_a_wait_that_ends_before_the_verdict_is_answered_202(served: Served) -> None:
    response = post(served, json=FLIGHTS, Prefer="respond-async, wait=0")
    assert (response.status_code, response.json()["verdict"]) == (202, None)


def test_beyond_the_cap_of_waiters_a_wait_is_answered_at_once(served: Served) -> None:
    """Two may wait; the third is told 202 while they still do, and they get their verdicts."""
    bodies = [FLIGHTS | {"slice": {"column": "flight_date", "equals": f"2013-02-0{day}"}} for day in (1, 2)]
    threads, answers = waiting(served, *bodies)
    until(lambda: served.count("runs") == 2, "both runs")
    third: list[httpx2.Response] = []

    def refused() -> bool:
        # The two may have queued their runs and not yet be waiting.
        third[:] = [post(served, json=FLIGHTS, Prefer="wait=1")]
        return third[0].elapsed.total_seconds() < 1

    until(refused, "an answer at once")
    assert (third[0].status_code, answers) == (202, [])
    for run in [run for run in served.client.runs().runs if str(run.slice).endswith(("01", "02"))]:
        served.judge(run.run)
    for thread in threads:
        thread.join(60)
    assert sorted(answer.status_code for answer in answers) == [200, 200]


def test_a_lost_notification_does_not_lose_the_verdict(served: Served) -> None:
    """The listener's connection is cut while a request waits, and nobody notifies it again."""
    from sqlalchemy import text

    from stringx.store.database import transaction

    (thread,), answers = waiting(served, FLIGHTS)
    listening = text("select pid from pg_stat_activity where application_name = 'stringx listener' and datname = current_database()")

    def listener() -> list[int]:
        with transaction(served.engine) as connection:
            return list(connection.execute(listening).scalars())

    until(lambda: served.count("runs") == 1 and listener(), "the listener")
    with transaction(served.engine) as connection:
        connection.execute(text("select pg_terminate_backend(:pid)"), {"pid": listener()[0]})
    served.judge(served.client.runs().runs[0].run)
    thread.join(60)
    assert (answers[0].status_code, answers[0].json()["verdict"]) == (200, "passed")


def test_all_waiters_share_one_listening_connection(served: Served) -> None:
    from sqlalchemy import text

    from stringx.store.database import transaction

    bodies = [FLIGHTS | {"slice": {"column": "flight_date", "equals": f"2013-02-0{day}"}} for day in (1, 2)]
    threads, _ = waiting(served, *bodies)
    until(lambda: served.count("runs") == 2, "both runs")
    for run in served.client.runs().runs:
        served.judge(run.run)
    for thread in threads:
        thread.join(60)
    with transaction(served.engine) as connection:
        count = "select count(*) from pg_stat_activity where application_name = 'stringx listener' and datname = current_database()"
        assert connection.execute(text(count)).scalar_one() == 1


@pytest.mark.parametrize("key", ["load-7", '"load-7"'])
def test_a_repeated_idempotency_key_answers_the_stored_trigger(served: Served, key: str) -> None:
    first = post(served, json=FLIGHTS, Idempotency_Key="load-7").json()
    again = post(served, json=FLIGHTS, Idempotency_Key=key)
    assert (again.status_code, again.json()) == (202, first | {"duplicate": True})
    served.judge(first["run"])
    done = post(served, json=FLIGHTS, Idempotency_Key=key)
    assert (done.status_code, done.json()["verdict"], done.json()["trigger"]) == (200, "passed", first["trigger"])
    assert served.count("triggers") == 1


def test_one_id_from_many_senders_at_once_is_one_trigger(served: Served) -> None:
    threads, answers = waiting(served, *[FLIGHTS | {"id": "load-1"}] * 6, seconds=0)
    for thread in threads:
        thread.join(60)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["trigger"] for answer in answers}) == 1
    assert sorted(answer.json()["duplicate"] for answer in answers) == [False] + [True] * 5
    assert served.count("runs") == 1


def test_a_known_id_with_another_content_is_422(served: Served) -> None:
    post(served, json=FLIGHTS | {"id": "load-1"})
    response = post(served, json={"table": "raw.flights", "id": "load-1"})
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (422, "conflict", "id")
    with pytest.raises(Conflict):
        served.client.trigger({"table": "raw.flights"}, idempotency_key="load-1")


def test_an_idempotency_key_that_differs_from_the_id_is_422(served: Served) -> None:
    response = post(served, json=FLIGHTS | {"id": "load-1"}, Idempotency_Key="load-2")
    assert (response.status_code, response.json()["field"]) == (422, "headers.Idempotency-Key")


def test_a_structured_cloudevent_is_taken_by_its_id_and_source(served: Served) -> None:
    event = {"specversion": "1.0", "id": "e-1", "source": "/airflow/dags/flights", "type": "load.done", "extension": 1, "data": FLIGHTS}
    response = post(served, json=event, Content_Type="application/cloudevents+json; charset=utf-8")
    assert response.status_code == 202
    assert (response.json()["id"], response.json()["source"]) == ("e-1", "/airflow/dags/flights")


def test_a_binary_cloudevent_is_taken_with_its_headers_decoded(served: Served) -> None:
    headers = {"ce_specversion": "1.0", "ce_id": "e%201", "ce_source": "/caf%C3%A9", "ce_type": "load.done", "ce_correlationid": "c-9"}
    response = post(served, json=FLIGHTS, **headers)
    assert response.status_code == 202
    answer = response.json()
    assert (answer["id"], answer["source"], answer["correlation_id"]) == ("e 1", "/café", "c-9")


def test_a_binary_cloudevent_without_a_source_is_refused_by_the_headers_name(served: Served) -> None:
    response = post(served, json=FLIGHTS, ce_specversion="1.0", ce_id="e-1", ce_type="t")
    assert (response.status_code, response.json()["field"]) == (400, "headers.ce-source")


def test_trace_context_and_correlation_id_travel_to_the_run(served: Served) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer = post(served, json=FLIGHTS, traceparent=traceparent, X_Correlation_Id="c-1").json()
    run = served.client.run(answer["run"])
    assert (run.traceparent, run.correlation_id) == (traceparent, "c-1")


@pytest.mark.parametrize("table", ["raw.flights", "raw.unknown"])
def test_the_trace_state_comes_back_beside_the_traceparent(served: Served, table: str) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    run = post(served, json={"table": table}, traceparent=parent, tracestate="vendor=a,other=b").json()["run"]
    if run is not None:
        served.judge(run)
    with transaction(served.engine) as connection:
        (answer,) = connection.execute(select(outbox.c.headers, outbox.c.value)).all()
    headers, told = dict(answer.headers), json_text.loads(answer.value)
    assert (headers["traceparent"], headers["tracestate"]) == (parent, "vendor=a,other=b")
    assert (told["traceparent"], told["tracestate"]) == (parent, "vendor=a,other=b")


def test_a_trigger_is_found_by_the_answers_id_alone(served: Served) -> None:
    answer = post(served, json={"table": "raw.flights", "id": "load-1"}).json()
    assert served.client.trigger_state(answer["trigger"]).id == "load-1"
    with pytest.raises(NotFound, match="give `trigger` of the answer that took it, not the sender's id"):
        served.client.trigger_state("load-1")
    again = post(served, json={"table": "raw.flights", "id": "load-1"}).json()
    assert (again["trigger"], again["duplicate"]) == (answer["trigger"], True)


def test_a_table_without_a_gate_is_taken_and_unmatched(served: Served) -> None:
    response = post(served, json={"table": "raw.unknown"})
    assert (response.status_code, response.json()["state"], response.json()["run"]) == (202, "unmatched", None)
    assert "no gate for table raw.unknown" in response.json()["message"]
    waited = post(served, json={"table": "raw.unknown"}, Prefer="wait=60")
    assert waited.status_code == 200  # there is nothing to wait for


JSON = "application/json"
BAD_DATE = b'{"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-30"}}'
#: body, content type; status and field of the problem
REFUSED: list[tuple[bytes, str, int, str | None]] = [
    (b"{", JSON, 400, None),
    (b"", JSON, 400, None),
    (b"\xff", JSON, 400, None),
    (b'{"table": "raw.flights", "table": "raw.planes"}', JSON, 400, "table"),
    (b'{"table": "raw.flights", "priority": NaN}', JSON, 400, None),
    (b"[" * 5000, JSON, 400, None),
    (b"[]", JSON, 422, None),
    (b"{}", JSON, 422, "table"),
    (b'{"table": "raw.flights; drop table x"}', JSON, 422, "table"),
    (b'{"table": 1}', JSON, 422, "table"),
    (b'{"table": "raw.flights", "rows": 1}', JSON, 422, "rows"),
    (b'{"table": "raw.flights", "priority": "high"}', JSON, 422, "priority"),
    (b'{"table": "raw.flights", "engine": "duckdb"}', JSON, 422, "engine"),
    (b'{"table": "raw.flights", "metadata": {"a": "\\u0000"}}', JSON, 422, "metadata.a"),
    (b'{"table": "raw.flights", "metadata": {"a": "\\ud800"}}', JSON, 422, "metadata.a"),
    (b'{"table": "raw.flights", "reply_to": "other.topic"}', JSON, 422, "reply_to"),
    (b'{"table": "raw.flights", "slice": {"column": "carrier", "equals": "UA"}}', JSON, 422, "slice.0.column"),
    (BAD_DATE, JSON, 422, "slice.0.equals"),
    (b"table: raw.flights", "application/yaml", 415, "headers.Content-Type"),
    (b"{}", "", 415, "headers.Content-Type"),
    (b"[]", "application/cloudevents-batch+json", 415, "headers.Content-Type"),
    (b"{}", "application/cloudevents+json", 400, "data"),
    (b'{"data": {"table": "raw.flights"}}', "application/cloudevents+json", 400, "specversion"),
]


def test_what_cannot_be_taken_is_refused_by_field(served: Served) -> None:
    for body, content_type, status, field in REFUSED:
        response = post(served, body, Content_Type=content_type)
        assert (response.status_code, response.json().get("field")) == (status, field), f"{body[:80]!r}: {response.text}"
        assert response.headers["Content-Type"] == PROBLEM
        assert response.json()["detail"]
    assert served.count("triggers") == 0


def test_a_body_that_is_too_large_is_413_with_and_without_its_length_announced(served: Served) -> None:
    with pytest.raises(TooLarge):
        served.client.trigger(FLIGHTS | {"metadata": {"a": "x" * served.settings.max_trigger_bytes}})
    pieces = iter([b"x" * 1024] * (served.settings.max_trigger_bytes // 1024 + 1))
    url, headers = f"{served.url}/v1/triggers", served.authorized | {"Content-Type": JSON}
    response = httpx2.post(url, content=pieces, headers=headers, trust_env=False)
    assert (response.status_code, response.headers["Content-Type"]) == (413, PROBLEM)
    assert served.client.trigger(FLIGHTS).state == "accepted"  # the next one is served


def test_the_client_raises_what_the_api_refused(served: Served) -> None:
    with pytest.raises(Invalid) as refused:
        served.client.trigger({"table": "raw.flights", "slice": {"column": "carrier", "equals": "UA"}})
    assert refused.value.field == "slice.0.column"
    with pytest.raises(NotFound):
        served.client.trigger_state("0" * 32)
    with pytest.raises(NotFound):
        served.client.trigger_state("%00/../x")


def test_the_client_waits_for_a_verdict(served: Served) -> None:
    taken = served.client.trigger(FLIGHTS)
    assert taken.run is not None
    served.judge(taken.run, {RULES[0]: 1})
    answer = served.client.trigger_state(taken.trigger, wait_seconds=30)
    assert (answer.verdict, answer.decision) == (VerdictName.WARNED, Decision.OPEN)
    assert answer.counts is not None
    assert answer.counts[Outcome.WARNED] == 1
