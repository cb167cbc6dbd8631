"""Trigger published on Kafka → verdict committed, one at a time, and its peers in the same rounds."""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial

import figures
import lab
import psycopg
from installation import Installation, Servers, running, say
from parts import PARTS, BareParts
from peers import DbtCommand, sql_seconds
from way import STEPS, Way

#: Tables of a project that are asked for: what the engines keep of a table is there after a few rounds.
ASKED = 5
#: A command takes seconds: it is timed in every tenth round, and in five at least.
COMMAND_ROUNDS, FEWEST_COMMANDS = 10, 5
#: Between two triggers, at most: so that they do not come in step with anything that ticks.
PAUSE_SECONDS = 0.1
#: Triggers by which a gate must be with its engine.
WARM_UP = 20


class _Size:
    """One installation and its peers."""

    def __init__(self, installation: Installation, way: Way, connection: psycopg.Connection, chosen: list[str]) -> None:
        self._installation, self._way, self._connection, self.chosen = installation, way, connection, chosen
        self.tables = installation.tables
        self._command = DbtCommand(installation)
        self._statements: dict[str, list[str]] = {}
        self.samples: dict[str, list[float]] = defaultdict(list)
        self.steps: dict[str, list[list[float]]] = defaultdict(list)
        self.used: dict[str, Counter[str]] = defaultdict(Counter)

    def warm_up(self) -> None:
        """Each way once for each table, and engines until they are what the gate asks for."""
        for table in self.chosen:
            self._command.check(table)
            self._statements[table] = self._command.statements(table)
            sql_seconds(self._connection, self._statements[table])
            for engine in self._installation.engines:
                for _ in range(WARM_UP):
                    if self._way.check(engine, table)[2] == engine:
                        break
                else:
                    say(f"{self.tables} tables: raw.{table} is never executed by {engine}")

    def peers(self, *, command: bool) -> list[str]:
        return [*self._installation.engines, "sql", *(["subprocess"] if command else [])]

    def sample(self, engine: str, table: str) -> None:
        match engine:
            case "sql":
                self.samples[engine].append(sql_seconds(self._connection, self._statements[table]))
            case "subprocess":
                self.samples[engine].append(self._command.check(table))
            case _:
                seconds, steps, used = self._way.check(engine, table)
                self.samples[engine].append(seconds)
                self.steps[engine].append(steps)
                self.used[engine][used] += 1


def measure(
    servers: Servers, *, sizes: Iterable[int], engines: list[str], n: int, seed: int
) -> tuple[list[figures.Latency], list[figures.Step], list[figures.Part]]:
    """All sizes run beside each other, and in each round everything is timed once, in an order of its own."""
    chance = random.Random(seed)
    with ExitStack() as stack:
        made: list[_Size] = []
        for tables in sizes:
            installation = stack.enter_context(running(servers, tables=tables, engines=engines))
            way = stack.enter_context(Way(installation))
            connection = stack.enter_context(psycopg.connect(installation.data_url, autocommit=True))
            made.append(_Size(installation, way, connection, chance.sample(lab.names(tables), min(ASKED, tables))))
        for size in made:
            say(f"{size.tables} tables: warming up")
            size.warm_up()
        bare = stack.enter_context(BareParts(installation))
        every = max(1, min(COMMAND_ROUNDS, n // FEWEST_COMMANDS))
        for number in range(n):
            if number % max(1, n // 10) == 0:
                say(f"round {number + 1} of {n}")
            turns = [
                partial(size.sample, engine, chance.choice(size.chosen))
                for size in made
                for engine in size.peers(command=number % every == 0)
            ]
            turns += [partial(bare.sample, part) for part in PARTS]
            chance.shuffle(turns)
            for turn in turns:
                time.sleep(chance.uniform(0, PAUSE_SECONDS))  # so that no series falls in step with a timer
                turn()
    for size in made:
        for engine, used in size.used.items():
            if others := {name: count for name, count in used.items() if name != engine}:
                say(f"{size.tables} tables: of {engine}'s runs, others were used for {others}; they are in its figures")
    alone = [figures.Part(part, statistics.median(samples)) for part, samples in bare.samples.items()]
    return [row for size in made for row in _latencies(size)], [row for size in made for row in _steps(size)], alone


def _latencies(size: _Size) -> list[figures.Latency]:
    return [figures.latency(size.tables, engine, size.samples[engine]) for engine in size.peers(command=True)]


def _steps(size: _Size) -> list[figures.Step]:
    """Medians of each step: they need not add up to the median of the whole."""
    return [
        figures.Step(size.tables, engine, step, statistics.median(column))
        for engine, samples in size.steps.items()
        for step, column in zip(STEPS, zip(*samples, strict=True), strict=True)
    ]
