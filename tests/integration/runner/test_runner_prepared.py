"""The engine `prepared`: the first run is dbt's, the next ones are replays of what it sent, and nobody sees a difference."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from runner_lab import INSTALLATION, Bench, Lab, end, name, prepared, processes, rule, said, wait_for

from stringx.model import DbtStatus, Engine, ReportStatus, RunRequest


def test_a_gate_is_replayed_after_its_first_run_and_says_the_same(bench: Bench) -> None:
    gate = bench.gate(
        rule("known", "accepted_values", column="status", arguments={"values": ["paid", "open"]}),
        rule("filled", "not_null", column="amount", severity="warn"),
        rule("keyed", "unique", column="id", scope="table"),
        select=[{"select": "tag:nightly", "kind": "business"}],
    )
    slice_ = {"column": "day", "from": "2013-02-01", "to": "2013-02-03"}
    replayed = prepared(bench, gate, slice_)
    reference = bench.evaluate(gate.model_copy(update={"engine": Engine.DBT}), slice_)
    assert reference.engine is Engine.DBT
    assert said(replayed) == said(reference)
    assert (replayed.status, replayed.rows, replayed.message) == (reference.status, reference.rows, reference.message)


def test_values_and_rows_that_change_are_seen_and_another_shape_is_dbts_first(bench: Bench, lab: Lab) -> None:
    gate = bench.gate(rule("filled", "not_null", column="amount"), rule("moving", "holds", arguments={"expression": "id <> 13"}))
    prepared(bench, gate, {"column": "day", "equals": "2013-02-02"})
    for day in ("2013-02-03", "2013-02-04", "2013-02-10", "1999-01-01"):
        for change in ("13 where id = 14", "14 where id = 13 and day <> '2013-02-04'"):
            lab.change(f"update raw.orders set id = {change}")
            report = bench.evaluate(gate, {"column": "day", "equals": day})
            expected = lab.ask(f"select array[count(*), count(*) filter (where id = 13)] from raw.orders where day = '{day}'")
            assert report.engine is Engine.PREPARED
            assert [report.rows, report.results[1].failures] == expected
    assert bench.evaluate(gate, {"column": "day", "in": ["2013-02-03", "2013-02-04"]}).engine is Engine.DBT
    assert bench.evaluate(gate).engine is Engine.DBT


def test_a_run_that_asks_for_dbt_is_dbts_and_the_next_one_is_replayed(bench: Bench) -> None:
    gate = bench.gate(rule("filled", "not_null", column="amount"))
    replayed = prepared(bench, gate)
    request = bench.request(gate, engine=Engine.DBT)
    bench.runner.submit(INSTALLATION, [request])
    forced = bench.report(request.run)
    assert (forced.engine, forced.unprepared) == (Engine.DBT, ())
    assert said(forced) == said(replayed)
    assert bench.evaluate(gate).engine is Engine.PREPARED


def test_dbt_runs_all_where_the_gate_or_the_settings_say_so(make_runner: Any) -> None:
    reference: Bench = make_runner(runner_replay_workers=0)
    gate = reference.gate(rule("filled", "not_null", column="amount"))
    assert {reference.evaluate(gate).engine for _ in range(3)} == {Engine.DBT}
    assert [name(pid) for pid in processes(reference.generation)] == ["stringx dbt"]


def test_a_test_that_cannot_be_repeated_keeps_the_gate_with_dbt_and_is_named(bench: Bench) -> None:
    gate = bench.gate(rule("filled", "not_null", column="amount"), select=[{"select": "tag:looking", "kind": "engineering"}])
    for _ in range(3):
        report = bench.evaluate(gate)
        assert report.engine is Engine.DBT
        ((test, reason),) = report.unprepared
        assert test == "orders_amount_looks_at_columns"
        assert reason


def test_a_rule_that_errors_in_each_run_is_named_as_what_keeps_the_gate_with_dbt(bench: Bench) -> None:
    gate = bench.gate(rule("filled", "not_null", column="amount"), rule("odd", "holds", arguments={"expression": "amount > no_such"}))
    for _ in range(2):
        report = bench.evaluate(gate)
        errored = next(one.test for one in report.results if one.rule == "odd")
        assert report.engine is Engine.DBT
        assert report.unprepared == ((errored, "it errored in this run: only what dbt has judged is replayed"),)


def test_samples_and_texts_are_masked_as_dbts_are(bench: Bench) -> None:
    gate = bench.gate(
        rule("row", "row_as_text"),
        rule("all", "holds", arguments={"expression": "status <> 'odd'"}),
        rule("aliased", "accepted_values", column="email", arguments={"values": ["nobody"]}),
        samples={"rows": 5, "mask": ["email"]},
    )
    slice_ = {"column": "status", "equals": "odd"}
    replayed = prepared(bench, gate, slice_)
    assert "odd@example.org" not in replayed.model_dump_json()
    assert said(replayed) == said(bench.evaluate(gate.model_copy(update={"engine": Engine.DBT}), slice_))


def test_an_error_of_the_database_has_dbt_run_it_and_what_no_longer_fits_is_recorded_anew(bench: Bench, lab: Lab) -> None:
    gate = bench.gate(rule("ratio", "holds", arguments={"expression": "1 / (id - 500) < 2 and length(note) > 0"}))
    prepared(bench, gate, {"column": "day", "equals": "2013-02-02"})
    (result,) = bench.evaluate(gate, {"column": "day", "equals": "2013-02-01"}).results
    assert result.status is DbtStatus.ERROR
    assert "division by zero" in (result.message or ""), "dbt's own words"
    assert bench.evaluate(gate, {"column": "day", "equals": "2013-02-02"}).engine is Engine.PREPARED, "the recording is as good as before"
    lab.change("alter table raw.orders rename column note to remark")
    report = bench.evaluate(gate, {"column": "day", "equals": "2013-02-02"})
    lab.change("alter table raw.orders rename column remark to note")
    assert report.engine is Engine.DBT
    assert 'column "note" does not exist' in (report.results[0].message or "")
    assert prepared(bench, gate, {"column": "day", "equals": "2013-02-02"}).results[0].failures == 0


def test_a_slice_that_does_not_fit_is_told_in_dbts_way(bench: Bench) -> None:
    gate = bench.gate(rule("filled", "not_null", column="amount"))
    prepared(bench, gate, {"column": "day", "equals": "2013-02-02"})
    report = bench.evaluate(gate, {"column": "day", "equals": "yesterday or so"})
    assert (report.engine, report.status) == (Engine.DBT, ReportStatus.ERRORED)
    assert "the slice does not fit raw.orders at column 'day'" in (report.message or "")


def test_lost_sessions_are_replaced_without_a_word(bench: Bench, lab: Lab) -> None:
    gate = bench.gate(rule("filled", "not_null", column="amount"))
    prepared(bench, gate)
    for _ in range(3):
        ours = f"application_name like 'stringx-%-{bench.runner.boot[:8]}-%'"
        assert lab.ask(f"select count(pg_terminate_backend(pid)) from pg_stat_activity where {ours}") >= 1
        report = bench.evaluate(gate)
        assert (report.engine, report.results[0].failures) == (Engine.PREPARED, 10)


def test_a_changed_project_is_recorded_anew(make_runner: Any, project: Path) -> None:
    bench: Bench = make_runner(dbt_project_dir=project)
    gate = bench.gate(rule("any", "not_null", column="amount"))
    assert prepared(bench, gate).results[0].failures == 10
    fingerprint = bench.runner.status(INSTALLATION).fingerprints["demo"]
    macro = "{% test not_null(model, column_name) %} select 1 from {{ model }} where {{ column_name }} is null limit 3 {% endtest %}"
    (project / "macros" / "own.sql").write_text(macro)
    wait_for(lambda: bench.runner.status(INSTALLATION).fingerprints["demo"] != fingerprint, "the new project is in charge")
    assert bench.evaluate(gate).results[0].failures == 3
    assert prepared(bench, gate).results[0].failures == 3


#: It holds for every row, but waits where a status is odd, until nobody has the lock.
WAITS = {"expression": "case when status = 'odd' then pg_advisory_xact_lock_shared(77)::text is not null else true end"}
PAID, ODD = ({"column": "status", "equals": status} for status in ("paid", "odd"))


@pytest.fixture
def locked(lab: Lab) -> Iterator[psycopg.Connection[Any]]:
    """Has what `WAITS` wait; `commit` lets it go on."""
    with psycopg.connect(lab.url) as connection:
        yield connection


@pytest.fixture
def own(make_runner: Any) -> Bench:
    """A runner of this test's own, with a dbt worker and a replay worker."""
    return make_runner(stop_grace_seconds=2)  # type: ignore[no-any-return]


