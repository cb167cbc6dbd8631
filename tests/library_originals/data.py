"""Random tables: two that are much alike, and one of days; with nulls, repeats, odd texts and odd names."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]
Rows = list[Row]

#: Column → its type, in SQL of both databases.
COLUMNS = {
    "i": "integer",
    "j": "integer",
    "n": "numeric(12, 3)",
    "f": "double precision",
    "s": "text",
    "s2": "text",
    "g": "text",
    "h": "integer",
    "ok": "boolean",
    "d": "date",
    "t": "timestamp",
    "at": "timestamp",
    "lo": "integer",
    "hi": "integer",
    "Odd name": "text",
    "Odd n": "integer",
}

TEXTS = ["a", "A", "b", "ab", "Ab", "bb", "x1", "x2", "", " ", "ünïcode", "日本", "🙂", "it's", "%", "_", "a b", "N123", "n99", "EWR"]
DAY = dt.date(2024, 1, 1)


def tables(chance: random.Random, now: dt.datetime) -> dict[str, Rows]:
    """Rows by table. `at` lies round `now`, half an hour off any bound that whole hours and days give."""
    first = [_row(chance, number, now) for number in range(chance.choice([1, 4, 30, 30]))]
    second = [dict(row) for row in first if chance.random() < 0.9]
    for row in second:
        if chance.random() < chance.choice([0, 0.2]):
            row.update(_row(chance, 99, now))
    daily = [_of_a_day(chance, age, now) for age in range(40) if chance.random() < 0.9 for _ in range(chance.choice([1, 1, 2]))]
    return {"t": first, "u": second, "daily": daily, "e": []}


def _row(chance: random.Random, number: int, now: dt.datetime) -> dict[str, Any]:
    def maybe(value: Any) -> Any:
        return None if chance.random() < 0.15 else value

    low = number * 10 if chance.random() < 0.8 else chance.randint(0, 50)
    return {
        "i": maybe(chance.randint(-3, 6)),
        "j": maybe(chance.randint(0, 4)),
        "n": maybe(round(chance.uniform(-5, 5), chance.choice([0, 1, 3]))),
        "f": maybe(
            chance.choice([chance.uniform(-3, 3), 1.0, 0.0, float("nan")] if chance.random() < 0.3 else [chance.uniform(-3, 3), 1.0])
        ),
        "s": maybe(chance.choice(TEXTS)),
        "s2": maybe(chance.choice(TEXTS[:6])),
        "g": maybe(chance.choice(["p", "q"])),
        "h": chance.randint(1, 3),
        "ok": maybe(chance.random() < 0.7),
        "d": maybe(DAY + dt.timedelta(days=chance.choice([number, number, chance.randint(0, 40)]))),
        "t": maybe(dt.datetime.combine(DAY, dt.time()) + dt.timedelta(minutes=chance.randint(0, 4 * 24 * 60))),
        "at": maybe(now - dt.timedelta(minutes=30) - dt.timedelta(hours=chance.choice([0, 1, 26, 100, -50]))),
        "lo": low,
        "hi": low + chance.choice([10, 10, 10, 5, 15, 0]),
        "Odd name": maybe(chance.choice(TEXTS)),
        "Odd n": maybe(chance.randint(0, 9)),
    }


def _of_a_day(chance: random.Random, age: int, now: dt.datetime) -> dict[str, Any]:
    row = dict.fromkeys(COLUMNS)
    usual = chance.choice([100, 110, 90, 100, 120])
    row |= {
        "i": usual * (chance.choice([30, 0]) if chance.random() < 0.05 else 1),
        "n": usual + chance.random(),
        "g": chance.choice(["p", "q"]),
        "d": now.date() - dt.timedelta(days=age),
        "Odd n": usual,
    }
    return row


def as_sql(made: Mapping[str, Rows]) -> str:
    """SQL of both databases that makes the schema `lab` with these tables."""
    columns = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
    statements = ["create schema lab"]
    for table, rows in made.items():
        statements.append(f"create table lab.{table} ({columns})")
        if rows:
            written = ",\n".join("(" + ", ".join(_literal(row[name], kind) for name, kind in COLUMNS.items()) + ")" for row in rows)
            statements.append(f"insert into lab.{table} values\n{written}")  # made here, of data made here
    return ";\n".join(statements) + ";\n"


def _literal(value: Any, kind: str) -> str:
    if value is None:
        return "null"
    return f"cast('{str(value).replace(chr(39), chr(39) * 2)}' as {kind})"
