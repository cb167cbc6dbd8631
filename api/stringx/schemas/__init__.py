"""JSON Schemas of what goes over Kafka, made from the models, and of gate files, shipped as files: `python -m stringx.schemas` writes
them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stringx.model import Acknowledgement, TriggerBody, Value

#: Those that are made of a model. A change that breaks readers gets a new version beside the old one.
MODELS: dict[str, type[Value]] = {"trigger.v1": TriggerBody, "verdict.v1": Acknowledgement}
#: Of gate files, whose rules' arguments are those of the library's checks.
GATE = "gate.v1"
#: The files that are made.
NAMES = (GATE, *MODELS)
FOLDER = Path(__file__).parent


def generate(name: str) -> str:
    """The text of `<name>.json` as the code has it now."""
    return json.dumps(_of_gates() if name == GATE else _of_model(name), indent=2, ensure_ascii=False) + "\n"


def path(name: str) -> Path:
    return FOLDER / f"{name}.json"


def write() -> None:
    """Writes all files anew."""
    for name in NAMES:
        path(name).write_text(generate(name), encoding="utf-8")


def _of_gates() -> dict[str, Any]:
    from stringx.gates.schema import json_schema  # only here: whoever reads the files has no need of it

    return json_schema()


def _of_model(name: str) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:stringx:schema:{name}",
        **MODELS[name].model_json_schema(),
    }
