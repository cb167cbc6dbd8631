"""Sustained triggers per second: a backlog over many tables, verdicts and acknowledgements included."""

from __future__ import annotations

import random
from collections.abc import Iterable

import figures
import lab
import series
from installation import Servers, running, say


def measure(servers: Servers, *, tables: int, engines: list[str], workers: Iterable[int], n: int, seed: int) -> list[figures.Throughput]:
    """One installation, its runner started anew for each number of workers; the engines take turns."""
    chance = random.Random(seed)
    found = []
    with running(servers, tables=tables, engines=engines) as installation:
        names = lab.names(tables)
        for count in workers:
            installation.stop_process("runner")
            # Of both kinds: either may be what an engine waits for.
            installation.start_process("runner", RUNNER_WORKERS=str(count), RUNNER_REPLAY_WORKERS=str(count))
            installation.wait_until_ready()
            for engine in engines:
                # What is prepared is kept for each gate; the workers of dbt share all that they keep.
                warm = names if engine == "prepared" else names[: 2 * count]
                series.send(installation, engine, warm, len(warm), coalescing=False, chance=chance)
            turns = [(engine, coalescing) for engine in engines for coalescing in (True, False)]
            chance.shuffle(turns)
            for engine, coalescing in turns:
                done = series.send(installation, engine, names, n, coalescing=coalescing, chance=chance)
                row = figures.Throughput(engine, count, coalescing, n, done.seconds, n / done.seconds)
                say(f"{row}: {done.runs} runs")
                found.append(row)
    return sorted(found, key=lambda row: (row.engine, row.coalescing, row.workers))
