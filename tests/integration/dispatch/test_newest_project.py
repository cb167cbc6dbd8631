"""Runs go to the replica with the newest dbt project, while it has room."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from fake_publisher import FakeKafka
from fake_runner import FakeRunner
from queued import Start, Store, eventually, gate

from stringx.dispatch.context import Context
from stringx.dispatch.dispatcher import Dispatcher
from stringx.dispatch.feed import Feeder
from stringx.dispatch.replica import Replica
from stringx.model import Engine, RunnerStatus
from stringx.runner.project_copy import project_fingerprint
from stringx.runner.service import Runner
from stringx.store import runner_projects, runner_replicas
from stringx.store.database import connect, transaction
from stringx.store.runner_projects import RunnerProject

OLD, NEW = "old" * 10, "new" * 10


def told(store: Store, address: str, fingerprint: str | None, runner: str = "default") -> None:
    """As a dispatcher notes it."""
    status = RunnerStatus(
        boot="b", version="1", workers=1, free=1, targets=("demo",), held=(), fingerprints={"demo": fingerprint}, errors={}
    )
    with transaction(store.engine) as connection:
        runner_replicas.answered(connection, runner, address, status)


def outdated(store: Store) -> set[str]:
    """The addresses of those that others are preferred to."""
    with transaction(store.engine) as connection:
        found = runner_projects.outdated(connection, 60)
    assert set(found.values()) <= {("demo",)}
    return {address for _, address in found}


def came_later(store: Store, one: str, other: str) -> bool:
    with transaction(store.engine) as connection:
        first, second = (runner_projects.in_charge(connection, "default", address)["demo"] for address in (one, other))
    return first.newer_than(second)


@pytest.mark.parametrize(
    ("steps", "old"),
    [
        ("a:1 b:1", ""),
        ("a:1 b:1 a:2", "b"),
        ("a:1 b:1 a:2 b:2", ""),
        ("a:1 b:1 c:1 a:2 b:2", "c"),
        # One of the older ones is started anew: at its own address, at another, and while it parses.
        ("a:1 b:1 a:2 b:- b:1", "b"),
        ("a:1 b:1 a:2 c:1", "bc"),
        ("a:1 b:1 a:2 b:-", ""),
        # A new one beside those that stay until it is there.
        ("a:1 b:1 c:2", "ab"),
        # Rolled back: where it was, and with a start anew.
        ("a:1 b:1 a:2 b:2 a:1", "b"),
        ("a:1 b:1 a:2 b:2 a:- a:1", "b"),
        ("a:1 b:1 a:2 b:2 a:1 b:1", ""),
        ("a:1 b:1 a:2 a:1", ""),
        ("a:1 b:1 c:1 a:2 a:1 b:2", "ac"),
        # One of two that were rolled out goes back, and the third had never changed.
        ("a:1 b:1 c:1 a:2 b:2 b:1", "a"),
        # One catches up by way of what another had before.
        ("a:1 b:1 a:2 c:2 a:3 b:2", "bc"),
        ("a:1 b:1 a:2 a:3 b:2 b:3", ""),
        # All of the old ones are replaced by others: as if it were rolled back.
        ("a:1 b:1 b:2 a:gone c:1", "b"),
    ],
)
def test_the_newest_is_what_came_last_and_what_was_rolled_back_to(store: Store, steps: str, old: str) -> None:
    for address, _, fingerprint in (step.partition(":") for step in steps.split()):
        if fingerprint == "gone":
            with transaction(store.engine) as connection:
                runner_replicas.forget(connection, "default", address)
        else:
            told(store, address, None if fingerprint == "-" else fingerprint)
    assert outdated(store) == set(old)


def test_replicas_of_another_runner_and_those_that_do_not_answer_are_no_measure(store: Store) -> None:
    told(store, "a", OLD)
    told(store, "b", NEW, "another")
    for address, fingerprint in (("inline:1", OLD), ("inline:2", NEW)):
        told(store, address, fingerprint, "inline")
    assert outdated(store) == set()
    told(store, "c", NEW)
    assert outdated(store) == {"a"}
    assert came_later(store, "c", "a")
    assert store.rows("update runner_replicas set answered_at = now() - interval '61 s' where address = 'c' returning 1")
    assert outdated(store) == set()


def test_a_replica_that_is_forgotten_takes_its_projects_along(store: Store) -> None:
    told(store, "a", OLD)
    with transaction(store.engine) as connection:
        runner_replicas.forget(connection, "default", "a")
    assert store.rows("select 1 from runner_projects") == []


# --- the dispatcher ---


def known(store: Store, projects: dict[str, str]) -> None:
    """Waits until a dispatcher knows that the replicas at these addresses have these projects."""
    eventually(lambda: {address: fingerprint for address, (fingerprint, _) in answers(store).items()} == projects, seconds=120)
    # The next answer is one to this dispatcher; and what its heartbeat has noted of it is known before it asks again.
    for _ in range(2):
        noted = {address: at for address, (_, at) in answers(store).items()}
        eventually(lambda before=noted: all(at > before[address] for address, (_, at) in answers(store).items()))


def answers(store: Store) -> dict[str, tuple[str | None, datetime]]:
    with transaction(store.engine) as connection:
        return {
            replica.address: (replica.status.fingerprints.get("demo"), replica.answered_at)
            for replica in runner_replicas.known(connection)
            if replica.status is not None and replica.answered_at is not None
        }


@pytest.fixture
def pair(store: Store, start: Start) -> Iterator[tuple[FakeRunner, FakeRunner]]:
    """Two replicas, the second of which has the newer project, as their dispatcher knows. What they execute does not finish."""
    old, new = FakeRunner("fake:1", workers=1, finishes=False), FakeRunner("fake:2", workers=2, finishes=False)
    old.fingerprints, new.fingerprints = {"demo": OLD}, {"demo": NEW}
    told(store, old.address, OLD)
    told(store, new.address, NEW)
    start(old, new, lease_seconds=9.0)
    known(store, {old.address: OLD, new.address: NEW})
    yield old, new
    new.answers.set()


def test_runs_go_to_the_newest_project_and_to_another_while_that_is_full(store: Store, pair: tuple[FakeRunner, FakeRunner]) -> None:
    old, new = pair
    new.finishes = True
    for day in range(1, 6):
        run = store.queue(day=f"2013-02-{day:02}")
        eventually(partial(store.judged, run))
    assert len(new.submitted) == 5
    new.finishes = False
    filling = [store.queue(day=f"2013-03-{day:02}") for day in (1, 2)]
    eventually(lambda: new.executing() == filling)
    over, waiting = store.queue(day="2013-03-03"), store.queue(day="2013-03-04")
    eventually(lambda: old.executing() == [over])
    new.finish()
    eventually(lambda: new.executing() == [waiting])
    assert [request.run for request in old.submitted] == [over]
    assert store.rows("select 1 from attempts where outcome = 'handed_back'") == []


def test_a_run_that_its_predecessor_kept_waiting_goes_there_too(store: Store, pair: tuple[FakeRunner, FakeRunner]) -> None:
    """It becomes free with a report of the older one, of which nobody else is told."""
    old, new = pair
    filling = [store.queue(day=f"2013-03-{day:02}") for day in (1, 2)]
    eventually(lambda: new.executing() == filling)
    first = store.queue(day="2013-03-03")
    eventually(lambda: old.executing() == [first])
    new.finish()
    eventually(lambda: store.judged(*filling))
    second = store.queue(day="2013-03-03")
    old.finish()
    eventually(lambda: new.executing() == [second])
    assert [request.run for request in old.submitted] == [first]


def test_one_that_is_away_or_hangs_is_not_waited_for(store: Store, pair: tuple[FakeRunner, FakeRunner]) -> None:
    old, new = pair
    old.finishes = True
    new.answers.clear()
    hanging = store.queue(day="2013-02-01")
    eventually(lambda: new.executing() == [hanging])
    another = store.queue(day="2013-02-02")
    eventually(lambda: store.judged(another))
    new.answers.set()
    new.go_down()
    run = store.queue(day="2013-02-03")
    eventually(lambda: store.judged(run))
    assert {another, run} <= {request.run for request in old.submitted}


@contextmanager
def fed(store: Store, replica: Replica, peer: Replica) -> Iterator[None]:
    """A replica is fed, and nobody else is about."""
    context = Context(store.settings, store.engine, "dispatcher:here", "installation")
    thread = threading.Thread(target=Feeder(context, replica, lambda: [peer]).run)
    thread.start()
    replica.fed.set()
    try:
        yield
    finally:
        context.closing.set()
        replica.fed.set()
        thread.join(30)
    assert not thread.is_alive()


def heard(port: FakeRunner, project: str, *, day: int) -> Replica:
    """What is known of a replica that got its project on that day."""
    replica = Replica("default", port)
    replica.heard(port.status("installation"))
    replica.projects = {"demo": RunnerProject(project, datetime(2026, 1, day, tzinfo=UTC))}
    replica.fed.clear()
    return replica


def test_who_leaves_runs_to_another_tells_it_and_is_told_when_they_were_taken(store: Store) -> None:
    old_port, new_port = FakeRunner("fake:1", finishes=False), FakeRunner("fake:2", finishes=False)
    old, new = heard(old_port, OLD, day=1), heard(new_port, NEW, day=2)
    run = store.queue()
    with fed(store, old, new):
        eventually(new.fed.is_set)
    assert old_port.executing() == []
    old.fed.clear()
    with fed(store, new, old):
        eventually(old.fed.is_set)
        eventually(lambda: new_port.executing() == [run])


# --- with dbt ---


@dataclass(frozen=True)
class Replicas:
    """Two runners, each with a copy of the demo's dbt project, and a dispatcher that knows them."""

    store: Store
    projects: dict[str, Path]

    def change(self, address: str) -> str:
        """Changes the project of one; the fingerprint that it gets."""
        (self.projects[address] / "models" / "one.sql").write_text("select 1 as one")
        return project_fingerprint(self.projects[address])

    def queue(self, count: int) -> list[str]:
        """Queues runs of as many gates: none of them waits for another."""
        has_a_carrier = gate().rules[0].model_copy(update={"column": "carrier"})
        wanted = gate("raw.airlines", rules=(has_a_carrier,), slice_columns={})
        return [self.store.queue(wanted.model_copy(update={"workspace": f"w{one}"}), engine=Engine.DBT) for one in range(count)]

    def judged(self, run: str) -> tuple[str, str]:
        """Where a run was executed, and by which project it was judged, once it has passed."""
        eventually(lambda: self.store.judged(run), seconds=120)
        found = self.store.one(
            """
            select address, verdict, project_fingerprint
            from verdicts join attempts on (attempts.run_id, number) = (verdicts.run_id, attempt)
            where verdicts.run_id = :run
            """,
            run=run,
        )
        assert found["verdict"] == "passed"
        return found["address"], found["project_fingerprint"]

    def judged_until_both_have(self) -> set[tuple[str, str]]:
        """Queues more than one is given at a time, until each replica has executed some."""
        found: set[tuple[str, str]] = set()
        while {address for address, _ in found} != self.projects.keys():
            found |= {self.judged(run) for run in self.queue(16)}
        return found


