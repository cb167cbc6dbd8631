"""The migrations of the internal database: on an empty one, and on one with data."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import alembic.command
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, inspect, text

from stringx.embedded.postgres import EmbeddedPostgres
from stringx.errors import ConfigurationError
from stringx.model import GateWithdrawal
from stringx.settings import Settings
from stringx.store import database, gates, tables
from stringx.store.database import migrate, transaction

SettingsMaker = Callable[..., Settings]


@pytest.fixture
def empty_engine(postgres: EmbeddedPostgres) -> Iterator[Engine]:
    """Of a database without any table."""
    name = f"empty_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"create database {name}")  # type: ignore[arg-type]
    engine = create_engine(postgres.url(name).replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")  # type: ignore[arg-type]


class TestMigrations:
    def test_make_what_the_models_say(self, engine: Engine) -> None:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            assert compare_metadata(context, tables.metadata) == []

    def test_make_the_indexes_and_checks_that_the_models_say(self, engine: Engine) -> None:
        """What alembic does not compare: conditions of partial indexes, checks."""
        with engine.connect() as connection:
            migrated = _definitions(connection)
            connection.execute(text("create schema models"))
            connection.execute(text("set search_path to models"))
            for sequence in ("runs_seq", "triggers_seq", "outbox_seq"):
                connection.execute(text(f"create sequence {sequence}"))
            tables.metadata.create_all(connection)
            connection.execute(text("set search_path to public"))
            made = _definitions(connection, "models")
        assert migrated == made

    def test_may_be_run_again_and_by_several_processes_at_one_time(self, empty_engine: Engine) -> None:
        barrier = threading.Barrier(4)

        def run(_: int) -> None:
            barrier.wait(30)
            migrate(empty_engine)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, range(4)))
        migrate(empty_engine)
        assert set(inspect(empty_engine).get_table_names()) == {*tables.metadata.tables, "alembic_version"}

    def test_keep_the_verdicts_that_are_there_whose_rows_nobody_counted(self, empty_engine: Engine) -> None:
        _migrate_to("0001", empty_engine, DATA_OF_0001)
        migrate(empty_engine)
        with transaction(empty_engine) as connection:
            assert connection.execute(text("select verdict, rows from verdicts")).one() == ("passed", None)

    def test_keep_the_gates_that_are_there_in_force_and_the_triggers_without_a_trace_state(self, empty_engine: Engine) -> None:
        _migrate_to("0002", empty_engine, DATA_OF_0001)
        migrate(empty_engine)
        with transaction(empty_engine) as connection:
            version = gates.current(connection, "w", "s.t")
            assert version is not None
            assert (version.number, version.gate.target) == (1, "demo")
            assert gates.in_force(connection) == {"w": 1}
            assert gates.withdraw(connection, "w", "s.t").action == "withdrawn"
            assert connection.execute(text("select event_id, run_id, tracestate from triggers")).one() == ("e", "r", None)

    def test_keep_the_gates_that_were_withdrawn_before_anybody_asked_who_and_why(self, empty_engine: Engine) -> None:
        _migrate_to("0008", empty_engine, f"{DATA_OF_0001}; update gates set withdrawn_at = '2026-01-01T00:00:00Z'")
        migrate(empty_engine)
        with transaction(empty_engine) as connection:
            (version,) = gates.versions(connection, "w", "s.t")
            withdrawal = GateWithdrawal(at=datetime(2026, 1, 1, tzinfo=UTC), author=None, message=None)
            assert gates.withdrawals(connection, [version]) == {version.id: withdrawal}
            assert gates.current(connection, "w", "s.t") is None

    def test_leave_it_to_a_program_from_before_0009_to_withdraw_and_to_restore_a_version(self, empty_engine: Engine) -> None:
        """As in an upgrade without a pause: it knows no `gate_withdrawals`, and restores without a new version."""
        _migrate_to("0001", empty_engine, DATA_OF_0001)
        migrate(empty_engine)
        with transaction(empty_engine) as connection:
            gates.withdraw(connection, "w", "s.t", author="ann")
        with transaction(empty_engine) as connection:
            connection.execute(text("update gates set withdrawn_at = null"))
            assert gates.in_force(connection) == {"w": 1}
        with transaction(empty_engine) as connection:
            gates.withdraw(connection, "w", "s.t", author="bob")
            versions = gates.versions(connection, "w", "s.t")
            assert [one.author for one in gates.withdrawals(connection, versions).values()] == ["bob"]
            assert connection.execute(text("select author from gate_withdrawals order by withdrawn_at")).scalars().all() == ["ann", "bob"]
        with transaction(empty_engine) as connection:
            connection.execute(text("update gates set withdrawn_at = null"))
        with transaction(empty_engine) as connection:
            connection.execute(text("update gates set withdrawn_at = now()"))
            assert "it was withdrawn at" in gates.absence(connection, "w", "s.t")
            assert gates.withdraw(connection, "w", "s.t").action == "unchanged"

    @pytest.mark.parametrize(
        ("revision", "order"),
        [
            ("0001", ("gates", "verdicts")),
            ("0001", ("triggers", "verdicts")),
            ("0002", ("triggers", "gates")),
            ("0003", ("triggers", "verdicts")),
            ("0003", ("verdicts", "triggers")),
            ("0003", ("gate_versions", "verdicts")),
            ("0004", ("verdicts", "triggers")),
            ("0005", ("dead_letters", "verdicts")),
            ("0006", ("gate_versions", "verdicts")),
            ("0006", ("verdicts", "gate_versions")),
            ("0007", ("gate_versions", "verdicts")),
            ("0008", ("gates", "gate_versions")),
        ],
    )
    def test_wait_for_what_is_at_work_in_whatever_order_it_locks(self, empty_engine: Engine, revision: str, order: tuple[str, str]) -> None:
        _migrate_to(revision, empty_engine, DATA_OF_0001)
        waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        with ThreadPoolExecutor(1) as pool, empty_engine.connect() as watching:
            watching.execution_options(isolation_level="AUTOCOMMIT")
            with transaction(empty_engine) as connection:
                connection.execute(text(f"select * from {order[0]}"))
                migrated = pool.submit(migrate, empty_engine)
                while not watching.execute(text(waiting)).scalar_one():
                    assert not migrated.done()
                connection.execute(text(f"select * from {order[1]}"))
            migrated.result(60)
        with empty_engine.connect() as connection:
            assert connection.execute(text("select current_setting('lock_timeout')")).scalar_one() == "0"

    def test_wait_for_nobody_where_there_is_none_to_do(self, engine: Engine) -> None:
        with transaction(engine) as connection, ThreadPoolExecutor(1) as pool:
            connection.execute(text("lock table runs in access exclusive mode"))
            pool.submit(migrate, engine).result(60)

    def test_of_a_newer_program_are_told_and_not_touched(self, engine: Engine) -> None:
        with transaction(engine) as connection:
            connection.execute(text("update alembic_version set version_num = '9999'"))
        with pytest.raises(ConfigurationError, match="9999"):
            migrate(engine)


#: Of a database that was in use before there were the later migrations.
DATA_OF_0001 = """
    insert into gate_versions (id, workspace, table_name, number, fingerprint, content)
    values (1, 'w', 's.t', 1, 'f', '{"workspace": "w", "table": "s.t", "target": "demo"}');
    insert into gates (workspace, table_name, version_id) values ('w', 's.t', 1);
    insert into runs (id, workspace, table_name, version_id, slice, slice_key, mode, runner, target, engine, priority, state)
    values ('r', 'w', 's.t', 1, '[]', 'k', 'async', 'default', 'demo', 'dbt', 0, 'done');
    insert into triggers (id, event_id, source, content_fingerprint, workspace, table_name, slice, door, state, run_id, metadata)
    values ('t', 'e', 's', 'c', 'w', 's.t', '[]', 'http', 'accepted', 'r', '{}');
    insert into verdicts (run_id, verdict, decision, counts) values ('r', 'passed', 'open', '{}');
"""


def _migrate_to(revision: str, engine: Engine, data: str) -> None:
    """To a revision, whose data follow."""
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with transaction(engine) as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, revision)
        connection.exec_driver_sql(data)


def _definitions(connection: Connection, schema: str = "public") -> set[tuple[str, str]]:
    statement = text("""
        select conname, pg_get_constraintdef(oid) from pg_constraint
        where connamespace = cast(cast(:schema as text) as regnamespace) and contype = 'c'
        union all
        select indexname, indexdef from pg_indexes where schemaname = cast(:schema as text) and tablename <> 'alembic_version'
    """)
    rows = connection.execute(statement, {"schema": schema})
    return {(name, definition.replace(f"{schema}.", "")) for name, definition in rows}
