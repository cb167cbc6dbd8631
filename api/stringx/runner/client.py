"""A runner behind HTTP, as a `RunnerPort`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from stringx.errors import NotFound, RunnerBusy, RunnerRefused, RunnerUnavailable, RunnerUnreachable
from stringx.model import (
    RUN_ID,
    Gate,
    Report,
    ReportBatch,
    RunnerStatus,
    RunRequest,
    Submission,
    TableCatalog,
    UnreadableReport,
    Validation,
    Value,
)
from stringx.runner.inquiries import WAIT_SECONDS
from stringx.runner.port import AckBody, CancelBody, RunsBody, ValidateBody, faults
from stringx.runner.wire import Answer, HttpWire, NoAnswer, NotConnected, Wire

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 15.0

#: Client errors that say nothing of what was sent: the token, the address, a proxy, or too slow a request.
_NOT_OF_THE_BODY = frozenset({401, 403, 404, 405, 407, 408})

_INQUIRY_SECONDS = WAIT_SECONDS + ANSWER_SECONDS

_Said = TypeVar("_Said", bound=Value)


class HttpRunner:
    """One replica at `address` (`http://host:port`). Safe for threads; connections are kept open and reused."""

    def __init__(self, address: str, token: str, *, beat_seconds: float = ANSWER_SECONDS, wire: Wire | None = None) -> None:
        """`beat_seconds`: how long what belongs to a heartbeat may wait for its answer, so that the next one is not late."""
        self.address = address
        self._beat_seconds = min(beat_seconds, ANSWER_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._wire = wire or HttpWire(address)

    def close(self) -> None:
        """Closes its connections; a call that waits is ended with RunnerUnavailable."""
        self._wire.close()

    def submit(self, installation: str, runs: Sequence[RunRequest]) -> Submission:
        body = RunsBody(installation=installation, runs=tuple(runs))
        return self._read(self._send("POST", "/v1/runs", body=body), Submission)

    def reports(self, installation: str, wait_seconds: float) -> ReportBatch:
        asked = {"installation": installation, "wait": f"{wait_seconds:g}"}
        answer = self._send("GET", f"/v1/reports?{urlencode(asked)}", seconds=ANSWER_SECONDS + wait_seconds)
        return self._read_batch(answer)

    def acknowledge(self, installation: str, finished: Sequence[tuple[str, int]]) -> None:
        self._send("POST", "/v1/reports/ack", body=AckBody(installation=installation, finished=tuple(finished)))

    def cancel(self, installation: str, run: str) -> bool:
        body = CancelBody(installation=installation)
        answer = self._send("POST", f"/v1/runs/{quote(run, safe='')}/cancel", body=body, missing=True, seconds=self._beat_seconds)
        return answer.status != HTTPStatus.NOT_FOUND

    def status(self, installation: str) -> RunnerStatus:
        asked = urlencode({"installation": installation})
        return self._read(self._send("GET", f"/v1/status?{asked}", seconds=self._beat_seconds), RunnerStatus)

    def validate(self, gates: Sequence[Gate]) -> Validation:
        """What of these gates would not work on their targets."""
        return self._read(self._send("POST", "/v1/validate", body=ValidateBody(gates=tuple(gates)), seconds=_INQUIRY_SECONDS), Validation)

    def table(self, name: str, target: str) -> TableCatalog:
        """What a table is like; NotFound where there is none."""
        path = f"/v1/tables/{quote(name, safe='')}?{urlencode({'target': target})}"
        answer = self._send("GET", path, missing=True, seconds=_INQUIRY_SECONDS)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise NotFound(_detail(answer))
        return self._read(answer, TableCatalog)

    def _send(self, method: str, path: str, *, body: Value | None = None, missing: bool = False, seconds: float = ANSWER_SECONDS) -> Answer:
        """The answer, if it is one of success, or 404 where that may be. Otherwise the error that fits."""
        headers, content = self._headers, None
        if body is not None:
            headers, content = headers | {"Content-Type": "application/json"}, body.model_dump_json().encode()
        connect_seconds = min(seconds, CONNECT_SECONDS)
        try:
            answer = self._wire.send(method, path, headers=headers, body=content, connect_seconds=connect_seconds, answer_seconds=seconds)
        except NotConnected as error:
            raise RunnerUnreachable(f"{self.address}: {error}") from error
        except NoAnswer as error:
            raise RunnerUnavailable(f"{self.address}: {error}") from error
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES or (missing and answer.status == HTTPStatus.NOT_FOUND):
            return answer
        reason = f"{self.address} answers {answer.status}: {_detail(answer)}"
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RunnerBusy(reason, _retry_after(answer))
        # It said no, or that it does not serve: in both cases it took nothing. A fault in between is another thing.
        refused = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
        if refused and answer.status not in _NOT_OF_THE_BODY:
            raise RunnerRefused(reason)
        if refused or answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise RunnerUnreachable(reason)
        raise RunnerUnavailable(reason)

    def _read(self, answer: Answer, kind: type[_Said]) -> _Said:
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as error:  # not a runner, or one of another version
            raise RunnerUnavailable(f"{self.address}: the answer is not a {kind.__name__}: {error.error_count()} faults") from error

    def _read_batch(self, answer: Answer) -> ReportBatch:
        """Each report for itself where not all can be read: one does not keep back its neighbours."""
        with suppress(ValidationError):
            return ReportBatch.model_validate_json(answer.content)
        try:
            batch = json.loads(answer.content)
            reports = batch.pop("reports", [])
            envelope = ReportBatch.model_validate_json(json.dumps(batch))
            return envelope.model_copy(update={"reports": tuple(_report(report) for report in reports)})
        except (ValueError, AttributeError, TypeError) as error:  # no JSON, or JSON of another shape
            raise RunnerUnavailable(f"{self.address}: the answer is not a {ReportBatch.__name__}: {type(error).__name__}") from error


def _report(content: object) -> Report | UnreadableReport:
    fields = content if isinstance(content, dict) else {}
    raw = json.dumps(content)
    try:
        return (UnreadableReport if "raw" in fields else Report).model_validate_json(raw)
    except ValidationError as error:
        message = faults(error)
    run, attempt = fields.get("run"), fields.get("attempt")
    # Of no run where it does not say of which one it is.
    return UnreadableReport(
        run=run if isinstance(run, str) and RUN_ID.fullmatch(run) else "",
        attempt=attempt if isinstance(attempt, int) and 0 <= attempt < 2**31 else 0,
        raw=raw,
        error=message,
    )


def _detail(answer: Answer) -> str:
    try:
        body = json.loads(answer.content)
    except ValueError:
        return answer.reason
    if not isinstance(body, dict):
        return answer.reason
    return ": ".join(str(body[name]) for name in ("field", "detail") if name in body) or answer.reason


def _retry_after(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 1.0
