"""`/v1/runs`: lists, one run with its reasons, rerun and cancel."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from served import RULES, Served, flights_gate

from stringx.errors import ApiUnavailable, ConfigurationError, Conflict, Invalid, NotFound
from stringx.gates.files import GateFile
from stringx.model import Decision, Dimension, Door, Engine, Outcome, RunDetail, Scores, VerdictName
from stringx.store import gates
from stringx.store.database import transaction


def queued(served: Served, day: int, **changes: Any) -> str:
    body = {"table": "raw.flights", "slice": {"column": "flight_date", "equals": f"2013-02-{day:02}"}}
    run = served.client.trigger(body | changes).run
    assert run is not None
    return run


def test_a_run_says_why_it_is_closed(served: Served) -> None:
    run = queued(served, 8)
    served.judge(run, {RULES[0]: 2, RULES[1]: 431})
    found = served.client.run(run)
    assert (found.verdict, found.decision, found.state, found.gate_version, found.attempt) == ("failed", "closed", "done", 1, 1)
    checks = {check.name: check for check in found.checks}
    assert {name: (check.outcome, check.failures) for name, check in checks.items()} == {
        RULES[0]: (Outcome.WARNED, 2),
        RULES[1]: (Outcome.FAILED, 431),
    }
    assert checks[RULES[1]].sample == ((1545, None),)
    assert checks[RULES[1]].columns == ("flight", "tailnum")
    assert "select * from raw.flights" in (checks[RULES[1]].sql or "")
    assert [(attempt.number, attempt.outcome) for attempt in found.attempts] == [(1, "settled")]
    timings = found.timings
    assert timings.queued_at and timings.started_at and timings.judged_at  # noqa: PT018  # one fact: all are there
    assert timings.received_at <= timings.queued_at <= timings.started_at <= timings.judged_at


def test_a_run_says_how_many_rows_it_was_about(served: Served) -> None:
    counted, uncounted, waiting = queued(served, 8), queued(served, 9), queued(served, 10)
    served.judge(counted, rows=928)
    served.judge(uncounted)
    assert {run.run: run.rows for run in served.client.runs().runs} == {counted: 928, uncounted: None, waiting: None}
    assert (served.client.run(counted).rows, served.client.run(waiting).rows) == (928, None)
    document = httpx2.get(f"{served.url}/v1/runs/{uncounted}", headers=served.authorized, trust_env=False).json()
    assert document["rows"] is None, "it is there"


def test_a_run_says_its_scores(served: Served) -> None:
    good, bad, broken, waiting = (queued(served, day) for day in (8, 9, 10, 11))
    served.judge(good, rows=928)
    served.judge(bad, {RULES[0]: 2, RULES[1]: 431})
    served.judge(broken, rows=0)
    assert served.client.run(good).scores == Scores(overall=100, dimensions={Dimension.COMPLETENESS: 100})
    assert served.client.run(bad).scores == Scores(overall=25, dimensions={Dimension.COMPLETENESS: 25})
    assert (served.client.run(broken).scores, served.client.run(waiting).scores) == (None, None)


def test_the_json_of_a_run_has_every_field_of_the_contract(served: Served) -> None:
    run = queued(served, 8)
    served.judge(run, {RULES[1]: 1})
    document = httpx2.get(f"{served.url}/v1/runs/{run}", headers=served.authorized, trust_env=False).json()
    assert document == RunDetail.model_validate(document).as_json()
    fields = "run table slice mode engine verdict decision gate_version acknowledged checks state workspace timings attempts triggers"
    assert set(fields.split()) <= document.keys()
    assert document["slice"] == [{"column": "flight_date", "equals": "2013-02-08"}]
    fields = "name kind dimension level severity outcome failures scope message sql columns sample duration_seconds"
    assert set(fields.split()) <= document["checks"][0].keys()


def test_a_run_is_acknowledged_once_all_acknowledgements_of_its_triggers_are_published(served: Served) -> None:
    run = queued(served, 8)
    assert queued(served, 8, reply_to="team.verdicts") == run  # joined
    assert not served.client.run(run).acknowledged
    served.judge(run)
    assert not served.client.run(run).acknowledged
    served.publish()
    assert served.client.run(run).acknowledged
    assert len(served.client.run(run).triggers) == 2


def test_a_run_is_found_by_the_first_characters_of_its_id_and_by_no_fewer_than_8(served: Served) -> None:
    run = queued(served, 8)
    assert served.client.run(run[:8]).run == run
    assert served.client.run(run[:20].upper()).run == run
    for unknown in (run[:7], "0" * 32, "nothing!", "%00", "../gates", "☃"):
        with pytest.raises(NotFound):
            served.client.run(unknown)


def test_a_beginning_that_several_runs_share_is_409(served: Served) -> None:
    from sqlalchemy import text

    with transaction(served.engine) as connection:
        run = queued(served, 8)
        columns = "seq, workspace, table_name, version_id, slice, slice_key, mode, runner, target, engine, priority"
        copy = text(
            f"insert into runs (id, {columns}) select :id, nextval('runs_seq'), {columns.removeprefix('seq, ')} from runs where id = :run"
        )
        connection.execute(copy, {"id": run[:10] + "0" * 22, "run": run})
    with pytest.raises(Conflict) as refused:
        served.client.run(run[:10])
    assert refused.value.code == "ambiguous"
    assert served.client.run(run).run == run


def test_runs_are_listed_newest_first_page_by_page(served: Served) -> None:
    ids = [queued(served, day) for day in (1, 2, 3, 4, 5)]
    first = served.client.runs(limit=2)
    second = served.client.runs(limit=2, cursor=first.next)
    queued(served, 6)  # what comes in meanwhile does not move the pages
    third = served.client.runs(limit=2, cursor=second.next)
    assert [run.run for page in (first, second, third) for run in page.runs] == ids[::-1]
    assert third.next is None


def test_runs_are_filtered(served: Served) -> None:
    with transaction(served.engine) as connection:
        gates.apply(
            connection,
            [GateFile(flights_gate(), "default/raw.flights.yaml"), GateFile(flights_gate(workspace="team"), "team/raw.flights.yaml")],
        )
    closed, opened, waiting = queued(served, 8), queued(served, 1), queued(served, 2)
    other = queued(served, 8, workspace="team")
    served.judge(closed, {RULES[1]: 1})
    served.judge(opened)

    def found(**filters: Any) -> set[str]:
        return {run.run for run in served.client.runs(**filters).runs}

    assert found(decision="closed") == {closed}
    assert found(verdict="passed") == {opened}
    assert found(state="done") == {closed, opened}
    assert found(workspace="team") == {other}
    assert found(table="RAW.Flights", workspace="default") == {closed, opened, waiting}
    assert found(table="raw.planes") == set()


WRONG_FILTERS = ("limit=0", "limit=many", "cursor=x", "verdict=fine", "table=a b", "workspace=%00")


def test_a_filter_that_is_wrong_is_422_by_its_name(served: Served) -> None:
    for filter_ in WRONG_FILTERS:
        problem = httpx2.get(f"{served.url}/v1/runs?{filter_}", headers=served.authorized, trust_env=False)
        assert (problem.status_code, problem.json()["field"]) == (422, filter_.partition("=")[0])


def test_a_rerun_judges_the_same_slice_by_the_gate_as_it_is_now(served: Served) -> None:
    run = queued(served, 8)
    served.judge(run, {RULES[1]: 1})
    with transaction(served.engine) as connection:
        gates.apply(connection, [GateFile(flights_gate(description="another version"), "default/raw.flights.yaml")])
    again = served.client.rerun(run[:12])
    assert (again.source, again.state, again.slice) == (f"rerun:{run}", "accepted", served.client.run(run).slice)
    assert again.run not in (None, run)
    assert (served.client.run(again.run or "").gate_version, served.client.run(run).gate_version) == (2, 1)


def test_a_rerun_and_a_trigger_may_force_dbt_and_say_so(served: Served) -> None:
    run = queued(served, 8)
    served.judge(run, engine=Engine.PREPARED)
    again = served.client.rerun(run, engine="dbt")
    assert (again.engine, served.client.run(again.run or "").engine) == (Engine.DBT, Engine.DBT)
    asked = served.client.trigger({"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-08"}, "engine": "dbt"})
    assert (asked.run, served.client.trigger_state(asked.trigger).engine) == (again.run, Engine.DBT), "it joins the one that waits"
    plain = served.client.rerun(run)
    assert (plain.engine, served.client.run(plain.run or "").engine) == (None, Engine.PREPARED), "unless told otherwise, the gate's"
    problem = httpx2.post(f"{served.url}/v1/runs/{run}/rerun?engine=duckdb", headers=served.authorized, trust_env=False)
    assert (problem.status_code, problem.json()["field"]) == (422, "engine")
    assert "'prepared' or 'dbt'" in problem.json()["detail"]
    with transaction(served.engine) as connection:
        gates.apply(connection, [GateFile(flights_gate(engine=Engine.DBT), "default/raw.flights.yaml")])
    with pytest.raises(Invalid, match="has dbt execute each run"):
        served.client.rerun(run, engine="prepared")


def test_a_rerun_with_an_idempotency_key_is_done_once(served: Served) -> None:
    run = queued(served, 8)
    served.judge(run)
    url, headers = f"{served.url}/v1/runs/{run}/rerun", served.authorized | {"Idempotency-Key": "k-1"}
    first, second = (httpx2.post(url, headers=headers, trust_env=False).json() for _ in range(2))
    assert (first["run"], second["duplicate"]) == (second["run"], True)


def test_a_rerun_of_an_integer_slice_is_the_same_slice(served: Served) -> None:
    run = served.client.trigger({"table": "raw.flights", "slice": {"column": "hour", "in": [5, 12]}}).run or ""
    served.judge(run)
    again = served.client.rerun(run).run or ""
    assert served.client.run(again).slice == served.client.run(run).slice


def test_a_queued_run_that_is_cancelled_is_closed_at_once(served: Served) -> None:
    run = queued(served, 8)
    cancelled = served.client.cancel(run[:8])
    assert (cancelled.run, cancelled.verdict, cancelled.decision) == (run, VerdictName.CANCELLED, Decision.CLOSED)
    with pytest.raises(Conflict) as refused:
        served.client.cancel(run)
    assert refused.value.code == "already_judged"


def test_a_leased_run_that_is_cancelled_is_stopped_by_its_runner(served: Served) -> None:
    run, other = queued(served, 8), queued(served, 9)
    served.judge(other)  # both are claimed
    assert served.client.cancel(run).state == "leased"
    with transaction(served.engine) as connection:
        from stringx.store import runs

        assert runs.cancels_asked(connection, "http://runner:5002") == [run]


def test_the_client_says_that_nothing_answers_and_that_the_token_is_wrong(served: Served) -> None:
    from stringx.client import Client

    with Client("http://127.0.0.1:1", "x") as nobody, pytest.raises(ApiUnavailable):
        nobody.runs()
    with Client("no url at all", "x") as nobody, pytest.raises(ApiUnavailable):
        nobody.runs()
    with Client(served.url, "wrong") as stranger, pytest.raises(ConfigurationError):
        stranger.runs()
    with Client(served.url + "/elsewhere", served.token) as lost, pytest.raises(NotFound):
        lost.runs()
    with pytest.raises(Invalid):
        served.client.runs(limit=0)


def test_a_trigger_by_the_command_line_is_known_by_its_door(served: Served) -> None:
    from stringx.client import Client

    with Client(served.url, served.token, door=Door.CLI) as command:
        answer = command.trigger({"table": "raw.flights"})
    assert (answer.door, answer.source) == (Door.CLI, "cli")
