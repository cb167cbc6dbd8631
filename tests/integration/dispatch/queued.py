"""The internal database of a test with queued runs in it, and no doors: what dispatch works on."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, RowMapping, insert, text

from stringx import model
from stringx.dispatch.dispatcher import Dispatcher
from stringx.model import Door, Gate, GateVersion, Rule, Slice, Trigger
from stringx.settings import Settings
from stringx.store import tables, triggers
from stringx.store.database import transaction

#: Starts a dispatcher for the runners that it is called with.
Start = Callable[..., Dispatcher]


def stop(dispatcher: Dispatcher) -> None:
    """Stops it, unless the test has done so."""
    if not dispatcher.wait(0):
        dispatcher.close()
        assert dispatcher.join(30)


def eventually(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Waits until `condition` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def gate(table: str = "raw.flights", **changes: Any) -> Gate:
    rule = Rule(
        name="dest_not_null",
        check="not_null",
        column="dest",
        kind="engineering",
        dimension="completeness",
        level="column",
        severity="error",
    )
    return Gate(**{"workspace": "default", "table": table, "target": "demo", "rules": (rule,), "slice_columns": {"day": "date"}} | changes)


@dataclass
class Store:
    """The internal database of one test, and shorthand to fill it and look into it."""

    settings: Settings
    engine: Engine
    versions: dict[str, GateVersion] = field(default_factory=dict)

    def version(self, wanted: Gate) -> GateVersion:
        """The version of a gate, stored at the first call."""
        if wanted.fingerprint not in self.versions:
            number = sum(known.gate.table == wanted.table for known in self.versions.values()) + 1
            with transaction(self.engine) as connection:
                row = connection.execute(
                    insert(tables.gate_versions)
                    .values(
                        workspace=wanted.workspace,
                        table_name=wanted.table,
                        number=number,
                        fingerprint=wanted.fingerprint,
                        content=wanted.as_json(),
                    )
                    .returning(tables.gate_versions.c.id, tables.gate_versions.c.applied_at)
                ).one()
            self.versions[wanted.fingerprint] = GateVersion(
                id=row.id, number=number, gate=wanted, fingerprint=wanted.fingerprint, applied_at=row.applied_at
            )
        return self.versions[wanted.fingerprint]

    def queue(
        self,
        wanted: Gate | None = None,
        *,
        day: str | None = None,
        priority: int = 0,
        triggered: int = 1,
        reply_to: str | None = None,
        engine: model.Engine | None = None,
        **changes: Any,
    ) -> str:
        """Queues a run, with as many triggers; returns its id."""
        version = self.version(wanted or gate(**changes))
        part = Slice.model_validate([] if day is None else [{"column": "day", "equals": day}])
        with transaction(self.engine) as connection:
            want = triggers.WantedRun(version, part, priority, engine or version.gate.engine, "c-1", None)
            run = uuid.uuid4().hex
            new = []
            for _ in range(triggered):
                trigger = Trigger(
                    workspace="default",
                    source="tests",
                    id=uuid.uuid4().hex,
                    table=version.gate.table,
                    slice=part,
                    reply_to=reply_to,
                    priority=priority,
                    metadata={"load": 7},
                    door=Door.HTTP,
                    correlation_id="c-1",
                )
                stored = triggers.StoredTrigger(uuid.uuid4().hex, trigger.content_fingerprint, "accepted", run)
                new.append((trigger, stored))
            triggers.add(connection, new, {run: want})
        return run

    def rows(self, sql: str, **values: Any) -> list[RowMapping]:
        with transaction(self.engine) as connection:
            return list(connection.execute(text(sql), values).mappings())

    def one(self, sql: str, **values: Any) -> RowMapping:
        (row,) = self.rows(sql, **values)
        return row

    def run(self, run: str) -> RowMapping:
        return self.one("select * from runs where id = :run", run=run)

    def verdict(self, run: str) -> str | None:
        found = self.rows("select verdict from verdicts where run_id = :run", run=run)
        return str(found[0]["verdict"]) if found else None

    def attempts(self, run: str) -> list[tuple[int, str | None]]:
        rows = self.rows("select number, outcome from attempts where run_id = :run order by number", run=run)
        return [(row["number"], row["outcome"]) for row in rows]

    def judged(self, *runs: str) -> bool:
        return all(self.verdict(run) is not None for run in runs)
