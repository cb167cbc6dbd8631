"""A session on the connection of dbt's own adapter: dbt-duckdb's, and dbt-postgres' to see that it is not DuckDB's alone."""

from __future__ import annotations

import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import psycopg
import pytest
from dbt.adapters.base.connections import BaseConnectionManager
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.impl import DuckDBAdapter
from dbt.adapters.postgres.connections import PostgresCredentials
from dbt.adapters.postgres.impl import PostgresAdapter
from runner_lab import Lab, wait_for

from stringx.runner import adapter_session, samples
from stringx.runner.adapter_session import AdapterSession
from stringx.runner.recording import Template
from stringx.runner.replay_session import Answer, NoSample, Question, SessionLost, Unanswered

ENDLESS = "select count(*) from range(100000000000) as many(n) where n % 7 = 9"
TABLE = "create table orders as select range::integer as id, date '2013-02-01' + range::integer as day, 'it''s' as name from range(10)"


def adapter_of(kind: type, credentials: Any) -> Any:
    """As an invocation of dbt leaves it."""
    comment = SimpleNamespace(comment="", append=False, job_label=False)
    config = SimpleNamespace(credentials=credentials, query_comment=comment, flags={}, project_name="lab", log_cache_events=False)
    return kind(config, multiprocessing.get_context("fork"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "lab.duckdb")) as connection:
        connection.execute(TABLE)
    return tmp_path / "lab.duckdb"


@pytest.fixture
def duck(file: Path) -> Iterator[Any]:
    """dbt-duckdb's adapter on a file, which this process may write to."""
    adapter = adapter_of(DuckDBAdapter, DuckDBCredentials(path=str(file), database="lab", schema="main"))
    yield adapter
    adapter.connections.close_all_connections()


@pytest.fixture
def session(duck: Any) -> Iterator[AdapterSession]:
    with closing(AdapterSession(duck)) as session:
        yield session


def ask(session: AdapterSession, sql: str, **more: Any) -> Any:
    """The only value of the only row; the snapshot is let go."""
    ((value,),) = answers(session, Question(sql, **more))[0].rows
    return value


def answers(session: AdapterSession, *questions: Question) -> list[Answer]:
    found = list(session.ask(questions))
    session.end()
    return found


def change(adapter: Any, statement: str) -> None:
    """Executes and commits it, on another connection of this process."""
    with adapter.connections.env().conn.cursor() as cursor:
        cursor.execute(statement)


def test_integers_and_booleans_are_read_and_all_else_is_told_as_such(session: AdapterSession) -> None:
    sql = (
        "select 1::int2, 2, sum(id), true as \"Straße\", false, null::bool, 4.0, 4.0::double, 'x', (10::hugeint ** 20)::hugeint from orders"
    )
    (answer,) = answers(session, Question(sql))
    assert answer.rows == ((1, 2, 45, True, False, None, b"", b"", b"", b""),)
    assert [type(value) for value in answer.rows[0][:5]] == [int, int, int, bool, bool]
    assert answer.columns[3] == "Straße"
    assert [len(one.rows) for one in answers(session, Question("select 1 where false"), Question("select * from range(9)"))] == [0, 2]


@pytest.mark.parametrize("value", ["", "'", "\\", "$1", "%s", "'); drop table orders; --", "{{ 1/0 }}", "\\'", "É\u2028😀\n\x01"])
def test_values_are_data(session: AdapterSession, value: str) -> None:
    statement = Template(segments=("select length(", " || ", ")"), places=(0, 0))
    ((length,),) = answers(session, session.question(statement, [value]))[0].rows
    assert length == 2 * len(value)


def test_a_value_that_the_database_may_read_in_another_way_is_not_sent(file: Path) -> None:
    class Other(DuckDBAdapter):  # type: ignore[misc]  # dbt-duckdb has no types
        @classmethod
        def type(cls) -> str:
            return "other"

    session = AdapterSession(adapter_of(Other, DuckDBCredentials(path=str(file), database="lab", schema="main")))
    statement = Template(segments=("select ", ""), places=(0,))
    assert session.question(statement, ["2013-02-01"]).sql == "select '2013-02-01'"
    for value in ("it's", "a\\b"):
        with pytest.raises(Unanswered, match="neither quote nor backslash") as caught:
            session.question(statement, [value])
        assert not caught.value.outdated


