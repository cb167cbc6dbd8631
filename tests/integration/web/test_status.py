"""`/v1/status` and `/metrics`: what the backend says of itself and of its runners."""

from __future__ import annotations

import httpx2
from served import RULES, Served, flights_gate
from sqlalchemy import text

from stringx.gates.files import GateFile
from stringx.metrics import CONTENT_TYPE, METRICS
from stringx.model import DistrustedGate, Engine, RunnerStatus
from stringx.store import dispatchers, gates, runner_replicas
from stringx.store.database import transaction

DISTRUSTED = DistrustedGate(
    workspace="default", table="raw.flights", gate_fingerprint=flights_gate().fingerprint, reason="a replay gave fail"
)


def metrics(served: Served) -> dict[str, float]:
    response = httpx2.get(f"{served.url}/metrics", headers=served.authorized, trust_env=False)
    assert (response.status_code, response.headers["Content-Type"]) == (200, CONTENT_TYPE)
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def trigger(served: Served, day: int) -> str:
    run = served.client.trigger({"table": "raw.flights", "slice": {"column": "flight_date", "equals": f"2013-02-{day:02}"}}).run
    assert run is not None
    return run


def change(served: Served, sql: str) -> None:
    with transaction(served.engine) as connection:
        connection.execute(text(sql))


def told(served: Served, address: str, runner: str = "default", **changes: object) -> None:
    """As a dispatcher notes it."""
    status = {
        "boot": "b",
        "version": "1",
        "workers": 3,
        "free": 2,
        "free_by_target": {"demo": 2},
        "queued_by_target": {"demo": 1},
        "queue": 9,
    }
    status |= {"targets": ("demo",), "held": (), "fingerprints": {"demo": "p"}, "errors": {}, **changes}
    with transaction(served.engine) as connection:
        runner_replicas.answered(connection, runner, address, RunnerStatus.model_validate(status))


def test_a_backend_where_nothing_happened_says_so(served: Served) -> None:
    status = served.client.status()
    assert (status.runs.queued, status.runs.leased, status.runs.oldest_queued_seconds) == (0, 0, None)
    assert (status.outbox.unpublished, status.outbox.oldest_unpublished_seconds, status.dead_letters_last_5_minutes) == (0, None, 0)
    assert (set(status.verdicts_last_5_minutes.values()), status.dispatchers, status.runners) == ({0}, (), ())
    found = metrics(served)
    assert found["stringx_runs_oldest_queued_seconds"] == found["stringx_dispatchers"] == 0
    assert {name.partition("{")[0] for name in found} == {metric.name for metric in METRICS if "address" not in metric.labels}


def test_queue_verdicts_outbox_and_dead_letters_are_counted(served: Served) -> None:
    first, second = trigger(served, 8), trigger(served, 9)
    served.judge(first, {RULES[1]: 1})  # the other one stays leased
    old = trigger(served, 10)
    trigger(served, 11)
    change(served, f"update runs set queued_at = now() - interval '1 hour' where id in ('{old}', '{second}')")
    change(served, "update outbox set created_at = now() - interval '2 hours'")
    change(
        served,
        "insert into dead_letters (id, door, position_key, code, reason, headers) values (1, 'kafka', 'a', 'c', 'r', '[]')",
    )
    status, found = served.client.status(), metrics(served)
    assert (status.runs.queued, status.runs.leased, status.outbox.unpublished, status.dead_letters_last_5_minutes) == (2, 1, 1, 1)
    assert 3600 <= (status.runs.oldest_queued_seconds or 0) < 3700
    assert 7200 <= (status.outbox.oldest_unpublished_seconds or 0) < 7300
    assert {name: count for name, count in status.verdicts_last_5_minutes.items() if count} == {"failed": 1}
    assert (found["stringx_runs_queued"], found["stringx_runs_leased"], found["stringx_dead_letters_last_5_minutes"]) == (2, 1, 1)
    assert 3600 <= found["stringx_runs_oldest_queued_seconds"] < 3700
    assert (found["stringx_outbox_unpublished"], found['stringx_verdicts_last_5_minutes{verdict="failed"}']) == (1, 1)
    served.publish()
    change(served, "update verdicts set judged_at = now() - interval '6 minutes'")
    change(served, "update dead_letters set received_at = now() - interval '6 minutes'")
    later = served.client.status()
    assert (later.outbox.unpublished, set(later.verdicts_last_5_minutes.values()), later.dead_letters_last_5_minutes) == (0, {0}, 0)


