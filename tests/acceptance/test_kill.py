"""kill -9 between every two steps of a trigger's way: its verdict is recorded once, and told as one event.

record in Kafka → inbox → offset → claim → submission → dbt → report on disk → settle → acknowledged to the runner → event → marked
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from killing import LEASE_SECONDS, TABLES, Installation, Process, eventually, write_project

from stringx.embedded.kafka import choose_broker
from stringx.embedded.ports import HOST, any_free
from stringx.embedded.postgres import EmbeddedPostgres

TARGET, ROLE = "killing_target", "killing_reader"

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def installation(
    postgres: EmbeddedPostgres, migrated_template: str, server_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A broker of its own, since it is stopped; the tests share the rest, and leave it running."""
    folder = tmp_path_factory.mktemp("killing")
    write_project(folder)
    database = f"killing_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"create database {database} template {migrated_template} strategy file_copy")
    postgres.ensure_login(ROLE)
    postgres.ensure_database(TARGET, ROLE)
    with psycopg.connect(postgres.url(TARGET, ROLE), autocommit=True) as connection:
        connection.execute("create schema raw")
        for table in TABLES:
            connection.execute(f"create table {table} (id integer)")
            connection.execute(f"insert into {table} values (1), (2)")
    broker, _ = choose_broker(server_folder / "killing")
    broker.start()
    port, token = any_free(), uuid.uuid4().hex
    topics = {f"KAFKA_{name}": f"{name.lower()}-{port}" for name in ("TRIGGERS_TOPIC", "VERDICTS_TOPIC", "DEAD_LETTERS_TOPIC", "GROUP")}
    target = psycopg.conninfo.conninfo_to_dict(postgres.url(TARGET, ROLE))
    settings = {
        "HOME": str(folder / "home"),
        "DATABASE_URL": postgres.url(database),
        "KAFKA_BOOTSTRAP": broker.bootstrap,
        # The death of a member is noticed soon: with the newer protocol that is the broker's to say.
        "KAFKA_GROUP_PROTOCOL": "classic",
        "KAFKA_PROPERTIES": '{"session.timeout.ms": "3000", "heartbeat.interval.ms": "500"}',
        **topics,
        "RUNNER_TOKEN": token,
        "RUNNER_PORT": str(port),
        "RUNNERS": f'{{"default": "http://{HOST}:{port}"}}',
        "RUNNER_WORKERS": "1",
        "INLINE_TARGETS": '["demo"]',
        "GATES_DIR": str(folder / "gates"),
        "DBT_PROJECT_DIR": str(folder / "dbt_project"),
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "MAX_ATTEMPTS": "10",
        **{f"TARGET_{name.upper()}": str(target[name]) for name in ("host", "port", "user", "password", "dbname")},
    }
    environment = {**os.environ, **{f"STRINGX_{name}": value for name, value in settings.items()}}
    subprocess.run([sys.executable, "-m", "stringx", "gates", "apply"], env=environment, check=True, capture_output=True)
    made = Installation(
        database_url=postgres.url(database),
        target_url=postgres.url(TARGET, ROLE),
        broker=broker,
        topics=topics,
        runner_url=f"http://{HOST}:{port}",
        token=token,
        consume=Process("consume", "consume", folder, environment),
        dispatch=Process("dispatch", "dispatch", folder, environment | {"STRINGX_INLINE_TARGETS": "[]"}),
        runner=Process("runner", "runner", folder, environment),
        inline=Process("inline", "dispatch", folder, environment),
        runner_state=folder / "home" / "runner",
    )
    read, stop = threading.Thread(target=lambda: made.read_events(stop)), threading.Event()
    read.start()
    yield made
    exit_codes = [process.end() for process in (made.consume, made.dispatch, made.runner) if process.running]
    made.inline.kill()
    stop.set()
    read.join()
    broker.close()
    if not broker.join(30):
        broker.terminate()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"drop database {database} with (force)")
        connection.execute(f"drop database {TARGET} with (force)")
    assert exit_codes == [0, 0, 0]


@pytest.fixture
def way(installation: Installation) -> Installation:
    """All processes run, and know each other."""
    if installation.start():
        eventually(installation.ready, "the runner is ready")
        installation.assert_judged_once(installation.publish())
    return installation


