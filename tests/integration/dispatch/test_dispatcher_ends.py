"""The dispatcher with workers of its own, beside others, and as it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_publisher import FakeKafka
from fake_runner import FakeRunner
from queued import Start, Store, eventually, stop

from stringx.dispatch.dispatcher import Dispatcher
from stringx.errors import InlineRunnerBroken
from stringx.settings import Settings
from stringx.store.database import connect


def test_an_inline_run_goes_the_same_way_in_the_dispatchers_own_workers(store: Store, start: Start) -> None:
    inline, outside = FakeRunner("inline:1"), FakeRunner("fake:1")
    start(outside, inline=inline)
    run, other = store.queue(table="raw.small", mode="inline"), store.queue(table="raw.large")

    eventually(lambda: store.judged(run, other))
    assert [request.run for request in inline.submitted] == [run]
    assert [request.run for request in outside.submitted] == [other]
    assert store.attempts(run) == [(1, "settled")]


def test_a_dispatcher_that_stops_lets_its_inline_runs_finish(store: Store, start: Start) -> None:
    inline = FakeRunner("inline:1", finishes=False)
    dispatcher = start(inline=inline, stop_grace_seconds=30.0)
    run = store.queue(mode="inline")
    eventually(lambda: inline.executing() == [run])
    dispatcher.close()
    inline.finish()

    assert dispatcher.join(30)
    assert store.verdict(run) == "passed"
    assert inline.calls == ["start", "close", "join"]


def test_a_dispatcher_that_stops_hands_back_the_inline_runs_that_take_longer(store: Store, start: Start) -> None:
    slow, other = FakeRunner("inline:1", finishes=False), FakeRunner("inline:2")
    dispatcher = start(inline=slow, stop_grace_seconds=0.1)
    run = store.queue(mode="inline")
    eventually(lambda: slow.executing() == [run])
    stop(dispatcher)
    assert store.attempts(run) == [(1, "handed_back")]

    start(inline=other)
    eventually(lambda: store.judged(run))
    assert store.run(run)["lost_attempts"] == 0


def test_a_run_at_a_runner_stays_there_when_the_dispatcher_stops(store: Store, start: Start) -> None:
    runner = FakeRunner(finishes=False)
    first = start(runner)
    run = store.queue()
    eventually(lambda: runner.executing() == [run])
    stop(first)
    assert store.run(run)["state"] == "leased"

    start(runner)
    runner.finish()
    eventually(lambda: store.judged(run))
    assert store.attempts(run) == [(1, "settled")]


def test_several_dispatchers_make_one_verdict_of_each_run(store: Store, start: Start) -> None:
    runners = [FakeRunner("fake:1", workers=3), FakeRunner("fake:2", workers=3)]
    kafka = FakeKafka()
    for _ in range(3):
        start(*runners, kafka=kafka)
    runs = [store.queue(day=f"2013-{month:02}-{day:02}") for month in (1, 2) for day in range(1, 21)]

    eventually(lambda: store.judged(*runs))
    assert sorted(request.run for runner in runners for request in runner.submitted) == sorted(runs)
    assert all(store.attempts(run) == [(1, "settled")] for run in runs)
    eventually(lambda: not store.rows("select 1 from outbox where published_at is null"))
    assert sorted(kafka.ids()) == sorted(row["id"] for row in store.rows("select id from outbox"))


def test_a_replica_that_its_name_no_longer_leads_to_gets_nothing_new_and_can_still_report(
    store: Store, make_settings: Callable[..., Settings]
) -> None:
    leaving, staying = FakeRunner("fake:1", finishes=False), FakeRunner("fake:2")
    found = ["fake:1"]
    settings = make_settings(runner_discovery_seconds=0.05, lease_seconds=60.0)
    dispatcher = Dispatcher(
        settings,
        connect(settings),
        None,
        connect={"fake:1": leaving, "fake:2": staying}.__getitem__,
        publisher=FakeKafka().publisher,
        find=lambda _url: tuple(found),
    )
    dispatcher.start()
    first = store.queue(day="2013-02-01")
    eventually(lambda: leaving.executing() == [first])
    found[:] = ["fake:2"]
    eventually(lambda: staying.asked)
    second = store.queue(day="2013-02-02")
    eventually(lambda: store.judged(second))
    leaving.finish()
    eventually(lambda: store.judged(first))

    assert store.attempts(first) == [(1, "settled")]
    stop(dispatcher)


def test_a_dispatcher_whose_own_workers_have_failed_ends_so_that_another_takes_its_place(store: Store, start: Start) -> None:
    inline = FakeRunner("inline:1", finishes=False)
    dispatcher = start(inline=inline)
    run = store.queue(mode="inline")
    eventually(lambda: inline.executing() == [run])
    inline.broken = True

    assert dispatcher.wait(30)
    with pytest.raises(InlineRunnerBroken):
        dispatcher.join(30)
    assert store.attempts(run) == [(1, "handed_back")]


def test_an_error_in_one_loop_ends_the_dispatcher_and_is_raised(store: Store, make_settings: Callable[..., Settings]) -> None:
    class Broken(FakeRunner):
        def status(self, installation: str) -> Any:
            raise ZeroDivisionError(installation)

    settings = make_settings()
    dispatcher = Dispatcher(
        settings, store.engine, None, connect=lambda _url: Broken(), publisher=FakeKafka().publisher, find=lambda _url: ("fake:1",)
    )
    dispatcher.start()

    assert dispatcher.wait(30)
    with pytest.raises(ZeroDivisionError):
        dispatcher.join(30)
