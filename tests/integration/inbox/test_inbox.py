"""The inbox on a real Postgres, from several connections at one time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from inbox_samples import february, gate, trigger
from sqlalchemy import Connection, Engine, func, select, text

from stringx import inbox
from stringx.errors import Conflict, Invalid, Malformed, Refusal, Unstorable
from stringx.gates.files import GateFile
from stringx.model import Engine as JudgingEngine
from stringx.model import Mode, Slice, Trigger, fingerprint
from stringx.settings import Settings
from stringx.store import gates, tables
from stringx.store.database import OUTBOX_CHANNEL, RUNS_CHANNEL, connect, transaction
from stringx.store.listener import Listener
from stringx.triggers.record import KafkaRecord, Legible

THREADS = 8
SettingsMaker = Callable[..., Settings]


def record(offset: int, value: bytes | None = b"x", **fields: Any) -> KafkaRecord:
    return KafkaRecord(
        **({"topic": "t", "topic_id": "i", "partition": 0, "offset": offset, "timestamp_ms": 1, "key": b"k", "value": value} | fields)
    )


def delivery(offset: int, parsed: Trigger | Refusal) -> inbox.Delivery:
    return inbox.Delivery(record(offset, value=b"%d" % offset), Legible(), parsed)


@pytest.fixture
def settings(make_settings: SettingsMaker) -> Settings:
    return make_settings()


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = connect(settings)
    with transaction(engine) as connection:
        gates.apply(connection, [GateFile(one, f"default/{one.table}.yaml") for one in (gate(), gate("raw.by_dbt", engine="dbt"))])
    yield engine
    engine.dispose()


@pytest.fixture
def accept(engine: Engine, settings: Settings) -> Callable[[Trigger], inbox.Accepted]:
    """Accepts in a transaction of its own."""

    def accept_one(given: Trigger) -> inbox.Accepted:
        with transaction(engine) as connection:
            return inbox.accept(connection, settings, given)

    return accept_one


Accept = Callable[[Trigger], inbox.Accepted]


def count(connection: Connection, table: Any, *conditions: Any) -> int:
    return connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()


def at_one_time(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """The results of `work(0)`, `work(1)`, … started together; exceptions are results."""
    barrier = threading.Barrier(threads)

    def started_together(number: int) -> Any:
        barrier.wait(30)
        try:
            return work(number)
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(started_together, range(threads)))


class TestOneTrigger:
    def test_queues_a_run_of_the_gate_version_in_force(self, accept: Accept, engine: Engine) -> None:
        accepted = accept(trigger(slice=february(8), priority=7, correlation_id="c-1"))
        assert (accepted.state, accepted.duplicate) == ("accepted", False)
        with transaction(engine) as connection:
            run = connection.execute(select(tables.runs).where(tables.runs.c.id == accepted.run)).one()
            version = gates.current(connection, "default", "raw.flights")
        assert version is not None
        assert (run.version_id, run.state, run.priority, run.mode, run.runner) == (version.id, "queued", 7, "async", "default")
        assert run.slice == [{"column": "flight_date", "equals": "2013-02-08"}]
        assert (run.correlation_id, run.target, run.engine) == ("c-1", "demo", "prepared")

    def test_a_run_of_an_inline_gate_waits_for_the_backends_own_workers(self, accept: Accept, engine: Engine) -> None:
        with transaction(engine) as connection:
            gates.apply(connection, [GateFile(gate("raw.planes", mode=Mode.INLINE, priority=3), "default/raw.planes.yaml")])
        accepted = accept(trigger(table="raw.planes"))
        with transaction(engine) as connection:
            run = connection.execute(select(tables.runs).where(tables.runs.c.id == accepted.run)).one()
        assert (run.mode, run.runner, run.priority) == ("inline", "inline", 3)

    def test_wakes_the_dispatchers(self, accept: Accept, settings: Settings) -> None:
        listener = Listener(settings, RUNS_CHANNEL)
        assert listener.wait(10) == []
        accept(trigger())
        assert [sent.channel for sent in listener.wait(10)] == [RUNS_CHANNEL]
        listener.close()

    def test_of_a_table_without_a_gate_is_stored_and_answered_as_unmatched(
        self, accept: Accept, engine: Engine, settings: Settings
    ) -> None:
        listener = Listener(settings, OUTBOX_CHANNEL)
        assert listener.wait(10) == []
        given = trigger(table="raw.nobody", metadata={"job": 5})
        accepted = accept(given)
        assert (accepted.state, accepted.run) == ("unmatched", None)
        assert [sent.channel for sent in listener.wait(10)] == [OUTBOX_CHANNEL]
        listener.close()
        with transaction(engine) as connection:
            answer = connection.execute(select(tables.outbox)).one()
            assert count(connection, tables.runs) == 0
        assert answer.id == f"{accepted.trigger}-unmatched"
        assert answer.topic == settings.kafka_verdicts_topic
        assert b'"state":"unmatched"' in answer.value
        assert given.id.encode() in answer.value

    def test_is_for_its_own_workspace_only(self, accept: Accept) -> None:
        assert accept(trigger(workspace="other")).state == "unmatched"

    def test_names_its_table_in_any_case(self, accept: Accept, engine: Engine) -> None:
        accepted = accept(trigger(table="RAW.Flights"))
        assert accepted.state == "accepted"
        with transaction(engine) as connection:
            assert connection.execute(select(tables.triggers.c.table_name)).scalar_one() == "raw.flights"

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"slice": Slice.model_validate({"column": "dep_time", "equals": "x"})}, "slice.0.column"),
            ({"slice": Slice.model_validate({"column": "flight_date", "equals": "2013-02-30"})}, "slice.0.equals"),
            ({"reply_to": "not.allowed"}, "reply_to"),
            ({"table": "raw.by_dbt", "engine": JudgingEngine.PREPARED}, "engine"),
        ],
    )
    def test_that_the_gate_does_not_take_is_refused_and_leaves_nothing(
        self, accept: Accept, engine: Engine, fields: dict[str, Any], field: str
    ) -> None:
        given = trigger(**fields)
        with pytest.raises(Invalid) as refused:
            accept(given)
        assert (refused.value.field, refused.value.event_id, refused.value.event_source) == (field, given.id, "tests")
        with transaction(engine) as connection:
            assert count(connection, tables.triggers) + count(connection, tables.runs) + count(connection, tables.outbox) == 0

    def test_may_name_a_topic_that_the_gate_allows(self, accept: Accept) -> None:
        assert accept(trigger(reply_to="team.verdicts")).state == "accepted"

    def test_that_the_database_cannot_hold_is_refused(self, accept: Accept) -> None:
        with pytest.raises(Unstorable) as refused:
            accept(trigger(metadata={"x": "\x00"}))
        assert refused.value.status == 422


class TestTheSameTriggerAgain:
    def test_is_a_duplicate_with_the_same_answer(self, accept: Accept) -> None:
        given = trigger(slice=february(1))
        first, second = accept(given), accept(given)
        assert (second.trigger, second.run, second.state, second.duplicate) == (first.trigger, first.run, "accepted", True)

    def test_is_a_duplicate_even_if_the_gate_no_longer_takes_it(self, accept: Accept, engine: Engine) -> None:
        given = trigger(slice=february(1))
        first = accept(given)
        with transaction(engine) as connection:
            gates.apply(connection, [GateFile(gate(slice_columns={}), "default/raw.flights.yaml")])
        assert accept(given) == inbox.Accepted(first.trigger, first.run, "accepted", duplicate=True)

    @pytest.mark.parametrize(
        ("first", "again"),
        [
            ({"in": ["2013-02-02", "2013-02-01", "2013-02-02"]}, {"in": ["2013-02-01", "2013-02-02"]}),
            ({"in": ["2013-02-01"]}, {"equals": "2013-02-01"}),
        ],
    )
    def test_is_a_duplicate_though_its_slice_is_written_otherwise(
        self, accept: Accept, first: dict[str, Any], again: dict[str, Any]
    ) -> None:
        for table in ("raw.flights", "raw.nobody"):  # with a gate, and without one that could tell the columns' types
            given = trigger(table=table, slice=Slice.model_validate({"column": "flight_date", **first}))
            taken = accept(given)
            other = accept(given.model_copy(update={"slice": Slice.model_validate({"column": "flight_date", **again})}))
            assert other == inbox.Accepted(taken.trigger, taken.run, taken.state, duplicate=True)

    def test_is_a_duplicate_of_one_that_was_stored_before_slices_were_compared_as_written(self, accept: Accept, engine: Engine) -> None:
        given = trigger(slice=Slice.model_validate({"column": "flight_date", "in": ["2013-02-02", "2013-02-01"]}))
        first = accept(given)
        before = {name: given.as_json().get(name) for name in ("table", "slice", "reply_to", "priority", "metadata")}
        with transaction(engine) as connection:
            connection.execute(tables.triggers.update().values(content_fingerprint=fingerprint(before)))
        assert accept(given) == inbox.Accepted(first.trigger, first.run, "accepted", duplicate=True)
        with pytest.raises(Conflict):
            accept(given.model_copy(update={"slice": february(1)}))

    def test_of_an_unmatched_one_is_answered_once(self, accept: Accept, engine: Engine) -> None:
        given = trigger(table="raw.nobody")
        accept(given)
        assert accept(given).duplicate
        with transaction(engine) as connection:
            assert count(connection, tables.outbox) == 1

    @pytest.mark.parametrize(
        "other", [{"slice": february(2)}, {"table": "raw.planes"}, {"priority": 1}, {"engine": JudgingEngine.DBT}, {"metadata": {"a": 1}}]
    )
    def test_with_another_content_is_refused(self, accept: Accept, engine: Engine, other: dict[str, Any]) -> None:
        given = trigger(slice=february(1))
        accept(given)
        with pytest.raises(Conflict) as refused:
            accept(given.model_copy(update=other))
        assert (refused.value.field, refused.value.event_id) == ("id", given.id)
        with transaction(engine) as connection:
            assert count(connection, tables.triggers) == count(connection, tables.runs) == 1

    def test_from_another_source_or_for_another_workspace_is_another_trigger(self, accept: Accept) -> None:
        given = trigger(table="raw.nobody")
        rows = [accept(given.model_copy(update=other)).trigger for other in ({}, {"source": "others"}, {"workspace": "other"})]
        assert len(set(rows)) == 3

    def test_from_many_connections_is_accepted_once(self, accept: Accept, engine: Engine) -> None:
        given = trigger(slice=february(1))
        answers = at_one_time(lambda _: accept(given))
        assert {(answer.trigger, answer.run) for answer in answers} == {(answers[0].trigger, answers[0].run)}
        assert sorted(answer.duplicate for answer in answers) == [False] + [True] * (THREADS - 1)
        with transaction(engine) as connection:
            assert count(connection, tables.triggers) == count(connection, tables.runs) == 1

    def test_from_many_connections_with_as_many_contents_is_accepted_once(self, accept: Accept, engine: Engine) -> None:
        given = trigger()
        answers = at_one_time(lambda number: accept(given.model_copy(update={"slice": february(number + 1)})))
        assert sum(isinstance(answer, inbox.Accepted) for answer in answers) == 1
        assert sum(isinstance(answer, Conflict) for answer in answers) == THREADS - 1
        with transaction(engine) as connection:
            assert count(connection, tables.triggers) == count(connection, tables.runs) == 1

    def test_is_new_when_the_first_delivery_was_rolled_back(self, accept: Accept, engine: Engine, settings: Settings) -> None:
        given = trigger()
        began, go_on = threading.Event(), threading.Event()

        def rolled_back() -> None:
            with engine.connect() as connection:
                inbox.accept(connection, settings, given)
                began.set()
                go_on.wait(30)
                connection.rollback()

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(rolled_back)
            assert began.wait(30)
            second = pool.submit(accept, given)
            go_on.set()
            first.result(30)
            assert not second.result(30).duplicate
        with transaction(engine) as connection:
            assert count(connection, tables.triggers) == count(connection, tables.runs) == 1


class TestJoining:
    def test_a_queued_run_of_the_same_slice_answers_both_triggers(self, accept: Accept) -> None:
        first, second = accept(trigger(slice=february(1))), accept(trigger(slice=february(1)))
        assert first.trigger != second.trigger
        assert first.run == second.run

    def test_compares_slices_in_their_canonical_form(self, accept: Accept) -> None:
        written = ({"equals": "2013-02-01"}, {"in": ["2013-02-01"]}, {"in": ["2013-02-01", "2013-02-01"]})
        runs = {accept(trigger(slice=Slice.model_validate({"column": "flight_date", **form}))).run for form in written}
        assert len(runs) == 1

    def test_another_slice_is_another_run(self, accept: Accept) -> None:
        assert accept(trigger(slice=february(1))).run != accept(trigger(slice=february(2))).run

    def test_another_engine_is_another_run_and_the_gates_own_is_not(self, accept: Accept, engine: Engine) -> None:
        plain, dbt, prepared, again = (accept(trigger(engine=wanted)).run for wanted in (None, "dbt", "prepared", "dbt"))
        assert (plain, dbt) == (prepared, again)
        assert plain != dbt
        with transaction(engine) as connection:
            stored = connection.execute(select(tables.runs.c.id, tables.runs.c.engine)).all()
            assert {row.id: row.engine for row in stored} == {plain: "prepared", dbt: "dbt"}
            asked = connection.execute(select(tables.triggers.c.engine).order_by(tables.triggers.c.seq)).scalars().all()
            assert asked == [None, "dbt", "prepared", "dbt"]

    def test_a_gate_that_wants_dbt_has_one_run_for_all(self, accept: Accept) -> None:
        assert len({accept(trigger(table="raw.by_dbt", engine=wanted)).run for wanted in (None, "dbt")}) == 1

    def test_raises_the_runs_priority_and_never_lowers_it(self, accept: Accept, engine: Engine) -> None:
        for priority in (2, 9, 5):
            accept(trigger(priority=priority))
        with transaction(engine) as connection:
            assert connection.execute(select(tables.runs.c.priority)).scalars().all() == [9]

    def test_a_run_that_has_begun_is_not_joined(self, accept: Accept, engine: Engine) -> None:
        first = accept(trigger())
        with transaction(engine) as connection:
            connection.execute(text("update runs set state = 'leased'"))
        assert accept(trigger()).run != first.run

    def test_a_run_that_is_just_being_taken_is_not_joined_nor_waited_for(self, accept: Accept, engine: Engine) -> None:
        first = accept(trigger())
        with engine.begin() as dispatcher:
            dispatcher.execute(text("select * from runs for update"))
            assert accept(trigger()).run != first.run

    def test_a_run_of_an_older_version_of_the_gate_is_not_joined(self, accept: Accept, engine: Engine) -> None:
        first = accept(trigger())
        with transaction(engine) as connection:
            gates.apply(connection, [GateFile(gate(description="changed"), "default/raw.flights.yaml")])
        assert accept(trigger()).run != first.run

    def test_many_triggers_of_one_slice_at_one_time_share_one_run(self, accept: Accept, engine: Engine) -> None:
        answers = at_one_time(lambda number: accept(trigger(slice=february(1), priority=number)))
        assert len({answer.trigger for answer in answers}) == THREADS
        with transaction(engine) as connection:
            run = connection.execute(select(tables.runs)).one()
        assert {answer.run for answer in answers} == {run.id}
        assert run.priority == THREADS - 1


class TestBatches:
    def test_are_taken_in_their_order_and_what_is_wrong_does_not_disturb_its_neighbours(self, engine: Engine, settings: Settings) -> None:
        good = trigger(slice=february(1))
        parsed: list[Trigger | Refusal] = [
            good,
            Malformed("must be JSON"),
            good,
            good.model_copy(update={"slice": february(2)}),
            trigger(slice=Slice.model_validate({"column": "nope", "equals": 1})),
            trigger(table="raw.nobody"),
        ]
        with transaction(engine) as connection:
            outcomes = inbox.take(connection, settings, [delivery(offset, one) for offset, one in enumerate(parsed)]).outcomes
        assert isinstance(outcomes[0], inbox.Accepted)
        assert outcomes[2] == inbox.Accepted(outcomes[0].trigger, outcomes[0].run, "accepted", duplicate=True)
        assert [type(outcomes[index]) for index in (1, 3, 4)] == [Malformed, Conflict, Invalid]
        assert isinstance(outcomes[5], inbox.Accepted)
        with transaction(engine) as connection:
            letters = connection.execute(select(tables.dead_letters).order_by(tables.dead_letters.c.record_offset)).all()
        assert [(letter.record_offset, letter.code, letter.field) for letter in letters] == [
            (1, "malformed", None),
            (3, "conflict", "id"),
            (4, "invalid", "slice.0.column"),
        ]

    def test_of_tables_without_gates_look_for_the_names_that_were_meant_only_so_often(self, engine: Engine, settings: Settings) -> None:
        tables_ = [f"raw.flight{number}" for number in range(gates.MOST_HINTS + 5)]
        with transaction(engine) as connection:
            inbox.take(connection, settings, [delivery(offset, trigger(table=table)) for offset, table in enumerate(tables_)])
            told = [json.loads(row.value)["message"] for row in connection.execute(select(tables.outbox.c.value))]
        assert len(told) == len(tables_)
        assert all("there is no gate for table raw.flight" in message for message in told)
        assert sum("did you mean `raw.flights`?" in message for message in told) == gates.MOST_HINTS

    def test_one_that_the_database_cannot_hold_becomes_a_dead_letter_alone(self, engine: Engine, settings: Settings) -> None:
        poison = trigger(metadata={"x": "\x00"})
        batch = [delivery(0, trigger()), delivery(1, poison), delivery(2, trigger())]
        with pytest.raises(Unstorable), transaction(engine) as connection:
            inbox.take(connection, settings, batch)
        with transaction(engine) as connection:
            outcomes = inbox.take_each(connection, settings, batch).outcomes
        assert isinstance(outcomes[0], inbox.Accepted)
        assert isinstance(outcomes[1], Unstorable)
        assert isinstance(outcomes[2], inbox.Accepted)
        with transaction(engine) as connection:
            letter = connection.execute(select(tables.dead_letters)).one()
            assert count(connection, tables.triggers) == 2
        assert (letter.record_offset, letter.code, letter.event_id) == (1, "unstorable", poison.id)

    @pytest.mark.parametrize("take", [inbox.take, inbox.take_each])
    def test_note_how_far_the_door_has_come_and_never_go_back(
        self, engine: Engine, settings: Settings, take: Callable[[Connection, Settings, Sequence[inbox.Delivery]], inbox.Taken]
    ) -> None:
        def expected(*offsets: int) -> Mapping[int, int]:
            with transaction(engine) as connection:
                return take(connection, settings, [delivery(offset, Malformed("must be JSON")) for offset in offsets]).expected

        assert expected(4, 5) == {}
        assert expected(6, 7, 8) == {0: 6}
        assert expected(5) == {0: 9}
        assert expected(9) == {0: 9}

    def test_with_the_same_triggers_in_opposite_orders_do_not_block_each_other(self, engine: Engine, settings: Settings) -> None:
        triggers = [trigger(id=f"id-{number}", slice=february(number % 28 + 1)) for number in range(40)]

        def take(number: int) -> None:
            ordered = triggers if number % 2 else triggers[::-1]
            with transaction(engine) as connection:
                inbox.take(connection, settings, [delivery(offset, one) for offset, one in enumerate(ordered)])

        assert at_one_time(take) == [None] * THREADS
        with transaction(engine) as connection:
            assert count(connection, tables.triggers) == 40
            assert count(connection, tables.runs) == 28


class TestRefusing:
    def refuse(self, engine: Engine, settings: Settings, refused: KafkaRecord, refusal: Refusal) -> None:
        with transaction(engine) as connection:
            inbox.refuse(connection, settings, inbox.RefusedRecord(refused, Legible(table="raw.flights", correlation_id="c-1")), refusal)

    def test_keeps_the_record_publishes_it_and_answers_its_sender(self, engine: Engine, settings: Settings) -> None:
        refused = record(7, b'{"id": "a"}', headers=(("h", b"1"), ("raw", b"\xff"), ("none", None)))
        self.refuse(engine, settings, refused, Invalid("is required", field="table", event_id="a", event_source="s"))
        with transaction(engine) as connection:
            letter = connection.execute(select(tables.dead_letters)).one()
            published, answer = connection.execute(select(tables.outbox).order_by(tables.outbox.c.seq)).all()
        assert (letter.topic, letter.partition, letter.record_offset, letter.key, letter.value) == ("t", 0, 7, b"k", b'{"id": "a"}')
        assert (letter.reason, letter.event_id, letter.event_source, letter.value_bytes) == ("is required", "a", "s", 11)
        assert (published.topic, published.key, published.value) == (settings.kafka_dead_letters_topic, b"k", b'{"id": "a"}')
        headers = dict(published.headers)
        assert headers["h"] == "1"
        assert headers["raw"] == {"base64": "/w=="}
        assert headers["none"] is None
        assert (headers["dlq.topic"], headers["dlq.partition"], headers["dlq.offset"]) == ("t", "0", "7")
        assert (headers["dlq.code"], headers["dlq.field"], headers["dlq.message"]) == ("invalid", "table", "table: is required")
        assert answer.id == f"{refused.position_key}-refused"
        assert b'"state":"refused"' in answer.value
        assert b'"trigger_id":"a"' in answer.value
        assert dict(answer.headers)["ce_correlationid"] == "c-1"

    def test_the_same_record_twice_is_one_dead_letter_and_one_answer(self, engine: Engine, settings: Settings) -> None:
        for _ in range(2):
            self.refuse(engine, settings, record(7), Malformed("must be JSON", event_id="a", event_source="s"))
        with transaction(engine) as connection:
            assert count(connection, tables.dead_letters) == 1
            assert count(connection, tables.outbox) == 2

    def test_the_same_offset_of_a_topic_made_anew_is_another_record(self, engine: Engine, settings: Settings) -> None:
        others: list[dict[str, Any]] = [{}, {"topic_id": "j"}, {"timestamp_ms": 2}, {"value": b"y"}]
        for other in others:
            self.refuse(engine, settings, record(7, **other), Malformed("must be JSON"))
        with transaction(engine) as connection:
            assert count(connection, tables.dead_letters) == len(others)

    def test_long_bytes_are_cut(self, engine: Engine, make_settings: SettingsMaker) -> None:
        settings = make_settings(dead_letter_bytes=300)
        long = record(7, b"v" * 2_000_000, key=b"k" * 1000, headers=(("a", b"1" * 200), ("b", b"2" * 200)))
        self.refuse(engine, settings, long, Malformed("must be JSON"))
        with transaction(engine) as connection:
            letter = connection.execute(select(tables.dead_letters)).one()
            published = connection.execute(select(tables.outbox)).one()
        assert (len(letter.key), len(letter.value), letter.value_bytes) == (300, 300, 2_000_000)
        assert (len(published.key), len(published.value)) == (300, 300)
        assert [name for name, _ in published.headers if not name.startswith("dlq.")] == ["a"]
        assert dict(published.headers)["dlq.value_bytes"] == "2000000"

    def test_nothing_is_too_odd_to_be_kept(self, engine: Engine, settings: Settings) -> None:
        odd = record(7, None, key=None, headers=(("na\x00me", b"a\x00b"), ("h", b"\xff\x00")))
        self.refuse(engine, settings, odd, Invalid("no \x00 such \ud800 field", field="\x00\udfff", event_id="\x00", event_source="\ud800"))
        with transaction(engine) as connection:
            letter = connection.execute(select(tables.dead_letters)).one()
        assert letter.value is None
        assert letter.value_bytes is None
        assert "such" in letter.reason
