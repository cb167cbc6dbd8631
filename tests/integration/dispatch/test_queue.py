"""The queue of runs, straight on Postgres."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from queued import Store, eventually, gate
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from stringx.store import runs
from stringx.store.database import transaction
from stringx.store.runs import Run


def claim(store: Store, limit: int = 10, **changes: Any) -> list[Run]:
    values: dict[str, Any] = {
        "runner": "default",
        "targets": ["demo"],
        "limit": limit,
        "address": "a",
        "boot": "b",
        "dispatcher": "d",
        "lease_seconds": 60.0,
    }
    with transaction(store.engine) as connection:
        return runs.claim(connection, **(values | changes))


def lease_until(store: Store, run: str) -> Any:
    return store.run(run)["lease_until"]


def test_the_most_urgent_go_first_and_within_one_priority_the_oldest(store: Store) -> None:
    third = store.queue(day="2013-02-01")
    fourth = store.queue(day="2013-02-02")
    second = store.queue(day="2013-02-03", priority=5)
    first = store.queue(day="2013-02-04", priority=9)
    last = store.queue(day="2013-02-05", priority=-1)

    assert [run.id for run in claim(store, limit=2)] == [first, second]
    assert [run.id for run in claim(store)] == [third, fourth, last]


def test_a_claim_leases_and_counts_an_attempt(store: Store) -> None:
    run = store.queue()

    (claimed,) = claim(store)

    assert (claimed.id, claimed.attempt, claimed.state) == (run, 1, "leased")
    assert claimed.gate == gate()
    row = store.run(run)
    assert (row["address"], row["boot"], row["attempt"]) == ("a", "b", 1)
    assert store.attempts(run) == [(1, None)]
    assert claim(store) == []


def test_only_runs_of_the_asked_runner_and_targets_are_claimed(store: Store) -> None:
    store.queue(table="raw.a", runner="other")
    store.queue(table="raw.b", target="warehouse")
    inline = store.queue(table="raw.c", mode="inline")

    assert claim(store) == []
    assert [run.id for run in claim(store, runner="inline")] == [inline]


def test_one_gate_and_slice_is_leased_once_at_a_time(store: Store) -> None:
    """Also when both runs are queued before the claim: the newer version of the gate waits for the older one."""
    first = store.queue(gate())
    store.queue(gate(description="newer"))
    other = store.queue(gate(), day="2013-02-01")

    assert {run.id for run in claim(store)} == {first, other}
    assert claim(store) == []


def test_two_dispatchers_that_lease_one_gate_and_slice_at_once_do_not_both_get_it(store: Store) -> None:
    store.queue(gate())
    store.queue(gate(description="newer"))
    with store.engine.connect() as one, store.engine.connect() as other:
        values: dict[str, Any] = {"runner": "default", "targets": ["demo"], "limit": 1, "boot": "b", "lease_seconds": 60.0}
        with one.begin():
            assert len(runs.claim(one, address="a", dispatcher="d1", **values)) == 1
            blocked = threading.Thread(target=lambda: failures.append(_claim_fails(other, values)))
            failures: list[bool] = []
            blocked.start()
            # It has locked the other run, and waits for the first transaction's index entry.
            _wait_until_blocked(store)
        blocked.join(30)
        assert failures == [True]


def _claim_fails(connection: Any, values: dict[str, Any]) -> bool:
    with pytest.raises(IntegrityError, match="uq_runs_one_leased"), connection.begin():
        runs.claim(connection, address="a", dispatcher="d2", **values)
    return True


def _wait_until_blocked(store: Store) -> None:
    eventually(lambda: store.rows("select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"))


def test_claims_at_one_time_share_the_queue_without_overlap(store: Store) -> None:
    queued = {store.queue(day=f"2013-01-{day:02}") for day in range(1, 29)}
    found: list[list[str]] = []

    def take() -> None:
        mine: list[str] = []
        while claimed := claim(store, limit=3):
            mine += [run.id for run in claimed]
        found.append(mine)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [run for mine in found for run in mine]
    assert sorted(taken) == sorted(queued)


def test_a_run_that_waits_for_its_time_is_not_claimed_before(store: Store) -> None:
    run = store.queue()
    (claimed,) = claim(store)
    with transaction(store.engine) as connection:
        runs.requeue(connection, claimed, lost=False, message="busy", after_seconds=3600)

    assert claim(store) == []
    store.rows("update runs set not_before = now() where id = :run returning id", run=run)
    assert [(again.id, again.attempt, again.lost_attempts) for again in claim(store)] == [(run, 2, 0)]
    assert store.attempts(run) == [(1, "handed_back"), (2, None)]


def test_only_the_attempt_that_is_held_is_renewed(store: Store) -> None:
    run = store.queue()
    (claimed,) = claim(store, lease_seconds=10.0)
    before = lease_until(store, run)

    def renew(attempt: int) -> None:
        with transaction(store.engine) as connection:
            runs.renew(connection, address="a2", boot="b2", held=[(run, attempt)], lease_seconds=100.0)

    renew(claimed.attempt + 1)
    assert lease_until(store, run) == before
    renew(claimed.attempt)
    assert (lease_until(store, run) - before).total_seconds() > 60
    # Its runner may have moved with what it holds.
    assert (store.run(run)["address"], store.run(run)["boot"]) == ("a2", "b2")


def test_a_queued_run_cannot_be_renewed(store: Store) -> None:
    """A zombie's heartbeat must not keep what was given to another."""
    run = store.queue()
    (claimed,) = claim(store)
    with transaction(store.engine) as connection:
        runs.requeue(connection, claimed, lost=True, message="lost", after_seconds=0)
        runs.renew(connection, address="a", boot="b", held=[(run, 1)], lease_seconds=100.0)
    assert store.run(run)["state"] == "queued"
    assert lease_until(store, run) is None


def test_the_claim_walks_the_queue_by_its_index(store: Store) -> None:
    """Guards the plan: with a long history and a long queue the claim reads the first few entries of ix_runs_queue."""
    version = store.version(gate())
    with transaction(store.engine) as connection:
        connection.execute(
            text("""
                insert into runs (id, workspace, table_name, version_id, slice, slice_key, mode, runner, target, engine, priority, state)
                select md5(n::text), 'default', 'raw.flights', :version, '[]', md5(n::text), 'async', 'default', 'demo', 'dbt', n % 7,
                       case when n % 10 = 0 then 'queued' else 'done' end
                from generate_series(1, 20000) as n
            """),
            {"version": version.id},
        )
        connection.execute(text("analyze runs"))
        values = {
            "runner": "default",
            "targets": ["demo"],
            "limit": 2,
            "address": "a",
            "boot": "b",
            "dispatcher": "d",
            "lease_seconds": 60.0,
        }
        plan = "\n".join(connection.execute(text(f"explain {runs.CLAIM}"), values).scalars())
    assert "Index Scan using ix_runs_queue" in plan
    queue = plan[plan.index("CTE next") : plan.index("CTE claimed")]
    assert "Sort" not in queue
    assert "Seq Scan on runs run" not in queue
