"""`stringx status`: what the backend says of itself and of its runners, and what is amiss first in words."""

from __future__ import annotations

import json

from commands import run
from served import Served

from stringx.model import RunnerStatus
from stringx.store import dispatchers, runner_replicas
from stringx.store.database import transaction


def told(served: Served, address: str, runner: str = "default", **changes: object) -> None:
    """As a dispatcher notes it."""
    status = {"boot": "b", "version": "1", "workers": 3, "free": 2, "free_by_target": {"demo": 2}, "queued_by_target": {"demo": 1}}
    status |= {"queue": 9, "targets": ("demo",), "held": (), "fingerprints": {"demo": "0123456789"}, "errors": {}, **changes}
    with transaction(served.engine) as connection:
        runner_replicas.answered(connection, runner, address, RunnerStatus.model_validate(status))


def test_a_backend_without_a_dispatcher_says_that_nothing_is_judged(served: Served) -> None:
    code, out, err = run(served, "status")
    assert (code, err) == (0, "")
    assert "0 queued, 0 executing" in out
    assert "No dispatcher is there: nothing is judged." in out
    code, out, _ = run(served, "status", "--output", "json")
    assert (code, json.loads(out)["dispatchers"]) == (0, [])


def test_a_broken_project_that_leaves_the_old_one_judging_is_told(served: Served) -> None:
    with transaction(served.engine) as connection:
        dispatchers.register(connection, "here", runners=["default"], inline_targets=[])
    told(served, "http://a:5002", errors={"demo": "Parsing Error\n  models/schema.yml"})
    told(served, "http://b:5002", fingerprints={"demo": "abcdef"})
    with transaction(served.engine) as connection:
        runner_replicas.missed(connection, "default", "http://c:5002", "no route")
    code, out, err = run(served, "status")
    assert (code, err) == (0, "")
    assert "here" in out
    (line,) = [line for line in out.splitlines() if "http://a:5002 " in line and "yes" in line]
    assert line.split() == ["default", "http://a:5002", "yes", "2", "of", "3", "1", "demo", "demo:", "01234567"]
    assert (
        "default at http://a:5002: the newest dbt project is not in charge of the target demo, the one before judges:\n"
        "Parsing Error\n  models/schema.yml\n"
    ) in out
    assert "default at http://c:5002 does not answer: no route" in out
    assert (
        "The replicas of default have 2 different dbt projects in charge of the target demo. "
        "The newest, abcdef, is given the runs while it has room.\n"
    ) in out


def test_of_the_projects_of_inline_runners_none_is_preferred(served: Served) -> None:
    told(served, "dispatcher:1", "inline")
    told(served, "dispatcher:2", "inline", fingerprints={"demo": "abcdef"})
    code, out, err = run(served, "status")
    assert (code, err) == (0, "")
    assert out.endswith("The replicas of inline have 2 different dbt projects in charge of the target demo.\n")
