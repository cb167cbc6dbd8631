"""What the dispatcher knows of a replica between two of its heartbeats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stringx.dispatch.replica import LAST_RUNS, MOST_AHEAD, Replica
from stringx.model import Report, ReportStatus, RunnerStatus

#: of a run that it refused
RUN = "0" * 32


class Silent:
    """A runner that nobody asks."""

    address = "fake:1"


def replica() -> Replica:
    return Replica("default", Silent())  # type: ignore[arg-type]  # its port is not used here


def status(free: int) -> RunnerStatus:
    return RunnerStatus(boot="b", version="1", workers=1, free=free, targets=("demo",), held=(), fingerprints={}, errors={})


def each(**free: int) -> RunnerStatus:
    """Of one whose targets have workers of their own."""
    return status(sum(free.values())).model_copy(update={"targets": tuple(free), "free_by_target": free})


def with_queue(boot: str = "b", *, free: int = 2, queued: int = 0, queue: int = 100, held: tuple[str, ...] = ()) -> RunnerStatus:
    """Of a runner with two workers for each of two targets; `queued` and `free` are demo's."""
    return RunnerStatus(
        boot=boot,
        version="1",
        workers=4,
        free=free + 2,
        free_by_target={"demo": free, "other": 2},
        queue=queue,
        queued_by_target={"demo": queued, "other": 0},
        targets=("demo", "other"),
        held=tuple((run, 1) for run in held),
        fingerprints={},
        errors={},
    )


def report(run: str = "0" * 32, *, seconds: float) -> Report:
    began = datetime(2026, 1, 2, tzinfo=UTC)
    return Report(
        run=run,
        attempt=1,
        boot="b",
        status=ReportStatus.COMPLETED,
        gate_fingerprint="g",
        started_at=began,
        finished_at=began + timedelta(seconds=seconds),
    )


def room(one: Replica) -> dict[str, int]:
    found = one.room()
    return {} if found is None else {share.targets[0]: share.runs for share in found.shares}


@pytest.mark.parametrize(("seconds", "ahead"), [(0.0, MOST_AHEAD), (0.1, 2), (0.2, 1), (0.3, 0), (60.0, 0)])
def test_the_shorter_its_runs_are_the_more_it_is_given_ahead(seconds: float, ahead: int) -> None:
    one = replica()
    one.heard(with_queue(queue=200))
    assert room(one) == {"demo": 2, "other": 2}, "as long as nothing is known of its runs, what its workers begin at once"
    one.reported([report(seconds=seconds)])
    assert room(one) == {"demo": 2 + 2 * ahead, "other": 2 + 2 * ahead}


def test_one_long_run_among_the_last_ends_the_giving_ahead() -> None:
    one = replica()
    one.heard(with_queue())
    one.reported([report(seconds=0.01), report(seconds=30), report(seconds=0.01)])
    assert room(one) == {"demo": 2, "other": 2}


def test_what_waits_there_already_counts_whoever_gave_it() -> None:
    one = replica()
    one.reported([report(seconds=0.1)])
    one.heard(with_queue(free=0, queued=3))
    one.reported([report(seconds=0.1)])
    assert room(one) == {"demo": 1, "other": 6}


def test_no_more_is_given_ahead_than_half_its_queue_holds() -> None:
    one = replica()
    one.heard(with_queue(free=0, queue=6))
    one.reported([report(seconds=0.01)])
    assert room(one) == {"demo": 3, "other": 5}, "half of it: others give it runs, too"
    one.heard(status(1))
    assert room(one) == {"demo": 1}, "one of an earlier version does not say that it has a queue"


def test_nothing_is_given_ahead_to_a_new_boot() -> None:
    one = replica()
    one.heard(with_queue())
    one.reported([report(seconds=0.01)])
    one.heard(with_queue("b2"))
    assert room(one) == {"demo": 2, "other": 2}


