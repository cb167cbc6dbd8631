"""A worker's sessions are used again as long as nothing tells them from new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import psycopg2
import pytest
from runner_lab import Bench, Lab, rule, wait_for

from stringx.runner import kept_sessions, sessions, worker
from stringx.runner.sessions import Sessions

#: Of a profile with a search path, as dbt asks for it.
OPTIONS = "-c search_path=raw -c statement_timeout=70000"

TRACES = """
create or replace function raw.leaves_traces() returns integer language plpgsql as $$
begin
  perform pg_advisory_lock(4711);
  set search_path = public;
  set statement_timeout = 5000;
  set application_name = 'another';
  set default_transaction_read_only = off;
  return 1;
end $$;
create or replace function raw.leaves_a_table() returns integer language plpgsql as $$
begin
  create temporary table left_over as select 1;
  create temporary sequence counted;
  listen stringx;
  execute 'prepare left_over as select 1';
  return nextval('counted');
end $$;
"""
SETTINGS = "select jsonb_object_agg(name, setting || ', of ' || source) from pg_settings"
#: What else one session may have and another not.
STATE = """
select current_setting('role'), current_user, session_user, current_setting('transaction_read_only'), current_schemas(false),
       current_setting('application_name'), current_setting('DateStyle'),
       (select count(*) from pg_prepared_statements), (select count(*) from pg_cursors where name <> ''),
       (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
       (select count(*) from pg_listening_channels()), to_regclass('left_over'), to_regclass('pg_temp.counted')
"""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sessions]:
    """Sessions that are kept, in this process."""
    monkeypatch.setattr(psycopg2, "connect", psycopg2.connect)
    opened = Sessions("stringx-kept-sessions-test")
    opened.install()
    opened.keep()
    yield opened
    opened.end_kept()


@pytest.fixture
def connect(lab: Lab, opened: Sessions) -> Callable[..., Any]:  # noqa: ARG001  # it is what `psycopg2.connect` opens by
    return lambda **more: psycopg2.connect(lab.url, **({"options": OPTIONS} | more))


def answer(session: Any, query: str) -> Any:
    with session.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def used(session: Any, *queries: str) -> int:
    """Its process on the server, after these queries; it is closed."""
    pid = answer(session, "select pg_backend_pid()")[0]
    with session.cursor() as cursor:
        for query in queries:
            cursor.execute(query)
    session.close()
    return int(pid)


def test_a_session_is_used_again_and_is_as_a_new_one(connect: Callable[..., Any], lab: Lab) -> None:
    with psycopg.connect(lab.url, autocommit=True) as owner:
        owner.execute(TRACES)
    first = connect()
    (settings,), state = answer(first, SETTINGS), answer(first, STATE)
    limits = ("set local statement_timeout = 5000", "set local lock_timeout = '3s'", "explain select 1")
    traces = ("/* of dbt */ select raw.leaves_traces()", "commit", "select raw.leaves_a_table()", "commit")
    pid = used(first, *limits, 'set role "runner_lab"', *traces)
    assert lab.ask("select count(*) from pg_locks where locktype = 'advisory' and classid = 0 and objid = 4711") == 0, "not even a moment"
    again = connect()
    settings_again = answer(again, SETTINGS)[0]
    assert {name: settings_again[name] for name, value in settings.items() if value != settings_again[name]} == {}
    assert answer(again, STATE) == state
    assert answer(again, "select pg_backend_pid()") == (pid,)
    assert (again.autocommit, again.get_transaction_status()) == (False, psycopg2.extensions.TRANSACTION_STATUS_INTRANS)
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
        answer(again, "select lastval()")
    again.close()


@pytest.mark.parametrize(
    "statement",
    [
        "set app.tenant = '1'",
        "select set_config('app.tenant', '1', false)",
        "select 1; set app.tenant = '1'",
        "/* of dbt */\n-- and of a macro\nset app.tenant = '1'",
        "select setseed(0.5)",
        "set session characteristics as transaction read write",
    ],
)
def test_a_session_in_which_more_was_done_than_reading_is_ended(connect: Callable[..., Any], lab: Lab, statement: str) -> None:
    pid = used(connect(), statement)
    wait_for(lambda: lab.ask(f"select count(*) from pg_stat_activity where pid = {pid}") == 0, "it is ended")
    session = connect()
    assert answer(session, "select current_setting('app.tenant', true)") == (None,)
    session.close()


def test_a_statement_is_looked_at_in_no_time_however_it_begins(connect: Callable[..., Any]) -> None:
    session = connect()
    for begin in (" " * 50_000, "/* */ " * 20_000, "-- a\n" * 20_000, "/*" * 10_000):
        for end in ("x", ";" * 50_000):
            session.note(begin + end)
    session.close()


def test_what_was_read_in_a_transaction_that_failed_is_no_hindrance(connect: Callable[..., Any]) -> None:
    session = connect()
    pid = answer(session, "select pg_backend_pid()")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        answer(session, "with none as (select 0 as zero) select 1 / zero from none")
    session.close()
    again = connect()
    assert answer(again, "select pg_backend_pid()") == pid
    again.close()


def test_each_has_its_own_and_one_that_was_closed_is_closed_for_good(connect: Callable[..., Any]) -> None:
    first, second = connect(), connect()
    pids = {answer(first, "select pg_backend_pid()"), answer(second, "select pg_backend_pid()")}
    assert len(pids) == 2
    first.close()
    assert (first.closed, second.closed) == (1, 0)
    third = connect()
    first.close()  # nothing more
    for name in ("cursor", "rollback", "get_backend_pid"):
        with pytest.raises(psycopg2.InterfaceError, match="already closed"):
            getattr(first, name)
    assert {answer(second, "select pg_backend_pid()"), answer(third, "select pg_backend_pid()")} == pids
    second.close()
    third.close()


def test_none_is_opened_where_something_between_drops_its_settings(connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sessions._connect  # noqa: SLF001  # a pooler's place
    monkeypatch.setattr(sessions, "_connect", lambda *given, **more: whole(*given, **{**more, "options": OPTIONS}))
    with pytest.raises(psycopg2.NotSupportedError, match="opened with default_transaction_read_only=on, and has it off: something between"):
        connect()


def test_a_server_that_does_not_tell_its_settings_unasked_is_asked(connect: Callable[..., Any]) -> None:
    session = connect()
    silent = SimpleNamespace(info=SimpleNamespace(parameter_status=lambda _: None), cursor=session.cursor, rollback=session.rollback)
    assert sessions.unprotected(silent) is None
    assert session.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_IDLE
    with session.cursor() as cursor:
        cursor.execute("set default_transaction_read_only = off; commit")
    assert "has it off" in (sessions.unprotected(silent) or "")
    session.close()


def test_sessions_of_another_profile_or_name_are_others(connect: Callable[..., Any], opened: Sessions) -> None:
    pid = used(connect())
    other = connect(options="-c search_path=public")
    assert answer(other, "select pg_backend_pid(), current_schemas(false)") == (other.get_backend_pid(), ["public"])
    assert other.get_backend_pid() != pid
    opened.application_name = "stringx-another-name"
    renamed = connect()
    assert answer(renamed, "select current_setting('application_name')") == ("stringx-another-name",)
    for session in (other, renamed):
        session.close()


def test_a_session_that_the_server_has_ended_meanwhile_is_not_handed_out(connect: Callable[..., Any], lab: Lab) -> None:
    pid = used(connect())
    named = f"pid = {pid} and application_name = 'stringx-kept-sessions-test'"
    assert lab.ask(f"select count(pg_terminate_backend(pid, 60000)) from pg_stat_activity where {named}") == 1
    assert used(connect()) != pid


def test_one_that_is_ended_while_it_is_used_is_not_kept(connect: Callable[..., Any], lab: Lab) -> None:
    session = connect()
    pid = answer(session, "select pg_backend_pid()")[0]
    lab.ask(f"select pg_terminate_backend({pid}, 60000)")
    session.close()
    assert used(connect()) != pid


def test_no_session_is_used_for_longer_than_the_servers_settings_may_be_old(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = used(connect())
    monkeypatch.setattr(kept_sessions, "LONGEST_SECONDS", -1.0)
    assert used(connect()) != pid


def test_where_dates_have_another_style_on_the_server_they_are_read_right_each_time(connect: Callable[..., Any]) -> None:
    german = {"options": "-c datestyle=German"}
    for _ in range(2):
        session = connect(**german)
        assert str(answer(session, "select date '2013-02-01'")[0]) == "2013-02-01"
        session.close()


def test_an_autocommit_of_a_profile_is_not_the_next_ones(connect: Callable[..., Any]) -> None:
    session = connect()
    session.autocommit = True
    pid = used(session, "begin", "select 1", "rollback")
    again = connect()
    assert (answer(again, "select pg_backend_pid()"), again.autocommit) == ((pid,), False)
    again.close()
    session = connect()
    session.autocommit = True
    assert used(connect(), "select 1") != used(session, "begin", "select 1"), "one that is left in a transaction is ended"


def test_sessions_that_are_kept_are_ended_when_there_is_nothing_to_do(
    connect: Callable[..., Any], opened: Sessions, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = used(connect())
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 0.01)
    ours, theirs = Pipe()

    def rest() -> None:
        opened.end_kept()
        ours.close()  # the pool hangs up

    with pytest.raises(EOFError):
        worker._one_run(theirs, cast(Any, SimpleNamespace(rest=rest)), str)  # noqa: SLF001  # a worker's turn
    wait_for(lambda: lab.ask(f"select count(*) from pg_stat_activity where pid = {pid}") == 0, "it is ended")
    assert used(connect()) != pid


def test_a_runners_worker_goes_on_in_the_sessions_of_its_last_run_until_it_ends(make_runner: Callable[..., Bench], lab: Lab) -> None:
    bench = make_runner()
    gate = bench.gate(rule("one", "not_null", column="amount"), rule("two", "not_null", column="id"))
    named = f"from pg_stat_activity where application_name like 'stringx-%-{bench.runner.boot[:8]}-%'"
    seen = []
    for _ in range(3):
        report = bench.evaluate(gate)
        assert [(result.failures, len(result.sample)) for result in report.results] == [(10, 5), (0, 0)]
        seen.append(set(lab.ask(f"select array_agg(pid) {named} and state = 'idle'")))
    assert seen[0] <= seen[1] <= seen[2], "none was ended"
    assert len(seen[2]) <= 3, "one for each of dbt's threads"
    bench.runner.close()
    assert bench.runner.join(20)
    wait_for(lambda: lab.ask(f"select count(*) {named}") == 0, "none is left")
