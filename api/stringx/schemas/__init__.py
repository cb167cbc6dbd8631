"""JSON Schemas of what goes over Kafka, made from the models and shipped as files: `python -m stringx.schemas` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stringx.model import Acknowledgement, TriggerBody, Value

#: The files that are made, and their models. A change that breaks readers gets a new version beside the old one.
MODELS: dict[str, type[Value]] = {"trigger.v1": TriggerBody, "verdict.v1": Acknowledgement}
FOLDER = Path(__file__).parent


def generate(name: str) -> str:
    """The text of `<name>.json` as the models have it now."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:stringx:schema:{name}",
        **MODELS[name].model_json_schema(),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def path(name: str) -> Path:
    return FOLDER / f"{name}.json"


def write() -> None:
    """Writes all files anew."""
    for name in MODELS:
        path(name).write_text(generate(name), encoding="utf-8")
