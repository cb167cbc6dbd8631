"""The Kafka door with a real broker and a real database: what is sent is taken once, whatever is wrong with its neighbours."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from inbox_samples import gate
from raw_produce import produce
from sqlalchemy import Engine, Row, select, text
from structlog.testing import capture_logs

from stringx.embedded.postgres import EmbeddedPostgres
from stringx.errors import ConfigurationError
from stringx.gates.files import GateFile
from stringx.settings import Settings
from stringx.store import gates, tables
from stringx.store.database import connect, transaction
from stringx.triggers.consumer import ConsumerLost, TriggerConsumer
from stringx.triggers.kafka import KafkaDoor
from stringx.triggers.record import KafkaRecord

SettingsMaker = Callable[..., Settings]
StartDoor = Callable[..., KafkaDoor]
Header = tuple[str, bytes | None]
GOOD = b'{"table": "raw.flights"}'


def eventually(condition: Callable[[], Any], *, seconds: float = 60.0) -> Any:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


@pytest.fixture
def settings(make_settings: SettingsMaker, topics: dict[str, str]) -> Settings:  # noqa: ARG001  # `make_settings` puts them in
    return make_settings(kafka_partitions=1)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = connect(settings)
    with transaction(engine) as connection:
        gates.apply(connection, [GateFile(gate(), "default/raw.flights.yaml")])
    yield engine
    engine.dispose()


@pytest.fixture
def start_door(settings: Settings, engine: Engine) -> Iterator[StartDoor]:
    """Starts doors, and stops those that still run when the test ends."""
    doors: list[KafkaDoor] = []

    def start(given: Settings = settings, **options: Any) -> KafkaDoor:
        door = KafkaDoor(given, engine, **options)
        door.start()
        doors.append(door)
        return door

    yield start
    for door in doors:
        door.close()
    for door in doors:
        assert door.join(30)


@pytest.fixture
def send(settings: Settings) -> Callable[..., None]:
    """Publishes a record on the triggers' topic."""
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap, "message.max.bytes": 8_000_000})

    def publish(value: bytes | None, *, key: bytes | None = None, headers: Sequence[Header] = (), partition: int = 0) -> None:
        producer.produce(settings.kafka_triggers_topic, value, key=key, headers=list(headers), partition=partition)
        assert producer.flush(60) == 0

    return publish


Send = Callable[..., None]


def rows(engine: Engine, table: Any, *order: Any) -> Sequence[Row[Any]]:
    with transaction(engine) as connection:
        return connection.execute(select(table).order_by(*order)).all()


def triggers(engine: Engine) -> Sequence[Row[Any]]:
    return rows(engine, tables.triggers, tables.triggers.c.seq)


def dead_letters(engine: Engine) -> Sequence[Row[Any]]:
    return rows(engine, tables.dead_letters, tables.dead_letters.c.id)


def taken(engine: Engine, number: int) -> Sequence[Row[Any]]:
    """The triggers, once there are so many."""
    eventually(lambda: len(triggers(engine)) >= number)
    found = triggers(engine)
    assert len(found) == number
    return found


def numbered(number: int) -> bytes:
    return json.dumps({"table": "raw.flights", "id": f"n{number}", "source": "tests"}).encode()


