"""How changes of gates are shown: what is created, changed and in which fields, withdrawn, kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from stringx.cli.output import print_json
from stringx.cli.tables import shortened
from stringx.model import GateAction, GateChange, GateDifference, canonical_json
from stringx.reasons import number

_SIGNS: dict[GateAction, str] = {"created": "+", "restored": "+", "changed": "~", "withdrawn": "-", "kept": "!", "unchanged": " "}
#: Characters of a value that a line shows; JSON has all.
_VALUE = 100


def print_changes(changes: Sequence[GateChange], *, dry_run: bool, output: str) -> None:
    if output == "json":
        print_json({"dry_run": dry_run, "changes": [one.as_json() for one in changes]})
        return
    for one in changes:
        if one.action != "unchanged":
            print_change(one)
    unchanged = sum(one.action == "unchanged" for one in changes)
    if unchanged:
        click.echo(f"{number(unchanged, 'gate')} unchanged")
    changed = sum(one.action not in ("unchanged", "kept") for one in changes)
    click.echo(f"{number(changed, 'gate')} of {len(changes)} {'would change' if dry_run else 'changed'}")


def print_change(change: GateChange) -> None:
    what = f"{change.workspace}/{change.table}: {change.action}"
    if change.action == "kept":
        reason = "the API manages it; --take-over puts the files in its place"
        click.echo(f"! {what} at version {change.version}: {reason}")
    elif change.action == "withdrawn":
        click.echo(f"- {what}, version {change.version} was the last one in force")
    else:
        click.echo(f"{_SIGNS[change.action]} {what}, version {change.version}")
    for line in _lines(change.differences):
        click.echo(f"    {line}")


def _lines(differences: Sequence[GateDifference]) -> Iterator[str]:
    for one in differences:
        if one.before is None:
            yield f"+ {one.field}: {_shown(one.after)}"
        elif one.after is None:
            yield f"- {one.field}: {_shown(one.before)}"
        else:
            yield f"~ {one.field}: {_shown(one.before)} → {_shown(one.after)}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else canonical_json(value)
    return shortened(" ".join(text.split()), _VALUE)
