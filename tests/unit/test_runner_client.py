"""How a runner's answers over HTTP are read: errors by what they mean, reports each for itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from stringx.errors import RunnerBusy, RunnerRefused, RunnerUnavailable, RunnerUnreachable
from stringx.model import Report, ReportStatus, UnreadableReport
from stringx.runner.client import HttpRunner
from stringx.runner.wire import Answer

RUN = "a" * 32


class OneAnswer:
    """A wire at whose other end the same is always said."""

    def __init__(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self._answer = Answer(status, "", headers, content)
        #: of each request by its path: the longest waits for a connection and for an answer
        self.waits: dict[str, tuple[float, float]] = {}

    def send(
        self,
        method: str,  # noqa: ARG002
        path: str,
        *,
        headers: Mapping[str, str],  # noqa: ARG002
        body: bytes | None,  # noqa: ARG002
        connect_seconds: float,
        answer_seconds: float,
    ) -> Answer:
        self.waits[path.partition("?")[0]] = connect_seconds, answer_seconds
        return self._answer

    def close(self) -> None: ...


def runner(content: object, status: int = 200, **headers: str) -> HttpRunner:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return HttpRunner("http://runner", "token", wire=OneAnswer(status, raw, headers))


def report(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    told = Report(
        run=RUN, attempt=1, boot="b", status=ReportStatus.COMPLETED, gate_fingerprint="f", started_at=now, finished_at=now
    ).model_dump(mode="json")
    return told | changes


def taken(*reports: object) -> tuple[Report | UnreadableReport, ...]:
    body = {"boot": "b", "held": [[RUN, 1]], "reports": reports}
    batch = runner(body).reports("i", 0)
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
    assert runner(submission).submit("i", []).refused[0].reason == "full"
    batch = {"boot": "b", "held": [], "reports": [], "newer": 1}
    assert runner(batch).reports("i", 0).boot == "b"
    empty: dict[str, Any] = {"held": [], "fingerprints": {}, "errors": {}}
    status = {"boot": "b", "version": "9", "workers": 1, "free": 1, "targets": ["t"], **empty, "newer": 1}
    assert runner(status).status("i").version == "9"


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
        runner({**status, "held": [[RUN, 2**31]]}).status("i")
    assert runner({**status, "held": [[RUN, 1]]}).status("i").held == ((RUN, 1),)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"reports": 5, "boot": "b"}', b'{"reports": []}', b'{"boot": 5, "reports": []}'])
def test_what_is_no_batch_is_not_a_runners_answer(body: bytes) -> None:
    with pytest.raises(RunnerUnavailable, match="not a ReportBatch"):
        runner(body).reports("i", 0)


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
    with pytest.raises(RunnerUnavailable, match=f"answers {status}: the words") as raised:
        runner({"detail": "the words"}, status, **{"retry-after": "1"}).submit("i", [])
    assert raised.type is error


def test_a_refusal_names_the_field() -> None:
    with pytest.raises(RunnerRefused, match=r"answers 422: runs\.0\.attempt: must be 1 or more"):
        runner({"detail": "must be 1 or more", "field": "runs.0.attempt"}, 422).submit("i", [])


def test_what_belongs_to_a_heartbeat_waits_no_longer_than_until_the_next_one() -> None:
    wire = OneAnswer(503, b"", {})
    for seconds in (5.0, 1.0):
        beating = HttpRunner("http://runner", "token", beat_seconds=seconds, wire=wire)
        for call in (lambda: beating.status("i"), lambda: beating.cancel("i", RUN), lambda: beating.submit("i", [])):  # noqa: B023
            with pytest.raises(RunnerUnreachable):
                call()
        beat = min(seconds, 3.0), seconds
        assert wire.waits == {"/v1/status": beat, f"/v1/runs/{RUN}/cancel": beat, "/v1/runs": (3.0, 15.0)}
