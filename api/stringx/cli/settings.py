"""`stringx settings`: every setting, and whether this environment sets it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import click

from stringx.cli.output import output_option, print_json, print_table
from stringx.settings import PREFIX, Described, reference, unknown_settings, without_secrets


@click.command()
@output_option
def settings(output: str) -> None:
    """List the settings with their defaults, and what this environment says; secrets do not show."""
    for problem in unknown_settings(os.environ):
        click.echo(f"stringx: {problem}", err=True)
    described = [(setting, _seen(setting)) for setting in reference()]
    if output == "json":
        print_json([{**asdict(setting), "set": seen} for setting, seen in described])
        return
    print_table(
        ("variable", "default", "set to", "what it says"),
        [(setting.variable, setting.default, seen, setting.description) for setting, seen in described],
        below="what it says",
    )


def _seen(setting: Described) -> str | None:
    """What the environment says of a setting; of a secret only how it is given. None where it says nothing."""
    file = os.environ.get(f"{setting.variable}_FILE") if setting.secret else None
    if setting.secret:
        return "(secret)" if os.environ.get(setting.variable) else f"(file {file})" if file else None
    seen = os.environ.get(setting.variable) or None  # an empty variable counts as unset
    return _properties(seen) if seen and setting.variable == f"{PREFIX}KAFKA_PROPERTIES" else seen


def _properties(text: str) -> str:
    try:
        properties = json.loads(text)
    except json.JSONDecodeError:
        return "(not JSON)"
    return json.dumps(without_secrets(properties)) if isinstance(properties, dict) else "(not a JSON object)"
