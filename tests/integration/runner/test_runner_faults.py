"""Faults of the runner itself, and of a project that never gets parsed: nothing waits for ever, and it says what is wrong."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from runner_lab import INSTALLATION, TOKEN, Bench, Lab, rule, wait_for

from stringx.errors import RunnerUnreachable
from stringx.model import Report, ReportStatus
from stringx.runner import generations, supervision
from stringx.runner.app import create_app
from stringx.runner.supervision import Supervision
from stringx.settings import Settings

ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% for k in range(99999) %}{% endfor %}{% endfor %}{% endfor %} select 1"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_pool_that_fails_tells_all_that_it_knows_and_asks_for_a_new_process(
    make_runner: Any, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench: Bench = make_runner()
    asked = threading.Event()
    app = create_app(bench.runner, Settings(runner_token=SecretStr(TOKEN)), when_broken=asked.set)
    slow = bench.gate(rule("slow", "slow", arguments={"seconds": 600}))
    executing, queued = bench.request(slow), bench.request(slow)
    bench.runner.submit(INSTALLATION, [executing, queued])
    wait_for(lambda: lab.busy_sessions(bench.runner), "the query runs")
    assert bench.runner.ready

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Supervision, "_assign", fail)
    bench.runner.cancel(INSTALLATION, queued.run)  # its report is to be told in the turn that fails
    assert asked.wait(60)
    assert bench.runner.broken
    assert not bench.runner.ready
    (report,) = bench.runner.reports(INSTALLATION, 0).reports
    assert isinstance(report, Report)
    assert (report.run, report.status) == (queued.run, ReportStatus.CANCELLED)
    status = bench.runner.status(INSTALLATION)
    assert status.held == ((queued.run, 1),), "what executed is given back"
    assert (status.free, status.free_by_target) == (0, {"demo": 0})
    with pytest.raises(RunnerUnreachable, match="failed"):
        bench.runner.submit(INSTALLATION, [bench.request(slow)])
    with httpx2.Client(transport=httpx2.WSGITransport(app=app), base_url="http://runner") as http:
        assert [http.get(path).status_code for path in ("/livez", "/readyz")] == [503, 503]
    wait_for(lambda: lab.busy_sessions(bench.runner) == 0, "no query outlives it")
    late = threading.Event()
    bench.runner.on_broken(late.set)
    assert late.is_set()


def test_a_project_that_is_never_parsed_is_given_up_and_runs_do_not_wait_for_it(
    make_runner: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = project / "models" / "endless.sql"
    endless.write_text(ENDLESS)
    monkeypatch.setattr(supervision, "QUEUE_SECONDS", 0.5)
    bench: Bench = make_runner(dbt_project_dir=project)
    gate = bench.gate(rule("any", "not_null", column="amount"))
    given_back = bench.request(gate)
    bench.runner.submit(INSTALLATION, [given_back])
    wait_for(lambda: bench.runner.status(INSTALLATION).held == (), "the run is given back")
    assert bench.runner.reports(INSTALLATION, 0).reports == ()

    monkeypatch.setattr(supervision, "QUEUE_SECONDS", 600.0)
    monkeypatch.setattr(generations, "PARSE_SECONDS", 1.0)
    report = bench.evaluate(gate)
    reason = "dbt had not parsed the project after 1 s, and was stopped"
    assert (report.status, report.message) == (ReportStatus.ERRORED, reason)
    assert bench.runner.status(INSTALLATION).errors == {"demo": reason}

    monkeypatch.setattr(generations, "PARSE_SECONDS", 300.0)
    endless.unlink()
    wait_for(lambda: bench.runner.ready, "the mended project is in charge")
    assert bench.evaluate(gate).results[0].failures == 10