def waiting(bench: Bench, lab: Lab, lock: psycopg.Connection[Any], **fields: Any) -> RunRequest:
    """A run of which the replay waits for the lock."""
    gate = bench.gate(rule("filled", "not_null", column="amount"), rule("waits", "holds", arguments=WAITS))
    prepared(bench, gate, PAID)
    lock.execute("select pg_advisory_xact_lock(77)")
    request = bench.request(gate, ODD, **fields)
    bench.runner.submit(INSTALLATION, [request])
    wait_for(lambda: lab.ask(BLOCKED) == 1, "the query waits")
    return request


BLOCKED = "select count(*) from pg_stat_activity where wait_event = 'advisory'"


def replay_worker(bench: Bench) -> int:
    """The pid of the only one."""
    (pid,) = [pid for pid in processes(bench.generation) if name(pid) == "stringx replay"]
    return pid


def test_a_replay_can_be_cancelled_within_a_statement(own: Bench, lab: Lab, locked: psycopg.Connection[Any]) -> None:
    request = waiting(own, lab, locked)
    assert own.runner.cancel(INSTALLATION, request.run)
    report = own.report(request.run)
    assert (report.status, report.engine, report.message) == (ReportStatus.CANCELLED, Engine.PREPARED, "cancelled")
    assert [(result.rule, result.status) for result in report.results] == [("filled", DbtStatus.PASS)], "what had finished is kept"
    wait_for(lambda: lab.ask(BLOCKED) == 0, "no query is left in the database")
    prepared(own, request.gate, PAID)


