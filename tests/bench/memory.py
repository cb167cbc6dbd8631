"""What each process keeps for itself before and after many runs."""

from __future__ import annotations

import random

import figures
import lab
import processes
import series
from installation import Installation, Servers, running, say

from stringx.runner.messages import ROLES
from stringx.triggers.reading import BATCH_RECORDS

#: Runs of each table after which a process has made what it keeps: growth is counted from there. Of those of a gate with the engine
#: `prepared`, the first is dbt's.
SETTLED = 2


def measure(servers: Servers, *, tables: int, engines: list[str], n: int, seed: int) -> list[figures.Memory]:
    """An installation per engine, so that no engine's runs are in another's figures; its workers are never replaced."""
    chance = random.Random(seed)
    found = []
    for engine in engines:
        with running(servers, tables=tables, engines=[engine], workers=2, WORKER_MAX_RUNS=str(10 * (n + tables))) as installation:
            names = lab.names(tables)
            for _ in range(SETTLED):
                series.send(installation, engine, names, tables, coalescing=False, chance=chance)
            # As many at once as the door ever has in memory.
            series.send(installation, engine, names, BATCH_RECORDS, coalescing=False, chance=chance)
            before = _look(installation)
            series.send(installation, engine, names, n, coalescing=False, chance=chance)
            after = _look(installation)
        for name, _ in before.keys() ^ after.keys():
            say(f"{engine}: {name} is not the same process before and after: left out")
        for key in [key for key in before if key in after]:
            old, new = before[key], after[key]
            grown = figures.growth(old.private, new.private)
            found.append(figures.Memory(engine, key[0], n, old.private, new.private, grown, new.resident))
    return found


def _look(installation: Installation) -> dict[tuple[str, int], processes.Kept]:
    """By name and pid."""
    pids = [("consume", installation.pid("consume")), ("dispatch", installation.pid("dispatch")), ("runner", installation.pid("runner"))]
    pids += [("runner's server", server) for server in processes.children(installation.pid("runner"))]
    nursery, generation = processes.nursery(installation.pid("runner")), processes.generation(installation.pid("runner"))
    if nursery is None or generation is None:
        raise RuntimeError("the runner has no generation")
    pids += [("nursery", nursery), ("generation", generation)]
    for role in ROLES:
        pids += [(f"{role} worker {number}", worker) for number, worker in enumerate(processes.workers(generation, role), start=1)]
    return {(name, pid): processes.memory(pid) for name, pid in pids}
