"""The dbt docs portal on real dbt: the gates' rules are in it, it follows the files, and it says what dbt says."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from stringx.gates.files import read
from stringx.gates.tests import test_name as name_of
from stringx.runner.portal import DocsPortal, create_app
from stringx.settings import Settings

REPOSITORY = Path(__file__).parent.parent.parent
#: dbt reads the project twice; other tests may keep the cores busy.
DBT_SECONDS = 150.0

pytestmark = pytest.mark.timeout(400)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DBT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The demo's dbt project and gates, to be changed at will."""
    shutil.copytree(REPOSITORY / "dbt_project", tmp_path / "dbt_project", ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copytree(REPOSITORY / "configs" / "gates", tmp_path / "gates")
    return tmp_path


@pytest.fixture
def settings(files: Path) -> Settings:
    return Settings(home=files / "home", dbt_project_dir=files / "dbt_project", gates_dir=files / "gates")


@pytest.fixture
def portal(settings: Settings) -> Iterator[DocsPortal]:
    portal = DocsPortal(settings, look_seconds=0.1)
    yield portal
    portal.close()
    assert portal.join(30)


@pytest.fixture
def client(portal: DocsPortal) -> FlaskClient:
    return create_app(portal).test_client()


@dataclass(frozen=True)
class Answer:
    status: int
    policy: str
    text: str


def get(client: FlaskClient, path: str) -> Answer:
    with client.get(path) as response:
        return Answer(response.status_code, response.headers["Content-Security-Policy"], response.get_data(as_text=True))


def ready(client: FlaskClient) -> bool:
    return get(client, "/readyz").status == 200


def manifest(client: FlaskClient) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(get(client, "/manifest.json").text)
    return document


def rules_of(settings: Settings) -> set[str]:
    return {name_of(file.gate.fingerprint, rule) for file in read(settings.gates_dir) for rule in file.gate.rules}


def rules_in(document: dict[str, Any]) -> set[str]:
    return {node["name"] for node in document["nodes"].values() if node["name"].startswith("stringx_")}


@pytest.mark.usefixtures("target")
def test_it_says_what_dbt_says_serves_what_dbt_makes_and_follows_the_files(
    portal: DocsPortal, client: FlaskClient, settings: Settings, files: Path
) -> None:
    waiting = get(client, "/")
    assert (waiting.status, get(client, "/readyz").status, get(client, "/livez").status) == (503, 503, 200)
    assert "The docs are being made" in waiting.text

    sources = files / "dbt_project" / "models" / "sources.yml"
    right = sources.read_text()
    sources.write_text(right.replace("not_null", "not_nul"))
    portal.start()
    wait_for(lambda: portal.state.error is not None)
    failed = get(client, "/")
    assert (failed.status, get(client, "/readyz").status, get(client, "/manifest.json").status) == (503, 503, 404)
    assert "The docs could not be made" in failed.text
    assert "test_not_nul" in failed.text

    sources.write_text(right)
    wait_for(lambda: ready(client))
    page = get(client, "/")
    assert page.status == 200
    assert "<title>dbt Docs</title>" in page.text
    assert page.policy.startswith("default-src 'self'")
    document = manifest(client)
    assert rules_in(document) == rules_of(settings)
    name = next(name for name in rules_in(document) if name.endswith("_few_flights_are_cancelled"))
    node = document["nodes"][f"test.stringx.{name}"]
    assert "A day on which a quarter of the flights never left" in node["description"]
    assert "as it stands in the gate file `default/raw.flights.yaml`" in node["description"]
    assert node["depends_on"]["nodes"] == ["source.stringx.raw.flights"]
    assert "dep_time is null" in node["compiled_code"]
    catalog = json.loads(get(client, "/catalog.json").text)
    assert "flight_date" in catalog["sources"]["source.stringx.raw.flights"]["columns"]
    assert get(client, "/run_results.json").status == 404
    assert not (files / "dbt_project" / "target").exists()

    gate = files / "gates" / "default" / "raw.airlines.yaml"
    gate.write_text(gate.read_text() + "\n  - {name: added_now, check: not_null, column: carrier}\n")
    unknown = files / "gates" / "default" / "raw.unknown.yaml"
    unknown.write_text("table: raw.unknown\ntarget: demo\nrules: [{name: a, check: not_null, column: b}]\n")
    plain = files / "gates" / "default" / "raw.landed.yaml"
    plain.write_text(
        "table: raw.landed\ntarget: demo\nrelation: plain\nrules:\n"
        "  - {name: plain_known, check: relationships, column: b, description: Every b is one, arguments: {to: raw.elsewhere, field: c}}\n"
        "  - {name: plain_keyed, check: unique_within_row, threshold: {error: 5%}, columns: [a, b]}\n"
    )
    wait_for(lambda: any(name.endswith("_plain_keyed") for name in rules_in(manifest(client))))
    nodes = {node["name"].split("_", 2)[-1]: node for node in manifest(client)["nodes"].values()}
    assert "added_now" in nodes
    assert "Every b is one" in nodes["plain_known"]["description"]
    for table in ("raw", "landed", "elsewhere"):
        assert f'"{table}"' in nodes["plain_known"]["compiled_code"]
    assert portal.state.docs is not None
    assert portal.state.docs.left_out == {"default/raw.unknown: a": "the dbt project has no raw.unknown"}


def test_a_gate_file_with_an_error_is_shown(portal: DocsPortal, client: FlaskClient, files: Path) -> None:
    (files / "gates" / "default" / "raw.bad.yaml").write_text("table: raw.bad\ntarget: <b>&\nmodee: x\n")
    portal.start()
    wait_for(lambda: portal.state.error is not None)
    assert "raw.bad.yaml:3:1: unknown field `modee`: did you mean `mode`?" in get(client, "/").text


def test_a_target_that_is_down_is_said_without_its_password(
    portal: DocsPortal, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HOST": "127.0.0.1", "PORT": "1", "USER": "nobody", "PASSWORD": "a-secret-password", "DBNAME": "none"}.items():
        monkeypatch.setenv(f"STRINGX_TARGET_{name}", value)
    portal.start()
    wait_for(lambda: portal.state.error is not None)
    page = get(client, "/").text
    assert "Connection refused" in page
    assert "a-secret-password" not in page


def test_closing_stops_dbt_and_leaves_nothing(portal: DocsPortal, settings: Settings) -> None:
    portal.start()
    wait_for(lambda: any(settings.home.rglob("words.txt")))  # dbt runs
    portal.close()
    assert portal.join(30)
    assert not any(settings.home.rglob("words.txt"))
