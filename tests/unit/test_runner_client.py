"""How a runner's answers over HTTP are read: errors by what they mean, reports each for itself."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from stringx.errors import RunnerBusy, RunnerRefused, RunnerUnavailable, RunnerUnreachable
from stringx.model import Report, ReportStatus, UnreadableReport
from stringx.runner.client import HttpRunner

RUN = "a" * 32


def runner(answer: Callable[[httpx2.Request], httpx2.Response]) -> HttpRunner:
    return HttpRunner("http://runner", "token", transport=httpx2.MockTransport(answer))


def report(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    told = Report(
        run=RUN, attempt=1, boot="b", status=ReportStatus.COMPLETED, gate_fingerprint="f", started_at=now, finished_at=now
    ).model_dump(mode="json")
    return told | changes


def taken(*reports: object) -> tuple[Report | UnreadableReport, ...]:
    body = {"boot": "b", "held": [[RUN, 1]], "reports": reports}
    # Not httpx2's JSON, which refuses what a broken runner may send.
    raw = json.dumps(body).encode()
    batch = runner(lambda _: httpx2.Response(200, content=raw)).reports("i", 0)
    assert (batch.boot, batch.held) == ("b", ((RUN, 1),))
    return batch.reports


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"status": "splendid"}, "status: must be '"),
        ({"message": "half a pair \ud800"}, ""),
    ],
)
def test_a_report_that_does_not_fit_comes_as_it_is_beside_its_neighbours(changes: dict[str, Any], error: str) -> None:
    odd = report(**changes)
    before, unreadable, after = taken(report(run="b" * 32), odd, report(run="c" * 32))

    assert isinstance(before, Report)
    assert isinstance(after, Report)
    assert (before.run, after.run) == ("b" * 32, "c" * 32)
    assert isinstance(unreadable, UnreadableReport)
    assert (unreadable.run, unreadable.attempt) == (RUN, 1)
    assert json.loads(unreadable.raw) == odd
    assert error in unreadable.error


def test_what_a_newer_runner_adds_is_read_past() -> None:
    result = {"test": "t", "status": "pass", "sliced": True}
    (read,) = taken(report(newer=1, results=[result | {"newer": {"x": []}}]))
    assert isinstance(read, Report)
    assert (read.run, read.results[0].test) == (RUN, "t")

    submission = {"boot": "b", "refused": [{"run": RUN, "attempt": 1, "code": "busy", "reason": "full", "newer": 1}], "newer": 1}
    assert runner(lambda _: httpx2.Response(200, json=submission)).submit("i", []).refused[0].reason == "full"
    batch = {"boot": "b", "held": [], "reports": [], "newer": 1}
    assert runner(lambda _: httpx2.Response(200, json=batch)).reports("i", 0).boot == "b"
    empty: dict[str, Any] = {"held": [], "fingerprints": {}, "errors": {}}
    status = {"boot": "b", "version": "9", "workers": 1, "free": 1, "targets": ["t"], **empty, "newer": 1}
    assert runner(lambda _: httpx2.Response(200, json=status)).status("i").version == "9"


@pytest.mark.parametrize(
    "odd", [[], "text", None, {"run": 5, "attempt": "x"}, {"run": [], "attempt": 2**40}, {"run": "half a pair \ud800"}]
)
def test_what_names_no_run_is_of_none(odd: object) -> None:
    unreadable, good = taken(odd, report())
    assert isinstance(unreadable, UnreadableReport)
    assert (unreadable.run, unreadable.attempt, json.loads(unreadable.raw)) == ("", 0, odd)
    assert isinstance(good, Report)


def test_what_the_runner_could_not_read_stays_unreadable() -> None:
    told = {"run": RUN, "attempt": 2, "raw": "{", "error": "not JSON"}
    assert taken(told) == (UnreadableReport.model_validate(told),)


def test_what_says_that_it_is_base64_and_is_none_comes_as_it_is_beside_its_neighbours() -> None:
    odd = {"run": RUN, "attempt": 2, "raw": "no base64!", "encoding": "base64", "error": "not JSON"}
    unreadable, good = taken(odd, report())

    assert isinstance(unreadable, UnreadableReport)
    assert (unreadable.run, unreadable.attempt, unreadable.encoding) == (RUN, 2, "text")
    assert json.loads(unreadable.raw_bytes) == odd
    assert "raw is no base64" in unreadable.error
    assert isinstance(good, Report)


def test_an_attempt_that_the_database_cannot_hold_is_of_none() -> None:
    unreadable, good = taken(report(attempt=2**31), report())
    assert isinstance(unreadable, UnreadableReport)
    assert (unreadable.run, unreadable.attempt) == (RUN, 0)
    assert "attempt: must be less than" in unreadable.error
    assert isinstance(good, Report)


def test_a_status_that_the_database_cannot_hold_is_not_a_runners_answer() -> None:
    status = {"boot": "b", "version": "1", "workers": 1, "free": 1, "targets": ["demo"], "fingerprints": {}, "errors": {}}
    with pytest.raises(RunnerUnavailable, match="not a RunnerStatus"):
        runner(lambda _: httpx2.Response(200, json={**status, "held": [[RUN, 2**31]]})).status("i")
    assert runner(lambda _: httpx2.Response(200, json={**status, "held": [[RUN, 1]]})).status("i").held == ((RUN, 1),)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"reports": 5, "boot": "b"}', b'{"reports": []}', b'{"boot": 5, "reports": []}'])
def test_what_is_no_batch_is_not_a_runners_answer(body: bytes) -> None:
    with pytest.raises(RunnerUnavailable, match="not a ReportBatch"):
        runner(lambda _: httpx2.Response(200, content=body)).reports("i", 0)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RunnerRefused),
        (413, RunnerRefused),
        (422, RunnerRefused),
        (401, RunnerUnreachable),
        (404, RunnerUnreachable),
        (408, RunnerUnreachable),
        (503, RunnerUnreachable),
        (429, RunnerBusy),
        (500, RunnerUnavailable),
    ],
)
def test_a_refusal_is_told_from_a_runner_that_does_not_serve(status: int, error: type[Exception]) -> None:
    answer = httpx2.Response(status, json={"detail": "the words"}, headers={"Retry-After": "1"})
    with pytest.raises(RunnerUnavailable, match=f"answers {status}: the words") as raised:
        runner(lambda _: answer).submit("i", [])
    assert raised.type is error


def test_a_refusal_names_the_field() -> None:
    answer = httpx2.Response(422, json={"detail": "must be 1 or more", "field": "runs.0.attempt"})
    with pytest.raises(RunnerRefused, match=r"answers 422: runs\.0\.attempt: must be 1 or more"):
        runner(lambda _: answer).submit("i", [])


def test_what_belongs_to_a_heartbeat_waits_no_longer_than_until_the_next_one() -> None:
    waits: dict[str, float] = {}

    def answer(request: httpx2.Request) -> httpx2.Response:
        waits[request.url.path] = request.extensions["timeout"]["read"]
        return httpx2.Response(503)

    beating = HttpRunner("http://runner", "token", beat_seconds=5.0, transport=httpx2.MockTransport(answer))
    for call in (lambda: beating.status("i"), lambda: beating.cancel("i", RUN), lambda: beating.submit("i", [])):
        with pytest.raises(RunnerUnreachable):
            call()
    assert waits == {"/v1/status": 5.0, f"/v1/runs/{RUN}/cancel": 5.0, "/v1/runs": 15.0}


def test_a_request_reaches_the_runner_in_one_piece() -> None:
    """And a connection that rests is used again."""
    pieces: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                for _ in range(2):
                    pieces.append(connection.recv(2**20))
                    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        serving = threading.Thread(target=answer)
        serving.start()
        client = HttpRunner(f"http://127.0.0.1:{server.getsockname()[1]}", "token")
        for _ in range(2):
            client.acknowledge("installation", [("a" * 32, 1)])
        serving.join(10)
        client.close()
    assert [(piece.startswith(b"POST /v1/reports/ack"), piece.endswith(b"]]}")) for piece in pieces] == [(True, True)] * 2
