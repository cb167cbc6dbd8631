"""What is replayed, recorded, proven, compared and given up; and a replay whose database does not answer as it should."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from multiprocessing import Pipe
from threading import Thread
from typing import Any

import pytest

from stringx.model import DbtResult, DbtStatus, Decision, Engine, Gate, ReportStatus, RunRequest, Severity, Slice
from stringx.runner import kept as kept_module
from stringx.runner import messages
from stringx.runner import prepared as prepared_module
from stringx.runner.invocation import StopSignal
from stringx.runner.kept import Kept
from stringx.runner.messages import Done
from stringx.runner.prepared import Prepared
from stringx.runner.recording import RecordedTest, Recording, Template, Unprepared
from stringx.runner.recordings import RECORD_AGAIN_SECONDS, Key, Recorded, key_of
from stringx.runner.replay_session import Answer, Question, SessionLost, Unanswered
from stringx.runner.replay_worker import replay_all
from stringx.runner.replayer import Replayer, Unreplayed
from stringx.runner.samples import Sample

RUN = "0" * 32
NOW = 1000.0


def request(*, engine: Engine = Engine.PREPARED, slice_: object = (), table: str = "raw.orders") -> RunRequest:
    gate = Gate.model_validate({"workspace": "default", "table": table, "target": "demo", "engine": engine})
    return RunRequest(
        run=RUN,
        attempt=1,
        gate=gate,
        gate_version=1,
        gate_fingerprint=gate.fingerprint,
        slice=Slice.model_validate(slice_),
        timeout_seconds=60,
    )


def key(asked: RunRequest) -> Key:
    found = key_of(asked)
    assert found is not None
    return found


def plain(text: str) -> Template:
    return Template(segments=(text,), places=())


def recording() -> Recording:
    test = RecordedTest(
        test="t", sliced=False, severity=Severity.ERROR, statement=plain("s"), compiled=plain("c"), warn_if="!= 0", error_if="!= 0"
    )
    return Recording(gate_fingerprint="f", project_fingerprint="p", shape=(), tests=(test,), count=plain("n"))


def done(failures: int = 0, *, rows: int | None = 9, status: ReportStatus | None = ReportStatus.COMPLETED, **more: Any) -> Done:
    result = DbtResult(test="t", status=DbtStatus.FAIL if failures else DbtStatus.PASS, failures=failures, sliced=False)
    return Done(run=RUN, attempt=1, status=status, gate_fingerprint="f", message=None, results=(result,), rows=rows, notes=(), **more)


def recorded(prepared: Prepared, asked: RunRequest, now: float = NOW) -> None:
    """dbt has run it, and it was recorded."""
    assert prepared.records(key(asked), now)
    prepared.ran(key(asked), asked, done(recording=recording()), now)


def proven(prepared: Prepared, asked: RunRequest) -> Recorded:
    recorded(prepared, asked)
    proof = prepared.next_comparison("replay")
    assert proof is not None
    prepared.compared(proof, done(), NOW)
    found = prepared.replays(key(asked))
    assert found is not None
    return found


# --- which runs ---


def test_only_runs_of_a_prepared_gate_that_is_what_its_request_says_may_be_replayed() -> None:
    asked = request()
    assert key_of(asked) == key_of(request())
    assert key_of(request(engine=Engine.DBT)) is None
    assert key_of(asked.model_copy(update={"engine": Engine.DBT})) is None, "the run is to be dbt's, whatever its gate is"
    assert key_of(asked.model_copy(update={"engine": Engine.PREPARED})) == key_of(asked)
    assert key_of(asked.model_copy(update={"gate_fingerprint": "f" * 32})) is None
    slices = [{"column": "a", "equals": 1}, {"column": "b", "equals": 1}, {"column": "a", "in": [1, 2]}, {"column": "a", "from": 1}]
    assert len({key_of(request(slice_=slice_)) for slice_ in slices}) == len(slices)
    assert key_of(request(slice_=slices[0])) == key_of(request(slice_={"column": "a", "equals": "x'y"}))


def test_a_run_is_replayed_only_after_its_proof() -> None:
    prepared, asked = Prepared(0), request()
    recorded(prepared, asked)
    assert prepared.replays(key(asked)) is None
    assert not prepared.records(key(asked), NOW), "once is enough"
    assert prepared.next_comparison("dbt") is None
    proof = prepared.next_comparison("replay")
    assert proof is not None
    assert prepared.next_comparison("replay") is None
    prepared.compared(proof, done(rows=None), NOW)  # rows that one of them could not count in time are no difference
    assert prepared.replays(key(asked)) is proof.recorded


def test_a_recording_that_came_to_nothing_is_made_again() -> None:
    prepared, asked = Prepared(0), request()
    for ended in (None, done(status=None), done()):
        assert prepared.records(key(asked), NOW)
        assert not prepared.records(key(asked), NOW), "another worker records it"
        prepared.ran(key(asked), asked, ended, NOW)
    recorded(prepared, asked)
    proof = prepared.next_comparison("replay")
    assert proof is not None
    prepared.compared(proof, None, NOW)  # its worker died
    recorded(prepared, asked)


def test_what_cannot_be_prepared_says_so_and_has_another_chance_later() -> None:
    prepared, asked = Prepared(0), request()
    assert prepared.records(key(asked), NOW)
    why = (Unprepared(test="t", reason="it reads the clock"),)
    prepared.ran(key(asked), asked, done(unprepared=why), NOW)
    assert prepared.unprepared(key(asked), None) == why
    assert not prepared.records(key(asked), NOW + RECORD_AGAIN_SECONDS - 1)
    recorded(prepared, asked, NOW + RECORD_AGAIN_SECONDS)
    assert prepared.unprepared(key(asked), None) == ()


def test_a_test_that_errored_is_told_for_its_run_and_the_next_one_is_recorded() -> None:
    prepared, asked = Prepared(0), request()
    assert prepared.records(key(asked), NOW)
    results = tuple(DbtResult(test=status, status=status, sliced=False) for status in DbtStatus)
    errored = done().model_copy(update={"results": results})
    prepared.ran(key(asked), asked, errored, NOW)
    assert [(one.test, one.reason.partition(":")[0]) for one in prepared.unprepared(key(asked), errored)] == [
        ("error", "it errored in this run"),
        ("skipped", "dbt skipped it in this run"),
    ]
    assert prepared.unprepared(None, errored) == ()  # dbt was asked for
    assert prepared.unprepared(key(asked), None) == ()
    assert prepared.records(key(asked), NOW)


def test_what_is_known_of_a_test_goes_before_that_it_errored() -> None:
    prepared, asked = Prepared(0), request()
    assert prepared.records(key(asked), NOW)
    why = (Unprepared(test="t", reason="it reads the clock"),)
    prepared.ran(key(asked), asked, done(unprepared=why), NOW)
    errored = done().model_copy(update={"results": (DbtResult(test="t", status=DbtStatus.ERROR, sliced=False),)})
    assert prepared.unprepared(key(asked), errored) == why


@pytest.mark.parametrize("refusal", [{"done": done(7)}, {"done": None, "why_not": "SQLSTATE 42P18"}])
def test_a_failed_proof_is_tried_again_a_few_times_before_it_is_told(refusal: dict[str, Any]) -> None:
    prepared, asked = Prepared(0), request()
    for left in (2, 1, 0):
        recorded(prepared, asked)
        proof = prepared.next_comparison("replay")
        assert proof is not None
        prepared.compared(proof, refusal["done"], NOW, why_not=refusal.get("why_not", ""))
        assert prepared.replays(key(asked)) is None
        assert bool(prepared.unprepared(key(asked), None)) == (left == 0)
    (one,) = prepared.unprepared(key(asked), None)
    assert one.reason in ("t: a replay gave fail with 7 failures where dbt gave pass with 0", "SQLSTATE 42P18")
    assert not prepared.records(key(asked), NOW)
    recorded(prepared, asked, NOW + RECORD_AGAIN_SECONDS)


def test_what_no_longer_fits_is_recorded_anew() -> None:
    prepared, asked = Prepared(0), request()
    first = proven(prepared, asked)
    prepared.recordings.forget(first)
    assert prepared.replays(key(asked)) is None
    second = proven(prepared, asked)
    prepared.recordings.forget(first)  # said by a worker that was late
    assert prepared.replays(key(asked)) is second


def test_the_least_recently_used_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "MOST", 2)
    kept: Kept[str, int] = Kept()
    for name in ("a", "b"):
        kept.keep(name, 1)
    assert (kept.use("a"), kept.use("x")) == (1, None)
    kept.keep("c", 1)
    assert list(kept) == ["a", "c"]
    prepared = Prepared(0)
    first, *rest = [request(table=f"raw.t{number}") for number in range(3)]
    for asked in (first, *rest):
        proven(prepared, asked)
    assert [prepared.replays(key(asked)) is not None for asked in (first, *rest)] == [False, True, True]


# --- samples of replays, held against dbt ---


@pytest.mark.parametrize(
    ("before", "dbt", "after", "distrusted"),
    [
        (done(3), done(3), None, False),
        (done(3), done(4), done(4), False),  # rows came in before dbt looked
        (done(3), done(4), done(5), False),  # rows come in all the time: nothing can be said
        (done(3), done(4), done(3), True),
        (done(3), done(3, rows=8), done(3), True),
        (done(3), done(3, rows=None), None, False),
        (done(3), done(3, status=ReportStatus.ERRORED), None, False),  # dbt said nothing
        (done(3), done(4), done(3, status=None), False),  # it was interrupted
    ],
)
def test_a_difference_counts_where_the_replay_says_the_same_before_and_after_dbt(
    before: Done, dbt: Done, after: Done | None, distrusted: bool
) -> None:
    prepared, asked = Prepared(1), request()
    prepared.replayed(asked, proven(prepared, asked), before)
    check = prepared.next_comparison("dbt")
    assert check is not None
    prepared.compared(check, dbt, NOW)
    again = prepared.next_comparison("replay")
    assert (again is not None) == (after is not None)
    if again is not None and after is not None:
        prepared.compared(again, after, NOW)
    assert bool(prepared.recordings.distrusted) == distrusted
    assert (prepared.replays(key(asked)) is None) == distrusted
    if distrusted:
        assert not prepared.records(key(asked), NOW + RECORD_AGAIN_SECONDS)
        assert not prepared.records(key(request(slice_={"column": "a", "equals": 1})), NOW), "the gate version as a whole"


def test_so_many_runs_are_compared_as_the_settings_say_and_no_more_than_may_wait() -> None:
    for share, least, most in ((0.0, 0, 0), (0.5, 1, 99), (1.0, 100, 100)):
        prepared, asked = Prepared(share), request()
        by = proven(prepared, asked)
        found = 0
        for _ in range(100):
            prepared.replayed(asked, by, done())
            found += prepared.next_comparison("dbt") is not None
        assert least <= found <= most
    for _ in range(prepared_module.WAITING_COMPARISONS + 5):
        prepared.replayed(asked, by, done())
    other = request(table="raw.other")
    assert prepared.records(key(other), NOW)
    prepared.ran(key(other), other, done(recording=recording()), NOW)
    waiting = [prepared.next_comparison("dbt") for _ in range(prepared_module.WAITING_COMPARISONS + 5)]
    assert sum(one is not None for one in waiting) == prepared_module.WAITING_COMPARISONS
    assert prepared.records(key(other), NOW), "what could not wait for its proof is recorded again"


def test_a_dbt_that_cannot_judge_is_asked_once_more_before_a_replay_that_can_is_distrusted() -> None:
    broken = done().model_copy(update={"results": (DbtResult(test="t", status=DbtStatus.ERROR, sliced=False),)})
    for second, distrusted in ((done(3), False), (broken, True)):
        prepared, asked = Prepared(1), request()
        prepared.replayed(asked, proven(prepared, asked), done(3))
        for said in (broken, second):
            check = prepared.next_comparison("dbt")
            assert check is not None
            prepared.compared(check, said, NOW)
            again = prepared.next_comparison("replay")
            assert (again is not None) == (said is broken)
            if again is not None:
                prepared.compared(again, done(3), NOW)
        assert bool(prepared.recordings.distrusted) == distrusted
        assert prepared.next_comparison("dbt") is None


# --- replays ---


class Script:
    """A session that answers as it is told: an answer, or what it raises."""

    excludes_writers = False

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = iter(answers)
        self.asked: list[Sequence[Question]] = []

    def ask(self, questions: Sequence[Question]) -> Generator[Answer]:
        self.asked.append(questions)
        for _ in questions:
            answer = next(self.answers)
            if isinstance(answer, Exception):
                raise answer
            yield answer

    def question(self, statement: Template, values: Sequence[str], limit_seconds: float | None = None) -> Question:
        return Question(statement.literal(values), limit_seconds=limit_seconds)

    def sample(self, sql: str, **more: Any) -> Sample:  # noqa: ARG002  # the port's
        raise AssertionError("nothing failed")

    def end(self) -> None: ...

    def close(self) -> None: ...


PASSED = Answer(("failures", "should_warn", "should_error"), ((0, False, False),))
COUNTED = Answer(("count",), ((9,),))


def replay(script: Script, by: Recording | None = None, **fields: Any) -> Any:
    replayer = Replayer(script, StopSignal(), str, warnings_are_errors=False)
    gate = request().gate.model_copy(update=fields)
    return replayer.replay(by or recording(), gate, (), timeout_seconds=60)


def test_a_session_that_was_lost_is_tried_once_more() -> None:
    evaluated = replay(Script(PASSED, SessionLost("lost"), PASSED, COUNTED))
    assert (evaluated.status, evaluated.rows, len(evaluated.results)) == (ReportStatus.COMPLETED, 9, 1)
    with pytest.raises(Unreplayed, match="lost again"):
        replay(Script(SessionLost("lost"), SessionLost("lost again")))


@pytest.mark.parametrize("outdated", [True, False])
def test_an_error_goes_to_dbt_and_tells_whether_the_recording_is_outdated(outdated: bool) -> None:
    with pytest.raises(Unreplayed) as caught:
        replay(Script(Unanswered("no", outdated=outdated)))
    assert caught.value.outdated == outdated


def test_rows_that_cannot_be_counted_in_time_are_told_as_such() -> None:
    script = Script(PASSED, Unanswered("too long", over_limit=True))
    evaluated = replay(script)
    assert (evaluated.status, evaluated.rows, evaluated.message) == (ReportStatus.COMPLETED, None, "it took more than 5.0 s")
    assert evaluated.notes == ["the rows were not counted: it took more than 5.0 s"]
    (tests, count) = script.asked[0]
    assert tests.limit_seconds is None
    assert count.limit_seconds == 5.0
    with pytest.raises(Unreplayed, match="too long"):  # dbt's worker asks whether there is any
        replay(Script(PASSED, Unanswered("too long", over_limit=True)), on_no_rows=Decision.CLOSED)
    ephemeral = replay(Script(PASSED), recording().model_copy(update={"count": None}))
    assert (ephemeral.rows, ephemeral.message) == (None, "raw.orders is an ephemeral model, which is no table of the database")


@pytest.mark.parametrize("answer", [Answer(("count",), ()), Answer(("count",), ((None,),)), Answer(("a", "b"), ((1, 2),))])
def test_a_count_that_is_no_number_goes_to_dbt(answer: Answer) -> None:
    with pytest.raises(Unreplayed, match="no number"):
        replay(Script(PASSED, answer))


def test_an_answer_that_only_dbt_can_judge_goes_to_dbt() -> None:
    with pytest.raises(Unreplayed, match="not an integer"):
        replay(Script(Answer(PASSED.columns, ((b"NaN", False, False),))))


def test_whatever_goes_wrong_in_a_replay_goes_to_dbt_by_its_name_alone() -> None:
    ours, its = Pipe()
    script = Script(LookupError("row ('odd@example.org')"), PASSED, COUNTED)  # type: ignore[arg-type]  # no session should raise it
    messages.send(ours, messages.Learn(number=1, recording=recording(), gate=request().gate))
    for attempt in (1, 2):
        messages.send(ours, messages.Replay(run=RUN, attempt=attempt, number=1, values=(), timeout_seconds=60))
    told = []

    def hang_up() -> None:
        told.extend([messages.receive(ours), messages.receive(ours)])
        ours.close()

    listener = Thread(target=hang_up)
    listener.start()
    with its, pytest.raises(EOFError):
        replay_all(its, Replayer(script, StopSignal(), str, warnings_are_errors=False))
    listener.join()
    assert told[0] == messages.Unreplayed(run=RUN, attempt=1, reason="the replay failed (LookupError)", outdated=False)
    assert isinstance(told[1], Done)
    assert (told[1].status, told[1].rows) == (ReportStatus.COMPLETED, 9), "the next one is right"
