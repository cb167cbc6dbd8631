"""What a worker makes of what dbt gave, where a database would not give it at will: missing results, slow samples, exceptions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

import psycopg2.errors
import pytest

from stringx.gates.tests import literal
from stringx.model import DbtStatus, Gate, ReportStatus, RunRequest, Slice
from stringx.runner import evaluation, messages, samples, sessions, worker
from stringx.runner.evaluation import SAMPLES_SECONDS, Evaluator
from stringx.runner.invocation import Invocation, Ran, StopSignal
from stringx.runner.parsed import KnownTable
from stringx.runner.samples import Sample

PASSWORD = "the-target's-password"


class Project:
    """Two tests are attached to its only table."""

    def table(self, _name: str, _wanted: object = None) -> KnownTable:
        return KnownTable("source.raw.a", "source('raw', 'a')", '"raw"."a"', '"raw"."a"')

    def attached_tests(self, _name: str) -> list[Any]:
        return [node("answered"), node("unanswered")]

    def cut(self, _nodes: object) -> None: ...


def node(name: str) -> Any:
    config = SimpleNamespace(where=None, severity="ERROR", warn_if="!= 0", error_if="> 100", limit=10)
    return SimpleNamespace(
        name=name,
        unique_id=name,
        tags=["t"],
        original_file_path="",
        config=config,
        depends_on=SimpleNamespace(nodes=[]),
        test_metadata=None,
    )


def request(*, gate: dict[str, Any] | None = None, **samples: Any) -> RunRequest:
    asked = Gate.model_validate(
        {
            "workspace": "default",
            "table": "raw.a",
            "target": "demo",
            "select": [{"select": "tag:t", "kind": "business"}],
            "samples": {"rows": 2, **samples},
            **(gate or {}),
        }
    )
    named = {"gate_version": 1, "gate_fingerprint": asked.fingerprint}
    return RunRequest(run=uuid.uuid4().hex, attempt=1, gate=asked, slice=Slice(()), timeout_seconds=600, **named)


@pytest.fixture
def evaluator() -> Evaluator:
    project: Any = Project()
    nothing: Any = SimpleNamespace()
    return Evaluator(project, nothing, nothing, StopSignal(), lambda text: text.replace(PASSWORD, "*****"))


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """dbt answers one of the two; the statements that samples are fetched with, and their limits in seconds."""
    fetched: list[tuple[str, float]] = []

    @contextmanager
    def cursor(_adapter: object, _name: str) -> Iterator[Any]:
        yield SimpleNamespace(connection=SimpleNamespace(rollback=lambda: None), execute=lambda *_: None, fetchone=lambda: (7,))

    def fetch(_cursor: object, sql: str, *, timeout_seconds: float, **_more: object) -> Sample:
        fetched.append((sql, timeout_seconds))
        return Sample(("x",), ((1,),))

    invocation = Invocation(results={"answered": Ran("fail", 3, "Got 3 results", 0.1, "select 1")})
    monkeypatch.setattr(evaluation, "run_tests", lambda *_, **_more: invocation)
    monkeypatch.setattr(evaluation, "adapter", lambda: SimpleNamespace(type=lambda: "postgres", quote='"{}"'.format))
    monkeypatch.setattr(sessions, "cursor", cursor)
    monkeypatch.setattr(samples, "fetch", fetch)
    return fetched


def test_a_test_without_a_result_is_an_error_beside_one_that_failed(evaluator: Evaluator, sampled: list[tuple[str, float]]) -> None:
    evaluated = evaluator.evaluate(request())
    assert (evaluated.status, evaluated.rows) == (ReportStatus.COMPLETED, 7)
    results = {result.test: result for result in evaluated.results}
    assert (results["answered"].status, results["answered"].sample) == (DbtStatus.FAIL, ((1,),))
    assert (results["unanswered"].status, results["unanswered"].message) == (DbtStatus.ERROR, "dbt gave no result for this test")
    assert [sql for sql, _ in sampled] == ["select 1"]


@pytest.mark.usefixtures("sampled")
def test_a_rules_column_is_quoted_as_the_database_has_it(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def rule_test(_self: Project, name: str, sql: str) -> Any:
        written.append(sql)
        return node(name)

    monkeypatch.setattr(evaluation, "adapter", lambda: SimpleNamespace(type=lambda: "postgres", quote="`{}`".format))
    monkeypatch.setattr(Project, "rule_test", rule_test, raising=False)
    filled = {"name": "filled", "check": "not_null", "column": "Amount", "kind": "engineering", "dimension": "completeness"}
    evaluator.evaluate(request(gate={"rules": [{**filled, "level": "column", "severity": "error"}]}))
    assert [literal("`Amount`", "column") in sql for sql in written] == [True], "a text is never null"


def test_samples_do_not_hold_up_a_verdict_for_the_rest_of_its_time(evaluator: Evaluator, sampled: list[tuple[str, float]]) -> None:
    evaluator.evaluate(request())
    assert all(0 < seconds <= SAMPLES_SECONDS for _, seconds in sampled)


@pytest.mark.usefixtures("sampled")
@pytest.mark.parametrize(
    ("on_no_rows", "found", "rows", "has_rows"),
    [
        ("open", (1,), None, False),
        ("closed", (1,), None, True),
        ("closed", None, 0, False),
        ("closed", psycopg2.errors.QueryCanceled("too slow"), None, False),
    ],
    ids=["not asked", "some", "none", "not known"],
)
def test_a_count_that_is_given_up_is_followed_by_the_question_for_one_row_where_none_would_close(
    on_no_rows: str, found: Any, rows: int | None, has_rows: bool, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def execute(sql: str, _arguments: object = None) -> None:
        asked.append(sql.split(" from ")[0])
        if sql.startswith("select count(*)"):
            raise psycopg2.errors.QueryCanceled("too slow")
        if sql.startswith("select 1 ") and isinstance(found, Exception):
            raise found

    @contextmanager
    def cursor(_adapter: object, _name: str) -> Iterator[Any]:
        yield SimpleNamespace(connection=SimpleNamespace(rollback=lambda: None), execute=execute, fetchone=lambda: found)

    monkeypatch.setattr(sessions, "cursor", cursor)
    monkeypatch.setattr(evaluation, "SAMPLES_SECONDS", 0)
    evaluated = evaluator.evaluate(request(gate={"on_no_rows": on_no_rows}))
    assert (evaluated.status, evaluated.rows, evaluated.has_rows) == (ReportStatus.COMPLETED, rows, has_rows)
    assert evaluated.message == (None if rows == 0 else "too slow")
    assert ("select 1" in asked) is (on_no_rows == "closed")


@pytest.mark.usefixtures("sampled")
@pytest.mark.parametrize("mask", [(), ("email",)])
def test_what_dbt_raises_is_told_without_secrets_and_where_columns_are_masked_by_its_name_alone(
    mask: tuple[str, ...], evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def explode(*_: object, **_more: object) -> Invocation:
        raise LookupError(f"row ('odd@example.org') by {PASSWORD}\x00")

    monkeypatch.setattr(evaluation, "run_tests", explode)
    asked = request(mask=mask)
    ours, its = Pipe()
    messages.send(ours, messages.Work(request=asked, record=False))
    worker._one_run(its, evaluator, evaluator._text)  # noqa: SLF001  # its loop ends only with the pool
    done = received(ours)
    logged = capfd.readouterr().err
    assert (done.status, done.gate_fingerprint) == (ReportStatus.ERRORED, asked.gate.fingerprint)
    assert PASSWORD not in f"{done.message}{logged}"
    assert "\x00" not in f"{done.message}{logged}"
    for text in (done.message or "", logged):
        assert "LookupError" in text
        assert ("odd@example.org" in text) is (mask == ())


def received(connection: Connection) -> messages.Done:
    message = messages.receive(connection)
    assert isinstance(message, messages.Done)
    return message
