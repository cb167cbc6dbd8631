"""The dispatcher with a real Postgres, and with a runner and a Kafka that break as the test says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import structlog
from fake_publisher import FakeKafka
from fake_runner import FakeRunner, report_of
from queued import Start, Store, eventually, stop

from stringx.dispatch import collect, request_cancel
from stringx.dispatch.dispatcher import Dispatcher
from stringx.dispatch.replica import MOST_AHEAD
from stringx.errors import RunnerBusy, RunnerUnavailable, RunnerUnreachable
from stringx.model import Engine, RunRequest, UnreadableReport
from stringx.settings import Settings
from stringx.store.database import connect, transaction


def test_queued_runs_get_their_verdicts_and_are_acknowledged(store: Store, start: Start) -> None:
    before = store.queue(day="2013-02-01")
    runner, kafka = FakeRunner(), FakeKafka()
    start(runner, kafka=kafka)
    after = store.queue(day="2013-02-02")

    eventually(lambda: store.judged(before, after))
    assert store.verdict(before) == store.verdict(after) == "passed"
    # Only after the commit the runner may forget the reports; then the events go out, once.
    eventually(lambda: {run for run, _ in runner.acknowledged} == {before, after})
    eventually(lambda: len(kafka.records) == 2)
    eventually(lambda: not store.rows("select 1 from outbox where published_at is null"))
    assert len(kafka.records) == 2


def test_a_runner_is_given_as_much_as_it_has_workers(store: Store, start: Start) -> None:
    runner = FakeRunner(workers=2, finishes=False)
    start(runner)
    runs = [store.queue(day=f"2013-02-{day:02}") for day in range(1, 6)]

    eventually(lambda: runner.executing() == runs[:2])
    assert [store.run(run)["state"] for run in runs] == ["leased", "leased", "queued", "queued", "queued"]
    runner.finish()
    eventually(lambda: runner.executing() == runs[2:4])


def given_ahead(store: Store, start: Start, queued: int) -> tuple[FakeRunner, list[str]]:
    """A runner with one worker whose runs are short, with as many as it is given ahead; and the runs that are queued for it."""
    runner = FakeRunner(workers=1, finishes=False)
    runner.queue = 100
    start(runner, lease_seconds=9.0)
    first = store.queue(table="raw.first")
    eventually(lambda: runner.executing() == [first])
    runs = [store.queue(day=str(date(2013, 2, 1) + timedelta(days=number))) for number in range(queued)]
    assert runner.executing() == [first], "nothing is known of its runs yet"
    runner.finish()
    eventually(lambda: len(runner.executing()) == 1 + MOST_AHEAD)
    assert runner.executing() == runs[: 1 + MOST_AHEAD]
    return runner, runs


def test_a_runner_whose_runs_are_short_is_given_some_ahead_and_the_more_urgent_come_next(store: Store, start: Start) -> None:
    runner, runs = given_ahead(store, start, 2 + 2 * MOST_AHEAD)
    urgent = store.queue(day="2014-03-01", priority=9)
    runner.finish()
    eventually(lambda: len(runner.executing()) == 1 + MOST_AHEAD)
    assert runner.executing()[:2] == [urgent, runs[1 + MOST_AHEAD]]
    runner.finishes = True
    runner.finish()
    eventually(lambda: store.judged(urgent, *runs))
    assert {tuple(store.attempts(run)) for run in runs} == {((1, "settled"),)}


def test_a_run_that_was_given_ahead_is_cancelled_where_it_waits_and_queued_again_where_its_runner_is_lost(
    store: Store, start: Start
) -> None:
    runner, runs = given_ahead(store, start, 3 + MOST_AHEAD)
    with transaction(store.engine) as connection:
        request_cancel(connection, store.settings, runs[5])
    eventually(lambda: store.verdict(runs[5]) == "cancelled")
    runner.finishes = True
    runner.restart()
    # The next answer of the new boot tells that it has none of them.
    store.queue(table="raw.next")
    eventually(lambda: store.judged(*runs), seconds=90)
    assert store.attempts(runs[0]) == [(1, "lost"), (2, "settled")]


def test_a_run_whose_worker_dies_is_queued_again_at_once_and_tells_why(store: Store, start: Start) -> None:
    runner = FakeRunner(workers=1, finishes=False)
    start(runner, lease_seconds=600.0)
    run = store.queue()
    eventually(lambda: runner.executing() == [run])
    runner.lose("its worker died")
    eventually(lambda: runner.executing() == [run])
    assert [request.attempt for request in runner.submitted] == [1, 2]
    assert (run, 1) in runner.acknowledged
    assert store.attempts(run)[0] == (1, "lost")
    runner.finish()
    eventually(lambda: store.judged(run))
    (told,) = store.rows("select message from attempts where run_id = :run and number = 1", run=run)
    assert told["message"] == "its worker died"


def test_what_was_queued_with_the_run_travels_to_the_runner(store: Store, start: Start) -> None:
    runner = FakeRunner()
    start(runner)
    run = store.queue(day="2013-02-01", timeout_seconds=17)

    eventually(lambda: store.judged(run))
    (request,) = runner.submitted
    (version,) = store.versions.values()
    assert (request.run, request.attempt, request.gate, request.gate_version) == (run, 1, version.gate, 1)
    assert request.gate_fingerprint == version.fingerprint
    assert request.slice.as_json() == [{"column": "day", "equals": "2013-02-01"}]
    assert (request.timeout_seconds, request.correlation_id) == (17, "c-1")
    assert "engine" not in request.model_dump(mode="json"), "a runner from before there was this field takes it"


def test_a_run_that_is_to_be_dbts_says_so_to_the_runner(store: Store, start: Start) -> None:
    run = store.queue(engine=Engine.DBT)
    runner = FakeRunner()
    start(runner)
    eventually(lambda: store.judged(run))
    (request,) = runner.submitted
    assert (request.engine, request.gate.engine) == (Engine.DBT, Engine.PREPARED)


@pytest.mark.parametrize("refusal", [RunnerBusy("no worker free", 0.1), RunnerUnreachable("connection refused")])
def test_a_run_that_was_not_taken_is_handed_back_and_comes_again(store: Store, start: Start, refusal: RunnerUnavailable) -> None:
    runner = FakeRunner()
    runner.refusals.append(refusal)
    start(runner, lease_seconds=3.0)
    run = store.queue()

    eventually(lambda: store.judged(run))
    assert store.verdict(run) == "passed"
    assert store.attempts(run) == [(1, "handed_back"), (2, "settled")]
    assert store.run(run)["lost_attempts"] == 0


def test_one_busy_refusal_does_not_hold_up_what_was_taken_with_it(store: Store, start: Start) -> None:
    runner = FakeRunner()
    runner.refuses["raw.b"] = "busy"
    taken, refused = store.queue(table="raw.a"), store.queue(table="raw.b")
    start(runner)

    eventually(lambda: store.judged(taken, refused))
    assert store.attempts(taken) == [(1, "settled")]
    assert store.attempts(refused) == [(1, "handed_back"), (2, "settled")]


def test_a_backlog_for_one_target_leaves_the_workers_of_another_to_its_runs(store: Store, start: Start) -> None:
    runner = FakeRunner(workers=3, targets=("a", "b"), finishes=False)
    runner.workers_by_target = {"a": 1, "b": 2}
    backlog = [store.queue(target="a", day=f"2013-02-{day:02}", priority=9) for day in range(1, 6)]
    other = store.queue(target="b", table="raw.b")
    start(runner)

    eventually(lambda: runner.executing() == [backlog[0], other])
    runner.finish()
    eventually(lambda: runner.executing() == [backlog[1]])
    late = store.queue(target="b", table="raw.b")
    eventually(lambda: runner.executing() == [backlog[1], late])
    assert all(store.attempts(run) == [] for run in backlog[2:])


def test_a_run_that_its_runner_refuses_is_errored_and_its_neighbours_are_not(store: Store, start: Start) -> None:
    runner = FakeRunner(workers=4)
    runner.poison = frozenset({"raw.poison"})
    first, poison, last = (store.queue(table=table) for table in ("raw.a", "raw.poison", "raw.b"))
    start(runner)

    eventually(lambda: store.judged(first, poison, last))
    assert (store.verdict(first), store.verdict(poison), store.verdict(last)) == ("passed", "errored", "passed")
    message = store.one("select message from verdicts where run_id = :run", run=poison)["message"]
    assert message == "the runner refused it: fake:1 answers 422: 1 of 1 are poison"
    assert store.attempts(poison) == [(1, "handed_back")]
    assert runner.asked  # it is not taken for one that does not answer


def test_the_replica_that_has_the_target_gets_the_run(store: Store, start: Start) -> None:
    """Also where another one names the target, and then refuses it."""
    poor, liar, rich = FakeRunner("fake:1", targets=()), FakeRunner("fake:2"), FakeRunner("fake:3")
    liar.targets = ("demo",)
    liar.refuses["raw.a"] = "unknown_target"
    run = store.queue(table="raw.a")
    start(poor, liar)
    eventually(lambda: store.attempts(run) == [(1, "handed_back")])
    start(poor, liar, rich)

    eventually(lambda: store.judged(run))
    assert [request.run for request in rich.submitted] == [run]
    assert poor.submitted == liar.submitted == []


def test_a_target_that_no_replica_has_is_errored(store: Store, start: Start) -> None:
    run = store.queue(target="warehouse")
    start(FakeRunner("fake:1"), FakeRunner("fake:2", targets=("demo", "other")), lease_seconds=0.3)

    eventually(lambda: store.judged(run))
    verdict = store.one("select * from verdicts")
    assert verdict["verdict"] == "errored"
    assert verdict["message"] == "no replica of runner 'default' has target 'warehouse' (targets: demo, other)"
    assert {check["message"] for check in store.rows("select message from check_results")} == {"not run"}


def test_however_old_a_run_is_the_replica_that_has_its_target_is_waited_for(store: Store, make_settings: Callable[..., Settings]) -> None:
    """The whole backend was down for a day; what comes up last is not missing."""
    run = store.queue(target="warehouse")
    store.rows("update runs set queued_at = now() - interval '1 day' returning id")
    runners = {"fake:1": FakeRunner("fake:1"), "fake:2": FakeRunner("fake:2", targets=("warehouse",))}
    found = ["fake:1"]
    settings = make_settings(runner_discovery_seconds=0.05, lease_seconds=2.0)
    dispatcher = Dispatcher(
        settings, connect(settings), None, connect=runners.__getitem__, publisher=FakeKafka().publisher, find=lambda _url: tuple(found)
    )
    dispatcher.start()
    # By then it has looked whether the run is served.
    eventually(lambda: store.rows("select 1 from dispatchers where seen_at - started_at > interval '2.5 seconds'"))
    assert store.run(run)["state"] == "queued"

    found.append("fake:2")
    eventually(lambda: store.judged(run))
    assert store.verdict(run) == "passed"
    stop(dispatcher)


def test_a_runner_that_is_down_is_waited_for(store: Store, start: Start) -> None:
    runner = FakeRunner()
    runner.go_down()
    run = store.queue()
    start(runner, lease_seconds=0.3)
    eventually(lambda: store.rows("select 1 from dispatchers where seen_at - started_at > interval '1 second'"))
    assert store.run(run)["state"] == "queued"

    runner.come_up()
    eventually(lambda: store.judged(run))
    assert store.attempts(run) == [(1, "settled")]


@pytest.mark.parametrize("mode", ["inline", "async"])
def test_what_no_dispatcher_can_serve_is_errored(store: Store, start: Start, mode: str) -> None:
    run = store.queue(mode=mode, runner="elsewhere")
    start(FakeRunner(), lease_seconds=0.3)

    eventually(lambda: store.judged(run))
    assert "no dispatcher can have it run" in store.one("select message from verdicts")["message"]


def test_a_submission_without_an_answer_that_arrived_is_settled_in_the_same_attempt(store: Store, start: Start) -> None:
    runner = FakeRunner(finishes=False)
    runner.loses_answers = 1
    start(runner, lease_seconds=3.0)
    run = store.queue()
    eventually(lambda: runner.executing() == [run])
    # The heartbeat says that the runner has it: the lease is renewed although nobody heard that it was taken.
    first = store.run(run)["lease_until"]
    eventually(lambda: store.run(run)["lease_until"] > first)
    runner.finish()

    eventually(lambda: store.judged(run))
    assert store.attempts(run) == [(1, "settled")]


def test_a_submission_without_an_answer_that_did_not_arrive_is_lost_and_comes_again(store: Store, start: Start) -> None:
    runner = FakeRunner()
    runner.refusals.append(RunnerUnavailable("timed out"))
    start(runner, lease_seconds=0.6)
    run = store.queue()

    eventually(lambda: store.judged(run))
    assert store.attempts(run) == [(1, "lost"), (2, "settled")]


def test_what_a_restarted_runner_no_longer_has_is_queued_again_at_once(store: Store, start: Start) -> None:
    """Long before the lease would run out."""
    runner = FakeRunner(finishes=False)
    start(runner, lease_seconds=9.0)
    run = store.queue()
    eventually(lambda: runner.executing() == [run])
    runner.finishes = True
    runner.restart()
    # Its answer to the next submission tells the new boot; so would the next heartbeat.
    eventually(lambda: store.judged(run))

    assert store.attempts(run) == [(1, "lost"), (2, "settled")]
    message = store.one("select message from attempts where number = 1")["message"]
    assert message.startswith("the runner was started anew")


def test_a_report_that_outlives_its_runners_restart_is_settled(store: Store, start: Start) -> None:
    runner = FakeRunner(finishes=False)
    dispatcher = start(runner)
    run = store.queue()
    eventually(lambda: runner.executing() == [run])
    stop(dispatcher)
    runner.finish()
    runner.restart(keeps_reports=True)
    start(runner)

    eventually(lambda: store.judged(run))
    assert store.attempts(run) == [(1, "settled")]


def test_attempts_that_nobody_reports_end_as_errored(store: Store, start: Start) -> None:
    runner = FakeRunner(finishes=False)
    start(runner, lease_seconds=0.5, max_attempts=2)
    run = store.queue()
    eventually(lambda: runner.executing() == [run])
    runner.forget()
    eventually(lambda: store.run(run)["attempt"] == 2 and runner.executing() == [run])
    runner.forget()

    eventually(lambda: store.judged(run))
    assert store.verdict(run) == "errored"
    assert store.attempts(run) == [(1, "lost"), (2, "lost")]


def test_a_long_run_keeps_its_lease_as_long_as_its_runner_holds_it(store: Store, start: Start) -> None:
    runner = FakeRunner(finishes=False)
    start(runner, lease_seconds=3.0)
    run = store.queue()
    eventually(lambda: runner.executing() == [run])
    leased_at = store.one("select leased_at from attempts")["leased_at"]
    eventually(lambda: (store.run(run)["lease_until"] - leased_at).total_seconds() > 5)
    runner.finish()

    eventually(lambda: store.judged(run))
    assert store.attempts(run) == [(1, "settled")]


def test_reports_that_cannot_be_taken_do_not_block_their_neighbours(store: Store, start: Start) -> None:
    def answer(request: RunRequest, boot: str) -> Any:
        report = report_of(request, boot, failures=1)
        match request.gate.table:
            case "raw.nul":
                return report.model_copy(update={"results": (report.results[0].model_copy(update={"sql": "a\x00b"}),)})
            case "raw.unreadable":
                return UnreadableReport(run=request.run, attempt=request.attempt, raw="{", error="not JSON")
            case "raw.other_gate":
                return report.model_copy(update={"gate_fingerprint": "0" * 32})
            case _:
                return report

    runner = FakeRunner(workers=4)
    runner.answer = answer
    runs = {table: store.queue(table=table) for table in ("raw.nul", "raw.unreadable", "raw.other_gate", "raw.good")}
    start(runner)

    eventually(lambda: store.judged(*runs.values()))
    assert {table: store.verdict(run) for table, run in runs.items()} == {
        "raw.nul": "errored",
        "raw.unreadable": "errored",
        "raw.other_gate": "errored",
        "raw.good": "failed",
    }
    eventually(lambda: len(runner.acknowledged) == 4)
    assert {row["reason"] for row in store.rows("select reason from set_apart_reports")} == {"unstorable"}


def test_a_report_that_names_no_run_is_kept_and_does_not_block_its_neighbours(store: Store, start: Start) -> None:
    def answer(request: RunRequest, boot: str) -> Any:
        if request.gate.table == "raw.good":
            return report_of(request, boot)
        return UnreadableReport(run="", attempt=0, raw="[]", error="is a list")

    runner = FakeRunner(workers=2, targets=("demo",))
    runner.answer = answer
    bad, good = store.queue(table="raw.bad"), store.queue(table="raw.good")
    start(runner)

    eventually(lambda: store.judged(good))
    eventually(lambda: [run for run, _ in runner.acknowledged] == [good])
    assert [(row["reason"], bytes(row["report"])) for row in store.rows("select * from set_apart_reports")] == [("unknown", b"[]")]
    assert store.run(bad)["state"] == "leased"


def test_a_fault_of_ours_in_settling_ends_the_dispatcher_and_the_report_comes_again(
    store: Store, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    runner = FakeRunner(finishes=False)
    dispatcher = start(runner)
    run = store.queue()
    eventually(lambda: runner.executing() == [run])
    with monkeypatch.context() as patched:
        patched.setattr(collect, "settle", broken)
        runner.finish()
        assert dispatcher.wait(30)
        with pytest.raises(ZeroDivisionError):
            dispatcher.join(30)
    assert store.verdict(run) is None

    start(runner)
    eventually(lambda: store.judged(run))
    assert store.verdict(run) == "passed"


def test_what_is_logged_of_a_run_is_found_by_its_correlation_id(store: Store, start: Start) -> None:
    runner = FakeRunner()
    runner.refusals.append(RunnerBusy("no worker free", 0.1))
    run = store.queue()
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        start(runner)
        eventually(lambda: runner.acknowledged)
    told = [(line["event"], line["attempt"]) for line in logged if line.get("correlation_id") == "c-1" and line["run"] == run]
    assert told == [("run handed back", 1), ("report taken", 2)]


def test_a_run_at_a_runner_is_cancelled_there(store: Store, start: Start) -> None:
    runner = FakeRunner(finishes=False)
    start(runner, lease_seconds=60.0)
    run = store.queue()
    eventually(lambda: runner.executing() == [run])
    with transaction(store.engine) as connection:
        request_cancel(connection, store.settings, run)

    eventually(lambda: store.judged(run))
    assert store.verdict(run) == "cancelled"
