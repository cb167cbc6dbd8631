"""`/v1/gates`, whether a table's data may be used, and `/v1/dead-letters`."""

from __future__ import annotations

import base64

import httpx2
import pytest
from served import RULES, Served, flights_gate

from stringx import inbox
from stringx.errors import Malformed, NotFound
from stringx.gates.files import GateFile
from stringx.inbox import RefusedRecord
from stringx.store import gates
from stringx.store.database import transaction
from stringx.triggers.record import KafkaRecord, Legible


def trigger(served: Served, day: int) -> str:
    run = served.client.trigger({"table": "raw.flights", "slice": {"column": "flight_date", "equals": f"2013-02-{day:02}"}}).run
    assert run is not None
    return run


def test_gates_are_listed_and_shown_with_their_rules(served: Served) -> None:
    (summary,) = served.client.gates().gates
    assert (summary.table, summary.version, summary.rules, summary.file) == ("raw.flights", 1, 2, "default/raw.flights.yaml")
    assert served.client.gates("elsewhere").gates == ()
    detail = served.client.gate("RAW.flights")
    assert detail.gate == flights_gate()


def test_a_table_without_a_gate_is_404(served: Served) -> None:
    for table in ("raw.unknown", "raw", "raw.flights;", "%00", "☃"):
        for ask in (served.client.gate, served.client.gate_status):
            with pytest.raises(NotFound):
                ask(table)
    with pytest.raises(NotFound):
        served.client.gate("raw.flights", "elsewhere")


def test_a_table_without_a_gate_names_the_one_that_was_meant(served: Served) -> None:
    for ask in (served.client.gate, served.client.gate_status):
        with pytest.raises(NotFound, match=r"table raw.flight in workspace default; did you mean `raw.flights`\?"):
            ask("raw.flight")
    unmatched = served.client.trigger({"table": "raw.flight"})
    assert (unmatched.state, unmatched.run) == ("unmatched", None)
    said = "nothing was checked: there is no gate for table raw.flight in workspace default; did you mean `raw.flights`?"
    assert unmatched.message == said
    with transaction(served.engine) as connection:
        gates.apply(connection, [GateFile(flights_gate(table="raw.flight"), "default/raw.flight.yaml")])
    assert (
        served.client.trigger_state(unmatched.trigger).message
        == "nothing was checked: there was no gate for table raw.flight in workspace default yet"
    )


def test_a_gate_that_was_withdrawn_is_404_and_its_runs_are_still_judged(served: Served) -> None:
    queued = trigger(served, 8)
    with transaction(served.engine) as connection:
        gates.withdraw(connection, "default", "raw.flights")
    assert served.client.gates().gates == ()
    for ask in (served.client.gate, served.client.gate_status):
        with pytest.raises(NotFound, match=r"no gate for table raw.flights in workspace default: it was withdrawn at 20"):
            ask("raw.flights")
    later = served.client.trigger({"table": "raw.flights"})
    assert later.state == "unmatched"
    assert "it was withdrawn at 20" in (later.message or "")
    served.judge(queued, {RULES[1]: 1})
    assert served.client.run(queued).decision == "closed"


def test_a_gate_without_triggers_has_no_decision(served: Served) -> None:
    status = served.client.gate_status("raw.flights")
    assert (status.decision, status.verdict, status.trigger, status.closed) == (None, None, None, ())


def test_a_gates_status_is_its_newest_triggers_and_beside_it_the_slices_still_closed(served: Served) -> None:
    eighth, ninth = trigger(served, 8), trigger(served, 9)
    served.judge(eighth, {RULES[1]: 1})
    served.judge(ninth, {RULES[1]: 1})
    tenth = trigger(served, 10)
    waiting = served.client.gate_status("raw.flights")
    assert (waiting.decision, [run.run for run in waiting.closed]) == (None, [ninth, eighth])
    served.judge(tenth)
    judged = served.client.gate_status("raw.flights")
    assert (judged.decision, judged.verdict, judged.trigger and judged.trigger.run) == ("open", "passed", tenth)
    assert [run.run for run in judged.closed] == [ninth, eighth]
    again = trigger(served, 9)
    assert [run.run for run in served.client.gate_status("raw.flights").closed] == [ninth, eighth]  # until it is judged
    served.judge(again)
    assert [run.run for run in served.client.gate_status("raw.flights").closed] == [eighth]


def test_a_status_is_of_one_workspace(served: Served) -> None:
    with transaction(served.engine) as connection:
        gates.apply(
            connection,
            [GateFile(flights_gate(), "default/raw.flights.yaml"), GateFile(flights_gate(workspace="team"), "team/raw.flights.yaml")],
        )
    served.judge(trigger(served, 8), {RULES[1]: 1})
    assert served.client.gate_status("raw.flights").decision == "closed"
    assert served.client.gate_status("raw.flights", "team").trigger is None


def refuse(served: Served, offset: int, value: bytes | None, reason: str = "must be JSON") -> None:
    record = KafkaRecord(
        topic="stringx.triggers",
        topic_id=None,
        partition=0,
        offset=offset,
        timestamp_ms=1,
        key=b"raw.flights",
        value=value,
        headers=(("text", b"yes"), ("binary", b"\xff"), ("none", None)),
    )
    with transaction(served.engine) as connection:
        inbox.refuse(connection, served.settings, RefusedRecord(record, Legible()), Malformed(reason, field="table"))


def test_dead_letters_are_listed_newest_first_and_shown_with_their_bytes(served: Served) -> None:
    refuse(served, 0, b"not json \xe2\x98\x83")
    refuse(served, 1, b"\xff\x00")
    refuse(served, 2, None)
    page = served.client.dead_letters(limit=2)
    assert [letter.offset for letter in page.dead_letters] == [2, 1]
    (oldest,) = served.client.dead_letters(limit=2, cursor=page.next).dead_letters
    assert (oldest.code, oldest.field, oldest.reason, oldest.value_bytes) == ("malformed", "table", "must be JSON", 12)
    text = served.client.dead_letter(oldest.id)
    assert text.value is not None
    assert text.value.text == "not json ☃"
    assert text.headers[:3] == [["text", "yes"], ["binary", {"base64": base64.b64encode(b"\xff").decode()}], ["none", None]]
    binary, nothing = (served.client.dead_letter(letter.id).value for letter in (page.dead_letters[1], page.dead_letters[0]))
    assert binary is not None
    assert (binary.text, base64.b64decode(binary.base64 or "")) == (None, b"\xff\x00")
    assert nothing is None


def test_a_dead_letter_that_is_not_there_is_404(served: Served) -> None:
    for letter in ("7", "seven", "-1", "²", "9" * 30, "%00"):
        url = f"{served.url}/v1/dead-letters/{letter}"
        assert httpx2.get(url, headers=served.authorized, trust_env=False).status_code == 404, letter
