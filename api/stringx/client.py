"""A typed client of the API: `Client(url, token)`. It raises the errors of `stringx.errors`, and nothing of HTTP."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import ValidationError

from stringx.errors import (
    ApiUnavailable,
    ConfigurationError,
    Conflict,
    Invalid,
    Malformed,
    NotFound,
    Refusal,
    Stale,
    TooLarge,
    Unconditional,
    WrongContentType,
)
from stringx.model import (
    Answer,
    BackendStatus,
    DeadLetter,
    DeadLetterPage,
    Door,
    GateChange,
    GateDetail,
    GateList,
    GatePlan,
    GateStatus,
    GateVersionDetail,
    GateVersionPage,
    RunDetail,
    RunPage,
    TriggerAnswer,
    TriggerBody,
)

AnswerType = TypeVar("AnswerType", bound=Answer)

#: A gate as its file says it.
GateDocument = Mapping[str, Any]

#: Seconds for an answer that does not wait for a verdict; what waits gets its wait on top.
TIMEOUT_SECONDS = 30.0

_REFUSALS: dict[int, type[Refusal]] = {
    400: Malformed,
    409: Conflict,
    412: Stale,
    413: TooLarge,
    415: WrongContentType,
    422: Invalid,
    428: Unconditional,
}


class Client:
    """Calls block for up to 30 seconds (and what they wait for a verdict).

    Each raises ApiUnavailable where nothing answers, or what does cannot serve now; ConfigurationError where the token is
    wrong; NotFound; and a Refusal (Malformed, Invalid, Conflict, …) where the API refused what was sent.
    """

    def __init__(self, url: str, token: str, *, door: Door = Door.HTTP, transport: httpx2.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"}
        if door is not Door.HTTP:
            headers["StringX-Door"] = door
        # A proxy of the environment is for other hosts than this one.
        self._http = httpx2.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=not _is_loopback(self.url), transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def trigger(
        self,
        body: TriggerBody | Mapping[str, Any],
        *,
        wait_seconds: float | None = None,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
        correlation_id: str | None = None,
    ) -> TriggerAnswer:
        """Sends a trigger; with `wait_seconds` answers with its verdict if that comes in time (the API waits 300 s at most,
        and not at all where too many wait: see `settled`)."""
        headers = {"Idempotency-Key": idempotency_key, "traceparent": traceparent, "X-Correlation-Id": correlation_id}
        document = body.as_json() if isinstance(body, TriggerBody) else dict(body)
        return self._call(TriggerAnswer, "POST", "/v1/triggers", json=document, headers=headers, wait_seconds=wait_seconds)

    def trigger_state(self, trigger: str, *, wait_seconds: float | None = None) -> TriggerAnswer:
        """What became of a trigger, by the id that `trigger` answered."""
        return self._call(TriggerAnswer, "GET", f"/v1/triggers/{_segment(trigger)}", wait_seconds=wait_seconds)

    def runs(
        self,
        *,
        workspace: str | None = None,
        table: str | None = None,
        verdict: str | None = None,
        decision: str | None = None,
        state: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> RunPage:
        """Runs, newest first; `cursor` is the page before's `next`."""
        asked = {
            "workspace": workspace,
            "table": table,
            "verdict": verdict,
            "decision": decision,
            "state": state,
            "limit": limit,
            "cursor": cursor,
        }
        return self._call(RunPage, "GET", "/v1/runs", params=asked)

    def run(self, run: str) -> RunDetail:
        """One run, by its id or the first 8 or more characters of it."""
        return self._call(RunDetail, "GET", f"/v1/runs/{_segment(run)}")

    def rerun(self, run: str, *, engine: str | None = None, wait_seconds: float | None = None) -> TriggerAnswer:
        """Judges a run's slice again, by the gate as it is now; `engine` in place of the gate's."""
        asked = {"engine": engine}
        return self._call(TriggerAnswer, "POST", f"/v1/runs/{_segment(run)}/rerun", params=asked, wait_seconds=wait_seconds)

    def cancel(self, run: str) -> RunDetail:
        """Asks for a run to be stopped; Conflict where it has its verdict already."""
        return self._call(RunDetail, "POST", f"/v1/runs/{_segment(run)}/cancel")

    def gates(self, workspace: str | None = None) -> GateList:
        return self._call(GateList, "GET", "/v1/gates", params={"workspace": workspace})

    def gate(self, table: str, workspace: str | None = None) -> GateDetail:
        return self._call(GateDetail, "GET", f"/v1/gates/{_segment(table)}", params={"workspace": workspace})

    def gate_versions(self, table: str, workspace: str | None = None, *, limit: int = 50, cursor: str | None = None) -> GateVersionPage:
        """The versions of a gate, newest first, of a withdrawn one too; `cursor` is the page before's `next`."""
        asked = {"workspace": workspace, "limit": limit, "cursor": cursor}
        return self._call(GateVersionPage, "GET", f"/v1/gates/{_segment(table)}/versions", params=asked)

    def gate_version(self, table: str, number: int, workspace: str | None = None) -> GateVersionDetail:
        return self._call(GateVersionDetail, "GET", f"/v1/gates/{_segment(table)}/versions/{number}", params={"workspace": workspace})

    def plan_gate(self, gate: GateDocument, table: str, workspace: str | None = None) -> GatePlan:
        """What `put_gate` would do, or all that is wrong with the gate; changes nothing."""
        return self._call(GatePlan, "POST", f"/v1/gates/{_segment(table)}/plan", json=gate, params={"workspace": workspace})

    def put_gate(
        self,
        gate: GateDocument,
        table: str,
        workspace: str | None = None,
        *,
        if_match: str | None = None,
        take_over: bool = False,
        author: str | None = None,
        message: str | None = None,
    ) -> GateDetail:
        """Puts a gate in force: a new one without `if_match`, else in place of the version with that `etag`. `gate` has the fields of
        a gate file. Stale where another version is in force, or any without `if_match`."""
        asked = {"workspace": workspace, "take_over": _flag(take_over), "author": author, "message": message}
        return self._call(GateDetail, "PUT", f"/v1/gates/{_segment(table)}", json=gate, params=asked, headers=_seen(if_match))

    def rollback_gate(
        self,
        table: str,
        to: int,
        workspace: str | None = None,
        *,
        if_match: str | None = None,
        take_over: bool = False,
        author: str | None = None,
        message: str | None = None,
    ) -> GateDetail:
        """Puts an earlier version in force again, as a new one: in place of the version with the `etag`, or of a withdrawn gate
        without `if_match`."""
        asked = {"to": to, "workspace": workspace, "take_over": _flag(take_over), "author": author, "message": message}
        path = f"/v1/gates/{_segment(table)}/rollback"
        return self._call(GateDetail, "POST", path, params=asked, headers=_seen(if_match))

    def withdraw_gate(
        self,
        table: str,
        workspace: str | None = None,
        *,
        if_match: str,
        take_over: bool = False,
        author: str | None = None,
        message: str | None = None,
    ) -> GateChange:
        """Takes the version with that `etag` out of force; its triggers are `unmatched` from then on."""
        asked = {"workspace": workspace, "take_over": _flag(take_over), "author": author, "message": message}
        return self._call(GateChange, "DELETE", f"/v1/gates/{_segment(table)}", params=asked, headers={"If-Match": if_match})

    def gate_status(self, table: str, workspace: str | None = None) -> GateStatus:
        """Whether a table's data may be used."""
        return self._call(GateStatus, "GET", f"/v1/gates/{_segment(table)}/status", params={"workspace": workspace})

    def dead_letters(self, *, limit: int = 50, cursor: str | None = None) -> DeadLetterPage:
        return self._call(DeadLetterPage, "GET", "/v1/dead-letters", params={"limit": limit, "cursor": cursor})

    def dead_letter(self, letter: int) -> DeadLetter:
        return self._call(DeadLetter, "GET", f"/v1/dead-letters/{letter}")

    def status(self) -> BackendStatus:
        """How the backend and its runners do."""
        return self._call(BackendStatus, "GET", "/v1/status")

    def _call(
        self,
        answer: type[AnswerType],
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int | None] | None = None,
        headers: Mapping[str, str | None] | None = None,
        wait_seconds: float | None = None,
    ) -> AnswerType:
        sent = {name: value for name, value in (headers or {}).items() if value is not None}
        if wait_seconds is not None:
            sent["Prefer"] = f"wait={max(0, round(wait_seconds))}"
        try:
            response = self._http.request(
                method,
                path,
                json=json,
                params={name: value for name, value in (params or {}).items() if value is not None},
                headers=sent,
                timeout=TIMEOUT_SECONDS + (wait_seconds or 0),
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            fault = str(error).rstrip(".") or type(error).__name__
            raise ApiUnavailable(f"the API at {self.url} does not answer: {fault}; start it, or check STRINGX_API_URL") from error
        if not response.is_success:
            self._refuse(response)
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            raise ApiUnavailable(f"{self._said(response)}, and not as this version of StringX does: check STRINGX_API_URL") from error

    def _refuse(self, response: httpx2.Response) -> NoReturn:
        problem = _problem(response)
        if not problem:
            raise ApiUnavailable(f"{self._said(response)}, and not as StringX does: check STRINGX_API_URL")
        detail = str(problem.get("detail") or response.reason_phrase or response.status_code)
        if response.status_code in (401, 403):
            raise ConfigurationError(
                f"the API at {self.url} does not take the token that it was given: "
                "set STRINGX_API_TOKEN (or STRINGX_API_TOKEN_FILE) to the token of that API"
            )
        if response.status_code == 404:
            # A path that is too long looks like this, too.
            raise NotFound(detail if self._http.base_url.path == "/" else f"{detail} (STRINGX_API_URL is {self.url})")
        refusal = _REFUSALS.get(response.status_code)
        if refusal is None:
            raise ApiUnavailable(f"the API at {self.url} answered {response.status_code}: {detail}")
        if problem.get("code") == Conflict.code:
            refusal = Conflict
        raise refusal(detail, field=problem.get("field"), code=problem.get("code"))

    def _said(self, response: httpx2.Response) -> str:
        """What came instead of an answer of ours."""
        kind = response.headers.get("Content-Type", "").partition(";")[0] or "no content type"
        moved = f", to {response.headers['Location']}" if response.is_redirect else ""
        return f"{self.url} answered {response.status_code} ({kind}){moved}"


def _problem(response: httpx2.Response) -> dict[str, Any]:
    """The problem document of an error; empty where it is not one, as from something else at this address."""
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return {}
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _seen(if_match: str | None) -> dict[str, str]:
    """That the version with this `etag` was seen in force, or none."""
    return {"If-None-Match": "*"} if if_match is None else {"If-Match": if_match}


def _flag(asked: bool) -> str | None:
    return "true" if asked else None


def _segment(text: str) -> str:
    """A piece of a path: whatever a person typed stays one."""
    return quote(text, safe="", errors="replace")


def _is_loopback(url: str) -> bool:
    try:
        host = httpx2.URL(url).host
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except (httpx2.InvalidURL, ValueError):
        return False
