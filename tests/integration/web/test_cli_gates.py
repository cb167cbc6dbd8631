"""`stringx gates` over HTTP: what is in force, one gate with its rules, and whether a table's data may be used."""

from __future__ import annotations

import json

from commands import run
from served import RULES, Served, flights_gate

from stringx.gates import files
from stringx.store import gates
from stringx.store.database import transaction


def test_the_gates_in_force_are_listed(served: Served) -> None:
    for words in (("gates",), ("gates", "list")):
        code, out, err = run(served, *words)
        assert (code, err) == (0, "")
        (line,) = [line for line in out.splitlines() if "raw.flights" in line]
        assert line.split() == ["default", "raw.flights", "1", "async", "demo", "2", "0", "default/raw.flights.yaml"]
    for words in (("gates", "--output", "json"), ("gates", "list", "--output", "json")):
        code, out, _ = run(served, *words)
        assert code == 0
        assert [gate["table"] for gate in json.loads(out)["gates"]] == ["raw.flights"]
    code, out, _ = run(served, "gates", "list", "--workspace", "elsewhere", "--output", "json")
    assert json.loads(out) == {"gates": []}


def test_a_gate_is_shown_with_its_rules(served: Served) -> None:
    with transaction(served.engine) as connection:
        gates.apply(connection, files.read(served.settings.gates_dir))
    code, out, err = run(served, "gates", "show", "raw.flights")
    assert (code, err) == (0, "")
    for text in (
        "raw.flights, version 2",
        "carrier (text), flight_date (date), origin (text)",
        "async on demo, runner default",
        "few_flights_are_cancelled",
        'below: 0.25, condition: "dep_time is null"',
        "where dep_time is not null",
        "tag:engineering",
    ):
        assert text in out
    code, out, _ = run(served, "gates", "show", "raw.flights", "--output", "json")
    assert json.loads(out)["gate"]["rules"][0]["name"] == "flight_is_unique"
    assert "warned above 0 failures, failed above 24 failures" in run(served, "gates", "show", "raw.weather")[1]


def test_a_table_without_a_gate_is_named(served: Served) -> None:
    for verb in ("show", "status"):
        code, out, err = run(served, "gates", verb, "raw.unknown")
        assert (code, out) == (2, "")
        assert "raw.unknown" in err


def test_a_status_tells_the_newest_verdict_and_the_slices_still_closed(served: Served) -> None:
    code, out, err = run(served, "gates", "status", "raw.flights")
    assert (code, err) == (0, "")
    assert "not judged yet" in out
    closed = served.client.trigger({"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-08"}}).run
    assert closed is not None
    served.judge(closed, {RULES[1]: 472})
    newest = served.client.trigger({"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-10"}}).run
    assert newest is not None
    served.judge(newest)
    code, out, _ = run(served, "gates", "status", "raw.flights")
    first, _, rest = out.partition("Slices that are still closed:")
    assert {"open", "passed", newest} <= set(first.split())
    assert "flight_date = 2013-02-10" in first
    assert {"failed", closed} <= set(rest.split())
    assert "flight_date = 2013-02-08" in rest
    code, out, _ = run(served, "gates", "status", "raw.flights", "--output", "json")
    assert [one["run"] for one in json.loads(out)["closed"]] == [closed]


def test_the_history_of_a_gate_is_told_and_each_version_shown(served: Served) -> None:
    with transaction(served.engine) as connection:
        edited = flights_gate(priority=5, on_no_rows="closed")
        gates.apply(
            connection, [files.GateFile(edited, "default/raw.flights.yaml")], author="ann@example.org", message="closed\nwithout rows"
        )
    code, out, err = run(served, "gates", "history", "raw.flights")
    assert (code, err) == (0, "")
    newest, oldest = [line for line in out.splitlines() if "default/raw.flights.yaml" in line]
    assert newest.split()[0] == "2"
    assert "closed without rows" in newest, "a message of several lines is on its row"
    assert {"ann@example.org", "yes"} <= set(newest.split())
    assert oldest.split()[0] == "1"
    assert "yes" not in oldest
    code, out, err = run(served, "gates", "history", "raw.flights", "--limit", "1", "--output", "json")
    page = json.loads(out)
    assert [(one["version"], one["message"], one["in_force"]) for one in page["versions"]] == [(2, "closed\nwithout rows", True)]
    code, out, err = run(served, "gates", "show", "raw.flights", "--version", "1")
    assert (code, err) == (0, "")
    assert "raw.flights, version 1, not in force" in out
    assert "no rows: open" in out
    code, out, _ = run(served, "gates", "show", "raw.flights")
    assert "raw.flights, version 2\n" in "\n".join(line.rstrip() for line in out.splitlines())
    assert "by ann@example.org" in out
    assert "no rows: closed" in out
    told = json.loads(run(served, "gates", "show", "raw.flights", "--version", "1", "--output", "json")[1])
    assert (told["gate"]["on_no_rows"], told["in_force"]) == ("open", False)
    assert "has no version 3: the newest is 2" in run(served, "gates", "show", "raw.flights", "--version", "3")[2]
    with transaction(served.engine) as connection:
        gates.withdraw(connection, "default", "raw.flights", author="bob@example.org", message="no longer loaded")
    history = run(served, "gates", "history", "raw.flights")[1]
    assert "none is in force" in history
    (withdrawal,) = [line for line in history.splitlines() if "bob@example.org" in line]
    assert withdrawal.split()[:2] == ["2", "withdrawn"]
    assert "no longer loaded" in withdrawal
    shown = run(served, "gates", "show", "raw.flights", "--version", "2")[1]
    assert "by bob@example.org: no longer loaded" in shown
