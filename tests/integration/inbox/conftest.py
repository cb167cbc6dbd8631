"""A bench of the Kafka door: for one test, or one for many."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from kafka_bench import Bench, open_bench
from pydantic import SecretStr

from stringx.embedded.postgres import EmbeddedPostgres
from stringx.settings import Settings


@pytest.fixture
def bench(make_settings: Callable[..., Settings], topics: dict[str, str]) -> Iterator[Bench]:  # noqa: ARG001  # `make_settings` puts them in
    """With one partition, and no door yet."""
    bench = open_bench(make_settings(kafka_partitions=1))
    yield bench
    bench.stop()


@pytest.fixture(scope="module")
def shared_bench(postgres: EmbeddedPostgres, migrated_template: str, broker: str) -> Iterator[Bench]:
    """With one door that runs through all tests of a module: what one test does must not disturb the next."""
    name = f"shared_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"create database {name} template {migrated_template} strategy file_copy")  # type: ignore[arg-type]
    settings = Settings(
        database_url=SecretStr(postgres.url(name)),
        kafka_bootstrap=broker,
        kafka_partitions=1,
        kafka_group=f"group-{name}",
        kafka_triggers_topic=f"triggers-{name}",
        kafka_verdicts_topic=f"verdicts-{name}",
        kafka_dead_letters_topic=f"triggers-{name}.dlq",
    )
    bench = open_bench(settings)
    bench.start_door()
    yield bench
    bench.stop()


@contextmanager
def away(postgres: EmbeddedPostgres, database_url: str) -> Iterator[None]:
    """The database refuses and drops all connections for as long as the block lasts."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute(f"alter database {name} allow_connections false")  # type: ignore[arg-type]
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        yield
        admin.execute(f"alter database {name} allow_connections true")  # type: ignore[arg-type]


@pytest.fixture
def database_away(postgres: EmbeddedPostgres, database_url: str) -> Callable[[], AbstractContextManager[None]]:
    return lambda: away(postgres, database_url)
