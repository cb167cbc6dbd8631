"""What a benchmark prints: percentiles, and rows as JSON for machines or as a table for people. Pure."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Percentiles:
    """Of `n` samples, in their unit. What lies between two samples is interpolated; nothing lies beyond the largest."""

    n: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Row:
    """One line of a benchmark; its fields are the names of the JSON."""


@dataclass(frozen=True)
class Latency(Row):
    """Seconds from the start of one check of a table to its outcome."""

    tables: int
    engine: str
    n: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Step(Row):
    """Seconds, the median, that a trigger spends in one step of its way."""

    tables: int
    engine: str
    step: str
    p50: float


@dataclass(frozen=True)
class Part(Row):
    """Seconds, the median, that a part of the way takes with nothing of ours in it."""

    part: str
    p50: float


@dataclass(frozen=True)
class Throughput(Row):
    """One series of triggers, from the first one's publication until the last acknowledgement was on Kafka."""

    engine: str
    workers: int
    coalescing: bool
    triggers: int
    seconds: float
    per_second: float


@dataclass(frozen=True)
class Memory(Row):
    """Bytes of one process before and after a number of runs; `growth` is a share of what it had before."""

    engine: str
    process: str
    runs: int
    private_before: int
    private_after: int
    growth: float
    resident_after: int


@dataclass(frozen=True)
class Start(Row):
    """Seconds from a change to the first report after it."""

    tables: int
    what: str
    n: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Apply(Row):
    """Seconds of `stringx gates apply` over so many gate files."""

    gates: int
    #: of each of them
    what: str
    n: int
    p50: float
    p95: float
    p99: float


def percentiles(samples: Sequence[float]) -> Percentiles:
    """ValueError where there is no sample."""
    if not samples:
        raise ValueError("there are no samples")
    if len(samples) == 1:  # `quantiles` wants two
        return Percentiles(1, samples[0], samples[0], samples[0])
    cuts = statistics.quantiles(samples, n=100, method="inclusive")
    return Percentiles(len(samples), cuts[49], cuts[94], cuts[98])


def latency(tables: int, engine: str, samples: Sequence[float]) -> Latency:
    return Latency(tables, engine, **asdict(percentiles(samples)))


def start(tables: int, what: str, samples: Sequence[float]) -> Start:
    return Start(tables, what, **asdict(percentiles(samples)))


def apply(gates: int, what: str, samples: Sequence[float]) -> Apply:
    return Apply(gates, what, **asdict(percentiles(samples)))


def growth(before: int, after: int) -> float:
    """0.05 for five percent more."""
    return after / before - 1


def as_json(**results: Sequence[Row]) -> str:
    """One object with a list per name."""
    return json.dumps({name: [asdict(row) for row in rows] for name, rows in results.items()}, indent=1)


def as_table(rows: Sequence[Row]) -> str:
    """Columns, seconds as milliseconds, bytes as megabytes; empty where there is no row."""
    if not rows:
        return ""
    names = [field.name for field in fields(rows[0])]
    lines = [[_heading(name) for name in names], *([_cell(name, value) for name, value in asdict(row).items()] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(names))]
    texts = [type(value) is str for value in asdict(rows[0]).values()]
    return "\n".join(
        "  ".join(cell.ljust(width) if text else cell.rjust(width) for cell, width, text in zip(line, widths, texts, strict=True)).rstrip()
        for line in lines
    )


def _heading(name: str) -> str:
    if name.startswith("p") and name[1:].isdigit():
        return f"{name} ms"
    if name.startswith(("private_", "resident_")):
        return f"{name.replace('_', ' ')} MB"
    return name.replace("_", " ")


def _cell(name: str, value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() if name.startswith(("private_", "resident_")):
            return f"{value / 1e6:.1f}"
        case float() if name.startswith("p") and name[1:].isdigit():
            return f"{value * 1000:.2f}"
        case float() if name == "growth":
            return f"{value:+.1%}"
        case float():
            return f"{value:.1f}"
        case _:
            return str(value)