class TestWhatIsTaken:
    def test_plain_json_with_its_context_and_position(self, start_door: StartDoor, send: Send, engine: Engine, settings: Settings) -> None:
        start_door()
        traceparent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        send(GOOD, key=b"raw.flights", headers=[("traceparent", traceparent), ("correlationid", b"c-1"), ("other", b"\xff")])
        [trigger] = taken(engine, 1)
        assert (trigger.state, trigger.door, trigger.table_name, trigger.workspace) == ("accepted", "kafka", "raw.flights", "default")
        assert (trigger.traceparent, trigger.correlation_id) == (traceparent.decode(), "c-1")
        assert (trigger.position["topic"], trigger.position["partition"], trigger.position["offset"]) == (
            settings.kafka_triggers_topic,
            0,
            0,
        )
        assert trigger.source == f"kafka:{settings.kafka_triggers_topic}"
        [run] = rows(engine, tables.runs)
        assert (run.id, run.state) == (trigger.run_id, "queued")

    def test_cloudevents_in_both_modes(self, start_door: StartDoor, send: Send, engine: Engine) -> None:
        start_door()
        event = {"specversion": "1.0", "id": "e1", "source": "/etl", "type": "loaded", "data": {"table": "raw.flights"}, "sequence": "5"}
        send(json.dumps(event).encode(), headers=[("content-type", b"application/cloudevents+json; charset=utf-8")])
        binary = {"specversion": b"1.0", "id": b"e2", "source": b"/etl", "type": b"loaded", "extension": b"\xff"}
        send(GOOD, headers=[(f"ce_{name}", value) for name, value in binary.items()])
        assert [(one.source, one.event_id) for one in taken(engine, 2)] == [("/etl", "e1"), ("/etl", "e2")]

    def test_the_same_event_twice_is_one_trigger(self, start_door: StartDoor, send: Send, engine: Engine) -> None:
        start_door()
        for value in (numbered(1), numbered(1), numbered(2)):
            send(value)
        assert [one.event_id for one in taken(engine, 2)] == ["n1", "n2"]
        assert dead_letters(engine) == []

    def test_what_was_sent_before_the_first_start(self, start_door: StartDoor, send: Send, engine: Engine) -> None:
        start_door()
        send(GOOD)
        taken(engine, 1)
        send(GOOD)
        taken(engine, 2)


