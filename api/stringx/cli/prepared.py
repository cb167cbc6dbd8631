"""The engine of one run, as it is asked for; and which tests keep a gate whose engine is `prepared` with dbt, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from stringx.cli.output import print_table
from stringx.cli.tables import LONGEST_NAME, SHORT_ID, Short, clock, shortened
from stringx.model import Engine, PreparedUse, UnpreparedTest
from stringx.reasons import number

#: Tests that are shown; JSON has all.
SHOWN = 5

engine_option = click.option(
    "--engine", type=click.Choice([engine.value for engine in Engine]), help="Of this run: `dbt` has dbt execute it.  [default: the gate's]"
)


def engine_rows(prepared: PreparedUse | None) -> Iterator[tuple[str, object]]:
    """Rows of a gate's table: the engine that judged it last, and why that was not the one it wants. None for a gate that wants dbt."""
    if prepared is None:
        return
    if prepared.run is None:
        yield "engine", "prepared; not judged yet"
    else:
        judged = clock(prepared.judged_at)
        when = f", {judged.long}" if judged else ""
        yield "engine", f"prepared; last judged by {prepared.engine} (run {prepared.run[:SHORT_ID]}{when})"
    if prepared.unprepared:
        yield "kept with dbt", f"by {number(len(prepared.unprepared), 'test')}, see below"
    elif prepared.engine is Engine.DBT and not prepared.distrusted:
        dbts = "the first run of a shape of slice is dbt's, one that a replay gives back, and each where the runner replays none"
        yield "", f"no test keeps it with dbt: {dbts}"
    for one in prepared.distrusted:
        yield (
            "replays differed",
            f"{one.reason} (runner {one.address}, target {one.target}): dbt runs it until the project or the runner's version changes",
        )


def print_unprepared(tests: Sequence[UnpreparedTest]) -> None:
    """The first tests with their reasons; nothing where there is none."""
    if not tests:
        return
    more = f", the first {SHOWN} (--output json has all)" if len(tests) > SHOWN else ""
    click.echo(f"\nTests that keep it with dbt{more}:")
    rows = [(Short(one.test, shortened(one.test, LONGEST_NAME)), one.reason) for one in tests[:SHOWN]]
    print_table(("test", "reason"), rows, below="reason")
