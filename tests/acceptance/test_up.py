"""`stringx up`: one command, and the verdicts are those of the data; nothing of it is left when it ends, however it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from confluent_kafka import Consumer
from expected_counts import EXPECTED
from foreign_clients import ConsoleTools, OtherProgram
from up_process import REPOSITORY, Up, command, run_once, start, wait_for

from stringx.embedded import addresses
from stringx.embedded.child import identity
from stringx.embedded.ports import HOST, is_free

PROCESSES = {"runner", "consume", "dispatch", "serve", "docs"}
CLOSED_DAYS = {"2013-02-08", "2013-02-09"}

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="stringx-up-"))
    folder.chmod(0o755)
    yield folder / "home"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def taken() -> Iterator[socket.socket]:
    """The API's own port, taken by somebody else: by us, or by whoever has it already."""
    with socket.socket() as other:
        if is_free(5001):
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((HOST, 5001))
            other.listen()
        yield other


@pytest.fixture(scope="module")
def up(home: Path, taken: socket.socket) -> Iterator[Up]:  # noqa: ARG001  # the port is to be taken
    """One that shows the demo's verdicts and stays."""
    up = start(home, "--demo")
    up.wait_until_it_stays()
    yield up
    if up.process.poll() is None:
        up.process.terminate()
        up.process.wait()


def test_it_shows_a_verdict_for_each_trigger_and_where_to_look(up: Up) -> None:
    assert "no acknowledgement came" not in up.said
    rows = [line.split() for line in up.said.splitlines() if line.strip().startswith("raw.flights")]
    decisions = {row[3]: decision for row in rows for decision in ("open", "closed") if decision in row}
    assert {day for day, decision in decisions.items() if decision == "closed"} == CLOSED_DAYS
    assert len(decisions) == 10
    for address in (up.addresses.api, up.addresses.docs, up.addresses.kafka):
        assert address in up.said


def condition(predicates: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """The slice of the demo's triggers as SQL of our own, and its parameters."""
    if not predicates:
        return "true", []
    assert [list(predicate) for predicate in predicates] == [["column", "equals"]]
    assert predicates[0]["column"] == "flight_date"
    return "flight_date = %s::date", [predicates[0]["equals"]]


def test_every_failure_count_is_what_plain_sql_counts(up: Up) -> None:
    runs = [up.api(f"/v1/runs/{run['run']}").json() for run in up.api("/v1/runs?limit=100").json()["runs"]]
    assert len(runs) == 13
    told = up.environment("runner")
    target = {name: told[f"STRINGX_TARGET_{name.upper()}"] for name in ("host", "port", "user", "password", "dbname")}
    with psycopg.connect(**target) as connection:
        for run in runs:
            where, parameters = condition(run["slice"])
            there = connection.execute(f"select count(*) from {run['table']} where {where}".encode(), parameters or None).fetchone()
            assert there == (run["rows"],), run["slice"]
            counted = {}
            for name, sql in EXPECTED[run["table"]].items():
                query = sql.format(slice=where)
                row = connection.execute(query.encode(), parameters if "%s" in query else None).fetchone()
                assert row is not None
                counted[name] = row[0]
            assert {check["name"]: check["failures"] for check in run["checks"]} == counted, run["slice"]


def test_it_says_which_broker_it_took(up: Up) -> None:
    kind = "Apache Kafka" if up.addresses.kafka_kind == "apache" else "librdkafka's in-memory cluster"
    assert f"broker: {kind}" in up.said


def test_a_port_that_is_taken_is_passed_over_and_it_says_so(up: Up) -> None:
    assert "port 5001 is taken" in up.said
    assert up.addresses.api != f"http://{HOST}:5001"


def test_the_api_wants_the_token_that_was_made(up: Up) -> None:
    assert up.api("/v1/runs").status_code == 200
    assert httpx2.get(f"{up.addresses.api}/v1/runs", trust_env=False).status_code == 401
    for token in ("api", "runner"):
        assert (up.home / "tokens" / token).stat().st_mode & 0o777 == 0o600


def test_the_broker_can_be_used_by_other_programs(up: Up) -> None:
    topics = Consumer({"bootstrap.servers": up.addresses.kafka, "group.id": "others"}).list_topics(timeout=30).topics
    assert {"stringx.triggers", "stringx.verdicts"} <= set(topics)


def test_a_foreign_client_gets_its_acknowledgement(up: Up) -> None:
    """Published by Kafka's own console producer, read by its console consumer; no code of ours or of librdkafka's at either end."""
    trigger_id = uuid.uuid4().hex
    trigger = {"id": trigger_id, "table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-08"}}
    foreign = ConsoleTools(up.addresses.kafka) if up.addresses.kafka_kind == "apache" else OtherProgram(up.addresses.kafka)
    foreign.publish("stringx.triggers", json.dumps(trigger))
    answer = foreign.read("stringx.verdicts", trigger_id)
    assert (answer["state"], answer["verdict"], answer["decision"]) == ("judged", "failed", "closed")
    assert [rule["name"] for rule in answer["failing"] if rule["outcome"] == "failed"] == ["few_flights_are_cancelled"]


