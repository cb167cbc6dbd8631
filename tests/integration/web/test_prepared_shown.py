"""Which engine judged a gate last, and which tests keep it with dbt, or what a runner says of its replays: over HTTP and in the CLI."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from commands import run
from rich.console import Console
from served import Served, flights_gate

from stringx.cli import output, prepared
from stringx.gates.files import GateFile
from stringx.model import DistrustedGate, DistrustedReplays, Engine, PreparedUse, RunnerStatus, UnpreparedTest
from stringx.store import gates, runner_replicas
from stringx.store.database import transaction

REASONS = tuple((f"not_null_flights_{name}", f"its SQL is made with what may be different in each run: {name}") for name in "abcdefg")


def trigger(served: Served, day: int = 8) -> str:
    slice_ = {"column": "flight_date", "equals": f"2013-02-{day:02}"}
    found = served.client.trigger({"table": "raw.flights", "slice": slice_}).run
    assert found is not None
    return found


def apply(served: Served, **changes: Any) -> None:
    with transaction(served.engine) as connection:
        gates.apply(connection, [GateFile(flights_gate(**changes), "default/raw.flights.yaml")])


def answered(served: Served, address: str, *distrusted: DistrustedGate, runner: str = "default") -> None:
    """As a dispatcher notes it."""
    status = RunnerStatus(
        boot="b", version="0", workers=1, free=1, targets=("demo",), held=(), fingerprints={}, errors={}, distrusted={"demo": distrusted}
    )
    with transaction(served.engine) as connection:
        runner_replicas.answered(connection, runner, address, status)


def both(served: Served) -> PreparedUse:
    found = served.client.gate("raw.flights").prepared
    assert found == served.client.gate_status("raw.flights").prepared
    assert found is not None
    return found


def test_the_newest_judged_run_of_the_version_in_force_tells(served: Served) -> None:
    assert (both(served).run, both(served).engine) == (None, None)
    first = trigger(served)
    assert both(served).run is None, "it is not judged yet"
    served.judge(first, unprepared=REASONS[:2])
    told = both(served)
    assert (told.run, told.engine) == (first, Engine.DBT)
    assert told.unprepared == tuple(UnpreparedTest(test=test, reason=reason) for test, reason in REASONS[:2])
    assert told.judged_at == served.client.run(first).timings.judged_at
    assert served.client.run(first).unprepared == told.unprepared
    second = trigger(served, 9)
    assert both(served).run == first
    served.judge(second, engine=Engine.PREPARED)
    assert both(served) == PreparedUse(run=second, engine=Engine.PREPARED, judged_at=both(served).judged_at, unprepared=(), distrusted=())
    assert served.client.run(second).unprepared == ()
    assert served.client.run(first).unprepared == told.unprepared, "what a run was told stays"
    apply(served, description="another version")
    assert both(served).run is None


def test_a_run_that_was_asked_to_be_dbts_says_nothing(served: Served) -> None:
    told = trigger(served)
    served.judge(told, unprepared=REASONS[:1])
    forced = served.client.rerun(told, engine="dbt").run
    assert forced is not None
    served.judge(forced)
    assert (both(served).run, len(both(served).unprepared)) == (told, 1)


def test_a_run_that_was_cancelled_says_nothing_and_neither_does_a_gate_that_wants_dbt(served: Served) -> None:
    cancelled = trigger(served)
    served.client.cancel(cancelled)
    assert both(served).run is None
    apply(served, engine=Engine.DBT)
    served.judge(trigger(served))
    for ask in (served.client.gate, served.client.gate_status):
        assert ask("raw.flights").prepared is None
    for verb in ("show", "status"):
        assert "dbt" not in run(served, "gates", verb, "raw.flights")[1]


def test_a_gate_whose_replays_differed_is_told_as_long_as_its_runner_says_so(served: Served) -> None:
    of_gate = {"workspace": "default", "table": "raw.flights", "reason": "not_null: a replay gave fail with 3 failures where dbt gave pass"}
    this = DistrustedGate(gate_fingerprint=flights_gate().fingerprint, **of_gate)
    earlier = DistrustedGate(gate_fingerprint="an earlier version's", **of_gate)
    answered(served, "http://one:5002", earlier)
    answered(served, "http://two:5002", earlier, this)
    answered(served, "http://three:5002", this, runner="another runner")
    assert both(served).distrusted == (DistrustedReplays(address="http://two:5002", target="demo", reason=of_gate["reason"]),)
    for verb in ("show", "status"):
        out = run(served, "gates", verb, "raw.flights")[1]
        (line,) = [line for line in out.splitlines() if line.startswith("replays differed")]
        assert f" {of_gate['reason']} (runner http://two:5002, target demo): dbt runs it" in line
    answered(served, "http://two:5002")
    assert both(served).distrusted == ()


def test_an_inline_gates_replays_are_told_by_the_dispatchers_own_runner(served: Served) -> None:
    apply(served, mode="inline")
    fingerprint = flights_gate(mode="inline").fingerprint
    one = DistrustedGate(workspace="default", table="raw.flights", gate_fingerprint=fingerprint, reason="rows")
    answered(served, "dispatcher:here", one, runner="inline")
    assert [told.address for told in both(served).distrusted] == ["dispatcher:here"]


def test_people_are_shown_the_first_tests_and_machines_all_of_them(served: Served) -> None:
    for verb in ("show", "status"):
        assert "prepared; not judged yet" in run(served, "gates", verb, "raw.flights")[1]
    judged = trigger(served)
    served.judge(judged, unprepared=REASONS)
    for words in (("gates", "show", "raw.flights"), ("gates", "status", "raw.flights"), ("run", judged)):
        code, out, err = run(served, *words)
        assert (code, err) == (0, "")
        assert [test in out for test, _ in REASONS] == [True] * prepared.SHOWN + [False] * (len(REASONS) - prepared.SHOWN)
        assert REASONS[0][1] in out
        document = json.loads(run(served, *words, "--output", "json")[1])
        told = document["unprepared"] if words[0] == "run" else document["prepared"]["unprepared"]
        assert [(one["test"], one["reason"]) for one in told] == list(REASONS)
    out = run(served, "gates", "status", "raw.flights")[1]
    assert f"prepared; last judged by dbt (run {judged[:8]}" in out
    assert "by 7 tests, see below" in out


def test_the_first_run_of_a_shape_is_told_as_such_and_a_replay_needs_no_words(served: Served) -> None:
    first = trigger(served)
    served.judge(first)
    out = run(served, "gates", "status", "raw.flights")[1]
    assert "no test keeps it with dbt" in out
    assert "where the runner replays none" in out
    second = trigger(served, 9)
    served.judge(second, engine=Engine.PREPARED)
    out = run(served, "gates", "status", "raw.flights")[1]
    assert f"prepared; last judged by prepared (run {second[:8]}" in out
    assert "with dbt" not in out


def test_what_is_shown_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    told = StringIO()
    monkeypatch.setattr(output, "console", lambda: Console(file=told, force_terminal=True, no_color=True, width=80))
    long = tuple(UnpreparedTest(test=f"{test}_{'x' * 120}", reason=reason) for test, reason in REASONS)
    distrusted = DistrustedReplays(address="http://10.11.12.13:5002", target="demo", reason="a replay counted 10 rows, dbt 12")
    use = PreparedUse(run="a" * 32, engine=Engine.DBT, judged_at=None, unprepared=long, distrusted=(distrusted,))
    output.print_table(["raw.flights, version 2", ""], prepared.engine_rows(use))
    prepared.print_unprepared(long)
    lines = [line.rstrip() for line in told.getvalue().splitlines()]
    assert len(lines) > 10
    assert max(len(line) for line in lines) <= 80
