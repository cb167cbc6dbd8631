"""How a run ends: exactly one verdict, with everything that belongs to it, in one transaction."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fake_runner import report_of
from queued import Store, gate
from sqlalchemy.exc import DataError

from stringx.dispatch import request_cancel, settle
from stringx.dispatch.settlement import Settlement, hand_back, lose, settle_unreadable, settle_unstorable
from stringx.errors import NotFound
from stringx.model import Acknowledgement, Report, ReportStatus, RunRequest, UnreadableReport
from stringx.store import outbox, runs
from stringx.store.database import transaction
from stringx.store.listener import Listener
from stringx.store.runs import Run


def claim(store: Store) -> Run:
    with transaction(store.engine) as connection:
        (run,) = runs.claim(
            connection, runner="default", targets=["demo"], limit=1, address="http://r", boot="b1", dispatcher="d", lease_seconds=60.0
        )
    return run


def report(run: Run, *, failures: int = 0, **changes: Any) -> Report:
    request = RunRequest(
        run=run.id,
        attempt=run.attempt,
        gate=run.gate,
        gate_version=run.gate_version,
        gate_fingerprint=run.gate.fingerprint,
        slice=run.slice,
        timeout_seconds=1,
    )
    return report_of(request, "b1", failures=failures).model_copy(update=changes)


def settled(store: Store, told: Report) -> Settlement:
    with transaction(store.engine) as connection:
        return settle(connection, store.settings, [told])[0].settlement


def leased(store: Store, run: str) -> Run:
    with transaction(store.engine) as connection:
        (found,) = runs.locked_attempts(connection, [(run, store.run(run)["attempt"])])
    return found


def outbox_records(store: Store) -> list[outbox.OutboxRecord]:
    with transaction(store.engine) as connection:
        return outbox.unpublished(connection, 100)


def test_a_report_becomes_verdict_results_and_the_end_of_the_run(store: Store) -> None:
    run = store.queue()
    told = report(claim(store), failures=3, rows=928)

    assert settled(store, told) is Settlement.JUDGED

    verdict = store.one("select * from verdicts where run_id = :run", run=run)
    assert (verdict["verdict"], verdict["decision"], verdict["attempt"], verdict["rows"]) == ("failed", "closed", 1, 928)
    assert verdict["counts"] == {"passed": 0, "warned": 0, "failed": 1, "errored": 0, "skipped": 0}
    assert verdict["scores"] == {"overall": 0.0, "dimensions": {"completeness": 0.0}}
    check = store.one("select * from check_results where run_id = :run", run=run)
    assert (check["name"], check["outcome"], check["failures"], check["position"]) == ("dest_not_null", "failed", 3, 0)
    row = store.run(run)
    assert row["state"] == "done"
    assert row["finished_at"] == verdict["judged_at"]
    assert store.attempts(run) == [(1, "settled")]


def test_reports_that_come_together_are_settled_as_each_would_be_alone(store: Store) -> None:
    """Also where one is there twice, one is late, and one is of no run."""
    runs_of = {table: store.queue(table=table, triggered=2) for table in ("raw.a", "raw.b", "raw.late")}
    told = {run.gate.table: report(run, failures=len(run.gate.table)) for run in (claim(store), claim(store), claim(store))}
    with transaction(store.engine) as connection:
        hand_back(connection, store.settings, *runs.locked_attempts(connection, [(runs_of["raw.late"], 1)]), "no room", 0)
    stranger = told["raw.a"].model_copy(update={"run": "0" * 32})
    batch = [told["raw.late"], told["raw.b"], told["raw.a"], told["raw.b"], stranger]

    with transaction(store.engine) as connection:
        taken = settle(connection, store.settings, batch)

    assert [one.settlement for one in taken] == ["late", "judged", "judged", "repeated", "unknown"]
    assert [one.run and one.run.gate.table for one in taken] == ["raw.late", "raw.b", "raw.a", "raw.b", None]
    assert [store.verdict(runs_of[table]) for table in ("raw.a", "raw.b", "raw.late")] == ["failed", "failed", None]
    assert store.run(runs_of["raw.late"])["state"] == "queued"
    assert store.attempts(runs_of["raw.a"]) == store.attempts(runs_of["raw.b"]) == [(1, "settled")]
    failures = store.rows("select run_id, failures from check_results")
    assert {row["run_id"]: row["failures"] for row in failures} == {runs_of["raw.a"]: 5, runs_of["raw.b"]: 5}
    triggers = store.rows("select id from triggers where run_id = any(:runs)", runs=[runs_of["raw.a"], runs_of["raw.b"]])
    assert {record.id for record in outbox_records(store)} == {f"{trigger['id']}-verdict" for trigger in triggers}
    assert {row["reason"] for row in store.rows("select reason from set_apart_reports")} == {"late", "unknown"}


def test_a_gates_topics_are_told_too_of_what_they_ask_for(store: Store) -> None:
    topics = [{"topic": "gates.closed", "when": "closed"}, {"topic": "gates.all"}, {"topic": "answers"}, {"topic": "stringx.verdicts"}]
    for failures, told in (
        (2, ["answers", "gates.all", "gates.closed", "stringx.verdicts"]),
        (0, ["answers", "gates.all", "stringx.verdicts"]),
    ):
        run = store.queue(notify=topics, reply_to="answers")
        settled(store, report(claim(store), failures=failures))
        records = [record for record in outbox_records(store) if record.run_id == run]
        assert sorted(record.topic for record in records) == told, "each once"
        assert len({record.value for record in records}) == 1


def test_every_trigger_of_the_run_is_acknowledged_and_where_it_asked_for_it_too(store: Store) -> None:
    run = store.queue(triggered=3, reply_to="answers")
    settled(store, report(claim(store), failures=2))

    records = outbox_records(store)
    triggers = store.rows("select id, event_id from triggers where run_id = :run order by seq", run=run)
    assert sorted((record.id, record.topic) for record in records) == sorted(
        wanted
        for trigger in triggers
        for wanted in ((f"{trigger['id']}-verdict", "stringx.verdicts"), (f"{trigger['id']}-verdict-reply", "answers"))
    )
    for record in records:
        headers = dict(record.headers)
        # The answer and its copy are one event.
        assert headers["ce_id"] == f"{record.trigger_id}-verdict"
        assert headers["ce_type"] == "stringx.verdict.v1"
        assert headers["ce_correlationid"] == "c-1"
        assert record.key == b"raw.flights"
    value = json.loads(records[0].value or b"")
    assert (value["state"], value["run"], value["verdict"], value["decision"]) == ("judged", run, "failed", "closed")
    assert (value["trigger_id"], value["trigger_source"], value["metadata"]) == (triggers[0]["event_id"], "tests", {"load": 7})
    assert [(rule["name"], rule["failures"]) for rule in value["failing"]] == [("dest_not_null", 2)]
    assert value["scores"] == {"overall": 0.0, "dimensions": {"completeness": 0.0}}
    assert value["timings"]["judged_at"] >= value["timings"]["started_at"] >= value["timings"]["received_at"]


def test_a_slice_without_rows_is_stored_and_told_as_such_and_unknown_ones_are_null(store: Store) -> None:
    store.queue(day="2013-02-08")
    settled(store, report(claim(store), rows=0))

    (record,) = outbox_records(store)
    told = Acknowledgement.model_validate_json(record.value or b"")
    assert (told.rows, told.verdict, told.decision, told.failing) == (0, "warned", "open", ())
    assert told.message == "no rows in the slice: nothing was checked"
    verdict = store.one("select * from verdicts")
    assert (verdict["rows"], verdict["verdict"], verdict["message"]) == (0, told.verdict, told.message)

    uncounted = store.queue()
    settled(store, report(claim(store)))
    assert store.one("select * from verdicts where run_id = :run", run=uncounted)["rows"] is None


def test_an_acknowledgement_tells_how_long_the_runner_took(store: Store) -> None:
    store.queue()
    took = {"started_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "finished_at": datetime(2026, 1, 2, 3, 4, 15, tzinfo=UTC)}
    settled(store, report(claim(store), **took))

    (record,) = outbox_records(store)
    timings = Acknowledgement.model_validate_json(record.value or b"").timings
    assert timings is not None
    assert (timings.started_at, timings.finished_at) == (took["started_at"], took["finished_at"])
    assert timings.judged_at == store.one("select judged_at from verdicts")["judged_at"]


def test_who_waits_for_the_verdict_is_woken(store: Store) -> None:
    listener = Listener(store.settings, "stringx_verdicts")
    listener.wait(0)
    run = store.queue()
    settled(store, report(claim(store)))

    assert [notification.payload for notification in listener.wait(10)] == [run]
    listener.close()


def test_a_report_that_comes_again_changes_nothing(store: Store) -> None:
    run = store.queue()
    told = report(claim(store))
    settled(store, told)
    before = store.rows("select * from verdicts"), outbox_records(store)

    assert settled(store, told) is Settlement.REPEATED

    assert (store.rows("select * from verdicts"), outbox_records(store)) == before
    assert store.rows("select * from set_apart_reports") == []
    assert store.attempts(run) == [(1, "settled")]


def test_the_report_of_a_lost_attempt_is_kept_and_changes_nothing(store: Store) -> None:
    run = store.queue()
    late = report(claim(store), failures=1)
    with transaction(store.engine) as connection:
        lose(connection, store.settings, runs.locked_at(connection, "http://r")[0], "nobody held it")

    # While it waits, while it is leased again, and after its end.
    assert settled(store, late) is Settlement.LATE
    second = claim(store)
    assert settled(store, late) is Settlement.LATE
    assert settled(store, report(second)) is Settlement.JUDGED
    assert settled(store, late) is Settlement.LATE

    assert store.verdict(run) == "passed"
    apart = store.one("select * from set_apart_reports")
    assert (apart["run_id"], apart["attempt"], apart["reason"]) == (run, 1, "late")
    assert Report.model_validate_json(apart["report"]) == late


def test_the_report_of_a_run_that_nobody_knows_is_kept(store: Store) -> None:
    store.queue()
    stranger = report(claim(store)).model_copy(update={"run": "0" * 32})

    assert settled(store, stranger) is Settlement.UNKNOWN
    assert settled(store, stranger) is Settlement.UNKNOWN

    assert [row["reason"] for row in store.rows("select * from set_apart_reports")] == ["unknown"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"sample": (("a\x00b",),), "columns": ("dest",)}, id="NUL in a row"),
        pytest.param({"sql": "broken \x00 text"}, id="NUL in a text"),
        pytest.param({"sql": "half a pair \ud800"}, id="not Unicode"),
        pytest.param({"failures": 2**70}, id="a count that is too large"),
    ],
)
def test_a_report_that_cannot_be_stored_is_kept_with_its_bytes_and_the_run_is_errored(store: Store, changes: dict[str, Any]) -> None:
    run = store.queue()
    whole = report(claim(store), failures=1)
    told = whole.model_copy(update={"results": (whole.results[0].model_copy(update=changes),)})

    with pytest.raises((DataError, ValueError)):
        settled(store, told)
    assert store.verdict(run) is None
    with transaction(store.engine) as connection:
        assert settle_unstorable(connection, store.settings, told, "no room").settlement is Settlement.UNSTORABLE

    verdict = store.one("select * from verdicts where run_id = :run", run=run)
    assert (verdict["verdict"], verdict["decision"], verdict["attempt"]) == ("errored", "closed", 1)
    assert verdict["message"] == "the report could not be stored: no room"
    apart = store.one("select * from set_apart_reports")
    assert (apart["reason"], apart["attempt"]) == ("unstorable", 1)
    assert b"dest_not_null" in apart["report"]
    assert len(outbox_records(store)) == 1
    # Its acknowledgement to the runner was lost: it comes again.
    with transaction(store.engine) as connection:
        assert settle_unstorable(connection, store.settings, told, "no room").settlement is Settlement.REPEATED


def test_what_is_not_a_number_in_a_row_is_shown_as_nothing(store: Store) -> None:
    run = store.queue()
    whole = report(claim(store), failures=1)
    sample = {"sample": ((float("nan"),), (float("inf"),)), "columns": ("dest",)}
    settled(store, whole.model_copy(update={"results": (whole.results[0].model_copy(update=sample),)}))

    assert store.verdict(run) == "failed"
    assert store.one("select sample from check_results")["sample"] == [[None], [None]]


def test_what_is_no_report_is_kept_with_its_bytes_and_the_run_is_errored(store: Store) -> None:
    run = claim(store) if store.queue() else None
    assert run is not None
    unreadable = UnreadableReport(run=run.id, attempt=run.attempt, raw='{"status": "\x00 ok"}', error="status: unknown")

    with transaction(store.engine) as connection:
        assert settle_unreadable(connection, store.settings, unreadable).settlement is Settlement.UNSTORABLE

    assert store.verdict(run.id) == "errored"
    assert store.one("select report from set_apart_reports")["report"] == b'{"status": "\x00 ok"}'


def test_bytes_that_came_as_base64_are_kept_as_they_were_found(store: Store) -> None:
    store.queue()
    run = claim(store)
    unreadable = UnreadableReport(run=run.id, attempt=run.attempt, raw="eyL/", encoding="base64", error="not UTF-8")

    with transaction(store.engine) as connection:
        assert settle_unreadable(connection, store.settings, unreadable).settlement is Settlement.UNSTORABLE

    assert store.one("select report from set_apart_reports")["report"] == b'{"\xff'


def test_what_is_no_report_of_no_run_does_no_harm(store: Store) -> None:
    unreadable = UnreadableReport(run="\x00", attempt=0, raw="{", error="not JSON \x00")
    with transaction(store.engine) as connection:
        assert settle_unreadable(connection, store.settings, unreadable).settlement is Settlement.UNKNOWN


def test_a_report_of_another_gate_is_errored(store: Store) -> None:
    run = store.queue()
    settled(store, report(claim(store), gate_fingerprint="0" * 32))
    assert store.verdict(run) == "errored"


def test_lost_attempts_are_queued_again_until_the_last_one_is_errored_with_their_history(store: Store) -> None:
    run = store.queue(on_error="open")
    for number in (1, 2, 3):
        assert claim(store).attempt == number
        with transaction(store.engine) as connection:
            lose(connection, store.settings, runs.locked_at(connection, "http://r")[0], f"reason {number}")

    assert store.attempts(run) == [(1, "lost"), (2, "lost"), (3, "lost")]
    verdict = store.one("select * from verdicts where run_id = :run", run=run)
    # The gate says what to do with data that could not be judged.
    assert (verdict["verdict"], verdict["decision"], verdict["attempt"]) == ("errored", "open", None)
    for number in (1, 2, 3):
        assert f"attempt {number} at http://r: reason {number}" in verdict["message"]
    assert len(outbox_records(store)) == 1


def test_what_a_runner_did_not_take_does_not_count_as_lost(store: Store) -> None:
    run = store.queue()
    for _ in range(5):
        claim(store)
        with transaction(store.engine) as connection:
            hand_back(connection, store.settings, runs.locked_at(connection, "http://r")[0], "busy", 0)
    assert store.run(run)["lost_attempts"] == 0
    assert store.run(run)["state"] == "queued"


def test_a_queued_run_is_cancelled_at_once(store: Store) -> None:
    run = store.queue()
    with transaction(store.engine) as connection:
        request_cancel(connection, store.settings, run)

    assert store.verdict(run) == "cancelled"
    assert store.run(run)["state"] == "done"
    assert json.loads(outbox_records(store)[0].value or b"")["decision"] == "closed"
    # Again: there is nothing left to cancel.
    with transaction(store.engine) as connection:
        request_cancel(connection, store.settings, run)
    assert len(store.rows("select * from verdicts")) == 1


def test_a_leased_run_is_cancelled_by_its_runners_report(store: Store) -> None:
    run = store.queue()
    claimed = claim(store)
    with transaction(store.engine) as connection:
        request_cancel(connection, store.settings, run)
    assert store.verdict(run) is None
    with transaction(store.engine) as connection:
        assert runs.cancels_asked(connection, "http://r") == [run]

    settled(store, report(claimed, status=ReportStatus.CANCELLED, message="cancelled", results=()))
    assert store.verdict(run) == "cancelled"


def test_a_run_that_finished_before_its_cancellation_keeps_its_true_verdict(store: Store) -> None:
    run = store.queue()
    claimed = claim(store)
    with transaction(store.engine) as connection:
        request_cancel(connection, store.settings, run)
    settled(store, report(claimed))
    assert store.verdict(run) == "passed"


@pytest.mark.parametrize("how", ["lost", "handed back"])
def test_a_run_that_is_to_be_cancelled_is_not_queued_again(store: Store, how: str) -> None:
    run = store.queue()
    claim(store)
    with transaction(store.engine) as connection:
        request_cancel(connection, store.settings, run)
    with transaction(store.engine) as connection:
        found = leased(store, run)
        if how == "lost":
            lose(connection, store.settings, found, "nobody held it")
        else:
            hand_back(connection, store.settings, found, "busy", 0)
    assert store.verdict(run) == "cancelled"


def test_a_run_that_does_not_exist_cannot_be_cancelled(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no run 0000"), transaction(store.engine) as connection:
        request_cancel(connection, store.settings, "0000")


def test_the_judging_gate_is_the_one_that_the_run_was_queued_with(store: Store) -> None:
    run = store.queue(gate())
    claimed = claim(store)
    store.version(gate(description="newer"))
    settled(store, report(claimed))
    assert store.verdict(run) == "passed"
    assert json.loads(outbox_records(store)[0].value or b"")["gate_version"] == 1