@pytest.fixture(autouse=True)
def _last_words(installation: Installation, request: pytest.FixtureRequest) -> Iterator[None]:
    """Shows what the processes said, where a test fails."""
    yield
    for process in (installation.consume, installation.dispatch, installation.runner, installation.inline):
        sys.stdout.write(f"--- {process.name}, after {request.node.name}\n{process.last_words}\n")


def test_nothing_is_killed(way: Installation) -> None:
    trigger = way.publish()
    way.assert_judged_once(trigger)
    assert way.attempts(trigger) == ["settled"]


def test_the_door_is_killed_before_it_read_the_record(way: Installation) -> None:
    way.consume.kill()
    trigger = way.publish()
    way.start()
    way.assert_judged_once(trigger)


def test_the_door_is_killed_within_its_transaction(way: Installation) -> None:
    with way.writes_held("triggers"):
        trigger = way.publish()
        eventually(lambda: way.blocked_on("triggers"), "the door stores the trigger")
        way.consume.kill()
    way.start()
    way.assert_judged_once(trigger)


def test_the_door_is_killed_between_its_commit_and_the_offset(way: Installation) -> None:
    with way.writes_held("triggers") as release:
        trigger = way.publish()
        eventually(lambda: way.blocked_on("triggers"), "the door stores the trigger")
        with way.broker_stopped():
            release()
            eventually(lambda: way.run_of(trigger), "the door has stored the trigger")
            way.consume.kill()
    way.start()
    # It is read again, and known.
    way.assert_judged_once(trigger)


def test_the_dispatcher_is_killed_within_its_claim(way: Installation) -> None:
    with ExitStack() as held:
        with way.dispatch.stopped():
            trigger = way.publish()
            eventually(lambda: way.run_state(trigger) == "queued", "the run is queued")
            held.enter_context(way.writes_held("attempts"))
        eventually(lambda: way.blocked_on("attempts"), "the dispatcher claims the run")
        way.dispatch.kill()
        assert way.run_state(trigger) == "queued"
    way.start()
    way.assert_judged_once(trigger)
    assert way.attempts(trigger) == ["settled"]


def test_the_dispatcher_is_killed_while_the_submission_is_under_way(way: Installation) -> None:
    """The runner reads it afterwards: what it reports is the only attempt's."""
    with way.runner.stopped():
        trigger = way.publish()
        eventually(way.request_waits, "the submission is sent")
        way.dispatch.kill()
    way.start()
    way.assert_judged_once(trigger)
    assert way.attempts(trigger) == ["settled"]


def test_the_runner_is_killed_while_the_submission_is_under_way(way: Installation) -> None:
    """It never read it, which its starter cannot know: the attempt is lost, and there is another."""
    with way.runner.stopped():
        trigger = way.publish()
        eventually(way.request_waits, "the submission is sent")
        way.runner.kill()
    way.start()
    way.assert_judged_once(trigger)
    assert way.attempts(trigger)[0] == "lost"


def test_the_dispatcher_is_killed_while_dbt_executes(way: Installation) -> None:
    with way.runs_held():
        trigger = way.publish()
        eventually(way.executing, "dbt executes the run")
        way.dispatch.kill()
        way.start()
    way.assert_judged_once(trigger)
    assert way.attempts(trigger) == ["settled"]


def test_the_runner_is_killed_while_dbt_executes(way: Installation) -> None:
    with way.runs_held():
        trigger = way.publish()
        eventually(way.executing, "dbt executes the run")
        way.runner.kill()
        way.start()
        eventually(lambda: way.attempts(trigger)[0] == "lost", "the attempt is known to be lost")
    way.assert_judged_once(trigger)


@contextmanager
def finished_and_not_fetched(way: Installation) -> Iterator[str]:
    """A trigger whose run the runner ends within the block, while the dispatcher stands still."""
    with way.runs_held() as release:
        trigger = way.publish()
        eventually(way.executing, "dbt executes the run")
        with way.dispatch.stopped():
            release()
            yield trigger


def test_the_dispatcher_is_killed_before_it_has_fetched_the_report(way: Installation) -> None:
    with finished_and_not_fetched(way) as trigger:
        eventually(lambda: way.runner_says(trigger) == "finished", "the report is there")
        way.dispatch.kill()
    way.start()
    way.assert_judged_once(trigger)
    assert way.attempts(trigger) == ["settled"]


