"""The benchmark: how long a trigger takes to its verdict, how many there can be, what that takes. docs/reference/benchmark.md."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import applying
import click
import figures
import lab
import latency as latency_
import memory as memory_
import starting
import throughput as throughput_
from installation import say, servers

from stringx.errors import GateFileErrors
from stringx.gates import files

ENGINES = ("dbt", "prepared")


class _Numbers(click.ParamType[tuple[int, ...]]):
    """`10,100`: counts, each at least two where they are tables, for a test reads a second one."""

    name = "numbers"

    def __init__(self, least: int) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            found = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of numbers: write them as 10,100", param, ctx)
        if min(found) < self._least:
            self.fail(f"{min(found)} is too few: at least {self._least}", param, ctx)
        return found


def _common(n: int, meaning: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def add(function: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.option("--output", type=click.Choice(["table", "json"]), default="table", help="For people, or for machines."),
            click.option("--seed", type=int, default=1, show_default=True, help="Of the order in which things are asked."),
            click.option("--n", type=click.IntRange(min=1), default=n, show_default=True, help=meaning),
        ):
            function = option(function)
        return function

    return add


_engines = click.option("--engine", "engines", type=click.Choice(ENGINES), multiple=True, help="Only this one; may stand twice.")
_tables = click.option(
    "--tables", type=click.IntRange(min=2), default=100, show_default=True, help="Tables of the project, six tests each."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def bench() -> None:
    """Measure StringX on this machine, with a real Postgres, Apache Kafka and its own commands as processes."""


@bench.command()
@click.option(
    "--tables", "sizes", type=_Numbers(2), default="10,100,1000", show_default=True, help="Projects of so many tables, beside each other."
)
@click.option("--breakdown", is_flag=True, help="Also the median of each step of a trigger's way, and of its parts alone.")
@_engines
@_common(100, "Rounds; in each, every engine and its peers check one table.")
def latency(sizes: tuple[int, ...], breakdown: bool, engines: tuple[str, ...], n: int, seed: int, output: str) -> None:
    """Trigger published on Kafka → verdict committed, one at a time, beside its peers."""
    chosen = _available(engines)
    with servers() as up:
        rows, steps, parts = latency_.measure(up, sizes=sizes, engines=chosen, n=n, seed=seed)
    more: dict[str, Sequence[figures.Row]] = {"breakdown": steps, "parts": parts} if breakdown else {}
    _tell(output, latency=rows, **more)


@bench.command()
@_tables
@click.option(
    "--workers",
    type=_Numbers(1),
    default="1,2,3,4",
    show_default=True,
    help="Numbers of workers of the runner, of dbt and of replays alike.",
)
@_engines
@_common(10_000, "Triggers of each series.")
def throughput(tables: int, workers: tuple[int, ...], engines: tuple[str, ...], n: int, seed: int, output: str) -> None:
    """Sustained triggers per second, acknowledgements included."""
    chosen = _available(engines)
    with servers() as up:
        rows = throughput_.measure(up, tables=tables, engines=chosen, workers=workers, n=n, seed=seed)
    _tell(output, throughput=rows)


@bench.command()
@_tables
@_engines
@_common(1_000, "Runs between the two looks.")
def memory(tables: int, engines: tuple[str, ...], n: int, seed: int, output: str) -> None:
    """What each process keeps for itself, before and after many runs."""
    chosen = _available(engines)
    with servers() as up:
        rows = memory_.measure(up, tables=tables, engines=chosen, n=n, seed=seed)
    _tell(output, memory=rows)


@bench.command()
@_tables
@_common(5, "Times that each is measured.")
def start(tables: int, n: int, seed: int, output: str) -> None:  # noqa: ARG001  # nothing here is drawn
    """The first report after the start of a runner, the death of a worker, a change of the project."""
    with servers() as up:
        rows = starting.measure(up, tables=tables, n=n)
    _tell(output, start=rows)


@bench.command()
@click.option("--gates", "count", type=click.IntRange(min=1), default=1000, show_default=True, help="Gate files.")
@_common(5, "Times that each is measured.")
def gates(count: int, n: int, seed: int, output: str) -> None:  # noqa: ARG001  # nothing here is drawn
    """Putting gate files in force that are new, unchanged, changed."""
    _tell(output, gates=applying.measure(gates=count, n=n))


def _available(asked: tuple[str, ...]) -> list[str]:
    """The engines that a gate may name in this version; one that is refused is left out, with the words of the refusal."""
    found = []
    for engine in asked or ENGINES:
        with tempfile.TemporaryDirectory() as folder:
            gate = next(iter(lab.gates(2, [engine]).items()))
            lab.write(Path(folder), dict([gate]))
            try:
                files.read(Path(folder))
            except GateFileErrors as refused:
                say(f"engine {engine} is left out, a gate that names it is refused: {refused}")
                continue
        found.append(engine)
    if not found:
        raise click.ClickException("no engine is left to be measured")
    return found


def _tell(output: str, **results: Sequence[figures.Row]) -> None:
    if output == "json":
        click.echo(figures.as_json(**results))
    else:
        click.echo("\n\n".join(figures.as_table(rows) for rows in results.values()))


if __name__ == "__main__":
    bench(prog_name="scripts/bench")
