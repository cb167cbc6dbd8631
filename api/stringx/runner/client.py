"""A runner behind HTTP, as a `RunnerPort`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

import httpx2
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
from stringx.runner.one_send import OneSendTransport
from stringx.runner.port import AckBody, CancelBody, RunsBody, ValidateBody, faults

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 15.0

#: Client errors that say nothing of what was sent: the token, the address, a proxy, or too slow a request.
_NOT_OF_THE_BODY = frozenset({401, 403, 404, 405, 407, 408})

_INQUIRY = httpx2.Timeout(WAIT_SECONDS + ANSWER_SECONDS, connect=CONNECT_SECONDS)

_Answer = TypeVar("_Answer", bound=Value)


class HttpRunner:
    """One replica at `address` (`http://host:port`). Safe for threads; connections are kept open and reused."""

    def __init__(
        self, address: str, token: str, *, beat_seconds: float = ANSWER_SECONDS, transport: httpx2.BaseTransport | None = None
    ) -> None:
        """`beat_seconds`: how long what belongs to a heartbeat may wait for its answer, so that the next one is not late."""
        self.address = address
        self._beat = httpx2.Timeout(min(beat_seconds, ANSWER_SECONDS), connect=min(beat_seconds, CONNECT_SECONDS))
        self._client = httpx2.Client(
            base_url=address,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            transport=transport or OneSendTransport(),
            trust_env=False,  # a proxy of the environment is not for the runner, nor is the token for it
        )

    def close(self) -> None:
        """Closes its connections; a call that waits is ended with RunnerUnavailable."""
        self._client.close()

    def submit(self, installation: str, runs: Sequence[RunRequest]) -> Submission:
        body = RunsBody(installation=installation, runs=tuple(runs))
        return _read(self._send("POST", "/v1/runs", body=body), Submission)

    def reports(self, installation: str, wait_seconds: float) -> ReportBatch:
        response = self._send(
            "GET",
            "/v1/reports",
            params={"installation": installation, "wait": f"{wait_seconds:g}"},
            timeout=httpx2.Timeout(ANSWER_SECONDS + wait_seconds, connect=CONNECT_SECONDS),
        )
        return _read_batch(response)

    def acknowledge(self, installation: str, finished: Sequence[tuple[str, int]]) -> None:
        self._send("POST", "/v1/reports/ack", body=AckBody(installation=installation, finished=tuple(finished)))

    def cancel(self, installation: str, run: str) -> bool:
        response = self._send(
            "POST", f"/v1/runs/{run}/cancel", body=CancelBody(installation=installation), missing=True, timeout=self._beat
        )
        return response.status_code != httpx2.codes.NOT_FOUND

    def status(self, installation: str) -> RunnerStatus:
        return _read(self._send("GET", "/v1/status", params={"installation": installation}, timeout=self._beat), RunnerStatus)

    def validate(self, gates: Sequence[Gate]) -> Validation:
        """What of these gates would not work on their targets."""
        return _read(self._send("POST", "/v1/validate", body=ValidateBody(gates=tuple(gates)), timeout=_INQUIRY), Validation)

    def table(self, name: str, target: str) -> TableCatalog:
        """What a table is like; NotFound where there is none."""
        response = self._send("GET", f"/v1/tables/{name}", params={"target": target}, missing=True, timeout=_INQUIRY)
        if response.status_code == httpx2.codes.NOT_FOUND:
            raise NotFound(_detail(response))
        return _read(response, TableCatalog)

    def _send(self, method: str, path: str, *, body: Value | None = None, missing: bool = False, **more: Any) -> httpx2.Response:
        """The answer, if it is one of success, or 404 where that may be. Otherwise the error that fits."""
        if body is not None:
            more |= {"content": body.model_dump_json(), "headers": {"Content-Type": "application/json"}}
        try:
            response = self._client.request(method, path, **more)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise RunnerUnreachable(f"{self.address}: {error or type(error).__name__}") from error
        except (httpx2.HTTPError, RuntimeError) as error:  # RuntimeError: the client was closed meanwhile
            raise RunnerUnavailable(f"{self.address}: {error or type(error).__name__}") from error
        if response.is_success or (missing and response.status_code == httpx2.codes.NOT_FOUND):
            return response
        reason = f"{self.address} answers {response.status_code}: {_detail(response)}"
        if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
            raise RunnerBusy(reason, _retry_after(response))
        # It said no, or that it does not serve: in both cases it took nothing. A fault in between is another thing.
        if response.is_client_error and response.status_code not in _NOT_OF_THE_BODY:
            raise RunnerRefused(reason)
        if response.is_client_error or response.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
            raise RunnerUnreachable(reason)
        raise RunnerUnavailable(reason)


def _read(response: httpx2.Response, kind: type[_Answer]) -> _Answer:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:  # not a runner, or one of another version
        raise RunnerUnavailable(f"{response.request.url}: the answer is not a {kind.__name__}: {error.error_count()} faults") from error


def _read_batch(response: httpx2.Response) -> ReportBatch:
    """Each report for itself where not all can be read: one does not keep back its neighbours."""
    with suppress(ValidationError):
        return ReportBatch.model_validate_json(response.content)
    try:
        batch = json.loads(response.content)
        reports = batch.pop("reports", [])
        envelope = ReportBatch.model_validate_json(json.dumps(batch))
        return envelope.model_copy(update={"reports": tuple(_report(report) for report in reports)})
    except (ValueError, AttributeError, TypeError) as error:  # no JSON, or JSON of another shape
        raise RunnerUnavailable(f"{response.request.url}: the answer is not a {ReportBatch.__name__}: {type(error).__name__}") from error


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


def _detail(response: httpx2.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.reason_phrase
    if not isinstance(body, dict):
        return response.reason_phrase
    return ": ".join(str(body[name]) for name in ("field", "detail") if name in body) or response.reason_phrase


def _retry_after(response: httpx2.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 1.0
