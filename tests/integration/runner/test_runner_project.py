"""The dbt project on disk: a change takes over, a broken one does not, and where there is none every run says why."""

from __future__ import annotations

import select
import shutil
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from runner_lab import INSTALLATION, PROJECT, Bench, Lab, rule, wait_for

from stringx.model import DbtStatus, ReportStatus

EVEN = "{% test even(model, column_name) %}select * from {{ model }} where {{ column_name }} % 2 <> 0{% endtest %}"


def even(bench: Bench) -> Any:
    return bench.gate(rule("even", "even", column="id"))


def test_a_changed_project_takes_over_and_a_broken_one_leaves_the_old_in_charge(make_runner: Any, project: Path, lab: Lab) -> None:
    bench: Bench = make_runner(dbt_project_dir=project)
    (before,) = bench.evaluate(even(bench)).results
    assert before.status is DbtStatus.ERROR
    assert "even" in (before.message or "")
    first = bench.runner.status(INSTALLATION).fingerprints["demo"]

    (project / "macros" / "even.sql").write_text(EVEN)
    wait_for(lambda: bench.runner.status(INSTALLATION).fingerprints["demo"] != first, "the new project is in charge")
    report = bench.evaluate(even(bench))
    odd = lab.ask("select count(*) from raw.orders where id % 2 <> 0")
    assert (report.results[0].status, report.results[0].failures) == (DbtStatus.FAIL, odd)
    second = bench.runner.status(INSTALLATION).fingerprints["demo"]
    assert report.project_fingerprint == second

    (project / "models" / "schema.yml").write_text("version: 2\nmodels: [{{{")
    wait_for(lambda: bench.runner.status(INSTALLATION).errors, "the broken project is refused")
    status = bench.runner.status(INSTALLATION)
    assert "schema.yml" in status.errors["demo"]
    assert status.fingerprints["demo"] == second
    assert bench.evaluate(even(bench)).results[0].failures == odd

    shutil.copy(PROJECT / "models" / "schema.yml", project / "models" / "schema.yml")
    wait_for(lambda: not bench.runner.status(INSTALLATION).errors, "the mended project is in charge")
    assert bench.runner.status(INSTALLATION).fingerprints["demo"] == second, "the same files have the same fingerprint"


def test_without_a_project_that_parses_every_run_is_an_error_with_dbts_words(make_runner: Any, project: Path) -> None:
    (project / "dbt_project.yml").write_text("name: lab\nversion: '1.0'\nprofile: nowhere\n")
    bench: Bench = make_runner(dbt_project_dir=project, runner_replay_workers=0)
    report = bench.evaluate(bench.gate(rule("any", "not_null", column="id")))
    assert report.status is ReportStatus.ERRORED
    assert "Could not find profile named 'nowhere'" in (report.message or "")
    assert report.results == ()
    status = bench.runner.status(INSTALLATION)
    assert "nowhere" in status.errors["demo"]
    assert status.fingerprints == {"demo": None}
    assert status.free == 1, "it takes runs, and answers them"
    assert not bench.runner.ready


def test_a_target_that_is_down_is_an_error_with_its_reason(make_runner: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("STRINGX_TARGET_PORT", "1")  # nobody listens there
    bench: Bench = make_runner()
    report = bench.evaluate(bench.gate(rule("any", "not_null", column="id")))
    assert (report.status, report.results) == (ReportStatus.ERRORED, ())
    assert "Connection refused" in (report.message or "")
    assert bench.runner.ready, "the project parses, and the target may come back"


def test_a_target_that_was_down_at_the_start_is_told_and_then_used_when_it_is_back(
    make_runner: Any, project: Path, lab: Lab, monkeypatch: Any
) -> None:
    """dbt forgets a project's packages in a run that gets no connection; a rule's macros are looked for by them."""
    (project / "dbt_project.yml").write_text("name: lab\nversion: '1.0'\nprofile: stringx\n")  # one without hooks
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    target = psycopg.conninfo.conninfo_to_dict(lab.url)
    monkeypatch.setenv("STRINGX_TARGET_PORT", str(port))
    bench: Bench = make_runner(dbt_project_dir=project)
    gate = bench.gate(rule("any", "not_null", column="id"))
    down = bench.evaluate(gate)
    assert (down.status, down.results) == (ReportStatus.ERRORED, ())
    assert "Connection refused" in (down.message or "")
    with forwarded(port, (str(target["host"]), int(target["port"]))):
        back = bench.evaluate(bench.gate(rule("another", "not_null", column="id")))
    assert [result.status for result in back.results] == [DbtStatus.PASS]


@contextmanager
def forwarded(port: int, to: tuple[str, int]) -> Iterator[None]:
    """Whoever connects to the port within the block speaks with `to`."""

    class Forward(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(to) as other:
                pairs = {self.request: other, other: self.request}
                while True:
                    for ready in select.select(list(pairs), [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        pairs[ready].sendall(data)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", port), Forward) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()
