"""`stringx dead-letters [ID]`: Kafka records that were refused, and why."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import click

from stringx import settings
from stringx.cli import connection
from stringx.cli.output import console, output_option, print_json, print_table
from stringx.cli.tables import cell, clock
from stringx.model import Bytes, DeadLetter, DeadLetterPage, DeadLetterSummary


class _LetterId(click.ParamType[int]):
    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not str(value).isdecimal():
            self.fail(f"{value!r}: ids of dead letters are numbers; `stringx dead-letters` lists them", param, ctx)
        return int(value)


@click.command()
@click.argument("letter", metavar="[ID]", type=_LetterId(), required=False)
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many.")
@click.option("--cursor", help="The page after the one whose `next` this is.")
@output_option
def dead_letters(letter: int | None, limit: int, cursor: str | None, output: str) -> None:
    """List refused records, the newest first; with an ID show one with its bytes."""
    with connection.api(settings.load()) as api:
        found = api.dead_letters(limit=limit, cursor=cursor) if letter is None else api.dead_letter(letter)
    if output == "json":
        print_json(found.as_json())
    elif isinstance(found, DeadLetterPage):
        columns = ("id", "received", "topic", "partition", "offset", "code", "field", "reason", "event id")
        rows = [_row(one) for one in found.dead_letters]
        print_table(columns, rows, optional=("event id", "partition", "offset", "topic"), below="reason")
        if found.next is not None:
            click.echo(f"older ones: --cursor {found.next}", err=True)
    else:
        _print_letter(found)


def _row(one: DeadLetterSummary) -> tuple[object, ...]:
    return one.id, clock(one.received_at), one.topic, one.partition, one.offset, one.code, one.field, one.reason, one.event_id


def _print_letter(letter: DeadLetter) -> None:
    out = console()
    field = f" ({letter.field})" if letter.field else ""
    out.print(cell(f"{letter.code}{field}: {letter.reason}"))
    place = f"{letter.topic}, partition {letter.partition}, offset {letter.offset}"
    out.print(cell(f"{place}, received {letter.received_at.astimezone():%Y-%m-%d %H:%M:%S}"))
    if letter.event_id:
        out.print(cell(f"event {letter.event_id} from {letter.event_source}"))
    out.print(cell(f"key: {_shown(letter.key)}"))
    if letter.headers:
        print_table(("header", "value"), letter.headers)
    if letter.value is None:
        out.print("no value")
        return
    kept = _size(letter.value)
    cut = letter.value_bytes is not None and kept < letter.value_bytes
    out.print(f"value, the first {kept} of its {letter.value_bytes} bytes; the rest was not kept:" if cut else f"value, of {kept} bytes:")
    out.print(cell(_shown(letter.value)), soft_wrap=True)


def _size(content: Bytes) -> int:
    return len(content.text.encode()) if content.text is not None else len(b64decode(content.base64 or ""))


def _shown(content: Bytes | None) -> str:
    if content is None:
        return "none"
    return content.text if content.text is not None else f"base64 {content.base64}"
