"""The shipped JSON Schemas say what the models say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stringx.errors import Invalid
from stringx.model import Acknowledgement, Decision, Dimension, Kind, Mode, Outcome, Scope, Scores, Severity, Slice, Timings, VerdictName
from stringx.model.verdicts import FailingRule
from stringx.schemas import NAMES, generate, path
from stringx.settings import Settings
from stringx.triggers.parse import parse_body

TIME = "2026-01-01T00:00:00Z"

TRIGGERS: dict[str, dict[str, Any]] = {
    "the least": {"table": "raw.flights"},
    "with a database": {"table": "warehouse.raw.flights"},
    "one predicate": {"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-08"}},
    "predicates": {"table": "raw.flights", "slice": [{"column": "a", "in": [1, "b"]}, {"column": "c", "from": 1, "to": 5}]},
    "an open range": {"table": "raw.flights", "slice": {"column": "c", "from": 1}},
    "everything": {
        "table": "raw.flights",
        "slice": [],
        "id": "load-1",
        "source": "airflow/dag",
        "workspace": "team-a",
        "reply_to": "team.verdicts",
        "priority": -5,
        "engine": "dbt",
        "metadata": {"any": ["thing", {"nested": None}]},
    },
}

NOT_TRIGGERS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "table with SQL": {"table": "raw.flights; drop table x"},
    "number as table": {"table": 5},
    "unknown field": {"table": "raw.flights", "tabel": 1},
    "two forms": {"table": "raw.flights", "slice": {"column": "a", "equals": 1, "in": [1]}},
    "no form": {"table": "raw.flights", "slice": {"column": "a"}},
    "name of the program's own": {"table": "raw.flights", "slice": {"column": "a", "start": 1}},
    "a float": {"table": "raw.flights", "slice": {"column": "a", "equals": 1.5}},
    "empty list": {"table": "raw.flights", "slice": {"column": "a", "in": []}},
    "text as slice": {"table": "raw.flights", "slice": "a = 1"},
    "empty id": {"table": "raw.flights", "id": ""},
    "priority too high": {"table": "raw.flights", "priority": 101},
    "workspace in capitals": {"table": "raw.flights", "workspace": "Team"},
    "unknown engine": {"table": "raw.flights", "engine": "duckdb"},
    "topic with a blank": {"table": "raw.flights", "reply_to": "a b"},
}


def validator(name: str) -> Draft202012Validator:
    schema = json.loads(path(name).read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_what_the_code_says_now(name: str) -> None:
    assert path(name).read_text() == generate(name), "write them anew: python -m stringx.schemas"


@pytest.mark.parametrize("what", TRIGGERS)
def test_what_a_door_takes_is_valid(what: str) -> None:
    parse_body(TRIGGERS[what], settings=Settings())
    validator("trigger.v1").validate(TRIGGERS[what])


@pytest.mark.parametrize("what", NOT_TRIGGERS)
def test_what_is_not_valid_is_what_a_door_refuses(what: str) -> None:
    with pytest.raises(Invalid):
        parse_body(NOT_TRIGGERS[what], settings=Settings())
    assert not validator("trigger.v1").is_valid(NOT_TRIGGERS[what])


ACKNOWLEDGEMENTS = [
    Acknowledgement(
        state="judged",
        trigger_id="load-1",
        trigger_source="airflow",
        workspace="default",
        table="raw.flights",
        slice=Slice.model_validate({"column": "flight_date", "equals": "2013-02-08"}),
        run="0" * 32,
        attempt=1,
        mode=Mode.ASYNC,
        engine="dbt",
        gate_version=3,
        verdict=VerdictName.FAILED,
        decision=Decision.CLOSED,
        counts=dict.fromkeys(Outcome, 1),
        rows=928,
        scores=Scores(overall=50, dimensions={Dimension.VALIDITY: 99.9}),
        failing=(
            FailingRule(
                name="a", kind=Kind.BUSINESS, severity=Severity.ERROR, scope=Scope.SLICE, outcome=Outcome.FAILED, failures=5, message="m"
            ),
        ),
        timings=Timings(received_at=TIME, queued_at=TIME, started_at=TIME, finished_at=TIME, judged_at=TIME),
        project_fingerprint="f",
        correlation_id="c",
        traceparent="t",
        metadata={"a": 1},
    ),
    Acknowledgement(state="unmatched", trigger_id="a", trigger_source="s", workspace="default", table="raw.x", message="no gate"),
    Acknowledgement(state="refused", trigger_id="a", trigger_source=None, message="table: is required"),
]


@pytest.mark.parametrize("answer", ACKNOWLEDGEMENTS, ids=lambda answer: str(answer.state))
def test_every_acknowledgement_is_valid(answer: Acknowledgement) -> None:
    validator("verdict.v1").validate(answer.as_json())


def test_an_acknowledgement_with_an_unknown_verdict_is_not_valid() -> None:
    assert not validator("verdict.v1").is_valid(ACKNOWLEDGEMENTS[0].as_json() | {"verdict": "perhaps"})