def test_a_replay_has_no_longer_than_its_run_may_take(own: Bench, lab: Lab, locked: psycopg.Connection[Any]) -> None:
    report = own.report(waiting(own, lab, locked, timeout_seconds=1).run)
    assert (report.status, report.engine) == (ReportStatus.TIMED_OUT, Engine.PREPARED)
    assert report.message == "stopped at its time limit of 1 s"
    wait_for(lambda: lab.ask(BLOCKED) == 0, "no query is left in the database")


def test_a_replay_worker_that_does_not_stop_is_killed_and_its_session_is_ended(
    own: Bench, lab: Lab, locked: psycopg.Connection[Any]
) -> None:
    request = waiting(own, lab, locked)
    os.kill(replay_worker(own), signal.SIGSTOP)  # from now on it answers to SIGKILL alone
    own.runner.cancel(INSTALLATION, request.run)
    report = own.report(request.run)
    assert report.message == "cancelled; it did not end when it was asked to, and was killed"
    wait_for(lambda: lab.ask(BLOCKED) == 0, "its successor has ended the session")


def test_dbt_takes_over_from_a_replay_worker_that_dies(own: Bench, lab: Lab, locked: psycopg.Connection[Any]) -> None:
    request = waiting(own, lab, locked)
    os.kill(replay_worker(own), signal.SIGKILL)
    wait_for(lambda: own.runner.state(INSTALLATION, request.run) == (1, "executing"), "dbt executes it")
    locked.commit()
    report = own.report(request.run)
    assert (report.engine, report.attempt, report.rows) == (Engine.DBT, 1, 1)
    assert [result.status for result in report.results] == [DbtStatus.PASS, DbtStatus.PASS]
    assert prepared(own, request.gate, PAID).results[1].status is DbtStatus.PASS


def test_a_run_does_not_wait_for_a_replay_worker_that_is_busy_for_long(own: Bench, lab: Lab, locked: psycopg.Connection[Any]) -> None:
    other = own.gate(rule("other", "not_null", column="amount"))
    prepared(own, other)
    request = waiting(own, lab, locked)
    report = own.evaluate(other)
    assert (report.engine, report.results[0].failures) == (Engine.DBT, 10)
    locked.commit()
    assert own.report(request.run).engine is Engine.PREPARED


