"""The lab of the runner's tests: a database that is asked with plain SQL, a runner, and processes."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from stringx.model import DbtResult, Engine, Gate, Report, RunRequest, Slice, UnreadableReport
from stringx.runner.service import Runner

PROJECT = Path(__file__).parent / "project"
#: of the rule library
MACROS = Path(__file__).parent.parent.parent.parent / "dbt_project" / "macros"
INSTALLATION = "installation-of-the-tests"
TOKEN = "runner-token-of-the-tests"


@dataclass(frozen=True)
class Lab:
    """The database; `url` is its owner's."""

    url: str

    def ask(self, query: str) -> Any:
        """The only value of the only row."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]

    def change(self, statement: str) -> None:
        """Executes and commits it."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def busy_sessions(self, runner: Runner) -> int:
        """Sessions in which a runner executes something."""
        working = f"application_name like 'stringx-%-{runner.boot[:8]}-%' and state = 'active'"
        return int(self.ask(f"select count(*) from pg_stat_activity where {working}"))


@dataclass(frozen=True)
class Bench:
    """A runner, and what a test asks of it."""

    runner: Runner
    #: reports that came while another one was waited for, by installation and run
    _taken: dict[tuple[str, str], Report | UnreadableReport] = field(default_factory=dict)

    @property
    def generation(self) -> int:
        """The pid of its only generation."""
        (pid,) = generations(self.runner.boot[:8])
        return pid

    def gate(self, *rules: dict[str, Any], **fields: Any) -> Gate:
        return Gate.model_validate({"workspace": "default", "table": "raw.orders", "target": "demo", "rules": list(rules), **fields})

    def request(self, gate: Gate, slice_: object = (), **fields: Any) -> RunRequest:
        values: dict[str, Any] = {
            "run": uuid.uuid4().hex,
            "attempt": 1,
            "gate": gate,
            "gate_version": 1,
            "gate_fingerprint": gate.fingerprint,
            "slice": Slice.model_validate(slice_),
            "timeout_seconds": 60,
        }
        return RunRequest(**(values | fields))

    def report(self, run: str, *, seconds: float = 90, installation: str = INSTALLATION) -> Report:
        """Waits for the report of a run. Those of others that come are acknowledged and kept for whoever asks for them."""
        deadline = time.monotonic() + seconds
        while (taken := self._taken.pop((installation, run), None)) is None:
            assert time.monotonic() < deadline, "no report came"
            batch = self.runner.reports(installation, 1)
            self._taken.update({(installation, report.run): report for report in batch.reports})
            self.runner.acknowledge(installation, [(one.run, one.attempt) for one in (*batch.reports, *batch.lost)])
            held = {held for held, _ in self.runner.status(installation).held}
            assert run in held or (installation, run) in self._taken, "the runner no longer holds the run"
        assert isinstance(taken, Report)
        return taken

    def evaluate(self, gate: Gate, slice_: object = (), **fields: Any) -> Report:
        request = self.request(gate, slice_, **fields)
        self.runner.submit(INSTALLATION, [request])
        return self.report(request.run)


def prepared(bench: Bench, gate: Gate, slice_: object = ()) -> Report:
    """The first report that a replay gave; those before are dbt's."""
    reports: list[Report] = []

    def replayed() -> bool:
        reports.append(bench.evaluate(gate, slice_))
        return reports[-1].engine is Engine.PREPARED

    wait_for(replayed, "a run is replayed")
    return reports[-1]


def by_rule(report: Report) -> dict[str | None, DbtResult]:
    return {result.rule: result for result in report.results}


def said(report: Report) -> list[dict[str, Any]]:
    """All but the times, and the names of rules' tests, which tell the gate's version."""
    return [result.model_dump(exclude={"duration_seconds", "test"}) for result in report.results]


def with_library(project: Path) -> Path:
    """The project with the rule library beside its own tests, but for the one that the lab's has by the same name."""
    shutil.copytree(MACROS, project / "macros" / "library", ignore=shutil.ignore_patterns("unique_combination_of_columns.sql"))
    return project


def _share(name: str, expression: str, **fields: Any) -> dict[str, Any]:
    return rule(name, "expression_is_true", arguments={"expression": expression}, threshold={"error": "5%"}, **fields)


def shares_of_rows() -> list[dict[str, Any]]:
    """Rules with SQL about each row, which has a share; `id`, `amount`, `status` and `day` are columns of raw.orders."""
    return [
        _share("plain", "amount > 0"),
        _share("null_of_all", "cast(null as boolean)"),
        _share("in_no_row", "amount / 0 > 1 and false", row_condition="false"),
        _share("window", "sum(amount) over (partition by status) > 5"),
        _share("query", "amount < (select max(whole.amount) + 1 from raw.orders as whole)"),
        rule("bounds", "expression_between", arguments={"expression": "amount", "min_value": 0}, threshold={"error": "5%"}),
        rule("column", "expression_is_true", column="amount", arguments={"expression": "> 0"}, threshold={"error": "5%"}),
    ]


def shares_of_aggregates() -> list[dict[str, Any]]:
    """Rules whose aggregates, which no list of ours holds, are not as they should be: each has one value, for all rows."""
    return [
        _share("median", "percentile_cont(0.5) within group (order by amount) < -1000"),
        _share("mode", "mode() within group (order by amount) < -1000"),
        _share("quoted", '"avg"(amount) < -1000'),
        _share("correlation", "corr(id, amount) > 2"),
        _share("texts", "string_agg(status, ',') = ''"),
        _share("window_of_aggregate", "sum(regr_count(id, amount)) over () < 0"),
        rule("bounds", "expression_between", arguments={"expression": "bit_and(id)", "max_value": -1}, threshold={"error": "5%"}),
    ]


def rules_with_regexes() -> list[dict[str, Any]]:
    """`email` is the column. Two of the expressions are none, for Postgres and for DuckDB."""
    return [
        rule("fine", "expect_column_values_to_match_regex", column="email", arguments={"regex": "^o'?[a-z]+@", "flags": "i"}),
        rule("open", "expect_column_values_to_not_match_regex", column="email", arguments={"regex": "[a-z"}),
        rule("listed", "expect_column_values_to_match_regex_list", column="email", arguments={"regex_list": ["a", "(b", "c"]}),
    ]


def rule(name: str, check: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "check": check, "kind": "engineering", "dimension": "validity", "level": "column", "severity": "error", **fields}


def generations(part: str) -> list[int]:
    """The living generations that work in a folder with this part in its path.

    A worker that was forked this moment still has its generation's name, but does not lead a session.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            pid = int(process.name)
            if name(pid) == "stringx gen" and os.getsid(pid) == pid and part in str((process / "cwd").readlink()):
                found.append(pid)
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def name(pid: int) -> str:
    """As the process calls itself."""
    return Path(f"/proc/{pid}/comm").read_text().strip()


def processes(parent: int) -> list[int]:
    """The living children of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, of = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of) == parent and state != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited too long: {what}"
        time.sleep(0.02)


def end(*runners: Runner) -> None:
    for runner in runners:
        runner.close()
    for runner in runners:
        if not runner.join(20):
            runner.terminate()
            assert runner.join(20)
