"""An acknowledgement as a Kafka record: a CloudEvent in binary mode that fits into the topic."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from stringx.acks.events import acknowledgement_record, event_id
from stringx.model import Acknowledgement, FailingRule, Timings
from stringx.settings import Settings

RECEIVED = datetime(2013, 2, 8, 6, 0, tzinfo=UTC)
JUDGED = datetime(2013, 2, 8, 6, 1, tzinfo=UTC)


def acknowledgement(**changes: Any) -> Acknowledgement:
    values: dict[str, Any] = {
        "state": "judged",
        "trigger_id": "load-7",
        "trigger_source": "a-pipeline",
        "workspace": "default",
        "table": "raw.flights",
        "timings": Timings(received_at=RECEIVED, judged_at=JUDGED),
    }
    return Acknowledgement(**(values | changes))


def failing(message: str) -> FailingRule:
    return FailingRule(name="rule", kind="business", severity="error", scope="slice", outcome="failed", failures=1, message=message)


def test_the_headers_are_a_cloud_event_in_binary_mode() -> None:
    record = acknowledgement_record(
        Settings(), acknowledgement(correlation_id="c-1", traceparent="00-a-b-01", tracestate="a=1"), "row-verdict"
    )

    assert dict(record.headers) == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": "row-verdict",
        "ce_source": "stringx/default",
        "ce_type": "stringx.verdict.v1",
        "ce_time": "2013-02-08T06:01:00+00:00",
        "ce_subject": "raw.flights",
        "ce_correlationid": "c-1",
        "traceparent": "00-a-b-01",
        "tracestate": "a=1",
    }
    assert record.key == b"raw.flights"
    assert Acknowledgement.model_validate_json(record.value).trigger_id == "load-7"


def test_what_is_not_known_has_no_header_and_no_key() -> None:
    answer = Acknowledgement(state="refused", trigger_id="load-7", trigger_source=None, message="table: must be there")
    record = acknowledgement_record(Settings(), answer, "position-refused")

    headers = dict(record.headers)
    assert record.key is None
    assert headers["ce_type"] == "stringx.trigger.refused.v1"
    assert headers["ce_source"] == "stringx/default"
    assert {"ce_subject", "ce_correlationid", "traceparent", "tracestate"}.isdisjoint(headers)


def test_an_unmatched_trigger_has_a_type_of_its_own_and_the_time_it_came() -> None:
    record = acknowledgement_record(Settings(), acknowledgement(state="unmatched", timings=Timings(received_at=RECEIVED)), "row-unmatched")

    assert dict(record.headers)["ce_type"] == "stringx.trigger.unmatched.v1"
    assert dict(record.headers)["ce_time"] == "2013-02-08T06:00:00+00:00"


def test_long_messages_are_cut() -> None:
    record = acknowledgement_record(Settings(), acknowledgement(message="m" * 5000, failing=(failing("f" * 5000),)), "row-verdict")

    value = json.loads(record.value)
    assert value["message"] == "m" * 2000 + "…"
    assert value["failing"][0]["message"] == "f" * 2000 + "…"


def test_a_record_that_would_be_too_large_goes_without_the_rules_messages() -> None:
    settings = Settings(kafka_max_record_bytes=65_536)
    record = acknowledgement_record(settings, acknowledgement(failing=(failing("f" * 2000),) * 100), "row-verdict")

    assert len(record.value) < settings.kafka_max_record_bytes
    rules = json.loads(record.value)["failing"]
    assert len(rules) == 100
    assert "message" not in rules[0]
    assert rules[0]["failures"] == 1


def test_what_is_not_unicode_is_answered_too() -> None:
    record = acknowledgement_record(Settings(), acknowledgement(state="refused", trigger_id="half \ud800"), "position-refused")
    assert json.loads(record.value)["trigger_id"] == "half ?"


def test_the_ids_of_events_never_change_their_form() -> None:
    assert [event_id("row", what) for what in ("verdict", "unmatched", "refused")] == ["row-verdict", "row-unmatched", "row-refused"]
