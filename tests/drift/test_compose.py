"""docker-compose.yml and the Dockerfile say nothing that the command line, the settings and the files do not know."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml

from stringx.cli import COMMANDS, stringx
from stringx.settings import PREFIX, Settings, variables

REPOSITORY = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "stringx"}
VERBS = {name: service["command"] for name, service in OURS.items() if "entrypoint" not in service}
LASTING = {name for name, service in SERVICES.items() if service.get("restart") == "unless-stopped"}
DEFAULTS = Settings.model_fields
each_service = pytest.mark.parametrize("name", SERVICES)
each_of_ours = pytest.mark.parametrize("name", OURS)


def named_mounts(service: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """Folder in the container → name of the volume, and whether it is mounted read-only."""
    mounts = [mount.split(":") for mount in service.get("volumes", []) if ":" in mount]
    return {mount[1]: (mount[0], mount[2:] == ["ro"]) for mount in mounts}


def in_image(path: str) -> Path:
    """The file of the repository that the image has at `path`."""
    return REPOSITORY / Path(path).relative_to("/app")


@pytest.mark.parametrize("name", VERBS)
def test_every_command_is_one_of_the_command_line(name: str) -> None:
    command: click.Command = stringx
    for word in VERBS[name]:
        assert isinstance(command, click.Group), f"{VERBS[name]}: {word} is not a verb"
        found = command.get_command(click.Context(command), word)
        assert found is not None, f"stringx has no verb {word}"
        command = found


@each_of_ours
def test_every_script_that_a_service_runs_is_in_the_image(name: str) -> None:
    words = [*OURS[name].get("entrypoint", []), *OURS[name].get("healthcheck", {}).get("test", [])]
    scripts = [word for word in words if word.startswith("/app/")]
    assert "entrypoint" not in OURS[name] or scripts
    for script in scripts:
        assert in_image(script).is_file(), script


def test_every_process_has_its_service() -> None:
    processes = {verb for verb, module in COMMANDS.items() if module.startswith("processes:")}
    assert processes | {"gates"} == {command[0] for command in VERBS.values()}


@each_of_ours
def test_every_variable_is_a_setting_or_one_that_the_dbt_profile_reads(name: str) -> None:
    profile = (REPOSITORY / "dbt_project" / "profiles.yml").read_text()
    for variable in OURS[name].get("environment", {}):
        if variable.startswith(f"{PREFIX}TARGET_"):
            assert f"'{variable.removesuffix('_FILE')}'" in profile.replace('"', "'"), variable
        elif variable.startswith(PREFIX):
            assert variable in variables(), variable


def test_the_image_sets_variables_that_are_settings() -> None:
    names = re.findall(rf"\b({PREFIX}[A-Z_]+)=", (REPOSITORY / "Dockerfile").read_text())
    assert names
    assert set(names) <= set(variables())


def test_what_the_image_copies_is_there_and_is_let_through_to_the_engine() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    let_through = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert sources == let_through
    assert [source for source in sources if not (REPOSITORY / source).exists()] == []


def test_published_ports_are_on_loopback_and_are_the_ones_that_the_settings_know() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    api, docs = DEFAULTS["api_port"].default, DEFAULTS["docs_port"].default
    assert published == {
        "kafka": ["127.0.0.1:${KAFKA_PORT:-9092}:9092"],
        "serve": [f"127.0.0.1:${{API_PORT:-{api}}}:{api}"],
        "docs": [f"127.0.0.1:${{DOCS_PORT:-{docs}}}:{docs}"],
    }
    assert DEFAULTS["kafka_bootstrap"].default == "127.0.0.1:9092"


def test_health_checks_ask_the_port_that_the_process_listens_on() -> None:
    ports = {"serve": "api_port", "runner": "runner_port", "docs": "docs_port"}
    for name, setting in ports.items():
        address = urlsplit(OURS[name]["healthcheck"]["test"][-1])
        assert address.port == DEFAULTS[setting].default, name
    consume = OURS["consume"]
    assert consume["environment"]["STRINGX_KAFKA_BOOTSTRAP"] == f"kafka:{consume['healthcheck']['test'][-1]}"


def test_addresses_name_services_and_the_ports_they_listen_on() -> None:
    kafka = SERVICES["kafka"]["environment"]
    advertised = dict(listener.split("://") for listener in kafka["KAFKA_ADVERTISED_LISTENERS"].split(","))
    listening = dict(listener.split("://") for listener in kafka["KAFKA_LISTENERS"].split(","))
    assert advertised["HOST"] == "127.0.0.1:${KAFKA_PORT:-9092}"
    assert listening["HOST"] == ":9092"
    assert advertised["INTERNAL"].rpartition(":")[2] == listening["INTERNAL"].rpartition(":")[2]
    for name, service in OURS.items():
        environment = service.get("environment", {})
        assert environment.get("STRINGX_KAFKA_BOOTSTRAP", advertised["INTERNAL"]) == advertised["INTERNAL"], name
        for runner in json.loads(environment.get("STRINGX_RUNNERS", "{}")).values():
            address = urlsplit(runner)
            assert (address.hostname, address.port) == ("runner", DEFAULTS["runner_port"].default)


@each_service
def test_every_container_is_read_only_without_capabilities_and_says_whether_it_is_well(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert ("healthcheck" in service) == (name in LASTING)


def test_what_runs_once_is_waited_for_or_up_wait_would_take_its_end_for_a_failure() -> None:
    awaited = {
        other
        for service in SERVICES.values()
        for other, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert awaited == SERVICES.keys() - LASTING


def test_what_a_service_of_a_profile_is_awaited_by_does_without_it() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            optional = "profiles" in SERVICES[other] and "profiles" not in service
            assert how.get("required", True) is not optional, f"{name} → {other}"


def test_runners_can_be_scaled() -> None:
    runner = SERVICES["runner"]
    assert "ports" not in runner
    assert "container_name" not in runner
    # A replica's reports are its own: a volume without a name.
    assert "STRINGX_HOME=/var/lib/stringx " in (REPOSITORY / "Dockerfile").read_text()
    assert "/var/lib/stringx" in runner["volumes"]


def made_secrets(folder: Path) -> set[str]:
    """The files that configs/compose/make_secrets.py makes below `folder`, relative to it."""
    for kind in ("postgres", "database", "target", "api", "runner"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    script = REPOSITORY / "configs" / "compose" / "make_secrets.py"
    spec = importlib.util.spec_from_file_location("make_secrets", script)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make(folder)
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_every_secret_that_is_read_is_made_and_mounted_read_only(tmp_path: Path) -> None:
    made = made_secrets(tmp_path)
    for name, service in SERVICES.items():
        files = {value for variable, value in service.get("environment", {}).items() if variable.endswith("_FILE")}
        mounts = named_mounts(service)
        for file in files:
            folder = str(Path(file).parent)
            assert str(Path(file).relative_to("/run/secrets")) in made, f"{name}: {file}"
            assert mounts[folder] == (f"secrets-{Path(folder).name}", True), f"{name}: {file}"


def test_secrets_outlive_a_second_start_and_are_long(tmp_path: Path) -> None:
    first = {file: (tmp_path / file).read_text() for file in made_secrets(tmp_path)}
    assert {file: (tmp_path / file).read_text() for file in made_secrets(tmp_path)} == first
    assert all(len(text) >= 43 for text in first.values())
    assert first["postgres/backend_password"] in first["database/url"]
    assert first["postgres/reader_password"] == first["target/password"]
    independent = set(first) - {"database/url", "target/password"}
    assert len({first[file] for file in independent}) == len(independent)


def test_a_container_mounts_only_the_secrets_that_are_for_it() -> None:
    """The runner has no way into the internal database; of the backend, only who runs inline gates reaches the data."""
    readers: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for volume, _ in named_mounts(service).values():
            if volume.startswith("secrets-") and name != "secrets":
                readers.setdefault(volume, set()).add(name)
    assert readers["secrets-postgres"] == {"postgres", "databases", "demo"}
    assert readers["secrets-database"] == {"migrate", "gates", "consume", "dispatch", "serve"}
    assert readers["secrets-target"] == {"runner", "docs", "dispatch"}
    assert readers["secrets-runner"] == {"runner", "dispatch"}
    assert readers["secrets-api"] == {"serve"}
