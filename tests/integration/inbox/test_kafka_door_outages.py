"""The Kafka door loses nothing: while the database is away, partitions move, consumers stall."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from kafka_bench import GOOD, Bench, events, eventually, numbered
from sqlalchemy import text
from structlog.testing import capture_logs

from stringx.settings import Settings
from stringx.store.database import transaction
from stringx.triggers.consumer import ConsumerLost, TriggerConsumer
from stringx.triggers.record import KafkaRecord

SettingsMaker = Callable[..., Settings]
DatabaseAway = Callable[[], AbstractContextManager[None]]


class TestOutages:
    def test_records_are_held_while_the_database_is_away_and_none_is_lost(self, bench: Bench, database_away: DatabaseAway) -> None:
        bench.start_door()
        bench.send(numbered(0))
        bench.taken(1)
        with capture_logs() as log:
            with database_away():
                for number in range(1, 30):
                    bench.send(numbered(number))
                eventually(lambda: events(log, "records held"))
                for number in range(30, 60):
                    bench.send(numbered(number))
            found = bench.taken(60)
        assert [one.position["offset"] for one in found] == list(range(60))
        assert events(log, "offsets missing") == []
        assert events(log, "consumer lost: a new one takes over") == []

    def test_partitions_that_move_while_the_database_is_away_are_read_by_their_new_owner(
        self, make_settings: SettingsMaker, bench: Bench, database_away: DatabaseAway
    ) -> None:
        settings = make_settings(kafka_partitions=4)
        with capture_logs() as log:
            first = bench.start_door(settings)
            eventually(lambda: events(log, "partitions assigned"))
            for number in range(4):
                bench.send(numbered(number), partition=number)
            bench.taken(4)
            with database_away():
                for number in range(4, 40):
                    bench.send(numbered(number), partition=number % 4)
                eventually(lambda: events(log, "records held"))
                bench.start_door(settings)
                eventually(lambda: events(log, "partitions revoked"))
            found = bench.taken(40)
            first.close()
            assert first.join(30)
            for number in range(40, 48):
                bench.send(numbered(number), partition=number % 4)
            found = bench.taken(48)
        assert sorted(one.event_id for one in found) == sorted(f"n{number}" for number in range(48))
        assert events(log, "offsets missing") == []

    def test_a_door_that_is_stopped_and_started_takes_each_record_once(self, bench: Bench) -> None:
        for round_ in range(3):
            door = bench.start_door()
            bench.send(GOOD)
            bench.taken(round_ + 1)
            door.close()
            assert door.join(30)

    def test_what_was_taken_and_not_committed_in_kafka_is_known_when_it_is_read_again(
        self, make_settings: SettingsMaker, bench: Bench
    ) -> None:
        """Another group has no committed offsets: it reads all of it again."""
        bench.start_door()
        for value in (GOOD, numbered(1), b"oops", GOOD):
            bench.send(value)
        bench.taken(3)
        with capture_logs() as log:
            bench.start_door(make_settings(kafka_partitions=1, kafka_group=f"group-{uuid.uuid4().hex}"))
            eventually(lambda: len(events(log, "trigger accepted")) == 3)
        assert all(event["duplicate"] for event in events(log, "trigger accepted"))
        assert len(bench.triggers()) == 3
        assert len(bench.dead_letters()) == 1

    def test_offsets_committed_past_what_was_taken_are_read_again(self, bench: Bench) -> None:
        """As after a restored backup of the database, or an offset stored too early."""
        door = bench.start_door()
        for number in range(5):
            bench.send(numbered(number))
        bench.taken(5)
        door.close()
        assert door.join(30)
        with transaction(bench.engine) as connection:
            connection.execute(text("delete from triggers where event_id in ('n3', 'n4')"))
            connection.execute(text("update positions set next_offset = 3"))
        bench.send(numbered(5))
        with capture_logs() as log:
            bench.start_door()
            found = bench.taken(6)
        assert sorted(one.event_id for one in found) == [f"n{number}" for number in range(6)]
        assert [(event["from_offset"], event["committed"]) for event in events(log, "reading again")] == [(3, 5)]
        assert events(log, "offsets missing") == []

    def test_offsets_that_were_never_read_are_told(self, bench: Bench) -> None:
        bench.start_door()
        bench.send(numbered(0))
        bench.taken(1)
        bench.send(numbered(1))
        bench.send(numbered(2))
        bench.taken(3)
        with transaction(bench.engine) as connection:
            connection.execute(text("update positions set next_offset = 1"))
        with capture_logs() as log:
            bench.send(numbered(3))
            bench.taken(4)
            [told] = eventually(lambda: events(log, "offsets missing"))
        assert told["missing"] == [{"partition": 0, "first": 1, "last": 2}]
        assert told["log_level"] == "warning"

    def test_a_consumer_that_stalls_is_replaced(self, bench: Bench) -> None:
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
            bench.start_door(stall_seconds=2.0, make_consumer=Stalling)
            bench.send(numbered(0))
            bench.taken(1)
            stalling.append(made[0])
            assert stalled.wait(30)
            bench.send(numbered(1))
            bench.taken(2)
        [lost] = events(log, "consumer lost: a new one takes over")
        assert "there is more to read" in lost["reason"]

    def test_a_client_that_does_not_close_is_abandoned(self, bench: Bench) -> None:
        hang = threading.Event()

        class Hanging(TriggerConsumer):
            close_seconds = 0.2

            def _close(self) -> None:
                hang.wait(60)
                super()._close()

        door = bench.start_door(make_consumer=Hanging)
        bench.send(GOOD)
        bench.taken(1)
        with capture_logs() as log:
            door.close()
            assert door.join(30)
        hang.set()
        assert events(log, "consumer did not close in time: abandoned")

    @pytest.mark.parametrize(("wanted", "tried"), [("auto", ["consumer", "classic"]), ("consumer", ["consumer", "consumer"])])
    def test_a_broker_without_the_newer_group_protocol_is_asked_for_the_classic_one(
        self, make_settings: SettingsMaker, bench: Bench, wanted: str, tried: list[str]
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

        bench.start_door(make_settings(kafka_partitions=1, kafka_group_protocol=wanted), make_consumer=Refused)
        bench.send(GOOD)
        bench.taken(1)
        assert asked == tried