def test_a_run_that_is_reported_makes_room_once_and_one_of_another_process_when_its_target_is_known() -> None:
    one = replica()
    ours, others = "1" * 32, "2" * 32
    one.heard(with_queue(free=1))
    one.took({ours: "demo"})
    assert room(one) == {"other": 2}
    assert one.reported([report(ours, seconds=9), report(others, seconds=9)]) == {others}
    assert room(one) == {"demo": 1, "other": 2}
    one.freed(["demo"])
    assert room(one) == {"demo": 2, "other": 2}


def test_what_waits_there_is_not_forgotten_when_its_runs_take_longer_for_a_while() -> None:
    one = replica()
    one.heard(with_queue())
    one.reported([report(seconds=0.01)])
    runs = [f"{number:032x}" for number in range(1, room(one)["demo"] + 1)]
    one.took(dict.fromkeys(runs, "demo"))
    one.reported([report(run, seconds=0.1) for run in runs[:2]])
    assert room(one) == {"other": 6}
    one.reported([report("0" * 32, seconds=0.01)] * LAST_RUNS)
    assert room(one) == {"demo": 2, "other": 52}, "two have left, all others are there"


def test_what_happens_while_it_answers_counts_too() -> None:
    one = replica()
    before, left, since, refused = "1" * 32, "2" * 32, "3" * 32, "4" * 32
    one.asks()
    one.heard(with_queue(free=6))
    one.took({before: "demo", left: "demo"})
    one.asks()
    one.took({since: "demo", refused: "demo"})
    one.full(refused, "demo")
    one.reported([report(left, seconds=9)])
    # Its answer is of the moment before these: four of its six workers are free, and it holds two runs.
    one.heard(with_queue(free=4, held=(before, left)))
    assert room(one) == {"demo": 4, "other": 2}
    assert one.reported([report(since, seconds=9)]) == set(), "it is known as ours"
    assert room(one) == {"demo": 5, "other": 2}


def test_what_it_holds_when_it_answers_is_counted_once() -> None:
    one = replica()
    one.asks()
    one.heard(with_queue(free=6))
    one.asks()
    one.took({RUN: "demo"})
    one.heard(with_queue(free=5, held=(RUN,)))
    assert room(one) == {"demo": 5, "other": 2}
    one.asks()
    one.reported([report(RUN, seconds=9)])
    one.heard(with_queue(free=6))
    assert room(one) == {"demo": 6, "other": 2}


def test_one_whose_queue_was_full_has_room_again_with_its_next_report() -> None:
    one = replica()
    one.heard(with_queue(free=0))
    one.reported([report(seconds=0.1)])
    one.took({"1" * 32: "demo"})
    one.full(RUN, "demo")
    assert room(one) == {"other": 6}
    one.reported([report("1" * 32, seconds=0.1)])
    assert room(one) == {"demo": 1, "other": 6}


def test_one_that_was_found_to_be_full_is_asked_soon_until_it_has_a_worker() -> None:
    one = replica()
    one.heard(status(1))
    one.roused.clear()
    one.full(RUN, "demo")
    assert one.crowded
    assert one.roused.is_set(), "its heartbeat must not sleep on"
    assert one.room() is None
    one.heard(status(0))
    assert one.crowded
    one.heard(status(1))
    assert not one.crowded
    assert one.room() is not None


def test_one_that_is_full_of_our_own_runs_is_not() -> None:
    one = replica()
    one.heard(status(1))
    one.took({"run": "demo"})
    assert one.room() is None
    assert not one.crowded


def test_a_report_of_ours_frees_its_worker_at_once() -> None:
    one = replica()
    one.heard(status(1))
    one.took({"run": "demo"})
    one.full(RUN, "demo")
    one.freed(["demo"])
    assert not one.crowded
    assert one.room() is not None


def test_a_target_that_was_found_to_be_full_is_asked_for_soon_though_another_has_workers() -> None:
    one = replica()
    one.heard(each(demo=1, other=1))
    one.full(RUN, "demo")
    one.heard(each(demo=0, other=1))
    assert one.crowded
    one.freed(["other"])
    assert one.crowded
    one.heard(each(demo=1, other=0))
    assert not one.crowded
    one.full(RUN, "demo")
    one.freed(["demo"])
    assert not one.crowded
