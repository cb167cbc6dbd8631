"""From bytes to a trigger or to a refusal, and to nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stringx.errors import Invalid, Malformed, Refusal, TooLarge
from stringx.model import Engine, Predicate, Slice, Trigger, TriggerBody
from stringx.settings import Settings
from stringx.triggers.parse import legible, parse_record
from stringx.triggers.record import KafkaRecord
from stringx.triggers.strict_json import MAX_DEPTH, parse_json

SETTINGS = Settings()
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BODY = {"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-08"}}
EVENT = {"specversion": "1.0", "id": "e1", "source": "/etl", "type": "loaded", "data": BODY}
BINARY = {"ce_specversion": b"1.0", "ce_id": b"e1", "ce_source": b"/etl", "ce_type": b"loaded"}


def record(value: object, headers: dict[str, bytes | None] | None = None, **fields: Any) -> KafkaRecord:
    raw = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    given: dict[str, Any] = {"topic": "t", "topic_id": "i", "partition": 2, "offset": 7, "timestamp_ms": 5, "key": None}
    return KafkaRecord(value=raw, headers=tuple((headers or {}).items()), **(given | fields))


def parse(value: object, headers: dict[str, bytes | None] | None = None, **fields: Any) -> Trigger:
    return parse_record(record(value, headers, **fields), SETTINGS)


def refused(value: object, headers: dict[str, bytes | None] | None = None, **fields: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parse(value, headers, **fields)
    return caught.value


class TestPlainJson:
    def test_gets_defaults_for_what_it_leaves_out(self) -> None:
        trigger = parse({"table": "raw.flights"})
        assert (trigger.workspace, trigger.source, trigger.slice, trigger.metadata) == ("default", "kafka:t", Slice(()), {})
        assert (trigger.reply_to, trigger.priority, trigger.traceparent, trigger.correlation_id) == (None, None, None, None)
        assert trigger.position is not None
        assert (trigger.position.partition, trigger.position.offset) == (2, 7)

    def test_says_all_of_it(self) -> None:
        body = {**BODY, "id": "a", "source": "s", "workspace": "w", "reply_to": "r", "priority": 5, "metadata": {"k": [1]}}
        trigger = parse(body)
        assert (trigger.id, trigger.source, trigger.workspace, trigger.reply_to, trigger.priority) == ("a", "s", "w", "r", 5)
        assert (str(trigger.slice), trigger.metadata) == ("flight_date = 2013-02-08", {"k": [1]})

    @pytest.mark.parametrize("engine", Engine)
    def test_may_name_the_engine_of_its_run(self, engine: Engine) -> None:
        assert parse({**BODY, "engine": engine.value}).engine is engine
        assert parse(BODY).engine is parse({**BODY, "engine": None}).engine is None

    def test_that_names_no_engine_has_the_fingerprint_that_it_had_before_there_was_one(self) -> None:
        plain = parse({**BODY, "priority": 5, "metadata": {"k": [1]}})
        assert plain.content_fingerprint == "991970fec0d480a579466b8a7ab923a7"
        others = {plain.model_copy(update={"engine": engine}).content_fingerprint for engine in Engine}
        assert len({plain.content_fingerprint, *others}) == 3

    def test_may_begin_with_a_byte_order_mark(self) -> None:
        assert parse(b"\xef\xbb\xbf" + json.dumps(BODY).encode()).table == "raw.flights"

    def test_takes_its_context_from_the_headers(self) -> None:
        trigger = parse(BODY, {"TraceParent": TRACEPARENT.encode(), "correlationid": b"c", "theirs": b"\xff"})
        assert (trigger.traceparent, trigger.correlation_id) == (TRACEPARENT, "c")

    @pytest.mark.parametrize("name", ["correlationid", "correlation_id", "x-correlation-id", "X-Correlation-ID", "ce_correlationid"])
    def test_knows_the_correlation_id_by_several_names(self, name: str) -> None:
        assert parse(BODY, {name: b"c-1"}).correlation_id == "c-1"

    def test_takes_the_trace_state_from_beside_the_traceparent(self) -> None:
        both = {"traceparent": TRACEPARENT.encode(), "TraceState": b"vendor=a,other=b"}
        assert parse(BODY, both).tracestate == "vendor=a,other=b"
        assert parse(BODY, {"tracestate": b"vendor=a"}).tracestate is None, "it is of no trace"
        event = {**EVENT, "traceparent": TRACEPARENT, "tracestate": "vendor=event"}
        assert parse(event).tracestate == "vendor=event"
        assert parse(event, {"traceparent": TRACEPARENT.encode()}).tracestate is None, "it is of another trace"
        assert parse(BODY, {**BINARY, "ce_traceparent": TRACEPARENT.encode(), "ce_tracestate": b"a=1"}).tracestate == "a=1"

    @pytest.mark.parametrize("wrong", [b"", b"\xff", "a=☃".encode(), b"a=" + b"x" * 511, b"a=1\n"])
    def test_ignores_a_trace_state_that_is_none(self, wrong: bytes) -> None:
        trigger = parse(BODY, {"traceparent": TRACEPARENT.encode(), "tracestate": wrong})
        assert (trigger.traceparent, trigger.tracestate) == (TRACEPARENT, None)

    @pytest.mark.parametrize("wrong", ["", "x", TRACEPARENT.upper(), TRACEPARENT[:-1], f"{TRACEPARENT}-\x00x", f"{TRACEPARENT}-ä"])
    def test_ignores_a_traceparent_that_is_none(self, wrong: str) -> None:
        assert parse(BODY, {"traceparent": wrong.encode()}).traceparent is None

    def test_without_an_id_is_known_by_its_position(self) -> None:
        same = {parse(BODY).id, parse(BODY).id, parse(BODY, {"other": b"header"}).id}
        others = [
            {"topic": "u"},
            {"topic_id": None},
            {"topic_id": "j"},
            {"partition": 3},
            {"offset": 8},
            {"timestamp_ms": 6},
            {"value": b'{"table": "raw.planes"}'},
        ]
        assert len(same) == 1
        assert len(same | {parse_record(record(**{"value": BODY} | other), SETTINGS).id for other in others}) == len(others) + 1

    def test_the_form_of_an_identity_made_of_a_position_stays(self) -> None:
        assert parse(b'{"table": "raw.flights"}').id == "t:i:2:7:5:77c7fa15dd387fc9"

    def test_a_topic_with_the_longest_name_still_gives_an_identity(self) -> None:
        trigger = parse(BODY, topic="x" * 249, topic_id="y" * 22, offset=2**63 - 1, timestamp_ms=2**63 - 1, partition=2**31 - 1)
        assert len(trigger.id) <= 200


class TestCloudEvents:
    @pytest.mark.parametrize("content_type", [b"application/cloudevents+json", b"Application/CloudEvents+JSON; charset=UTF-8", None])
    def test_structured(self, content_type: bytes | None) -> None:
        event = {**EVENT, "traceparent": TRACEPARENT, "correlationid": "c", "someextension": 5, "subject": "raw.flights"}
        trigger = parse(event, {"content-type": content_type} if content_type else {})
        assert (trigger.id, trigger.source, trigger.table) == ("e1", "/etl", "raw.flights")
        assert (trigger.traceparent, trigger.correlation_id) == (TRACEPARENT, "c")

    def test_structured_with_binary_data(self) -> None:
        event = {name: value for name, value in EVENT.items() if name != "data"}
        assert parse({**event, "data_base64": base64.b64encode(json.dumps(BODY).encode()).decode()}).table == "raw.flights"

    def test_binary(self) -> None:
        headers = {**BINARY, "content-type": b"application/json", "ce_traceparent": TRACEPARENT.encode(), "ce_extension": b"\xff"}
        trigger = parse(BODY, headers)
        assert (trigger.id, trigger.source, trigger.table, trigger.traceparent) == ("e1", "/etl", "raw.flights", TRACEPARENT)

    def test_the_events_identity_goes_before_the_datas(self) -> None:
        data = {**BODY, "id": "inner", "source": "inner"}
        for trigger in (parse({**EVENT, "data": data}), parse(data, BINARY)):
            assert (trigger.id, trigger.source) == ("e1", "/etl")

    def test_the_headers_context_goes_before_the_events(self) -> None:
        assert parse({**EVENT, "correlationid": "event"}, {"correlationid": b"header"}).correlation_id == "header"

    @pytest.mark.parametrize(
        ("event", "field"),
        [
            ({**EVENT, "specversion": "0.3"}, "specversion"),
            ({name: value for name, value in EVENT.items() if name != "id"}, "id"),
            ({name: value for name, value in EVENT.items() if name != "source"}, "source"),
            ({name: value for name, value in EVENT.items() if name != "type"}, "type"),
            ({name: value for name, value in EVENT.items() if name != "data"}, "data"),
            ({**EVENT, "id": ""}, "id"),
            ({**EVENT, "id": 5}, "id"),
            ({**EVENT, "source": "x" * 201}, "source"),
            ({**EVENT, "datacontenttype": "text/xml"}, "datacontenttype"),
            ({**EVENT, "data_base64": "?"}, "data_base64"),
            ({**EVENT, "data_base64": 5}, "data_base64"),
            ({**EVENT, "correlationid": 5}, "correlationid"),
            ({**EVENT, "data": {"table": 5}}, "table"),
            ({**EVENT, "data": "text"}, None),
        ],
    )
    def test_structured_that_is_wrong_names_the_attribute(self, event: object, field: str | None) -> None:
        assert refused(event).field == field

    @pytest.mark.parametrize(
        ("headers", "field"),
        [
            ({"ce_id": b"1"}, "headers.ce_specversion"),
            ({**BINARY, "ce_specversion": b"2.0"}, "headers.ce_specversion"),
            ({**BINARY, "ce_id": b""}, "headers.ce_id"),
            ({**BINARY, "ce_id": b"\xff"}, "headers.ce_id"),
            ({**BINARY, "ce_id": b"a\x00"}, "headers.ce_id"),
            ({**BINARY, "content-type": b"text/plain"}, "headers.content-type"),
            ({"content-type": b"application/cloudevents-batch+json"}, "headers.content-type"),
            ({"traceparent": b"\xff"}, "headers.traceparent"),
            ({"correlationid": b"x" * 201}, "headers.correlationid"),
            ({"correlationid": b"\x00"}, "headers.correlationid"),
        ],
    )
    def test_binary_that_is_wrong_names_the_header(self, headers: dict[str, bytes | None], field: str) -> None:
        assert refused(BODY, headers).field == field

    def test_a_list_is_no_event(self) -> None:
        assert isinstance(refused([EVENT], {"content-type": b"application/cloudevents+json"}), Malformed)


class TestRefusals:
    @pytest.mark.parametrize(
        ("raw", "says"),
        [
            (b"", 'the record\'s value is empty: send the trigger as its value, a JSON object such as {"table": "raw.orders"}'),
            (b"{", "line 1, column 2"),
            (b"\xff\xfe", "must be UTF-8; byte 0"),
            (b'{"table": NaN}', "NaN is not JSON"),
            (b'{"table": -Infinity}', "-Infinity is not JSON"),
            (b'{"priority": 1e999}', "1e999 is too large"),
            (b'{"priority": 9223372036854775808}', "does not fit 64 bits"),
            (b'{"priority": -9223372036854775809}', "does not fit 64 bits"),
            (b'{"priority": ' + b"1" * 5000 + b"}", "does not fit 64 bits"),
            (b'{"a": {"b": 1, "b": 2}}', "b: stands twice"),
            (b"[" * 50_000, "nested deeper than"),
            (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested deeper than"),
        ],
    )
    def test_what_is_no_json(self, raw: bytes, says: str) -> None:
        refusal = refused(raw)
        assert isinstance(refusal, Malformed)
        assert says in str(refusal)

    def test_integers_of_64_bits_and_the_deepest_nesting_are_json(self) -> None:
        assert parse_json(b"[9223372036854775807, -9223372036854775808]") == [2**63 - 1, -(2**63)]
        assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)

    @pytest.mark.parametrize(
        ("body", "field", "says"),
        [
            ({}, "table", "is required"),
            ({"table": "raw.flights", "color": 1}, "color", "no such field; there are engine, id, metadata, priority"),
            ({"tabel": "raw.flights"}, "tabel", "no such field: did you mean `table`? There are engine, id, metadata, priority"),
            (
                {**BODY, "slice": {"colum": "a", "equals": 1}},
                "slice.0.colum",
                "did you mean `column`? There are column, equals, from, in, to",
            ),
            ({"table": 5}, "table", "must be text"),
            ({"table": "flights"}, "table", "schema.table"),
            ({"table": 'raw."flights"'}, "table", "schema.table"),
            ({"table": "raw.flights\n"}, "table", "schema.table"),
            ({"table": "raw.flights -- x"}, "table", "schema.table"),
            ({**BODY, "slice": None}, "slice", "leave it out for the whole table"),
            ({**BODY, "slice": "day = 1"}, "slice", "a predicate or a list of predicates"),
            ({**BODY, "slice": ["x"]}, "slice.0", "must be an object"),
            ({**BODY, "slice": {"column": "a"}}, "slice.0", "exactly one of 'equals', 'in', or 'from'/'to'"),
            ({**BODY, "slice": {"column": "a", "equals": 1, "to": 2}}, "slice.0", "exactly one of"),
            ({**BODY, "slice": {"column": "a", "equals": 1.5}}, "slice.0.equals", "must be text or a whole number"),
            ({**BODY, "slice": {"column": "a", "equals": True}}, "slice.0.equals", "must be text or a whole number"),
            ({**BODY, "slice": {"column": "a", "equals": {"sql": "1"}}}, "slice.0.equals", "must be text or a whole number"),
            ({**BODY, "slice": {"column": "a", "in": []}}, "slice.0.in", "must not be empty"),
            ({**BODY, "slice": {"column": "a", "in": 5}}, "slice.0.in", "must be a list"),
            ({**BODY, "slice": [{"column": "a", "equals": 1}, {"column": "b", "in": [1, None]}]}, "slice.1.in.1", "text or a whole number"),
            ({**BODY, "slice": {"column": "a", "one_of": [1]}}, "slice.0.one_of", "no such field; there are column, equals, from, in, to"),
            ({**BODY, "slice": {"column": "x" * 64, "equals": 1}}, "slice.0.column", "must not be longer than 63 characters"),
            ({**BODY, "slice": [{"column": "a", "equals": 1}] * 21}, "slice", "must have at most 20 items"),
            ({**BODY, "slice": {"column": "a", "equals": "x" * 1001}}, "slice.0.equals", "must not be longer than 1000 characters"),
            ({**BODY, "id": ""}, "id", "must not be empty"),
            ({**BODY, "id": 5}, "id", "must be text"),
            ({**BODY, "priority": "high"}, "priority", "must be a whole number"),
            ({**BODY, "priority": 1.0}, "priority", "must be a whole number"),
            ({**BODY, "priority": 101}, "priority", "must be at most 100"),
            ({**BODY, "priority": -101}, "priority", "must be at least -100"),
            ({**BODY, "engine": "duckdb"}, "engine", "must be 'prepared' or 'dbt'"),
            ({**BODY, "engine": "DBT"}, "engine", "must be 'prepared' or 'dbt'"),
            ({**BODY, "engine": 1}, "engine", "must be 'prepared' or 'dbt'"),
            ({**BODY, "metadata": []}, "metadata", "must be an object"),
            ({**BODY, "metadata": {"a": {"b": ["\x00"]}}}, "metadata.a.b.0", "NUL"),
            ({**BODY, "metadata": {"a\ud800": 1}}, "metadata.a?", "surrogate"),
            ({**BODY, "workspace": "Team A"}, "workspace", "lower-case"),
            ({**BODY, "reply_to": "a b"}, "reply_to", "Kafka topic name"),
            ({"tabel": 1, "priority": "x"}, "tabel", "(also wrong: table, priority)"),
            ([BODY], None, "must be a JSON object"),
            ("text", None, "not text"),
            (None, None, "not null"),
        ],
    )
    def test_what_is_readable_and_wrong_names_the_field_and_the_fix(self, body: object, field: str | None, says: str) -> None:
        refusal = refused(json.dumps(body).encode())
        assert isinstance(refusal, Invalid)
        assert refusal.field == field
        assert says in refusal.reason

    def test_no_value(self) -> None:
        assert "tombstone" not in str(refused(None))
        assert "tombstone" in str(refused(None, key=b"k"))

    def test_too_many_bytes(self) -> None:
        refusal = refused({**BODY, "id": "big", "metadata": {"x": "y" * 70_000}})
        assert isinstance(refusal, TooLarge)
        assert "may have 65536 bytes (STRINGX_MAX_TRIGGER_BYTES)" in refusal.reason
        assert refusal.event_id == "big"

    def test_headers_that_the_client_could_not_read(self) -> None:
        assert refused(BODY, headers_error="the name of a header must be UTF-8").field == "headers"

    def test_take_their_trace_context_along(self) -> None:
        of = record(b"oops", {"traceparent": TRACEPARENT.encode(), "tracestate": b"a=1"})
        assert (legible(of).traceparent, legible(of).tracestate) == (TRACEPARENT, "a=1")

    @pytest.mark.parametrize(
        ("value", "headers", "event_id", "source"),
        [
            ({"id": "a", "source": "s", "oops": 1}, {}, "a", "s"),
            ({"id": "a", "oops": 1}, {}, "a", "kafka:t"),
            ({**EVENT, "data": 5}, {}, "e1", "/etl"),
            (b"oops", BINARY, "e1", "/etl"),
            ({"id": 5}, {}, None, None),
            ({"id": "\ud800"}, {}, None, None),
            (b"oops", {"ce_id": b"\xff"}, None, None),
            (b"oops", {}, None, None),
            (b"[" * 9999, {}, None, None),
            (None, {}, None, None),
        ],
    )
    def test_carry_the_senders_identity_where_it_can_be_read(
        self, value: object, headers: dict[str, bytes | None], event_id: str | None, source: str | None
    ) -> None:
        refusal = refused(value, headers)
        assert (refusal.event_id, refusal.event_source) == (event_id, source)


# --- any bytes give a trigger or a refusal ----------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)
body_words = [field.alias or name for model in (TriggerBody, Predicate) for name, field in model.model_fields.items()]
event_words = ["specversion", "type", "data", "data_base64", "datacontenttype", "correlationid", "traceparent"]
words = st.sampled_from([*body_words, *event_words])
sensible = st.sampled_from(["raw.flights", "1.0", "a", 1, [1, "b"], {"column": "a", "equals": 1}, [{"column": "a", "from": 1}], {}, "e30="])
documents = st.dictionaries(words | st.text(max_size=5), sensible | json_values, max_size=8)
nested = documents.flatmap(lambda outer: documents.map(lambda inner: {**outer, "data": inner, "slice": [inner]}))
header_names = (
    st.sampled_from(["content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "traceparent", "correlationid"]) | st.text()
)
header_values = st.none() | st.binary(max_size=12) | st.sampled_from([b"1.0", b"application/cloudevents+json", b"application/json", b"a"])
headers = st.lists(st.tuples(header_names, header_values), max_size=6).map(tuple)
payloads = (
    st.none()
    | st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(value).encode())
    | documents.map(lambda value: json.dumps(value).encode())
    | nested.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
)


@settings(max_examples=600)
@given(payloads, headers, st.none() | st.binary(max_size=5))
@example(b"[" * 60_000, (), None)
@example(b'{"a":' * 10_000, (), None)
@example(b'{"table": "raw.flights", "priority": -0}', (), None)
@example(b'"\\ud800"', (), None)
def test_any_bytes_give_a_trigger_or_a_refusal(
    value: bytes | None, given_headers: tuple[tuple[str, bytes | None], ...], key: bytes | None
) -> None:
    of = KafkaRecord("t", None, 0, 1, -1, key, value, given_headers)
    legible(of)
    taken, refusal = None, None
    try:
        taken = parse_record(of, SETTINGS)
    except Refusal as caught:
        refusal = caught
    if refusal is not None:
        assert refusal.reason
        assert refusal.status in (400, 413, 422)
    if taken is not None:
        # What was taken can be written and read again, and is the same.
        assert Trigger.model_validate_json(taken.model_dump_json()) == taken
        assert taken.content_fingerprint
