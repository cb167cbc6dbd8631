"""What the dispatcher knows of a replica between two of its heartbeats."""

from __future__ import annotations

from stringx.dispatch.replica import Replica
from stringx.model import RunnerStatus


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


def test_one_that_was_found_to_be_full_is_asked_soon_until_it_has_a_worker() -> None:
    one = replica()
    one.heard(status(1))
    one.roused.clear()
    one.full("demo")
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
    one.took({"demo": 1})
    assert one.room() is None
    assert not one.crowded


def test_a_report_of_ours_frees_its_worker_at_once() -> None:
    one = replica()
    one.heard(status(1))
    one.took({"demo": 1})
    one.full("demo")
    one.freed({"demo": 1})
    assert not one.crowded
    assert one.room() is not None


def test_a_target_that_was_found_to_be_full_is_asked_for_soon_though_another_has_workers() -> None:
    one = replica()
    one.heard(each(demo=1, other=1))
    one.full("demo")
    one.heard(each(demo=0, other=1))
    assert one.crowded
    one.freed({"other": 1})
    assert one.crowded
    one.heard(each(demo=1, other=0))
    assert not one.crowded
    one.full("demo")
    one.freed({"demo": 1})
    assert not one.crowded