@pytest.fixture
def replicas(store: Store, target: dict[str, str], tmp_path: Path) -> Iterator[Replicas]:
    del target
    projects = {name: shutil.copytree(store.settings.dbt_project_dir, tmp_path / name / "project") for name in ("runner:1", "runner:2")}
    settings = store.settings.model_copy(update={"lease_seconds": 6.0, "stop_grace_seconds": 20.0})
    runners = {
        name: Runner(
            settings.model_copy(update={"dbt_project_dir": project}),
            targets=("demo",),
            workers=2,
            state_dir=tmp_path / name / "state",
            address=name,
        )
        for name, project in projects.items()
    }
    dispatcher = Dispatcher(
        settings,
        connect(settings),
        None,
        connect=runners.__getitem__,
        publisher=FakeKafka().publisher,
        find=lambda _url: tuple(runners),
    )
    for process in (*runners.values(), dispatcher):
        process.start()
    yield Replicas(store, projects)
    for process in (dispatcher, *runners.values()):
        process.close()
        assert process.join(60)


def test_a_changed_project_gets_the_runs_until_the_other_replica_has_it_too(replicas: Replicas) -> None:
    before = project_fingerprint(replicas.projects["runner:1"])
    known(replicas.store, {"runner:1": before, "runner:2": before})
    assert replicas.judged_until_both_have() == {("runner:1", before), ("runner:2", before)}

    changed = replicas.change("runner:2")
    known(replicas.store, {"runner:1": before, "runner:2": changed})
    assert outdated(replicas.store) == {"runner:1"}
    assert [replicas.judged(*replicas.queue(1)) for _ in range(5)] == [("runner:2", changed)] * 5

    replicas.change("runner:1")
    known(replicas.store, {"runner:1": changed, "runner:2": changed})
    assert outdated(replicas.store) == set()
    assert replicas.judged_until_both_have() == {("runner:1", changed), ("runner:2", changed)}
