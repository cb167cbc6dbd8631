"""What the commands say of why a gate is closed."""

from __future__ import annotations

from commands import judged, run
from served import RULES, Served, flights_gate, result

from stringx.gates.files import GateFile
from stringx.model import DbtStatus
from stringx.store import gates
from stringx.store.database import transaction

FLIGHTS = ("raw.flights", "--slice", "flight_date=2013-02-08")


def test_a_run_shows_first_which_rule_closed_it_and_how_much_it_found(served: Served) -> None:
    taken = served.client.trigger({"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-08"}})
    assert taken.run is not None
    served.judge(taken.run, {RULES[0]: 3, RULES[1]: 431}, rows=928)
    lines = run(served, "run", taken.run[:8])[1].splitlines()
    assert lines[:4] == [
        "closed (failed): raw.flights, flight_date = 2013-02-08, 928 rows",
        f"{RULES[1]}: 431 failures in 928 rows",
        "1 failed, 1 warned",
        "score 25: completeness 25",
    ]
    named = [line.split()[0] for line in lines[4:] if line.startswith(RULES)]
    assert named == [RULES[1], RULES[0], f"{RULES[1]}:", f"{RULES[0]}:"]  # in the table, and what is known of each


def test_what_every_check_says_is_shown_once(served: Served) -> None:
    taken = served.client.trigger({"table": "raw.flights"})
    assert taken.run is not None
    served.judge(taken.run, status="timed_out", message="not done within 300 s", results=())
    out = run(served, "run", taken.run)[1]
    assert (out.count("not done within 300 s"), out.count("not run: the run timed out")) == (1, 1)
    assert f"{RULES[0]}, {RULES[1]}: skipped" in out


def test_what_a_rule_says_is_not_said_again_by_its_run(served: Served) -> None:
    broken = tuple(
        result(rule, 0).model_copy(update={"status": DbtStatus.ERROR, "failures": None, "message": f"{rule}'s column is gone"})
        for rule in RULES
    )
    taken = served.client.trigger({"table": "raw.flights"})
    assert taken.run is not None
    served.judge(taken.run, results=broken)
    out = run(served, "run", taken.run)[1]
    assert out.splitlines()[:4] == [
        "closed (errored): raw.flights, whole table",
        f"{RULES[0]}: {RULES[0]}'s column is gone",
        f"{RULES[1]}: {RULES[1]}'s column is gone",
        "2 errored",
    ]
    assert [out.count(f"{rule}'s column is gone") for rule in RULES] == [1, 1]


DBT_ERROR = """Database Error in test destination_is_known (models/flights.yml)
  column "destt" does not exist
  LINE 12: where destt is null
                 ^
  compiled code at target/run/demo.sql"""


def test_lists_say_the_databases_own_line_of_an_error_and_the_rule_that_closed(served: Served) -> None:
    broken, failed = (served.client.trigger({"table": "raw.flights", "slice": {"column": "hour", "equals": hour}}).run for hour in (1, 2))
    assert broken is not None
    assert failed is not None
    error = result(RULES[0], 0).model_copy(update={"status": DbtStatus.ERROR, "failures": None, "message": DBT_ERROR})
    served.judge(broken, results=(error, result(RULES[1], 0)))
    served.judge(failed, {RULES[0]: 3, RULES[1]: 431})
    told = (f'{RULES[0]}: column "destt" does not exist', f"{RULES[1]}: 431 failures")
    for words in (("runs",), ("gates", "status", "raw.flights")):
        lines = run(served, *words)[1].splitlines()
        for id_, reason in zip((broken, failed), told, strict=True):
            assert [line for line in lines if id_[:8] in line and line.endswith(reason)], lines
    again = ("trigger", *FLIGHTS, "--id", "load-1", "--wait=0")
    run(served, *again)
    served.judge(served.client.runs().runs[0].run, results=(error, result(RULES[1], 0)))
    (line,) = [line for line in run(served, *again)[1].splitlines() if line.startswith(RULES[0])]
    assert line.endswith('engineering  column "destt" does not exist; not_null tailnum')
    head, *rest = run(served, "run", broken)[1].splitlines()[1:]
    assert head == told[0]
    assert "  LINE 12: where destt is null" in [line.removeprefix("  ") for line in rest]  # below, there is all of it


def test_what_closed_is_shown_with_what_the_gate_says_of_it(served: Served) -> None:
    gate = flights_gate()
    words = {"check": "share_of_rows", "column": None, "arguments": {"condition": "dep_time is null", "below": 0.25}}
    people = {"description": "Most flights leave.", "owner": "punctuality"}
    rules = (gate.rules[0], gate.rules[1].model_copy(update=words | people))
    with transaction(served.engine) as connection:
        gates.apply(connection, [GateFile(gate.model_copy(update={"rules": rules}), "default/raw.flights.yaml")])
    judge = judged(served, {RULES[0]: 3, RULES[1]: 472}, rows=930)
    code, out, _ = run(served, "trigger", *FLIGHTS, "--wait=60")
    judge.join()
    assert code == 1
    found = "472 of 930 rows (50.8 %), must be below 25 %"
    (line,) = [line for line in out.splitlines() if line.startswith(RULES[1])]
    said = ("Most flights leave.", "owner: punctuality", "share_of_rows below: 0.25, condition: dep_time is null")
    assert line.endswith("; ".join((found, "Most flights leave", *said[1:])))
    (closed,) = served.client.runs().runs
    lines = run(served, "run", closed.run)[1].splitlines()
    assert lines[1] == f"{RULES[1]}: {found}"
    place = lines.index(f"{RULES[1]}: failed, 472 failures")
    assert lines[place + 1 : place + 4] == [f"  {text}" for text in said]
    # What is applied later does not change what the run was judged by.
    with transaction(served.engine) as connection:
        gates.apply(connection, [GateFile(gate, "default/raw.flights.yaml")])
    warned, failed = served.client.run(closed.run).checks
    assert (failed.description, failed.owner, failed.demands) == ("Most flights leave.", "punctuality", said[-1].removeprefix("demands: "))
    assert (warned.description, warned.owner, warned.demands) == (None, None, "not_null tailnum")
