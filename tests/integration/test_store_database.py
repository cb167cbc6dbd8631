"""The internal database: transactions, savepoints, who this installation is, NOTIFY, the outbox."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import DataError

from stringx.errors import DatabaseUnavailable, Unstorable
from stringx.settings import Settings
from stringx.store import outbox, tables
from stringx.store.database import (
    RUNS_CHANNEL,
    VERDICTS_CHANNEL,
    connect,
    installation_id,
    notify,
    savepoint,
    transaction,
)
from stringx.store.listener import Listener, Notification

SettingsMaker = Callable[..., Settings]


class TestTransactions:
    def test_are_committed_at_the_end_and_rolled_back_by_an_error(self, engine: Engine) -> None:
        with transaction(engine) as connection:
            connection.execute(tables.installation.insert().values(id="a"))

        def fail() -> None:
            with transaction(engine) as connection:
                connection.execute(tables.installation.insert().values(id="b"))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        with transaction(engine) as connection:
            assert connection.execute(select(tables.installation.c.id)).scalars().all() == ["a"]

    def test_without_a_server_are_unavailable(self, make_settings: SettingsMaker) -> None:
        engine = connect(make_settings(database_url=SecretStr("postgresql://u:secret-password@127.0.0.1:1/x")))
        with pytest.raises(DatabaseUnavailable) as caught, transaction(engine):
            pass
        assert "secret-password" not in str(caught.value)

    def test_whose_connection_is_cut_are_unavailable_and_the_next_one_works(self, engine: Engine) -> None:
        def use_a_cut_connection() -> None:
            with transaction(engine) as connection:
                pid = connection.execute(text("select pg_backend_pid()")).scalar_one()
                with engine.connect() as other:
                    other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
                connection.execute(text("select 1"))

        with pytest.raises(DatabaseUnavailable):
            use_a_cut_connection()
        with transaction(engine) as connection:
            assert connection.execute(text("select 1")).scalar_one() == 1

    def test_do_not_meet_connections_that_were_cut_while_they_rested(self, engine: Engine) -> None:
        with engine.connect() as one, engine.connect() as other:
            cut = [connection.execute(text("select pg_backend_pid()")).scalar_one() for connection in (one, other)]
        with psycopg.connect(engine.url.set(drivername="postgresql").render_as_string(hide_password=False)) as outside:
            for pid in cut:
                outside.execute("select pg_terminate_backend(%s, 10000)", (pid,))
        with transaction(engine) as first, transaction(engine) as second:
            assert not {connection.execute(text("select pg_backend_pid()")).scalar_one() for connection in (first, second)} & {*cut}

    def test_do_not_try_a_connection_whose_server_says_nothing(self, engine: Engine) -> None:
        tried: list[object] = []
        ping = engine.dialect.do_ping

        def count(connection: Any) -> bool:
            tried.append(connection)
            return ping(connection)

        engine.dialect.do_ping = count  # type: ignore[method-assign]
        for _ in range(20):
            with transaction(engine) as connection:
                connection.execute(text("select 1"))
        assert not tried

    def test_on_a_standby_are_unavailable(self, engine: Engine) -> None:
        def write() -> None:
            with transaction(engine) as connection:
                connection.execute(text("set transaction read only"))
                connection.execute(tables.installation.insert().values(id="a"))

        with pytest.raises(DatabaseUnavailable):
            write()

    def test_tell_no_values_in_their_errors(self, engine: Engine) -> None:
        with pytest.raises(DataError) as caught, transaction(engine) as connection:
            connection.execute(tables.installation.insert().values(id="what somebody sent\x00"))
        assert "what somebody sent" not in str(caught.value)

    def test_give_aware_times(self, engine: Engine) -> None:
        with transaction(engine) as connection:
            now = connection.execute(text("select now()")).scalar_one()
        assert now.utcoffset().total_seconds() == 0


class TestSavepoints:
    @pytest.mark.parametrize("value", ["\x00", "\ud800"])
    def test_tell_what_cannot_be_stored_and_keep_the_rest(self, engine: Engine, value: str) -> None:
        with transaction(engine) as connection:
            connection.execute(tables.installation.insert().values(id="a"))
            with pytest.raises(Unstorable), savepoint(connection):
                connection.execute(tables.installation.insert().values(id=value))
            connection.execute(tables.installation.insert().values(id="b"))
        with transaction(engine) as connection:
            assert sorted(connection.execute(select(tables.installation.c.id)).scalars()) == ["a", "b"]

    def test_tell_what_is_too_large_for_an_index(self, engine: Engine) -> None:
        incompressible = "".join(uuid.uuid4().hex for _ in range(1000))
        with transaction(engine) as connection, pytest.raises(Unstorable), savepoint(connection):
            connection.execute(tables.installation.insert().values(id=incompressible))


class TestInstallationId:
    def test_is_made_once_by_whoever_comes_first(self, engine: Engine) -> None:
        barrier = threading.Barrier(4)

        def ask(_: int) -> str:
            with transaction(engine) as connection:
                barrier.wait(30)
                return installation_id(connection)

        with ThreadPoolExecutor(4) as pool:
            found = set(pool.map(ask, range(4)))
        with transaction(engine) as connection:
            assert found == {installation_id(connection)}


@pytest.fixture
def listener(settings: Settings) -> Iterator[Listener]:
    """Connected, with nothing missed."""
    listener = Listener(settings, RUNS_CHANNEL, VERDICTS_CHANNEL)
    assert listener.wait(30) == []
    yield listener
    listener.close()


class TestListener:
    def test_hears_what_was_committed_with_its_payload(self, listener: Listener, engine: Engine) -> None:
        with transaction(engine) as connection:
            notify(connection, RUNS_CHANNEL)
            notify(connection, VERDICTS_CHANNEL, "run-1")
        assert listener.wait(30) == [Notification(RUNS_CHANNEL, ""), Notification(VERDICTS_CHANNEL, "run-1")]

    def test_hears_nothing_of_what_was_rolled_back(self, listener: Listener, engine: Engine) -> None:
        with engine.connect() as connection:
            notify(connection, RUNS_CHANNEL)
            connection.rollback()
        assert listener.wait(0.1) == []

    def test_is_woken_by_another_thread(self, listener: Listener) -> None:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(listener.wait, 60)
            listener.wake()
            assert waiting.result(30) == []

    def test_says_that_its_connection_is_lost_and_then_returns_at_once(self, listener: Listener, engine: Engine) -> None:
        with transaction(engine) as connection:
            connection.execute(text("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stringx listener'"))

        def wait_until_it_fails() -> None:
            while True:
                listener.wait(30)

        with pytest.raises(DatabaseUnavailable):
            wait_until_it_fails()
        assert listener.wait(30) == []
        with transaction(engine) as connection:
            notify(connection, RUNS_CHANNEL, "again")
        assert listener.wait(30) == [Notification(RUNS_CHANNEL, "again")]


class TestOutbox:
    HEADERS = (("text", "é"), ("bytes", b"\xff\x00"), ("text-bytes", b"abc"), ("nul", "a\x00b"), ("none", None), ("text", "twice"))

    def add(self, engine: Engine, event: str, value: bytes | None = b"v") -> None:
        with transaction(engine) as connection:
            outbox.add(connection, [outbox.NewRecord(event, "t", b"\x00k", self.HEADERS, value)])

    def test_gives_back_what_was_added_in_its_order(self, engine: Engine) -> None:
        for number in range(5):
            self.add(engine, f"e{number}", value=None if number == 0 else b"\xff")
        with transaction(engine) as connection:
            first, *others = outbox.unpublished(connection, 3)
        assert [first.id, *(one.id for one in others)] == ["e0", "e1", "e2"]
        assert (first.topic, first.key, first.value, first.tries) == ("t", b"\x00k", None, 0)
        encoded = [(name, value.encode() if isinstance(value, str) else value) for name, value in first.headers]
        assert encoded == [(name, value.encode() if isinstance(value, str) else value) for name, value in self.HEADERS]

    def test_keeps_the_first_of_two_events_with_one_id(self, engine: Engine) -> None:
        self.add(engine, "e", b"first")
        self.add(engine, "e", b"second")
        with transaction(engine) as connection:
            assert [one.value for one in outbox.unpublished(connection, 9)] == [b"first"]

    def test_forgets_what_was_published(self, engine: Engine) -> None:
        self.add(engine, "a")
        self.add(engine, "b")
        with transaction(engine) as connection:
            outbox.mark_published(connection, ["a"])
            assert [one.id for one in outbox.unpublished(connection, 9)] == ["b"]

    def test_pauses_what_was_refused_longer_each_time_so_that_others_go_first(self, engine: Engine) -> None:
        self.add(engine, "a")
        self.add(engine, "b")
        pauses = []
        for _ in range(9):
            with transaction(engine) as connection:
                outbox.mark_failed(connection, "a", "too large")
                row = connection.execute(
                    select(tables.outbox.c.tries, tables.outbox.c.error, (tables.outbox.c.not_before - text("now()")).label("pause")).where(
                        tables.outbox.c.id == "a"
                    )
                ).one()
                pauses.append(row.pause.total_seconds())
                assert [one.id for one in outbox.unpublished(connection, 9)] == ["b"]
        assert (row.tries, row.error) == (9, "too large")
        assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
        with transaction(engine) as connection:
            connection.execute(update(tables.outbox).values(not_before=text("now()")))
            assert [one.tries for one in outbox.unpublished(connection, 9)] == [9, 0]
