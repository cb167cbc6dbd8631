"""Bad input at the Kafka door, from a real broker: each record is a dead letter, and the next one is served."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kafka_bench import GOOD, Bench, eventually, numbered
from raw_produce import produce
from sqlalchemy import text

from stringx.store import tables
from stringx.store.database import transaction

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


class TestOneDoorThroughAllOfIt:
    @pytest.mark.parametrize("what", BAD)
    def test_what_is_wrong_is_a_dead_letter_that_names_the_field_and_the_next_message_is_served(
        self, what: str, shared_bench: Bench
    ) -> None:
        value, options, code, field = BAD[what]
        offset = shared_bench.send(value, **options)
        following = shared_bench.send(GOOD)
        eventually(lambda: following in [one.position["offset"] for one in shared_bench.triggers()])
        assert offset not in [one.position["offset"] for one in shared_bench.triggers()]
        [letter] = [one for one in shared_bench.dead_letters() if one.record_offset == offset]
        assert (letter.topic, letter.code, letter.field) == (shared_bench.settings.kafka_triggers_topic, code, field)
        assert letter.reason
        assert letter.value_bytes == (None if value is None else len(value))
        assert letter.value == (None if value is None else value[: shared_bench.settings.dead_letter_bytes])
        topic = shared_bench.settings.kafka_dead_letters_topic
        published = [
            one for one in shared_bench.rows(tables.outbox) if one.topic == topic and dict(one.headers)["dlq.offset"] == str(offset)
        ]
        assert [one.key for one in published] == [options.get("key")]


class TestWhatIsRefused:
    def test_a_header_whose_name_is_not_utf8_is_a_dead_letter(self, bench: Bench) -> None:
        """No client sends it, and confluent-kafka cannot read it: it must not end the door each time it is read.

        Python 3.11 and later treat a call differently once it was made some times: hence the records before it.
        """
        bench.start_door()
        for number in range(30):
            bench.send(numbered(number), headers=[("theirs", b"1")])
        bench.taken(30)
        produce(bench.settings.kafka_bootstrap, bench.settings.kafka_triggers_topic, GOOD, [(b"good", b"1"), (b"\xff\xfe", b"2")])
        bench.send(numbered(30))
        assert bench.taken(31)[-1].event_id == "n30"
        [letter] = bench.dead_letters()
        assert (letter.record_offset, letter.code, letter.field) == (30, "malformed", "headers")

    def test_a_known_id_with_another_content(self, bench: Bench) -> None:
        bench.start_door()
        bench.send(numbered(1))
        bench.send(b'{"table": "raw.flights", "id": "n1", "source": "tests", "priority": 5}')
        bench.send(numbered(2))
        assert [one.event_id for one in bench.taken(2)] == ["n1", "n2"]
        [letter] = bench.dead_letters()
        assert (letter.code, letter.field, letter.event_id, letter.event_source) == ("conflict", "id", "n1", "tests")
        [answer] = [one for one in bench.rows(tables.outbox) if one.topic == bench.settings.kafka_verdicts_topic]
        assert (json.loads(answer.value)["state"], json.loads(answer.value)["trigger_id"]) == ("refused", "n1")

    def test_a_refused_record_whose_id_can_be_read_is_answered(self, bench: Bench) -> None:
        bench.start_door()
        bench.send(b'{"table": "raw.flights", "id": "x1", "source": "s", "oops": 1}', headers=[("x-correlation-id", b"c-9")])
        bench.send(b'{"oops": 1}')
        eventually(lambda: len(bench.dead_letters()) == 2)
        [answer] = [one for one in bench.rows(tables.outbox) if one.topic == bench.settings.kafka_verdicts_topic]
        told = json.loads(answer.value)
        assert (told["state"], told["trigger_id"], told["trigger_source"], told["table"]) == ("refused", "x1", "s", "raw.flights")
        assert "oops" in told["message"]
        assert told["correlation_id"] == "c-9"

    def test_a_record_that_only_the_database_refuses_does_not_stop_the_batch(self, bench: Bench) -> None:
        with transaction(bench.engine) as connection:
            connection.execute(
                text(
                    "create function refuse() returns trigger language plpgsql as $$ begin "
                    "if new.event_id = 'n2' then raise exception 'too odd' using errcode = '22000'; end if; return new; end $$"
                )
            )
            connection.execute(text("create trigger refuse before insert on triggers for each row execute function refuse()"))
        for number in (1, 2, 3):
            bench.send(numbered(number))
        bench.start_door()
        assert [one.event_id for one in bench.taken(2)] == ["n1", "n3"]
        [letter] = bench.dead_letters()
        assert (letter.code, letter.event_id) == ("unstorable", "n2")
