"""The Postman collection: each of its requests is sent to a served API with the demo's gates, as Postman would."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from served import Served

from stringx.errors import Refusal
from stringx.gates import files
from stringx.model import Trigger
from stringx.settings import Settings
from stringx.store import gates
from stringx.store.database import transaction
from stringx.triggers.parse import parse_record
from stringx.triggers.record import KafkaRecord

FOLDER = Path(__file__).parents[3] / "docs" / "postman"
PAYLOADS = FOLDER / "payloads"
COLLECTION: dict[str, Any] = json.loads((FOLDER / "stringx.postman_collection.json").read_text())

EXPECTED = re.compile(r"to\.be\.oneOf\((\[[\d, ]+\])\)")
KEPT = re.compile(r'pm\.collectionVariables\.set\("(\w+)", pm\.response\.json\(\)\.(\w+)\)')
KEPT_HEADER = re.compile(r'pm\.collectionVariables\.set\("(\w+)", pm\.response\.headers\.get\("([\w-]+)"\)\)')


def requests() -> Iterator[dict[str, Any]]:
    for folder in COLLECTION["item"]:
        yield from folder["item"]


def script(item: dict[str, Any]) -> str:
    return "\n".join(line for event in item["event"] for line in event["script"]["exec"])


def test_each_request_of_the_collection_is_answered_as_it_says(served: Served) -> None:
    with transaction(served.engine) as connection:
        gates.apply(connection, files.read(served.settings.gates_dir))
    variables = {variable["key"]: variable["value"] for variable in COLLECTION["variable"]}
    variables |= {"baseUrl": served.url, "token": served.token}

    def filled(text: str) -> str:
        def value(found: re.Match[str]) -> str:
            return uuid.uuid4().hex if found[1] == "$guid" else variables[found[1]]

        return re.sub(r"\{\{([$\w]+)\}\}", value, text)

    for item in requests():
        request = item["request"]
        headers = {header["key"]: filled(header["value"]) for header in request["header"]}
        # Nobody judges here: what would wait for a verdict is not to wait for long.
        headers |= {"Prefer": "wait=0"} if "Prefer" in headers else {}
        if "auth" not in request:
            headers["Authorization"] = "Bearer " + filled(COLLECTION["auth"]["bearer"][0]["value"])
        response = httpx2.request(
            request["method"],
            filled(request["url"]["raw"]),
            headers=headers,
            content=filled(request["body"]["raw"]) if "body" in request else None,
            trust_env=False,
        )
        expected = EXPECTED.search(script(item))
        assert expected is not None, f"{item['name']} checks no status"
        assert response.status_code in json.loads(expected[1]), f"{item['name']}: {response.status_code} {response.text}"
        for name, field in KEPT.findall(script(item)):
            variables[name] = str(response.json()[field])
        for name, header in KEPT_HEADER.findall(script(item)):
            variables[name] = response.headers[header]


def test_the_collection_has_every_request_of_the_api(served: Served) -> None:
    wanted = {
        (method, re.sub(r"<\w+>", "*", rule.rule))
        for rule in served.app.url_map.iter_rules()
        for method in (rule.methods or set()) & {"GET", "POST", "PUT", "DELETE"}
    }

    def path(item: dict[str, Any]) -> str:
        named = re.sub(r"\{\{(?!baseUrl)\w+\}\}|raw\.\w+", "*", item["request"]["url"]["raw"].partition("?")[0])
        return named.replace("{{baseUrl}}", "")

    assert wanted == {(item["request"]["method"], path(item)) for item in requests()}


def test_each_payload_file_is_the_body_of_a_request() -> None:
    bodies = {item["request"]["body"]["raw"] for item in requests() if "body" in item["request"]}
    assert bodies == {file.read_text() for file in PAYLOADS.rglob("*.json")}


@pytest.mark.parametrize("file", sorted(PAYLOADS.glob("*.json")), ids=lambda file: file.stem)
def test_a_payload_is_a_record_for_kafka_too(file: Path) -> None:
    trigger = parsed(file)
    assert isinstance(trigger, Trigger)
    assert trigger.table.startswith("raw.")


@pytest.mark.parametrize("file", ["not_json", "unknown_field", "sql_as_table"])
def test_a_refused_payload_is_refused_on_kafka_too(file: str) -> None:
    with pytest.raises(Refusal):
        parsed(PAYLOADS / "refused" / f"{file}.json")


def parsed(file: Path) -> Trigger:
    record = KafkaRecord(topic="stringx.triggers", topic_id=None, partition=0, offset=0, timestamp_ms=1, key=None, value=file.read_bytes())
    return parse_record(record, Settings())