BAD: dict[str, tuple[bytes | None, dict[str, Any], str, str | None]] = {
    "not JSON": (b"hello", {}, "malformed", None),
    "not UTF-8": (b'{"table": "raw.\xff"}', {}, "malformed", None),
    "empty": (b"", {}, "malformed", None),
    "not an object": (b"[1]", {}, "invalid", None),
    "a field twice": (b'{"table": "raw.a", "table": "raw.flights"}', {}, "malformed", "table"),
    "NaN": (b'{"table": "raw.flights", "priority": NaN}', {}, "malformed", None),
    "nested too deep": (b'{"table": "raw.flights", "metadata": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}", {}, "malformed", None),
    "wrong type": (b'{"table": 5}', {}, "invalid", "table"),
    "no table": (b'{"id": "x1"}', {}, "invalid", "table"),
    "unknown field": (b'{"table": "raw.flights", "tabel": "x"}', {}, "invalid", "tabel"),
    "unknown field of a slice": (b'{"table": "raw.flights", "slice": {"column": "x", "sql": "1=1"}}', {}, "invalid", "slice.0.sql"),
    "column that the gate does not allow": (
        b'{"table": "raw.flights", "slice": {"column": "dep_time", "equals": 1}}',
        {},
        "invalid",
        "slice.0.column",
    ),
    "date that does not exist": (
        b'{"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-30"}}',
        {},
        "invalid",
        "slice.0.equals",
    ),
    "reply_to that the gate does not allow": (b'{"table": "raw.flights", "reply_to": "their.topic"}', {}, "invalid", "reply_to"),
    "table with SQL in it": (b'{"table": "raw.flights; drop table runs"}', {}, "invalid", "table"),
    "NUL": (b'{"table": "raw.flights", "metadata": {"a": "\\u0000"}}', {}, "invalid", "metadata.a"),
    "half of a surrogate pair": (b'{"table": "raw.flights", "id": "\\ud800"}', {}, "invalid", "id"),
    "2 MB": (b'{"table": "raw.flights", "metadata": {"a": "' + b"x" * 2_000_000 + b'"}}', {}, "too_large", None),
    "no value": (None, {}, "malformed", None),
    "tombstone": (None, {"key": b"raw.flights"}, "malformed", None),
    "header of ours that is not UTF-8": (GOOD, {"headers": [("traceparent", b"\xff")]}, "malformed", "headers.traceparent"),
    "CloudEvent without id": (b'{"specversion": "1.0", "source": "s", "type": "t", "data": {}}', {}, "malformed", "id"),
    "CloudEvent of another version": (
        GOOD,
        {"headers": [("ce_id", b"1"), ("ce_specversion", b"0.3")]},
        "malformed",
        "headers.ce_specversion",
    ),
}


class TestWhatIsRefused:
    @pytest.mark.parametrize("what", BAD)
    def test_is_a_dead_letter_that_names_the_field_and_the_next_message_is_served(
        self, what: str, start_door: StartDoor, send: Send, engine: Engine, settings: Settings
    ) -> None:
        value, options, code, field = BAD[what]
        start_door()
        send(value, **options)
        send(numbered(1))
        [trigger] = taken(engine, 1)
        assert (trigger.event_id, trigger.position["offset"]) == ("n1", 1)
        [letter] = dead_letters(engine)
        assert (letter.topic, letter.record_offset, letter.code, letter.field) == (settings.kafka_triggers_topic, 0, code, field)
        assert letter.reason
        assert letter.value_bytes == (None if value is None else len(value))
        assert letter.value == (None if value is None else value[: settings.dead_letter_bytes])
        published = [one for one in rows(engine, tables.outbox) if one.topic == settings.kafka_dead_letters_topic]
        assert [one.key for one in published] == [options.get("key")]

    def test_a_header_whose_name_is_not_utf8_is_a_dead_letter(
        self, start_door: StartDoor, send: Send, engine: Engine, settings: Settings
    ) -> None:
        """No client sends it, and confluent-kafka cannot read it: it must not end the door each time it is read.

        Python 3.11 and later treat a call differently once it was made some times: hence the records before it.
        """
        start_door()
        for number in range(30):
            send(numbered(number), headers=[("theirs", b"1")])
        taken(engine, 30)
        produce(settings.kafka_bootstrap, settings.kafka_triggers_topic, GOOD, [(b"good", b"1"), (b"\xff\xfe", b"2")])
        send(numbered(30))
        assert taken(engine, 31)[-1].event_id == "n30"
        [letter] = dead_letters(engine)
        assert (letter.record_offset, letter.code, letter.field) == (30, "malformed", "headers")

    def test_a_known_id_with_another_content(self, start_door: StartDoor, send: Send, engine: Engine, settings: Settings) -> None:
        start_door()
        send(numbered(1))
        send(b'{"table": "raw.flights", "id": "n1", "source": "tests", "priority": 5}')
        send(numbered(2))
        assert [one.event_id for one in taken(engine, 2)] == ["n1", "n2"]
        [letter] = dead_letters(engine)
        assert (letter.code, letter.field, letter.event_id, letter.event_source) == ("conflict", "id", "n1", "tests")
        [answer] = [one for one in rows(engine, tables.outbox) if one.topic == settings.kafka_verdicts_topic]
        assert (json.loads(answer.value)["state"], json.loads(answer.value)["trigger_id"]) == ("refused", "n1")

    def test_a_refused_record_whose_id_can_be_read_is_answered(
        self, start_door: StartDoor, send: Send, engine: Engine, settings: Settings
    ) -> None:
        start_door()
        send(b'{"table": "raw.flights", "id": "x1", "source": "s", "oops": 1}', headers=[("x-correlation-id", b"c-9")])
        send(b'{"oops": 1}')
        eventually(lambda: len(dead_letters(engine)) == 2)
        [answer] = [one for one in rows(engine, tables.outbox) if one.topic == settings.kafka_verdicts_topic]
        told = json.loads(answer.value)
        assert (told["state"], told["trigger_id"], told["trigger_source"], told["table"]) == ("refused", "x1", "s", "raw.flights")
        assert "oops" in told["message"]
        assert told["correlation_id"] == "c-9"

    def test_a_record_that_only_the_database_refuses_does_not_stop_the_batch(
        self, start_door: StartDoor, send: Send, engine: Engine
    ) -> None:
        with transaction(engine) as connection:
            connection.execute(
                text(
                    "create function refuse() returns trigger language plpgsql as $$ begin "
                    "if new.event_id = 'n2' then raise exception 'too odd' using errcode = '22000'; end if; return new; end $$"
                )
            )
            connection.execute(text("create trigger refuse before insert on triggers for each row execute function refuse()"))
        for number in (1, 2, 3):
            send(numbered(number))
        start_door()
        assert [one.event_id for one in taken(engine, 2)] == ["n1", "n3"]
        [letter] = dead_letters(engine)
        assert (letter.code, letter.event_id) == ("unstorable", "n2")


@contextmanager
def away(postgres: EmbeddedPostgres, database_url: str) -> Iterator[None]:
    """The database refuses and drops all connections for as long as the block lasts."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute(f"alter database {name} allow_connections false")  # type: ignore[arg-type]
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        yield
        admin.execute(f"alter database {name} allow_connections true")  # type: ignore[arg-type]


@pytest.fixture
def database_away(postgres: EmbeddedPostgres, database_url: str) -> Callable[[], AbstractContextManager[None]]:
    return lambda: away(postgres, database_url)


DatabaseAway = Callable[[], AbstractContextManager[None]]


def events(log: Sequence[Any], name: str) -> list[Any]:
    return [event for event in log if event["event"] == name]


class TestOutages:
    def test_records_are_held_while_the_database_is_away_and_none_is_lost(
        self, start_door: StartDoor, send: Send, engine: Engine, database_away: DatabaseAway
    ) -> None:
        start_door()
        send(numbered(0))
        taken(engine, 1)
        with capture_logs() as log:
            with database_away():
                for number in range(1, 30):
                    send(numbered(number))
                eventually(lambda: events(log, "records held"))
                for number in range(30, 60):
                    send(numbered(number))
            found = taken(engine, 60)
        assert [one.position["offset"] for one in found] == list(range(60))
        assert events(log, "offsets missing") == []
        assert events(log, "consumer lost: a new one takes over") == []

    def test_partitions_that_move_while_the_database_is_away_are_read_by_their_new_owner(
        self, make_settings: SettingsMaker, start_door: StartDoor, send: Send, engine: Engine, database_away: DatabaseAway
    ) -> None:
        settings = make_settings(kafka_partitions=4)
        with capture_logs() as log:
            first = start_door(settings)
            eventually(lambda: events(log, "partitions assigned"))
            for number in range(4):
                send(numbered(number), partition=number)
            taken(engine, 4)
            with database_away():
                for number in range(4, 40):
                    send(numbered(number), partition=number % 4)
                eventually(lambda: events(log, "records held"))
                start_door(settings)
                eventually(lambda: events(log, "partitions revoked"))
            found = taken(engine, 40)
            first.close()
            assert first.join(30)
            for number in range(40, 48):
                send(numbered(number), partition=number % 4)
            found = taken(engine, 48)
        assert sorted(one.event_id for one in found) == sorted(f"n{number}" for number in range(48))
        assert events(log, "offsets missing") == []

    def test_a_door_that_is_stopped_and_started_takes_each_record_once(self, start_door: StartDoor, send: Send, engine: Engine) -> None:
        for round_ in range(3):
            door = start_door()
            send(GOOD)
            taken(engine, round_ + 1)
            door.close()
            assert door.join(30)

    def test_what_was_taken_and_not_committed_in_kafka_is_known_when_it_is_read_again(
        self, make_settings: SettingsMaker, start_door: StartDoor, send: Send, engine: Engine
    ) -> None:
        """Another group has no committed offsets: it reads all of it again."""
        start_door()
        for value in (GOOD, numbered(1), b"oops", GOOD):
            send(value)
        taken(engine, 3)
        with capture_logs() as log:
            start_door(make_settings(kafka_partitions=1, kafka_group=f"group-{uuid.uuid4().hex}"))
            eventually(lambda: len(events(log, "trigger accepted")) == 3)
        assert all(event["duplicate"] for event in events(log, "trigger accepted"))
        assert len(triggers(engine)) == 3
        assert len(dead_letters(engine)) == 1

    def test_offsets_committed_past_what_was_taken_are_read_again(self, start_door: StartDoor, send: Send, engine: Engine) -> None:
        """As after a restored backup of the database, or an offset stored too early."""
        door = start_door()
        for number in range(5):
            send(numbered(number))
        taken(engine, 5)
        door.close()
        assert door.join(30)
        with transaction(engine) as connection:
            connection.execute(text("delete from triggers where event_id in ('n3', 'n4')"))
            connection.execute(text("update positions set next_offset = 3"))
        send(numbered(5))
        with capture_logs() as log:
            start_door()
            found = taken(engine, 6)
        assert sorted(one.event_id for one in found) == [f"n{number}" for number in range(6)]
        assert [(event["from_offset"], event["committed"]) for event in events(log, "reading again")] == [(3, 5)]
        assert events(log, "offsets missing") == []

    def test_offsets_that_were_never_read_are_told(self, start_door: StartDoor, send: Send, engine: Engine) -> None:
        start_door()
        send(numbered(0))
        taken(engine, 1)
        send(numbered(1))
        send(numbered(2))
        taken(engine, 3)
        with transaction(engine) as connection:
            connection.execute(text("update positions set next_offset = 1"))
        with capture_logs() as log:
            send(numbered(3))
            taken(engine, 4)
            [told] = eventually(lambda: events(log, "offsets missing"))
        assert told["missing"] == [{"partition": 0, "first": 1, "last": 2}]
        assert told["log_level"] == "warning"

    def test_a_consumer_that_stalls_is_replaced(self, start_door: StartDoor, send: Send, engine: Engine) -> None:
        made: list[TriggerConsumer] = []
        stalling: list[TriggerConsumer] = []
        stalled = threading.Event()

        class Stalling(TriggerConsumer):
            """Like a fetcher that has stopped: the member is alive, and nothing comes."""

            def poll(self, timeout_seconds: float) -> KafkaRecord | None:
                if self in stalling:
                    self.pause()
                    stalled.set()
                return super().poll(timeout_seconds)

            def _on_assign(self, consumer: Any, partitions: Any) -> None:
                super()._on_assign(consumer, partitions)
                made.append(self)

        with capture_logs() as log:
            start_door(stall_seconds=2.0, make_consumer=Stalling)
            send(numbered(0))
            taken(engine, 1)
            stalling.append(made[0])
            assert stalled.wait(30)
            send(numbered(1))
            taken(engine, 2)
        [lost] = events(log, "consumer lost: a new one takes over")
        assert "there is more to read" in lost["reason"]

    def test_a_client_that_does_not_close_is_abandoned(self, start_door: StartDoor, send: Send, engine: Engine) -> None:
        hang = threading.Event()

        class Hanging(TriggerConsumer):
            close_seconds = 0.2

            def _close(self) -> None:
                hang.wait(60)
                super()._close()

        door = start_door(make_consumer=Hanging)
        send(GOOD)
        taken(engine, 1)
        with capture_logs() as log:
            door.close()
            assert door.join(30)
        hang.set()
        assert events(log, "consumer did not close in time: abandoned")

    @pytest.mark.parametrize(("wanted", "tried"), [("auto", ["consumer", "classic"]), ("consumer", ["consumer", "consumer"])])
    def test_a_broker_without_the_newer_group_protocol_is_asked_for_the_classic_one(
        self, make_settings: SettingsMaker, start_door: StartDoor, send: Send, engine: Engine, wanted: str, tried: list[str]
    ) -> None:
        asked: list[str] = []

        class Refused(TriggerConsumer):
            """The first one gets what an older broker's answer becomes."""

            def __init__(self, settings: Settings, protocol: Any, **callbacks: Any) -> None:
                super().__init__(settings, protocol, **callbacks)
                asked.append(protocol)
                self.first = len(asked) == 1

            def poll(self, timeout_seconds: float) -> KafkaRecord | None:
                if self.first:
                    raise ConsumerLost("Fatal error: Broker: API version not supported")
                return super().poll(timeout_seconds)

        start_door(make_settings(kafka_partitions=1, kafka_group_protocol=wanted), make_consumer=Refused)
        send(GOOD)
        taken(engine, 1)
        assert asked == tried


@pytest.fixture
def admin(settings: Settings) -> AdminClient:
    """Of a broker whose topics can be deleted."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    if str(admin.list_topics(timeout=30).cluster_id).startswith("mockCluster"):
        pytest.skip("librdkafka's own cluster cannot delete topics")
    return admin


def make_anew(admin: AdminClient, topic: str) -> None:
    """Deletes the topic and makes another one of its name, with one partition."""
    admin.delete_topics([topic], request_timeout=30)[topic].result()

    def made() -> bool:
        try:
            admin.create_topics([NewTopic(topic, 1, 1)], request_timeout=30)[topic].result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
            return False  # the old one is still on its way out
        return True

    eventually(made)


class TestATopicMadeAnew:
    """It starts again at offset 0: nothing may be taken for a record of the topic before it."""

    @pytest.mark.parametrize("protocol", ["consumer", "classic"])
    @pytest.mark.parametrize("new_records", [2, 5, 8], ids=["fewer", "as-many", "more"])
    def test_under_a_running_door_loses_nothing(
        self,
        protocol: str,
        new_records: int,
        make_settings: SettingsMaker,
        admin: AdminClient,
        start_door: StartDoor,
        send: Send,
        engine: Engine,
        settings: Settings,
    ) -> None:
        admin.create_topics([NewTopic(settings.kafka_triggers_topic, 1, 1)])[settings.kafka_triggers_topic].result()
        start_door(make_settings(kafka_partitions=1, kafka_group_protocol=protocol))
        for _ in range(5):
            send(GOOD)
        taken(engine, 5)
        make_anew(admin, settings.kafka_triggers_topic)
        for _ in range(new_records):
            send(GOOD)
        found = taken(engine, 5 + new_records)
        assert [one.position["offset"] for one in found[5:]] == list(range(new_records))
        assert len({one.position["topic_id"] for one in found}) == 2

    def test_while_no_door_runs_loses_nothing(
        self, admin: AdminClient, start_door: StartDoor, send: Send, engine: Engine, settings: Settings
    ) -> None:
        door = start_door()
        for _ in range(3):
            send(GOOD)
        taken(engine, 3)
        door.close()
        assert door.join(30)
        make_anew(admin, settings.kafka_triggers_topic)
        for _ in range(5):
            send(GOOD)
        start_door()
        found = taken(engine, 8)
        assert [one.position["offset"] for one in found[3:]] == list(range(5))


class TestTheClient:
    @pytest.mark.parametrize("protocol", ["consumer", "classic", "auto"])
    def test_reads_with_each_group_protocol(
        self, make_settings: SettingsMaker, start_door: StartDoor, send: Send, engine: Engine, protocol: str
    ) -> None:
        start_door(make_settings(kafka_partitions=1, kafka_group_protocol=protocol))
        send(GOOD)
        taken(engine, 1)

    def test_waits_for_a_broker_that_is_not_there_yet(self, make_settings: SettingsMaker, engine: Engine) -> None:
        with capture_logs() as log:
            door = KafkaDoor(make_settings(kafka_bootstrap="127.0.0.1:1"), engine)
            door.start()
            eventually(lambda: events(log, "kafka is away"))
            door.close()
            assert door.join(30)

    def test_refuses_properties_with_which_triggers_would_be_lost(self, make_settings: SettingsMaker, engine: Engine) -> None:
        door = KafkaDoor(make_settings(kafka_properties={"auto.offset.reset": "latest"}), engine)
        door.start()
        assert door.wait(30)
        with pytest.raises(ConfigurationError, match=r"auto\.offset\.reset must be earliest"):
            door.join(30)