def test_the_dispatchers_that_are_there_are_named(served: Served) -> None:
    with transaction(served.engine) as connection:
        dispatchers.register(connection, "gone", runners=["default"], inline_targets=[])
        dispatchers.register(connection, "here", runners=["default", "other"], inline_targets=["demo"])
    change(served, f"update dispatchers set seen_at = now() - interval '{served.settings.lease_seconds} s' where id = 'gone'")
    (here,) = served.client.status().dispatchers
    assert (here.dispatcher, here.runners, here.inline_targets) == ("here", ("default", "other"), ("demo",))
    assert metrics(served)["stringx_dispatchers"] == 1


def test_each_replica_is_told_with_its_age_its_projects_errors_and_the_gates_that_it_does_not_replay(served: Served) -> None:
    told(served, "http://a:5002", errors={"demo": "Parsing Error\n  schema.yml"}, distrusted={"demo": (DISTRUSTED,)})
    told(served, "http://b:5002")
    told(served, "dispatcher:x", "inline")
    with transaction(served.engine) as connection:
        runner_replicas.missed(connection, "default", "http://b:5002", "connection refused")
        runner_replicas.missed(connection, "default", "http://c:5002", "no route")
    change(
        served, f"update runner_replicas set answered_at = now() - interval '{served.settings.lease_seconds} s' where address like '%b:%'"
    )
    one, two, three, inline = served.client.status().runners
    assert [replica.address for replica in (one, two, three, inline)] == ["http://a:5002", "http://b:5002", "http://c:5002", "dispatcher:x"]
    assert [replica.reachable for replica in (one, two, three, inline)] == [True, False, False, True]
    assert [replica.error for replica in (one, two, three)] == [None, "connection refused", "no route"]
    assert (one.errors, one.distrusted) == ({"demo": "Parsing Error\n  schema.yml"}, {"demo": (DISTRUSTED,)})
    assert (one.boot, one.targets, one.fingerprints, one.workers, one.free, one.queue) == ("b", ("demo",), {"demo": "p"}, 3, 2, 9)
    assert (one.free_by_target, one.queued_by_target) == ({"demo": 2}, {"demo": 1})
    assert 0 <= (one.answered_seconds_ago or 0) < served.settings.lease_seconds <= (two.answered_seconds_ago or 0)
    assert (three.boot, three.answered_seconds_ago, three.targets) == (None, None, ())
    found = metrics(served)
    for name, numbers in {"runner_up": [1, 0], "runner_project_error": [1, 0], "prepared_distrusted_gates": [1, 0]}.items():
        target = "" if name == "runner_up" else ',target="demo"'
        series = [f'stringx_{name}{{runner="default",address="http://{host}:5002"{target}}}' for host in "ab"]
        assert [found[one] for one in series] == numbers
    assert 'stringx_runner_project_error{runner="default",address="http://c:5002",target="demo"}' not in found


def test_only_gates_in_force_that_are_to_be_prepared_are_told_as_not_replayed(served: Served) -> None:
    earlier = DISTRUSTED.model_copy(update={"gate_fingerprint": "an earlier version's"})
    elsewhere = DISTRUSTED.model_copy(update={"workspace": "another backend's"})
    told(served, "http://a:5002", distrusted={"demo": (earlier, DISTRUSTED, elsewhere), "other": (earlier,)})

    def shown() -> tuple[object, float]:
        (replica,) = served.client.status().runners
        return replica.distrusted, metrics(served)[
            'stringx_prepared_distrusted_gates{runner="default",address="http://a:5002",target="demo"}'
        ]

    assert shown() == ({"demo": (DISTRUSTED,)}, 1)
    of_dbt = flights_gate(engine=Engine.DBT)
    told(served, "http://a:5002", distrusted={"demo": (DISTRUSTED.model_copy(update={"gate_fingerprint": of_dbt.fingerprint}),)})
    with transaction(served.engine) as connection:
        gates.apply(connection, [GateFile(of_dbt, "default/raw.flights.yaml")])
    assert shown() == ({}, 0)
