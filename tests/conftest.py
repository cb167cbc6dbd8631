"""Real parts for the tests: one Postgres and one broker per session, a fresh database and fresh topics per test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr
from sqlalchemy import create_engine

from server_folders import fresh_folder
from stringx.embedded.kafka import choose_broker
from stringx.embedded.postgres import SUPERUSER, EmbeddedPostgres
from stringx.settings import PREFIX, Settings

REPOSITORY = Path(__file__).parent.parent
BROKER_KIND = pytest.StashKey[str]()
TEMPLATE = "migrated"
#: No test asks what a power cut leaves, nor how long a password is guessed at: each connection would take three times as long. And what a
#: killed server leaves in /dev/shm, only a next start on the same data would remove.
POSTGRES_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "scram_iterations": "1",
    "dynamic_shared_memory_type": "mmap",
}

# What an example takes, on two cores that others use too, says nothing of the code.
hypothesis_settings.register_profile("stringx", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("stringx")


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> None:
    """A developer's own STRINGX_* variables must not decide what is tested."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    with fresh_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A running server. `.url(database, user)` names a database of it, with the password."""
    server = EmbeddedPostgres(server_folder / "postgres", options=POSTGRES_OPTIONS)
    server.start()
    server.ensure_login(SUPERUSER)  # its password was stored before these options held
    yield server
    server.close()
    if not server.join(30):
        server.terminate()


@pytest.fixture(scope="session")
def migrated_template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with all migrations, which `database_url` copies."""
    from stringx.store.database import migrate

    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"create database {TEMPLATE}")
    engine = create_engine(postgres.url(TEMPLATE).replace("postgresql://", "postgresql+psycopg://"))
    migrate(engine)
    engine.dispose()
    return TEMPLATE


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """The `postgresql://` URL of a fresh, migrated internal database."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"create database {name} template {migrated_template} strategy file_copy")
    yield postgres.url(name)
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def make_settings(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Callable[..., Settings]:
    """Makes Settings with this test's database, a home of its own, tokens, and the test's `topics` where it asks for them."""

    def make(**overrides: Any) -> Settings:
        values: dict[str, Any] = {
            "home": tmp_path / "home",
            "database_url": SecretStr(database_url),
            "api_token": SecretStr("api-token-of-the-tests"),
            "runner_token": SecretStr("runner-token-of-the-tests"),
            "gates_dir": REPOSITORY / "configs" / "gates",
            "dbt_project_dir": REPOSITORY / "dbt_project",
        }
        if "topics" in request.fixturenames:
            values |= request.getfixturevalue("topics")
        return Settings(**(values | overrides))

    return make


@pytest.fixture(scope="session")
def broker(server_folder: Path, pytestconfig: pytest.Config) -> Iterator[str]:
    """The bootstrap string of a running broker: Apache Kafka where this machine can have it, else librdkafka's cluster."""
    server, kind = choose_broker(server_folder)
    pytestconfig.stash[BROKER_KIND] = kind
    server.start()
    yield server.bootstrap
    server.close()
    if not server.join(30):
        server.terminate()


def pytest_sessionfinish(session: pytest.Session) -> None:
    # A process of pytest-xdist tells the one that prints the summary.
    if hasattr(session.config, "workeroutput") and BROKER_KIND in session.config.stash:
        session.config.workeroutput["broker_kind"] = session.config.stash[BROKER_KIND]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if kind := getattr(node, "workeroutput", {}).get("broker_kind"):
        node.config.stash[BROKER_KIND] = kind


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if BROKER_KIND in config.stash:
        terminalreporter.write_line(f"The broker of these tests: {config.stash[BROKER_KIND]}")


@pytest.fixture
def topics(broker: str) -> dict[str, str]:
    """Fresh topic names, a fresh group and the broker, as settings; `make_settings` puts them in."""
    test = uuid.uuid4().hex[:12]
    return {
        "kafka_bootstrap": broker,
        "kafka_group": f"group-{test}",
        "kafka_triggers_topic": f"triggers-{test}",
        "kafka_verdicts_topic": f"verdicts-{test}",
        "kafka_dead_letters_topic": f"triggers-{test}.dlq",
    }


@pytest.fixture(scope="session")
def target(postgres: EmbeddedPostgres) -> Iterator[dict[str, str]]:
    """The demo data in a database of its own; the profile's STRINGX_TARGET_* variables, which are set for the session."""
    from stringx.embedded.demo import load

    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("create database demo")
    load(postgres.url("demo"))
    postgres.ensure_login("stringx_reader")
    info = psycopg.conninfo.conninfo_to_dict(postgres.url("demo", "stringx_reader"))
    variables = {f"{PREFIX}TARGET_{name.upper()}": str(info[name]) for name in ("host", "port", "user", "password", "dbname")}
    os.environ.update(variables)
    yield variables
    for name in variables:
        del os.environ[name]
