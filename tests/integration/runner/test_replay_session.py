"""A replay worker's session in a real Postgres: one snapshot, only reading, and what comes of errors, limits and lost connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from runner_lab import Lab, wait_for

from stringx.runner import postgres_session, samples
from stringx.runner.postgres_session import PostgresSession, connection_arguments
from stringx.runner.replay_session import Answer, NoSample, Question, SessionLost, Unanswered
from stringx.runner.sessions import SETTINGS

NAME = "stringx-replay-session-test"


def open_session(lab: Lab, **more: Any) -> PostgresSession:
    return PostgresSession({**psycopg.conninfo.conninfo_to_dict(lab.url), "application_name": NAME, "options": SETTINGS, **more})


@pytest.fixture
def session(lab: Lab) -> Iterator[PostgresSession]:
    with closing(open_session(lab)) as session:
        yield session


@pytest.fixture
def table(lab: Lab) -> Iterator[str]:
    """A table of this test's own, with one row."""
    with psycopg.connect(lab.url, autocommit=True) as connection:
        connection.execute("create table raw.replayed as select 1 as n, 'a' as name")
        yield "raw.replayed"
        connection.execute("drop table raw.replayed")


def ask(session: PostgresSession, sql: str, *arguments: str, **more: Any) -> Any:
    """The only value of the only row; the snapshot is let go."""
    ((value,),) = answers(session, Question(sql, arguments, **more))[0].rows
    return value


def answers(session: PostgresSession, *questions: Question) -> list[Answer]:
    found = list(session.ask(questions))
    session.end()
    return found


def own_sessions(lab: Lab, where: str = "true") -> int:
    return int(lab.ask(f"select count(*) from pg_stat_activity where application_name = '{NAME}' and {where}"))


def test_integers_and_booleans_are_read_and_all_else_is_left_as_it_came(session: PostgresSession) -> None:
    sql = "select 1::int2, 2, 3::int8, true as \"Straße\", false, null::bool, null::int, 4.0::numeric, 'x', 5::oid"
    (answer,) = answers(session, Question(sql))
    assert answer.rows == ((1, 2, 3, True, False, None, None, b"4.0", b"x", b"5"),)
    assert answer.columns[3] == "Straße"
    assert [len(one.rows) for one in answers(session, Question("select 1 where false"), Question("select generate_series(1, 9)"))] == [0, 2]


@pytest.mark.parametrize("value", ["", "'", "\\", "$1", "%s", "'); drop table raw.orders; --", "{{ 1/0 }}", "É\u2028😀\n\x01"])
def test_values_are_data(session: PostgresSession, value: str) -> None:
    for _ in range(2):  # the first prepares it
        assert ask(session, "select length($1 || $2)", value, value) == 2 * len(value)


def test_a_value_is_read_as_the_type_of_the_column_that_it_is_compared_with(session: PostgresSession) -> None:
    sql = "select count(*) from raw.orders where day = $1 and id = $2 and status = $3 and amount >= $4"
    assert ask(session, sql, "2013-02-01", "10", "open", "1e1") == 1
    with pytest.raises(Unanswered, match="22007"):
        ask(session, sql, "10", "10", "open", "1e1")


def test_all_questions_see_one_snapshot(session: PostgresSession, lab: Lab, table: str) -> None:
    count = Question(f"select count(*) from {table}")
    with psycopg.connect(lab.url, autocommit=True) as other:
        other.execute("select pg_advisory_lock(4242)")
        with closing(session.ask([count, Question("select count(pg_advisory_lock(4242))"), count])) as given:
            before = next(given)
            other.execute(f"insert into {table} values (2, 'b')")
            other.execute("select pg_advisory_unlock(4242)")
            waited, after = given
    assert waited.rows == ((1,),)
    assert before == after == Answer(("count",), ((1,),))
    session.end()
    assert ask(session, count.sql) == 2


def test_an_answer_is_there_as_soon_as_the_database_has_it(session: PostgresSession, lab: Lab) -> None:
    with closing(session.ask([Question("select 1"), Question("select count(pg_sleep(600))")])) as given:
        assert next(given).rows == ((1,),)
    # Nobody wants the rest: the query is cancelled with the session.
    wait_for(lambda: own_sessions(lab) == 0, "nothing is left in the database")
    assert ask(session, "select 2") == 2


def test_it_can_only_read_and_plans_anew_for_each_value(session: PostgresSession) -> None:
    with pytest.raises(Unanswered, match="25006"):
        ask(session, "select raw.leave_a_trace()")
    assert ask(session, "select current_setting('plan_cache_mode') = 'force_custom_plan'")


@pytest.mark.parametrize("options", ["", "-c default_transaction_read_only=on -c standard_conforming_strings=off"])
def test_none_is_opened_where_something_between_drops_its_settings(lab: Lab, options: str) -> None:
    with closing(open_session(lab, options=options)) as session, pytest.raises(SessionLost, match="NotSupportedError"):
        ask(session, "select 1")
    wait_for(lambda: own_sessions(lab) == 0, "it is closed")


