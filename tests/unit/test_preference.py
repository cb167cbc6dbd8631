"""Which replica a run is left to while those of its runner have different dbt projects."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from stringx.dispatch.preference import left_to
from stringx.dispatch.replica import SLOW_SECONDS, Replica, Room, Share
from stringx.model import RunnerStatus
from stringx.store.runner_projects import RunnerProject


class Silent:
    """A runner that nobody asks."""

    address = "fake:1"


def project(name: str | None, *, day: int) -> dict[str, RunnerProject]:
    return {} if name is None else {"demo": RunnerProject(name, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day))}


def replica(projects: dict[str, RunnerProject], *, free: int = 1, targets: tuple[str, ...] = ("demo",)) -> Replica:
    one = Replica("default", Silent())  # type: ignore[arg-type]  # its port is not used here
    one.heard(
        RunnerStatus(
            boot="b",
            version="1",
            workers=2,
            free=free * len(targets),
            free_by_target=dict.fromkeys(targets, free),
            targets=targets,
            held=(),
            fingerprints={},
            errors={},
        )
    )
    one.projects = projects
    return one


@pytest.mark.parametrize(
    ("other", "leaves"),
    [
        (replica(project("new", day=2)), True),
        (replica(project("new", day=2), free=0), False),
        (replica(project("new", day=2), targets=("other",)), False),
        (replica(project("mine", day=2)), False),
        (replica(project("old", day=0)), False),
        (replica(project(None, day=2)), False),
    ],
    ids=["newer", "full", "without the target", "equal, noted later", "older", "parsing its first"],
)
def test_a_target_is_left_to_a_newer_project_that_has_room(other: Replica, leaves: bool) -> None:
    mine = replica(project("mine", day=1))
    assert left_to([other], mine) == ({other: {"demo"}} if leaves else {})


def test_a_replica_that_has_no_project_yet_leaves_nothing() -> None:
    assert left_to([replica(project("new", day=2))], replica({})) == {}


def silent(one: Replica) -> None:
    one.silent()


def leaving(one: Replica) -> None:
    one.leaving.set()


def busy(one: Replica) -> None:
    one.full("0" * 32, "demo")


def unaware(one: Replica) -> None:
    one.refused("demo")


@pytest.mark.parametrize("happens", [silent, leaving, busy, unaware])
def test_nothing_is_left_to_a_replica_that_would_not_take_it(happens: Callable[[Replica], None]) -> None:
    newer = replica(project("new", day=2))
    happens(newer)
    assert left_to([newer], replica(project("mine", day=1))) == {}


def test_a_submission_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    newer, mine = replica(project("new", day=2)), replica(project("mine", day=1))
    began = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: began)
    with newer.submitting():
        monkeypatch.setattr(time, "monotonic", lambda: began + SLOW_SECONDS)
        assert left_to([newer], mine) == {newer: {"demo"}}
        monkeypatch.setattr(time, "monotonic", lambda: began + SLOW_SECONDS + 0.1)
        assert left_to([newer], mine) == {}
    assert left_to([newer], mine) == {newer: {"demo"}}


def test_where_the_newest_is_full_the_next_one_comes_before_the_oldest() -> None:
    newest, middle, oldest = (
        replica(project("c", day=3), free=0),
        replica(project("b", day=2)),
        replica(project("a", day=1)),
    )
    assert left_to([newest, oldest], middle) == {}
    assert left_to([newest, middle], oldest) == {middle: {"demo"}}


def test_what_is_left_is_taken_out_of_the_room() -> None:
    room = Room("b", (Share(("demo", "other"), 3), Share(("demo",), 2)))
    assert room.targets == {"demo", "other"}
    assert room.without(frozenset({"demo"})) == Room("b", (Share(("other",), 3),))
    assert room.without(room.targets) is None
