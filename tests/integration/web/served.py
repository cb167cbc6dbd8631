"""The API as a program sees it: a real server in front of a real database, and the runs in it judged through dispatch's own settle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apiflask import APIFlask
from sqlalchemy import Engine, text

from stringx import dispatch
from stringx.client import Client
from stringx.model import ColumnType, DbtResult, DbtStatus, Gate, Report, ReportStatus
from stringx.settings import Settings
from stringx.store import runs
from stringx.store.database import transaction

RULES = ("tailnum_is_there", "few_are_cancelled")


def flights_gate(**changes: Any) -> Gate:
    def rule(name: str, kind: str, severity: str) -> dict[str, Any]:
        level = {"kind": kind, "dimension": "completeness", "level": "column", "severity": severity}
        return {"name": name, "check": "not_null", "column": "tailnum", **level}

    given = {
        "workspace": "default",
        "table": "raw.flights",
        "target": "demo",
        "slice_columns": {"flight_date": ColumnType.DATE, "hour": ColumnType.INTEGER},
        "reply_to": ("team.verdicts",),
        "rules": (rule(RULES[0], "engineering", "warn"), rule(RULES[1], "business", "error")),
    }
    return Gate.model_validate(given | changes)


@dataclass
class Served:
    """An API that serves, and the hand that judges its runs."""

    settings: Settings
    engine: Engine
    app: APIFlask
    url: str
    client: Client

    @property
    def token(self) -> str:
        return self.settings.required("api_token")

    @property
    def authorized(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def judge(self, run: str, failures: Mapping[str, int] | None = None, **changes: Any) -> None:
        """Claims every queued run and settles `run` with these failures by rule, as a dispatcher does; the others stay leased."""
        with transaction(self.engine) as connection:
            runs.claim(
                connection,
                runner="default",
                targets=["demo"],
                limit=1000,
                address="http://runner:5002",
                boot="boot",
                dispatcher="tests",
                lease_seconds=600,
            )
        with transaction(self.engine) as connection:
            found = runs.locked(connection, run)
            assert found is not None
            now = datetime.now(UTC)
            report = Report(
                run=run,
                attempt=found.attempt,
                boot="boot",
                status=ReportStatus.COMPLETED,
                gate_fingerprint=found.gate.fingerprint,
                project_fingerprint="project",
                started_at=now,
                finished_at=now,
                results=tuple(result(rule.name, (failures or {}).get(rule.name, 0)) for rule in found.gate.rules),
            )
            dispatch.settle(connection, self.settings, [report.model_copy(update=changes)])

    def publish(self) -> None:
        """As if the outbox had been drained to Kafka."""
        with transaction(self.engine) as connection:
            connection.execute(text("update outbox set published_at = now()"))

    def count(self, table: str) -> int:
        with transaction(self.engine) as connection:
            return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())  # a table of ours


def result(rule: str, failures: int) -> DbtResult:
    return DbtResult(
        rule=rule,
        test=f"test_{rule}",
        status=DbtStatus.FAIL if failures else DbtStatus.PASS,
        failures=failures,
        message=f"Got {failures} results" if failures else None,
        sliced=True,
        sql=f"select * from raw.flights -- {rule}",  # it is shown, never run
        duration_seconds=0.25,
        columns=("flight", "tailnum") if failures else (),
        sample=((1545, None),) if failures else (),
    )
