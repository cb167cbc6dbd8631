"""What dispatchers note of the runners' replicas, for the processes that speak to none of them."""

from __future__ import annotations

from fake_runner import FakeRunner
from queued import Start, Store, eventually, stop

from stringx.model import DistrustedGate
from stringx.store import dispatchers, runner_replicas
from stringx.store.database import transaction
from stringx.store.runner_replicas import RunnerReplica


def known(store: Store) -> dict[str, RunnerReplica]:
    with transaction(store.engine) as connection:
        return {replica.address: replica for replica in runner_replicas.known(connection)}


def test_what_a_replica_says_of_itself_is_noted_with_its_time_and_without_what_it_holds(store: Store, start: Start) -> None:
    runner = FakeRunner(finishes=False)
    runner.errors = {"demo": "Parsing Error"}
    distrusted = DistrustedGate(workspace="default", table="raw.flights", gate_fingerprint="f", reason="a replay gave fail")
    runner.distrusted = {"demo": (distrusted,)}
    start(runner, lease_seconds=1.5)
    store.queue()
    eventually(runner.executing)
    eventually(lambda: (found := known(store).get(runner.address)) and found.status and found.status.free == runner.workers - 1)
    replica = known(store)[runner.address]
    assert replica.status is not None
    assert (replica.runner, replica.error, replica.answered_at) == ("default", None, replica.asked_at)
    assert (replica.status.boot, replica.status.targets, replica.status.held) == (runner.boot, ("demo",), ())
    assert (replica.status.errors, replica.status.distrusted) == ({"demo": "Parsing Error"}, {"demo": (distrusted,)})
    runner.errors, runner.distrusted = {}, {}
    eventually(lambda: (found := known(store)[runner.address].status) and not found.errors and not found.distrusted)


def test_one_that_does_not_answer_keeps_what_it_said_last_and_its_error_until_it_answers(store: Store, start: Start) -> None:
    down, up = FakeRunner("fake:1"), FakeRunner("fake:2")
    down.go_down()
    start(down, up, lease_seconds=1.5)
    eventually(lambda: known(store).keys() == {"fake:1", "fake:2"})
    never = known(store)["fake:1"]
    assert (never.status, never.answered_at, never.error) == (None, None, "fake:1: connection refused")
    down.come_up()
    eventually(lambda: known(store)["fake:1"].status)
    assert known(store)["fake:1"].error is None
    down.go_down()
    eventually(lambda: known(store)["fake:1"].error)
    later = known(store)["fake:1"]
    eventually(lambda: known(store)["fake:1"].asked_at > later.asked_at)
    silent = known(store)["fake:1"]
    assert silent.status is not None
    assert silent.answered_at == later.answered_at


def test_a_status_that_the_database_cannot_hold_keeps_no_lease_from_being_renewed(store: Store, start: Start) -> None:
    runner = FakeRunner(finishes=False)
    runner.errors = {"demo": "no text: \x00"}
    start(runner, lease_seconds=3.0)
    run = store.queue()
    eventually(runner.executing)
    asked = runner.asked
    eventually(lambda: runner.asked > asked + 4)
    assert store.attempts(run) == [(1, None)], "its lease had run out, were it not renewed"
    assert known(store) == {}
    runner.finish()
    eventually(lambda: store.judged(run))


def test_an_inline_runner_is_forgotten_with_its_process_and_one_that_nobody_asks_any_more_later(store: Store, start: Start) -> None:
    with transaction(store.engine) as connection:
        runner_replicas.missed(connection, "default", "long-gone:1", "away")
        runner_replicas.missed(connection, "default", "just-gone:1", "away")
    assert store.rows("update runner_replicas set asked_at = now() - interval '61 s' where address = 'long-gone:1' returning 1")
    outside, inline = FakeRunner("fake:1"), FakeRunner("dispatcher:here")
    dispatcher = start(outside, inline=inline, lease_seconds=1.5)
    eventually(lambda: known(store).keys() == {"just-gone:1", "fake:1", "dispatcher:here"})
    assert known(store)["dispatcher:here"].runner == "inline"
    stop(dispatcher)
    assert known(store).keys() == {"just-gone:1", "fake:1"}


def test_the_inline_runner_of_a_dispatcher_that_was_killed_is_forgotten_after_a_lease(store: Store) -> None:
    with transaction(store.engine) as connection:
        dispatchers.register(connection, "dispatcher:killed", runners=[], inline_targets=["demo"])
        dispatchers.register(connection, "dispatcher:slow", runners=[], inline_targets=["demo"])
        for address in ("dispatcher:killed", "dispatcher:slow", "dispatcher:starting"):
            runner_replicas.missed(connection, "inline", address, "away")
    assert store.rows("update runner_replicas set asked_at = now() - interval '61 s' where address <> 'dispatcher:starting' returning 1")
    assert store.rows("update dispatchers set seen_at = now() - interval '61 s' where id = 'dispatcher:killed' returning 1")
    with transaction(store.engine) as connection:
        runner_replicas.forget_unasked(connection, 60)
    assert known(store).keys() == {"dispatcher:slow", "dispatcher:starting"}