def test_all_questions_and_the_sample_see_one_snapshot(session: AdapterSession, duck: Any) -> None:
    count = Question("select count(*) from orders")
    with closing(session.ask([count, count])) as given:
        before = next(given)
        change(duck, "insert into orders values (10, '2013-03-01', 'new')")
        assert list(given) == [before]
    assert before.rows == ((10,),)
    assert session.sample("select id from orders where id > 8", limit=5, mask=[], timeout_seconds=5).rows == ((9,),)
    session.end()
    assert ask(session, count.sql) == 11


def test_an_error_is_told_by_its_name_and_taken_for_a_statement_that_no_longer_fits(session: AdapterSession, duck: Any) -> None:
    for sql, name in (("select max(name)::integer from orders", "ConversionException"), ("select * from gone", "CatalogException")):
        with pytest.raises(Unanswered) as caught:
            ask(session, sql)
        assert str(caught.value) == f"the database answered with an error ({name})"
        assert (type(caught.value), caught.value.outdated) == (Unanswered, True)
    assert ask(session, "select 1") == 1
    assert not duck.connections.thread_connections, "what it used is given back"


def test_a_file_is_let_go_at_the_end_and_no_sooner(session: AdapterSession, file: Path) -> None:
    def open_otherwise() -> None:
        duckdb.connect(str(file), config={"threads": "1"}).close()  # refused while it is open

    before = threading.active_count()
    for _ in range(3):
        with closing(session.ask([Question("select 1")])) as given:
            assert next(given).rows == ((1,),)
            with pytest.raises(duckdb.Error, match="different configuration"):
                open_otherwise()
            assert list(given) == []
        session.end()
        open_otherwise()
    assert threading.active_count() == before


def test_a_database_that_cannot_be_opened_is_no_reason_to_record_anew(file: Path) -> None:
    adapter = adapter_of(DuckDBAdapter, DuckDBCredentials(path=str(file.parent / "no" / "folder"), database="folder", schema="main"))
    with closing(AdapterSession(adapter)) as session, pytest.raises(Unanswered, match="IOException") as caught:
        ask(session, "select 1")
    assert (type(caught.value), caught.value.outdated) == (Unanswered, False), "nor to try again at once"


def test_a_question_with_a_limit_is_ended_and_the_next_one_answered(session: AdapterSession) -> None:
    with closing(session.ask([Question("select 1"), Question(ENDLESS, limit_seconds=0.05)])) as given:
        assert next(given).rows == ((1,),)
        with pytest.raises(Unanswered) as caught:
            next(given)
    assert (caught.value.over_limit, caught.value.outdated) == (True, False)
    with pytest.raises(NoSample, match="it took too long"):
        session.sample(ENDLESS, limit=5, mask=[], timeout_seconds=0.05)
    assert ask(session, "select 1") == 1


def test_what_does_not_end_when_it_is_cancelled_is_left_to_itself(
    session: AdapterSession, duck: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_session, "_CANCEL_SECONDS", 0.2)
    with monkeypatch.context() as patch:
        patch.setattr(type(duck), "is_cancelable", classmethod(lambda _: False))  # as an adapter's may be
        with pytest.raises(Unanswered):
            ask(session, ENDLESS, limit_seconds=0.05)
        with pytest.raises(Unanswered, match="TimeoutError"):
            ask(session, "select 1")
    duck.cancel_open_connections()

    def answered() -> bool:
        try:
            return bool(ask(session, "select 1") == 1)
        except Unanswered:
            return False

    wait_for(answered, "it has ended, and a new session is made")


def test_an_adapter_that_is_none_of_dbts_sql_adapters_is_told_as_such() -> None:
    class Manager(BaseConnectionManager):  # type: ignore[misc]  # dbt's are untyped; as dbt-bigquery's is
        TYPE = "other"

    adapter = SimpleNamespace(type=lambda: "other", connections=Manager)
    with closing(AdapterSession(adapter)) as session:
        with pytest.raises(Unanswered, match="not derived from dbt's SQLAdapter") as caught:
            answers(session, Question("select 1"))
        assert not caught.value.outdated
        with pytest.raises(NoSample, match="not derived from dbt's SQLAdapter"):
            session.sample("select 1", limit=1, mask=[], timeout_seconds=5)


