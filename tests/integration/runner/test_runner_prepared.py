"""The engine `prepared`: the first run is dbt's, the next ones are replays of what it sent, and nobody sees a difference."""

from __future__ import annotations

from typing import Any

from runner_lab import Bench, rule, wait_for

from stringx.model import DbtResult, Engine, Gate, Report


def prepared(bench: Bench, gate: Gate, slice_: object = ()) -> Report:
    """The first report that a replay gave; those before are dbt's."""
    reports: list[Report] = []

    def replayed() -> bool:
        reports.append(bench.evaluate(gate, slice_))
        return reports[-1].engine is Engine.PREPARED

    wait_for(replayed, "a run is replayed")
    return reports[-1]


def said(report: Report) -> list[dict[str, Any]]:
    """All but the times, and the names of rules' tests, which tell the gate's version."""
    return [result.model_dump(exclude={"duration_seconds", "test"}) for result in report.results]


def test_a_gate_is_replayed_after_its_first_run_and_says_the_same(bench: Bench) -> None:
    gate = bench.gate(
        rule("known", "accepted_values", column="status", arguments={"values": ["paid", "open"]}),
        rule("filled", "not_null", column="amount", severity="warn"),
        rule("keyed", "unique", column="id", scope="table"),
        select=[{"select": "tag:nightly", "kind": "business"}],
    )
    slice_ = {"column": "day", "from": "2013-02-01", "to": "2013-02-03"}
    replayed = prepared(bench, gate, slice_)
    reference = bench.evaluate(gate.model_copy(update={"engine": Engine.DBT}), slice_)
    assert reference.engine is Engine.DBT
    assert said(replayed) == said(reference)
    assert (replayed.status, replayed.rows, replayed.message) == (reference.status, reference.rows, reference.message)
