"""Whatever order things come in: a verdict is never lost, never doubled, and only the newest leased attempt makes it."""

from __future__ import annotations

from typing import Any

from fake_runner import report_of
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from queued import Store, gate
from sqlalchemy import text

from stringx.dispatch import request_cancel, settle
from stringx.dispatch.settlement import Settlement, hand_back, lose, settle_unstorable
from stringx.model import Report, RunRequest
from stringx.store import runs
from stringx.store.database import transaction
from stringx.store.runs import Run

ADDRESS = "http://r"
DAYS = (None, "2013-02-01", "2013-02-02")


class Ways(RuleBasedStateMachine):
    """The queue and what can happen to it; every report that an attempt would bring may come at any time, and again."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        # What an earlier series left would be looked at after each step of this one.
        with transaction(self.store.engine) as connection:
            connection.execute(text("truncate runs cascade"))
        self.runs: list[str] = []
        self.reports: list[Report] = []
        #: what each run's verdict was when it was first seen
        self.seen: dict[str, Any] = {}

    # --- what can happen ---

    @rule(day=st.sampled_from(DAYS), newer=st.booleans(), triggered=st.integers(1, 3), priority=st.integers(-1, 1))
    def queue(self, day: str | None, newer: bool, triggered: int, priority: int) -> None:
        wanted = gate(description="newer") if newer else gate()
        self.runs.append(self.store.queue(wanted, day=day, triggered=triggered, priority=priority))

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        self._claim(limit)

    @precondition(lambda self: self.reports)
    @rule(which=st.integers(0, 1000))
    def deliver(self, which: int) -> None:
        self._deliver(self.reports[which % len(self.reports)])

    @precondition(lambda self: self.reports)
    @rule(which=st.integers(0, 1000))
    def deliver_what_cannot_be_stored(self, which: int) -> None:
        with transaction(self.store.engine) as connection:
            settle_unstorable(connection, self.store.settings, self.reports[which % len(self.reports)], "no room")

    @precondition(lambda self: self.reports)
    @rule(which=st.integers(0, 1000))
    def renew(self, which: int) -> None:
        report = self.reports[which % len(self.reports)]
        with transaction(self.store.engine) as connection:
            runs.renew(connection, address=ADDRESS, boot="b", held=[(report.run, report.attempt)], lease_seconds=60.0)

    @rule()
    def all_leases_run_out(self) -> None:
        self.store.rows("update runs set lease_until = now() - interval '1 second' where state = 'leased' returning id")
        with transaction(self.store.engine) as connection:
            for run in runs.locked_expired(connection, 100):
                lose(connection, self.store.settings, run, "nobody held it")

    @rule()
    def what_is_claimed_is_lost(self) -> None:
        self._claim(1)
        self.all_leases_run_out()

    @rule()
    def the_runner_takes_nothing(self) -> None:
        with transaction(self.store.engine) as connection:
            for run in runs.locked_at(connection, ADDRESS):
                hand_back(connection, self.store.settings, run, "busy", 0)

    @precondition(lambda self: self.runs)
    @rule(which=st.integers(0, 1000))
    def cancel(self, which: int) -> None:
        with transaction(self.store.engine) as connection:
            request_cancel(connection, self.store.settings, self.runs[which % len(self.runs)])

    # --- what always holds ---

    @invariant()
    def a_run_is_done_when_it_has_its_verdict_and_its_triggers_their_acknowledgements(self) -> None:
        assert not self.store.rows("""
            select runs.id
            from runs
            left join verdicts on verdicts.run_id = runs.id
            left join lateral (select count(*) as n from triggers where run_id = runs.id) as triggers on true
            left join lateral (select count(*) as n from outbox where run_id = runs.id) as told on true
            where (runs.state = 'done') <> (verdicts.run_id is not null)
               or told.n <> case when runs.state = 'done' then triggers.n else 0 end
        """)

    @invariant()
    def a_verdict_never_changes(self) -> None:
        for row in self.store.rows("select * from verdicts"):
            assert self.seen.setdefault(row["run_id"], dict(row)) == dict(row)

    @invariant()
    def one_attempt_is_open_while_a_run_is_leased_and_none_otherwise(self) -> None:
        assert not self.store.rows("""
            select runs.id
            from runs
            left join attempts on attempts.run_id = runs.id
            group by runs.id
            having count(*) filter (where attempts.run_id is not null and attempts.outcome is null) <> (runs.state = 'leased')::int
                or count(attempts.run_id) <> runs.attempt
                or count(*) filter (where attempts.outcome = 'settled') > 1
                or count(*) filter (where attempts.outcome = 'lost') > 3
        """)

    @invariant()
    def one_run_per_gate_and_slice_is_leased(self) -> None:
        assert not self.store.rows("select slice_key from runs where state = 'leased' group by slice_key having count(*) > 1")

    def teardown(self) -> None:
        """Left in peace, every run gets its verdict."""
        for _ in range(2 * len(self.runs) + 1):
            self._claim(100)
            for report in self.reports:
                self._deliver(report)
        assert self.store.judged(*self.runs)
        self.a_run_is_done_when_it_has_its_verdict_and_its_triggers_their_acknowledgements()
        self.a_verdict_never_changes()
        super().teardown()

    def _deliver(self, report: Report) -> None:
        before = self.store.run(report.run)
        verdict = self.store.rows("select attempt from verdicts where run_id = :run", run=report.run)
        with transaction(self.store.engine) as connection:
            settlement = settle(connection, self.store.settings, [report])[0].settlement
        if before["state"] == "leased" and before["attempt"] == report.attempt:
            assert settlement is Settlement.JUDGED
        elif verdict and verdict[0]["attempt"] == report.attempt:
            assert settlement is Settlement.REPEATED
        else:
            assert settlement is Settlement.LATE

    def _claim(self, limit: int) -> None:
        with transaction(self.store.engine) as connection:
            claimed = runs.claim(
                connection,
                runner="default",
                targets=["demo"],
                limit=limit,
                address=ADDRESS,
                boot="b",
                dispatcher="d",
                lease_seconds=60.0,
            )
        self.reports += [report_of(_request(run), "b", failures=run.attempt % 2) for run in claimed]


def _request(run: Run) -> RunRequest:
    return RunRequest(
        run=run.id,
        attempt=run.attempt,
        gate=run.gate,
        gate_version=run.gate_version,
        gate_fingerprint=run.gate.fingerprint,
        slice=run.slice,
        timeout_seconds=1,
    )


def test_a_verdict_is_never_lost_and_never_doubled(store: Store) -> None:
    Ways.store = store
    run_state_machine_as_test(
        Ways,
        settings=settings(
            max_examples=25, stateful_step_count=25, derandomize=True, suppress_health_check=list(HealthCheck), database=None
        ),
    )