def test_the_runner_is_killed_with_the_report_on_its_disk(way: Installation) -> None:
    with finished_and_not_fetched(way) as trigger:
        eventually(lambda: way.on_disk(trigger), "the report is on the runner's disk")
        way.runner.kill()
        way.start()
        eventually(lambda: way.runner_says(trigger) == "finished", "the report is still there")
    way.assert_judged_once(trigger)
    assert way.attempts(trigger) == ["settled"]


def test_the_runner_is_killed_when_it_has_just_finished(way: Installation) -> None:
    """The report may have been in memory alone: then there is another attempt."""
    with finished_and_not_fetched(way) as trigger:
        eventually(lambda: way.runner_says(trigger) == "finished", "the report is there")
        way.runner.kill()
        way.start()
    way.assert_judged_once(trigger)
    assert way.attempts(trigger)[-1] == "settled"


def test_the_dispatcher_is_killed_within_the_settling_transaction(way: Installation) -> None:
    with way.writes_held("verdicts"):
        trigger = way.publish()
        eventually(lambda: way.blocked_on("verdicts"), "the dispatcher settles the run")
        way.dispatch.kill()
    assert way.verdicts(trigger) == []
    way.start()
    way.assert_judged_once(trigger)


def test_the_runner_is_killed_while_its_report_is_being_settled(way: Installation) -> None:
    with way.writes_held("verdicts"):
        trigger = way.publish()
        eventually(lambda: way.blocked_on("verdicts"), "the dispatcher settles the run")
        way.runner.kill()
    way.start()
    # It still has the report, and offers it again.
    way.assert_judged_once(trigger)
    assert way.attempts(trigger) == ["settled"]


@pytest.mark.parametrize("killed", [("dispatch",), ("dispatch", "runner")], ids="-".join)
def test_killed_between_the_verdict_and_its_acknowledgement_to_the_runner(way: Installation, killed: tuple[str, ...]) -> None:
    with way.writes_held("verdicts") as release:
        trigger = way.publish()
        eventually(lambda: way.blocked_on("verdicts"), "the dispatcher settles the run")
        with way.runner.stopped():
            release()
            eventually(lambda: way.verdicts(trigger), "the verdict is stored")
            for name in killed:
                getattr(way, name).kill()
    way.start()
    way.assert_judged_once(trigger)
    assert way.attempts(trigger) == ["settled"]


def test_the_dispatcher_is_killed_before_the_event_is_delivered(way: Installation) -> None:
    with way.writes_held("verdicts") as release:
        trigger = way.publish()
        eventually(lambda: way.blocked_on("verdicts"), "the dispatcher settles the run")
        with way.broker_stopped():
            release()
            eventually(lambda: way.rows("select 1 from outbox where published_at is null"), "the event is in the outbox")
            way.dispatch.kill()
    way.start()
    way.assert_judged_once(trigger)


def test_the_dispatcher_is_killed_between_the_delivery_and_the_mark(way: Installation) -> None:
    with ExitStack() as held:
        with way.writes_held("verdicts") as release:
            trigger = way.publish()
            eventually(lambda: way.blocked_on("verdicts"), "the dispatcher settles the run")
            with way.broker_stopped():
                release()
                eventually(lambda: way.rows("select 1 from outbox where published_at is null"), "the event is in the outbox")
                held.enter_context(way.writes_held("outbox"))
        eventually(lambda: any(event.value["trigger_id"] == trigger for event in way.events), "the event has arrived")
        eventually(lambda: way.blocked_on("outbox"), "the dispatcher marks it")
        way.dispatch.kill()
    way.start()
    way.assert_judged_once(trigger)


def test_the_dispatcher_is_killed_while_it_executes_an_inline_run(way: Installation) -> None:
    way.inline.start()
    with way.runs_held("raw.small"):
        trigger = way.publish("raw.small")
        eventually(way.executing, "dbt executes the run")
        way.inline.kill()
        way.inline.start()
        eventually(lambda: way.attempts(trigger)[0] == "lost", "the attempt is known to be lost")
    way.assert_judged_once(trigger)
    assert way.inline.end() == 0


def test_everything_is_killed_at_once(way: Installation) -> None:
    triggers = [way.publish() for _ in range(10)]
    eventually(lambda: way.run_of(triggers[0]), "the first triggers are stored")
    for process in (way.consume, way.dispatch, way.runner):
        process.kill()
    way.start()
    for trigger in triggers:
        way.assert_judged_once(trigger)
