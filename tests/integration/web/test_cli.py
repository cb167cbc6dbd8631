"""The user's verbs, against a served API: what they print, and the exit code a CI job goes by."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from commands import command, judged, run
from served import RULES, Served, flights_gate
from waiting import until

from stringx import inbox
from stringx.embedded import addresses
from stringx.embedded.addresses import Addresses
from stringx.errors import Malformed
from stringx.gates.files import GateFile
from stringx.inbox import RefusedRecord
from stringx.store import gates
from stringx.store.database import transaction
from stringx.triggers.record import KafkaRecord, Legible

FLIGHTS = ("raw.flights", "--slice", "flight_date=2013-02-08")


def test_a_wait_for_an_open_gate_ends_with_0(served: Served) -> None:
    judge = judged(served, {RULES[0]: 2})
    code, out, err = run(served, "trigger", *FLIGHTS, "--wait=60")
    judge.join()
    assert (code, "accepted; waiting for its verdict: stringx run " in err) == (0, True)
    assert "open (warned): raw.flights, flight_date = 2013-02-08" in out
    assert "\x1b" not in out


def test_a_wait_for_a_closed_gate_ends_with_1_and_says_which_rules_failed(served: Served) -> None:
    judge = judged(served, {RULES[1]: 431})
    code, out, _ = run(served, "trigger", *FLIGHTS, "--wait=60")
    judge.join()
    assert code == 1
    lines = out.splitlines()
    (line,) = [line for line in lines if RULES[1] in line]
    assert {"failed", "431", "error", "business"} <= set(line.split())
    assert RULES[0] not in out  # it passed
    assert (lines[0], lines[1]) == ("closed (failed): raw.flights, flight_date = 2013-02-08", "1 failed, 1 passed")
    assert lines[-1] == f"more: stringx run {served.client.runs().runs[0].run}"


def test_a_wait_for_what_cannot_be_judged_ends_with_3(served: Served) -> None:
    judge = judged(served, status="errored", message="relation raw.flights does not exist", results=())
    code, out, _ = run(served, "trigger", *FLIGHTS, "--wait=60", "--output", "json")
    judge.join()
    answer = json.loads(out)
    assert (code, answer["verdict"], answer["decision"]) == (3, "errored", "closed")
    assert "relation raw.flights does not exist" in answer["message"]
    code, out, _ = run(served, "trigger", "raw.unknown", "--wait")
    assert (code, "no gate for table raw.unknown" in out) == (3, True)


def test_an_id_that_was_judged_before_is_told_as_such(served: Served) -> None:
    words = ("trigger", *FLIGHTS, "--id", "load-1", "--wait=60")
    judge = judged(served, {RULES[1]: 431})
    assert "before" not in run(served, *words)[1]
    judge.join()
    (first,) = served.client.runs().runs
    with transaction(served.engine) as connection:
        gates.apply(connection, [GateFile(flights_gate(timeout_seconds=60), "default/raw.flights.yaml")])
    code, out, _ = run(served, *words)
    judged_at = first.timings.judged_at
    assert judged_at is not None
    at = f"{judged_at.astimezone():%Y-%m-%d %H:%M:%S}"
    assert (code, out.splitlines()[:2]) == (
        1,
        [
            "closed (failed): raw.flights, flight_date = 2013-02-08",
            f"this id was judged before, at {at} by gate version 1 (now 2); `stringx rerun {first.run}` judges again",
        ],
    )
    assert json.loads(run(served, *words, "--output", "json")[1])["duplicate"] is True
    for before in (False, True):
        code, out, _ = run(served, "trigger", "raw.unknown", "--id", "load-2", "--wait")
        assert (code, "this id was sent before" in out) == (3, before)


def test_a_wait_that_takes_too_long_ends_with_4(served: Served) -> None:
    code, out, err = run(served, "trigger", *FLIGHTS, "--wait=0.2", "--output", "json")
    assert (code, json.loads(out)["verdict"]) == (4, None)
    assert err.splitlines()[-1] == "stringx: no verdict within 0.2 seconds"


def test_a_trigger_that_nobody_waits_for_ends_with_0(served: Served) -> None:
    code, out, _ = run(served, "trigger", *FLIGHTS, "--id", "load-1")
    assert (code, "accepted: raw.flights" in out) == (0, True)
    trigger = served.client.run(served.client.runs().runs[0].run).triggers[0]
    assert (trigger.id, trigger.source, trigger.door) == ("load-1", "cli", "cli")


def test_what_the_api_refuses_ends_with_2_and_one_line(served: Served) -> None:
    code, out, err = run(served, "trigger", "raw.flights", "--slice", "carrier=UA")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "slice.0.column" in err


def test_an_api_that_is_not_there_ends_with_3_and_one_line(served: Served) -> None:
    for words in (("trigger", "raw.flights", "--wait"), ("runs",), ("dead-letters",)):
        code, out, err = run(served, *words, STRINGX_API_URL="http://127.0.0.1:1")
        assert (code, out, len(err.splitlines())) == (3, "", 1), err
        assert "http://127.0.0.1:1" in err


def test_a_wrong_token_ends_with_2_and_does_not_show(served: Served) -> None:
    code, out, err = run(served, "runs", STRINGX_API_TOKEN="another-token-of-the-tests")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "STRINGX_API_TOKEN" in err
    assert "another-token-of-the-tests" not in err
    code, _, none = run(served, "runs", STRINGX_API_TOKEN="")
    assert (code, "STRINGX_API_TOKEN" in none) == (2, True)
    assert none != err


@pytest.mark.parametrize(
    ("content_type", "body", "came"),
    [("text/html", b"<html>", "answered 200 (text/html)"), ("application/json", b'{"hello": 1}', "answered 200 (application/json)")],
)
def test_another_service_at_the_address_is_told_with_what_came(content_type: str, body: bytes, came: str) -> None:
    class Another(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), Another) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        process = command("runs", STRINGX_API_URL=url, STRINGX_API_TOKEN="t")
        out, err = process.communicate(timeout=120)
        thread.join()
    assert (process.returncode, out, len(err.splitlines())) == (3, "", 1), err
    assert all(part in err for part in (url, came, "STRINGX_API_URL"))


def test_runs_are_listed(served: Served) -> None:
    taken = served.client.trigger({"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-08"}})
    assert taken.run is not None
    served.judge(taken.run, {RULES[1]: 431})
    served.client.trigger({"table": "raw.flights"})
    code, table, _ = run(served, "runs")
    assert (code, table.count("raw.flights")) == (0, 2)
    code, closed, _ = run(served, "runs", "--decision", "closed", "--output", "json")
    assert (code, [one["run"] for one in json.loads(closed)["runs"]]) == (0, [taken.run])
    code, page, err = run(served, "runs", "--limit", "1")
    assert (code, page.count("raw.flights")) == (0, 1)
    assert "--cursor" in err
    cursor = err.split()[-1]
    assert taken.run[:8] in run(served, "runs", "--cursor", cursor)[1]


def test_a_run_is_shown_with_rules_counts_rows_and_sql(served: Served) -> None:
    taken = served.client.trigger({"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-08"}})
    assert taken.run is not None
    served.judge(taken.run, {RULES[1]: 431})
    code, out, err = run(served, "run", taken.run[:8])
    assert (code, err) == (0, "")
    for shown in (
        "closed",
        "failed",
        "flight_date = 2013-02-08",
        RULES[0],
        RULES[1],
        "431",
        "1545",
        "tailnum",
        "select * from raw.flights",
    ):
        assert shown in out
    assert f"-- {RULES[0]}" not in out  # what passed needs no SQL
    code, out, _ = run(served, "run", taken.run, "--output", "json")
    assert json.loads(out) == served.client.run(taken.run).as_json()
    code, _, err = run(served, "run", "0" * 32)
    assert (code, len(err.splitlines())) == (2, 1)


def test_a_run_is_judged_again(served: Served) -> None:
    first = served.client.trigger({"table": "raw.flights", "slice": {"column": "flight_date", "equals": "2013-02-08"}})
    assert first.run is not None
    served.judge(first.run)

    def judge_the_second() -> None:
        until(lambda: served.count("runs") == 2, "the second run")
        served.judge(served.client.runs(state="queued").runs[0].run, {RULES[1]: 431})

    judge = threading.Thread(target=judge_the_second)
    judge.start()
    code, out, err = run(served, "rerun", first.run[:8], "--wait", "60")
    judge.join()
    assert (code, "waiting for its verdict" in err) == (1, True)
    assert out.startswith("closed (failed): raw.flights, flight_date = 2013-02-08")
    code, out, _ = run(served, "rerun", first.run, "--engine", "dbt", "--output", "json")
    assert (code, json.loads(out)["source"], json.loads(out)["engine"]) == (0, f"rerun:{first.run}", "dbt")
    assert served.count("runs") == 3
    code, out, err = run(served, "rerun", "0" * 32, "--wait")
    assert (code, out, len(err.splitlines())) == (2, "", 1)


def test_a_queued_run_is_cancelled_and_a_judged_one_is_not(served: Served) -> None:
    taken = served.client.trigger({"table": "raw.flights"})
    assert taken.run is not None
    code, out, _ = run(served, "cancel", taken.run[:8])
    assert (code, out.splitlines()[0]) == (0, "closed (cancelled): raw.flights, whole table")
    code, out, err = run(served, "cancel", taken.run)
    assert (code, out, "has its verdict already: cancelled" in err) == (2, "", True)
    leased = served.client.trigger({"table": "raw.flights"})
    assert leased.run is not None
    served.judge(taken.run)  # it claims what is queued, and judges nothing anew
    code, out, _ = run(served, "cancel", leased.run, "--output", "json")
    assert (code, json.loads(out)["run"]) == (0, leased.run)


def test_dead_letters_are_listed_and_shown(served: Served) -> None:
    record = KafkaRecord("stringx.triggers", None, 2, 7, 1, b"key", b"not json \x1b[31m\xe2\x98\x83", (("content-type", b"text/plain"),))
    with transaction(served.engine) as connection:
        inbox.refuse(connection, served.settings, RefusedRecord(record, Legible()), Malformed("must be JSON", field="table"))
    code, out, _ = run(served, "dead-letters", "--output", "json")
    (letter,) = json.loads(out)["dead_letters"]
    assert (code, letter["partition"], letter["offset"], letter["reason"]) == (0, 2, 7, "must be JSON")
    assert "must be JSON" in run(served, "dead-letters")[1]
    code, out, _ = run(served, "dead-letters", str(letter["id"]))
    assert "header" in out
    for shown in ("malformed (table): must be JSON", "partition 2, offset 7", "key: key", "text/plain", "not json"):
        assert shown in out
    assert "\x1b" not in out  # a stranger's bytes do not steer the terminal


def test_a_dead_letter_without_headers_has_no_table_of_them(served: Served) -> None:
    record = KafkaRecord("stringx.triggers", None, 2, 7, 1, b"key", b"not json", ())
    with transaction(served.engine) as connection:
        inbox.refuse(connection, served.settings, RefusedRecord(record, Legible()), Malformed("must be JSON"))
    (letter,) = served.client.dead_letters().dead_letters
    code, out, _ = run(served, "dead-letters", str(letter.id))
    assert code == 0
    assert "not json" in out
    assert "header" not in out


def test_where_nothing_was_started_it_says_what_to_do(tmp_path: Path) -> None:
    process = command("runs", STRINGX_HOME=str(tmp_path / "nothing"))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 3
    assert "STRINGX_HOME" in err


def test_the_command_finds_what_up_wrote_down(served: Served, tmp_path: Path) -> None:
    home = tmp_path / "up"
    home.mkdir()
    kinds = {"runner": "http://127.0.0.1:1", "docs": "http://127.0.0.1:1", "kafka": "127.0.0.1:1", "kafka_kind": "memory"}
    addresses.write(home, Addresses.model_validate({"api": served.url, **kinds}))
    (home / "tokens").mkdir()
    (home / "tokens" / "api").write_text(served.token + "\n")
    process = command("runs", "--output", "json", STRINGX_HOME=str(home))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, json.loads(out)) == (0, {"runs": [], "next": None}), err
    # The token of `up` is not for another address.
    process = command("runs", STRINGX_HOME=str(home), STRINGX_API_URL=served.url.replace("127.0.0.1", "localhost"))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, "no token is known" in err) == (2, True)
