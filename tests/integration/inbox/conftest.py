"""A bench of the Kafka door: for one test, or one for many."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

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
        connection.execute(f"create database {name} template {migrated_template}")  # type: ignore[arg-type]
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