def test_it_is_what_dbt_would_have_by_the_profile(lab: Lab) -> None:
    info = psycopg.conninfo.conninfo_to_dict(lab.url)
    credentials = SimpleNamespace(
        **{name: info[name] for name in ("host", "port", "user", "password")},
        database=info["dbname"],
        connect_timeout=7,
        keepalives_idle=0,
        search_path="raw, public",
        role="pg_monitor",
        sslmode=None,
        sslcert=None,
        sslkey=None,
        sslrootcert=None,
    )
    told = "select {} = $1"
    with psycopg.connect(lab.url, autocommit=True) as connection, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGDATESTYLE", "German, DMY")
        with closing(PostgresSession(connection_arguments(credentials, NAME))) as session:
            assert ask(session, told.format("current_setting('search_path')"), "raw, public")
            assert ask(session, told.format("current_setting('application_name')"), NAME)
            assert ask(session, told.format("current_setting('default_transaction_read_only')"), "on")
            assert ask(session, told.format("current_setting('datestyle')"), "ISO, DMY"), "as psycopg2 has it"
        assert connection.execute("select pg_has_role(current_user, 'pg_monitor', 'member')").fetchone() == (False,)
    with closing(PostgresSession(connection_arguments(credentials, NAME), credentials.role)) as session, pytest.raises(SessionLost):
        ask(session, "select 1")  # it may not be that role, and so there is no session
    credentials.role = info["user"]
    with closing(PostgresSession(connection_arguments(credentials, NAME), credentials.role)) as session:
        assert ask(session, told.format("current_setting('role')"), str(info["user"]))


def test_an_error_names_its_state_and_never_the_text_that_may_quote_a_row(session: PostgresSession) -> None:
    with pytest.raises(Unanswered) as caught:
        ask(session, "select max(status)::integer from raw.orders")
    assert str(caught.value) == "the database answered with SQLSTATE 22P02"
    assert not isinstance(caught.value, SessionLost)
    assert ask(session, "select 1") == 1


@pytest.mark.parametrize(
    ("sql", "outdated"),
    [("select gone from raw.orders", True), ("select * from raw.gone", True), ("select 1 / (id - id) from raw.orders", False)],
)
def test_an_error_tells_whether_the_statement_no_longer_fits(session: PostgresSession, sql: str, outdated: bool) -> None:
    with pytest.raises(Unanswered) as caught:
        ask(session, sql)
    assert (caught.value.outdated, caught.value.over_limit) == (outdated, False)


def test_a_question_with_a_limit_is_ended_by_the_database(session: PostgresSession) -> None:
    with closing(session.ask([Question("select 1"), Question("select count(pg_sleep(600))", limit_seconds=0.05)])) as given:
        assert next(given).rows == ((1,),)
        with pytest.raises(Unanswered, match="57014") as caught:
            next(given)
    assert caught.value.over_limit
    assert ask(session, "select 1") == 1


def test_a_session_that_was_ended_is_told_as_lost_and_the_next_one_answers(session: PostgresSession, lab: Lab) -> None:
    assert ask(session, "select 1") == 1
    assert lab.ask(f"select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = '{NAME}'") == 1
    with pytest.raises(SessionLost):
        ask(session, "select 1")
    assert ask(session, "select 1") == 1
    with closing(open_session(lab, port="1", connect_timeout="2")) as nowhere, pytest.raises(SessionLost, match="OperationalError"):
        ask(nowhere, "select 1")


def test_a_statement_whose_columns_have_changed_is_prepared_anew_in_the_next_session(
    session: PostgresSession, lab: Lab, table: str
) -> None:
    everything = f"select * from {table}"
    assert len(answers(session, Question(everything))[0].columns) == 2
    with psycopg.connect(lab.url, autocommit=True) as connection:
        connection.execute(f"alter table {table} add column more integer")
    with pytest.raises(SessionLost, match="0A000"):
        answers(session, Question(everything))
    assert len(answers(session, Question(everything))[0].columns) == 3


def test_it_keeps_so_many_prepared_statements(session: PostgresSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_session, "KEPT_STATEMENTS", 3)
    prepared = "select count(*) from pg_prepared_statements where from_sql = false"
    for number in (1, 2, 3, 4, 5, 3, 4):
        assert ask(session, f"select {number}") == number
        assert ask(session, prepared) <= 3
    assert [one.rows for one in answers(session, *(Question(f"select {number}") for number in range(9)))] == [((n,),) for n in range(9)]
    assert ask(session, prepared) == 3


def test_much_at_once_neither_hangs_nor_gets_mixed_up(session: PostgresSession) -> None:
    sizes = [100_000 + size for size in range(200)]
    found = answers(session, *(Question("select length($1)", ("x" * size,)) for size in sizes))
    assert [one.rows for one in found] == [((size,),) for size in sizes]


def test_a_text_that_the_database_cannot_write_is_no_answer(lab: Lab) -> None:
    with closing(open_session(lab, client_encoding="latin1")) as session:
        assert ask(session, "select length($1)", "é") == 1
        with pytest.raises(Unanswered, match="encoding"):
            ask(session, "select length($1)", "😀")


def test_a_sample_is_taken_of_the_same_snapshot_and_masked_as_ever(session: PostgresSession, lab: Lab, table: str) -> None:
    counted = list(session.ask([Question(f"select count(*) from {table}")]))
    with psycopg.connect(lab.url, autocommit=True) as connection:
        connection.execute(f"insert into {table} values (2, 'b')")
    with pytest.raises(NoSample, match=r"InvalidTextRepresentation \(SQLSTATE 22P02\)$"):
        session.sample(f"select name::integer from {table}", limit=5, mask=[], timeout_seconds=5)
    sql = f"select n, name, name as other, upper(name) as made, '%s' as percent from {table}"
    sample = session.sample(sql, limit=5, mask=["NAME"], timeout_seconds=5)
    session.end()
    assert counted[0].rows == ((1,),)
    assert sample == samples.Sample(("n", "name", "other", "made", "percent"), ((1, "•••", "•••", "•••", "•••"),))