def test_each_process_is_told_what_it_needs_and_no_more(up: Up) -> None:
    assert set(up.pids()) >= PROCESSES | {"postgres", "kafka"}
    told = {name: up.environment(name) for name in PROCESSES}
    assert {name for name in told if "STRINGX_TARGET_PASSWORD" in told[name]} == {"runner", "docs", "dispatch"}
    assert {name for name in told if "STRINGX_DATABASE_URL" in told[name]} == {"consume", "dispatch", "serve"}
    assert {name for name in told if "STRINGX_RUNNER_TOKEN_FILE" in told[name]} == {"runner", "dispatch"}


def test_a_second_one_prints_where_the_first_one_serves(up: Up) -> None:
    second = subprocess.run(command(up.home), capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert second.returncode == 0
    assert up.addresses.api in second.stderr
    once = subprocess.run(command(up.home, "--demo", "--once"), capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert once.returncode == 2
    assert up.process.poll() is None


@pytest.mark.parametrize("name", ["consume", "runner", "postgres"])
def test_what_dies_is_started_again_and_it_is_said(up: Up, name: str) -> None:
    before = up.pids()[name]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: f"{name} is started again" in up.said)
    assert up.pids()[name] != before
    wait_for(lambda: up.api("/readyz").status_code == 200)


def test_after_a_kill_nothing_is_left_and_the_next_start_finds_the_data(up: Up) -> None:
    wait_for(lambda: len(up.running()) == len(PROCESSES) + 2)
    children = up.running()
    earlier = {run["run"] for run in up.api("/v1/runs?limit=100").json()["runs"]}
    assert len(earlier) >= 13
    up.process.kill()
    up.process.wait()
    wait_for(lambda: all(identity(pid) != was for pid, was in children.items()))
    again = start(up.home, "--demo")
    again.wait_until_it_stays()
    found = {run["run"] for run in again.api("/v1/runs?limit=100").json()["runs"]}
    assert earlier < found
    assert len(found - earlier) == 13
    children = again.running()
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(60) == 0
    assert all(identity(pid) != was for pid, was in children.items())
    assert addresses.read(up.home) is None


def test_the_document_says_each_run_with_its_checks_and_fresh_begins_anew(up: Up) -> None:
    assert up.process.poll() is not None, "the test above has ended it"
    (up.home / "of-the-user.txt").write_text("mine")
    runs = run_once(up.home, "--fresh")
    names = ["run", "table", "slice", "mode", "engine", "verdict", "decision", "gate_version", "acknowledged", "checks"]
    assert all(list(run) == names for run in runs)
    assert all(run["acknowledged"] is True and run["gate_version"] == 1 for run in runs)
    checks = [check for run in runs for check in run["checks"]]
    assert checks
    assert all(list(check) == ["name", "kind", "dimension", "level", "severity", "outcome", "failures"] for check in checks)
    assert {run["mode"] for run in runs} == {"inline", "async"}
    days = {run["slice"][0]["equals"]: run["decision"] for run in runs if run["table"] == "raw.flights"}
    assert len(days) == 10
    assert {day for day, decision in days.items() if decision == "closed"} == CLOSED_DAYS
    assert (up.home / "of-the-user.txt").read_text() == "mine"