def test_runs_wait_for_a_replay_worker_that_goes_on(make_runner: Any) -> None:
    bench: Bench = make_runner(runner_queue=400, prepared_check_share=0.0)
    gate = bench.gate(rule("filled", "not_null", column="amount"))
    prepared(bench, gate)

    def all_are_replayed() -> bool:
        requests = [bench.request(gate) for _ in range(400)]
        assert len(bench.runner.submit(INSTALLATION, requests).accepted) == 400
        return {bench.report(request.run).engine for request in requests} == {Engine.PREPARED}

    # One that the machine keeps the worker from for a quarter of a second goes to dbt, as it should: then there is another try.
    wait_for(all_are_replayed, "none of many runs at once goes to the dbt worker that is idle")


def test_a_gate_whose_proof_fails_stays_with_dbt_and_says_why(bench: Bench) -> None:
    # A setting that a replay has and dbt has not stands for whatever a proof may find.
    gate = bench.gate(rule("tells", "holds", arguments={"expression": "current_setting('plan_cache_mode') = 'auto'"}))

    def named() -> object:
        report = bench.evaluate(gate, PAID)
        assert (report.engine, report.results[0].failures) == (Engine.DBT, 0)
        return report.unprepared

    wait_for(named, "the reason is told")
    ((_, reason),) = bench.evaluate(gate, PAID).unprepared
    assert re.fullmatch(r"stringx_\w+_tells: a replay gave fail with \d+ failures where dbt gave pass with 0", reason)


def test_a_replay_that_a_sample_shows_to_differ_is_the_gates_last(make_runner: Any, lab: Lab) -> None:
    bench: Bench = make_runner(prepared_check_share=1.0)
    lab.change("create table raw.switched ()")
    expression = "case when (select count(*) from raw.switched) > 0 then current_setting('plan_cache_mode') = 'auto' else true end"
    gate = bench.gate(rule("tells", "holds", arguments={"expression": expression}))
    other = bench.gate(rule("same", "not_null", column="amount"))
    prepared(bench, other)
    prepared(bench, gate)
    assert bench.runner.status(INSTALLATION).distrusted == {}
    lab.change("insert into raw.switched default values")
    assert bench.evaluate(gate).results[0].status is DbtStatus.FAIL, "or this test shows nothing"
    wait_for(lambda: bench.runner.status(INSTALLATION).distrusted, "the difference is found")
    ((target, (told,)),) = bench.runner.status(INSTALLATION).distrusted.items()
    assert (target, told.workspace, told.table, told.gate_fingerprint) == (gate.target, "default", "raw.orders", gate.fingerprint)
    assert told.reason.startswith("stringx_")
    report = bench.evaluate(gate)
    assert (report.engine, report.results[0].status) == (Engine.DBT, DbtStatus.PASS)
    prepared(bench, other)
    killed = bench.generation
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: not bench.runner.ready, "dbt's process has ended")
    wait_for(lambda: bench.runner.ready, "its successor is in charge")
    assert bench.generation != killed
    assert bench.runner.status(INSTALLATION).distrusted == {target: (told,)}, "it is the same project"
    prepared(bench, other)
    assert [bench.evaluate(gate).engine for _ in range(5)] == [Engine.DBT] * 5
    end(bench.runner)
    successor: Bench = make_runner(prepared_check_share=1.0)
    wait_for(lambda: successor.runner.ready, "the project is parsed")
    assert successor.runner.status(INSTALLATION).distrusted == {target: (told,)}, "a new process knows it too"
    prepared(successor, other)
    assert [successor.evaluate(gate).engine for _ in range(5)] == [Engine.DBT] * 5
    lab.change("drop table raw.switched")


def test_a_replay_worker_is_small_and_does_not_grow(own: Bench) -> None:
    gate = own.gate(
        rule("known", "accepted_values", column="status", arguments={"values": ["paid", "open"]}),
        rule("filled", "not_null", column="amount"),
    )
    prepared(own, gate)
    before = set(processes(own.generation))

    def private() -> int:
        """Bytes of the smallest worker that are its own."""
        sizes = []
        for pid in before:
            lines = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
            sizes.append(sum(int(line[1]) * 1024 for line in lines if line[0] in ("Private_Clean:", "Private_Dirty:")))
        return min(sizes)

    for _ in range(500):  # until it has touched all of what it shares with its parent
        prepared(own, gate)
    first = private()
    for _ in range(500):
        own.evaluate(gate)
    assert private() < min(30_000_000, first * 1.05)
