"""What the runner promises the backend: idempotent submission, honest refusals, reports until they are acknowledged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from pydantic import SecretStr
from runner_lab import INSTALLATION, PROJECT, TOKEN, Bench, Lab, processes, rule, wait_for
from serving import serving
from werkzeug import Response

from stringx.embedded.ports import any_free
from stringx.errors import Invalid, RunnerBusy, RunnerUnavailable, RunnerUnreachable
from stringx.model import ReportStatus
from stringx.runner.app import create_app
from stringx.runner.client import HttpRunner
from stringx.settings import Settings


@pytest.fixture(scope="module")
def url(bench: Bench) -> Iterator[str]:
    """The shared runner behind HTTP."""
    with serving(create_app(bench.runner, Settings(runner_token=SecretStr(TOKEN)))) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[HttpRunner]:
    client = HttpRunner(url, TOKEN)
    yield client
    client.close()


def quick(bench: Bench) -> Any:
    return bench.gate(rule("a", "not_null", column="amount"))


def test_a_report_comes_until_it_is_acknowledged_and_only_to_its_installation(bench: Bench, client: HttpRunner) -> None:
    installation = uuid.uuid4().hex
    request = bench.request(quick(bench))
    assert client.submit(installation, [request]).accepted == ((request.run, 1),)
    first = client.reports(installation, 60)
    assert [report.run for report in first.reports] == [request.run]
    assert first.held == ((request.run, 1),)
    assert client.reports(installation, 0) == first
    assert client.reports("another", 0).reports == ()
    assert client.status("another").held == ()
    client.acknowledge("another", [(request.run, 1)])
    assert client.reports(installation, 0) == first
    client.acknowledge(installation, [(request.run, 1)])
    client.acknowledge(installation, [(request.run, 1)])
    assert client.reports(installation, 0).reports == ()
    assert client.status(installation).held == ()


def test_a_run_submitted_twice_is_executed_once(bench: Bench, client: HttpRunner) -> None:
    installation = uuid.uuid4().hex
    request = bench.request(quick(bench))
    for _ in range(3):
        assert client.submit(installation, [request, request]).accepted == ((request.run, 1), (request.run, 1))
    (report,) = client.reports(installation, 60).reports
    assert client.submit(installation, [request]).accepted == ((request.run, 1),), "its report is there"
    assert client.reports(installation, 1).reports == (report,)
    client.acknowledge(installation, [(request.run, 1)])


def test_a_long_poll_waits_for_the_first_report_and_no_longer(bench: Bench, client: HttpRunner) -> None:
    installation = uuid.uuid4().hex
    began = time.monotonic()
    assert client.reports(installation, 0.3).reports == ()
    assert time.monotonic() - began >= 0.3
    client.submit(installation, [bench.request(quick(bench))])
    began = time.monotonic()
    assert len(client.reports(installation, 60).reports) == 1
    assert time.monotonic() - began < 60


def test_a_target_that_it_does_not_have_is_refused_by_name(bench: Bench, client: HttpRunner) -> None:
    request = bench.request(bench.gate(target="elsewhere"))
    submission = client.submit(INSTALLATION, [request])
    assert submission.accepted == ()
    assert [(refused.run, refused.code) for refused in submission.refused] == [(request.run, "unknown_target")]
    assert "demo" in submission.refused[0].reason


def test_a_full_runner_says_so(make_runner: Any) -> None:
    bench: Bench = make_runner(runner_queue=1)
    slow = bench.gate(rule("slow", "slow", arguments={"seconds": 600}))
    told = bench.runner.status(INSTALLATION)
    assert (told.workers, told.queue) == (2, 1)  # one of dbt and one that replays: a dispatcher goes by what it is told
    runs = [bench.request(slow) for _ in range(4)]
    submission = bench.runner.submit(INSTALLATION, runs)
    assert [run for run, _ in submission.accepted] == [request.run for request in runs[:3]]
    assert [(refused.run, refused.code) for refused in submission.refused] == [(runs[3].run, "busy")]
    assert bench.runner.status(INSTALLATION).free == 0
    app = create_app(bench.runner, Settings(runner_token=SecretStr(TOKEN)))
    with serving(app) as url:
        body = {"installation": INSTALLATION, "runs": [runs[3].model_dump(mode="json")]}
        answer = httpx2.post(f"{url}/v1/runs", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        full = HttpRunner(url, TOKEN)
        with pytest.raises(RunnerBusy) as busy:
            full.submit(INSTALLATION, [runs[3]])
        assert busy.value.retry_after_seconds == 1
        for request in runs[:3]:
            full.cancel(INSTALLATION, request.run)
            assert bench.report(request.run).status is ReportStatus.CANCELLED
        bench.runner.close()
        with pytest.raises(RunnerUnreachable, match="closing"):
            full.submit(INSTALLATION, [runs[3]])
        full.close()
    full.close()


def test_a_backlog_of_one_target_takes_no_room_from_another(make_runner: Any, project: Path) -> None:
    profiles = yaml.safe_load((project / "profiles.yml").read_text())
    profiles["stringx"]["outputs"]["other"] = profiles["stringx"]["outputs"]["demo"]
    (project / "profiles.yml").write_text(yaml.safe_dump(profiles))
    bench: Bench = make_runner(targets=("demo", "other"), runner_queue=1, runner_replay_workers=0, dbt_project_dir=project)
    slow = rule("slow", "slow", arguments={"seconds": 600})
    backlog = [bench.request(bench.gate(slow)) for _ in range(3)]
    assert [refused.run for refused in bench.runner.submit(INSTALLATION, backlog).refused] == [backlog[2].run]
    wait_for(lambda: bench.runner.ready, "both targets have a project")
    status = bench.runner.status(INSTALLATION)
    assert (status.free, status.free_by_target) == (1, {"demo": 0, "other": 1})
    assert status.queue == 1
    wait_for(
        lambda: bench.runner.status(INSTALLATION).queued_by_target == {"demo": 1, "other": 0}, "one of demo's executes, the other waits"
    )
    more = [bench.request(bench.gate(slow)), bench.request(bench.gate(rule("a", "not_null", column="amount"), target="other"))]
    submission = bench.runner.submit(INSTALLATION, more)
    assert [run for run, _ in submission.accepted] == [more[1].run]
    assert bench.report(more[1].run).results[0].failures == 10


# --- over HTTP ---


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x", "Bearer \xe4"])
def test_everything_but_the_probes_wants_the_token(url: str, authorization: str | None) -> None:
    headers = {"Authorization": authorization.encode("latin-1")} if authorization else {}
    with httpx2.Client(base_url=url, headers=headers) as http:
        for path in ("/v1/status?installation=x", "/v1/reports?installation=x", "/v1/runs/x", "/nowhere"):
            answer = http.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
            assert "WWW-Authenticate" in answer.headers
            assert TOKEN not in answer.text
        assert http.post("/v1/runs", content=b"{}").status_code == 401
        assert http.get("/livez").status_code == 200
        assert http.get("/readyz").status_code in (200, 503)


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "word"),
    [
        ("POST", "/v1/runs", b"not json", 400, ""),
        ("POST", "/v1/runs", b'{"installation": "x"}', 422, "runs"),
        ("POST", "/v1/runs", b'{"installation": "x", "runs": [{"run": "../../etc"}]}', 422, "runs.0.run"),
        ("POST", "/v1/runs", b'{"installation": "../x", "runs": []}', 422, "installation"),
        ("POST", "/v1/runs", b'{"installation": "x", "runs": [], "more": 1}', 422, "more"),
        ("POST", "/v1/reports/ack", b'{"installation": "x", "finished": [["..", 1]]}', 422, "finished.0.0"),
        ("GET", "/v1/reports", b"", 422, "installation"),
        ("GET", "/v1/reports?installation=x&wait=nan", b"", 422, "wait"),
        ("GET", "/v1/reports?installation=x&wait=-1", b"", 422, "wait"),
        ("GET", "/v1/status?installation=..", b"", 422, "installation"),
        ("GET", "/v1/runs/none?installation=x", b"", 404, "none"),
        ("POST", "/v1/runs/none/cancel", b'{"installation": "x"}', 404, "none"),
        ("GET", "/v1/nowhere", b"", 404, ""),
        ("DELETE", "/v1/runs", b"", 405, ""),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(url: str, method: str, path: str, content: bytes, status: int, word: str) -> None:
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        answer = http.request(method, path, content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert word in answer.text


def test_a_run_can_be_asked_for_over_http(bench: Bench, url: str, client: HttpRunner) -> None:
    request = bench.request(quick(bench))
    client.submit(INSTALLATION, [request])
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        path = f"/v1/runs/{request.run}?installation={INSTALLATION}"
        wait_for(lambda: http.get(path).json()["state"] == "finished", "it has finished")
        assert http.get(path).json() == {"run": request.run, "attempt": 1, "state": "finished"}
        assert client.cancel(INSTALLATION, request.run), "it is there, although it has ended"
    assert client.cancel(INSTALLATION, uuid.uuid4().hex) is False
    bench.report(request.run)


def test_the_client_tells_a_runner_that_took_nothing_from_one_that_may_have(url: str, bench: Bench) -> None:
    request = bench.request(quick(bench))
    with pytest.raises(RunnerUnreachable):
        HttpRunner(f"http://127.0.0.1:{any_free()}", TOKEN).submit(INSTALLATION, [request])
    with pytest.raises(RunnerUnreachable, match="401") as refused:
        HttpRunner(url, "a-wrong-token").submit(INSTALLATION, [request])
    assert "a-wrong-token" not in str(refused.value)
    with serving(Response(status=500)) as broken, pytest.raises(RunnerUnavailable) as unsure:
        HttpRunner(broken, TOKEN).submit(INSTALLATION, [request])
    assert not isinstance(unsure.value, RunnerUnreachable)
    with serving(Response("<html>")) as stranger, pytest.raises(RunnerUnavailable, match="RunnerStatus"):
        HttpRunner(stranger, TOKEN).status(INSTALLATION)


def test_an_installation_that_could_be_a_path_is_refused(bench: Bench) -> None:
    for name in ("", "..", "a/b", "x" * 65, "a\x00"):
        with pytest.raises(Invalid):
            bench.runner.reports(name, 0)


# --- kill -9 ---


def test_reports_outlive_a_killed_runner_and_its_dbt_processes_do_not(
    in_the_lab: Callable[[], pytest.MonkeyPatch], tmp_path: Path, bench: Bench, lab: Lab
) -> None:
    patch = in_the_lab()
    port = any_free()
    patch.setenv("STRINGX_RUNNER_PORT", str(port))
    patch.setenv("STRINGX_RUNNER_WORKERS", "1")
    patch.setenv("STRINGX_RUNNER_STATE_DIR", str(tmp_path / "state"))
    patch.setenv("STRINGX_DBT_PROJECT_DIR", str(PROJECT))
    patch.setenv("STRINGX_STOP_GRACE_SECONDS", "2")
    client = HttpRunner(f"http://127.0.0.1:{port}", TOKEN)

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-m", "stringx", "runner"], cwd=tmp_path)
        wait_for(lambda: answers(client), "the runner answers")
        return process

    process = start()
    finished, killed = bench.request(quick(bench)), bench.request(bench.gate(rule("slow", "slow", arguments={"seconds": 600})))
    client.submit(INSTALLATION, [finished, killed])
    wait_for(lambda: client.reports(INSTALLATION, 1).reports, "the first has finished")
    wait_for(lambda: list(on_disk(finished.run, tmp_path)), "it is on disk, since nobody has acknowledged it")
    queries = "select count(*) from pg_stat_activity where state = 'active' and query ~ 'pg_sleep' and pid <> pg_backend_pid()"
    wait_for(lambda: lab.ask(queries), "the second executes")
    tree = descendants(process.pid)
    for pid in [process.pid, *processes(process.pid)]:  # gunicorn's master and its worker; dbt's processes are told by nobody
        os.kill(pid, signal.SIGKILL)
    process.wait()
    boot = client_boot(finished.run, tmp_path)
    wait_for(lambda: [pid for pid in tree if Path(f"/proc/{pid}").exists()] == [], "no dbt process is left")
    wait_for(lambda: lab.ask(queries) == 0, "no query is left")

    process = start()
    status = client.status(INSTALLATION)
    assert status.boot != boot
    assert status.held == ((finished.run, 1),)
    (report,) = client.reports(INSTALLATION, 0).reports
    assert (report.run, report.status, report.boot) == (finished.run, ReportStatus.COMPLETED, boot)
    client.acknowledge(INSTALLATION, [(finished.run, 1)])
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    client.close()
    patch.undo()


def answers(client: HttpRunner) -> bool:
    try:
        client.status(INSTALLATION)
    except RunnerUnavailable:
        return False
    return True


def descendants(pid: int) -> list[int]:
    return [each for child in processes(pid) for each in (child, *descendants(child))]


def on_disk(run: str, folder: Path) -> Iterator[Path]:
    return folder.glob(f"state/*/reports/*/{run}.1.json")


def client_boot(run: str, folder: Path) -> str:
    """The boot that a report on disk names."""
    (path,) = on_disk(run, folder)
    return str(json.loads(path.read_text())["boot"])