def test_a_sample_shows_values_as_postgres_would(session: AdapterSession) -> None:
    sql = (
        "select 1 as whole, 0.25 as exact, 12345678901234567890123::hugeint as long, 0.1234567890123456789 as fine, true as flag,"
        " null as nothing, 'NaN'::double as nan, date '2013-02-01' as day, timestamp '2013-02-01 10:00:00' as moment, 'it''s' as text,"
        " [1, 2] as list, {'a': 'x'} as struct, '\\xAA'::blob as bytes, repeat('x', 600) as much"
    )
    sample = session.sample(sql, limit=1, mask=[], timeout_seconds=5)
    shown = dict(zip(sample.columns, sample.rows[0], strict=True))
    assert len(shown.pop("much")) == samples.MAX_TEXT
    assert shown == {
        "whole": 1,
        "exact": 0.25,
        "long": "12345678901234567890123",
        "fine": "0.1234567890123456789",
        "flag": True,
        "nothing": None,
        "nan": "nan",
        "day": "2013-02-01",
        "moment": "2013-02-01T10:00:00",
        "text": "it's",
        "list": "[1, 2]",
        "struct": '{"a": "x"}',
        "bytes": "\\xaa",
    }
    assert samples.shown(["d"], [[Decimal("NaN")]], "", []).rows == (("NaN",),)


def test_what_may_come_from_a_masked_column_is_not_shown(session: AdapterSession) -> None:
    def sampled(sql: str, *mask: str) -> tuple[Any, ...]:
        return session.sample(sql, limit=1, mask=mask, timeout_seconds=5).rows[0]

    assert sampled("select * from orders", "name") == (0, "•••", "•••"), "nothing tells where a text comes from"
    assert sampled("select id, length(NAME) from orders", "name") == ("•••", "•••")
    assert sampled("select id, day from orders", "ID") == ("•••", "•••")
    assert sampled("select * from orders", "email") == (0, "•••", "•••")
    hidden, shown = ("•••", "•••", "•••"), (0, "•••", "•••")
    assert sampled("select a.*, b.* from orders a join orders b on a.day = b.day", "ID") == hidden * 2, "DuckDB says id_1"
    pairs = "(select a.*, b.* from orders a, orders b)"
    assert sampled(f"select a.*, b.* from {pairs} a, {pairs} b", "id") == hidden * 4, "and id_1_1"
    assert sampled("select a.*, b.* from orders a join orders b on a.day = b.day", "i") == shown * 2
    assert sampled("select 0 as id_number, 1 as id_1x", "id") == (0, 1), "these are others"


# --- the same on Postgres, by dbt-postgres ---


@pytest.fixture
def postgres_adapter(lab: Lab) -> Any:
    info = psycopg.conninfo.conninfo_to_dict(lab.url)
    credentials = {name: info[name] for name in ("host", "user", "password")}
    return adapter_of(
        PostgresAdapter, PostgresCredentials(port=int(str(info["port"])), database=str(info["dbname"]), schema="raw", **credentials)
    )


def test_a_session_is_kept_open_and_a_lost_one_is_told_as_lost(postgres_adapter: Any, lab: Lab) -> None:
    own = "select pg_backend_pid()"
    with closing(AdapterSession(postgres_adapter)) as session:
        first = ask(session, own)
        assert ask(session, own) == first
        assert lab.ask(f"select pg_terminate_backend({first})")
        with pytest.raises(SessionLost):
            ask(session, own)
        second = ask(session, own)
        assert second != first
    wait_for(lambda: lab.ask(f"select count(*) from pg_stat_activity where pid = {second}") == 0, "a closed session is gone")


def test_an_iterator_that_is_left_has_its_query_cancelled(postgres_adapter: Any, lab: Lab) -> None:
    slept = "select count(pg_sleep(600))"
    running = f"select count(*) from pg_stat_activity where query = '{slept}' and state = 'active'"
    with closing(AdapterSession(postgres_adapter)) as session:
        begun = time.monotonic()
        with pytest.raises(Unanswered):
            ask(session, slept, limit_seconds=0.2)
        assert time.monotonic() - begun < 30
        wait_for(lambda: lab.ask(running) == 0, "nothing is left in the database")
        assert ask(session, "select 2") == 2


def test_what_still_connects_is_not_connected_again_to_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter_session, "_CANCEL_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.5)
        port = silent.getsockname()[1]
        lab = PostgresCredentials(host="127.0.0.1", port=port, user="x", password="x", database="x", schema="x", connect_timeout=3)
        adapter = adapter_of(PostgresAdapter, lab)
        with closing(AdapterSession(adapter)) as session, pytest.raises(NoSample, match="it took too long"):
            session.sample("select 1", limit=1, mask=[], timeout_seconds=0.1)
        first, _ = silent.accept()
        with first, pytest.raises(TimeoutError):
            silent.accept()
    wait_for(lambda: not adapter.connections.thread_connections, "it is given back once there is an answer")
