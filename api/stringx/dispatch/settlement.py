"""How a run ends: by a report, or without one. Each function here is part of one transaction of its caller.

A run gets its verdict, its check results and the acknowledgements of all its triggers together, once: the run's row is
locked, only a leased run in the reported attempt is settled, and the verdict's primary key is the run.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Literal

from sqlalchemy import Connection

from stringx.dispatch.acknowledgement import acknowledge
from stringx.errors import NotFound
from stringx.model import Report, UnreadableReport, Verdict, VerdictName, made_storable
from stringx.settings import Settings
from stringx.store import runs, verdicts
from stringx.store.runs import Run
from stringx.verdict import judge, judge_without_report

#: Longest message of ours about a report that cannot be stored, in characters.
MESSAGE_CHARACTERS = 1_000

CANCELLED_WAITING = "cancelled before a runner had it"
CANCELLED_LOST = "cancelled; no runner reported it"


class Settlement(StrEnum):
    """What became of a report."""

    JUDGED = "judged"
    #: the verdict that it made is there already
    REPEATED = "repeated"
    #: its attempt no longer held the lease: kept as history
    LATE = "late"
    #: of a run that is not in this database: kept
    UNKNOWN = "unknown"
    #: kept with its bytes, and the run is `errored`
    UNSTORABLE = "unstorable"


def settle(connection: Connection, settings: Settings, report: Report) -> Settlement:
    """Makes a report its run's verdict, or sets it apart where the run is no longer leased in the reported attempt.

    Within a `savepoint` it raises Unstorable where the database cannot hold the report: then call `settle_unstorable`.
    """
    run = _leased_in(connection, report.run, report.attempt)
    if not isinstance(run, Run):
        return _put_aside(connection, run, report.run, report.attempt, _bytes(report))
    verdict = judge(run.gate, report, run.slice)
    runs.end_attempt(connection, run, "settled", None)
    _conclude(connection, settings, run, verdict, attempt=report.attempt, report=report)
    return Settlement.JUDGED


def settle_unstorable(connection: Connection, settings: Settings, report: Report, error: str) -> Settlement:
    """Keeps the bytes of a report that could not be stored, and makes its run `errored`, saying why."""
    return _settle_by_its_fault(
        connection, settings, report.run, report.attempt, f"the report could not be stored: {error}", _bytes(report)
    )


def settle_unreadable(connection: Connection, settings: Settings, report: UnreadableReport) -> Settlement:
    """Keeps what the runner sent in place of a report, and makes its run `errored`, saying why."""
    message = f"the runner's report could not be read: {report.error}"
    return _settle_by_its_fault(connection, settings, report.run, report.attempt, message, report.raw_bytes)


def lose(connection: Connection, settings: Settings, run: Run, message: str) -> None:
    """Ends the attempt at a locked, leased run that nobody holds any more: queued again, or `errored` when that was the last one."""
    if run.cancel_requested:
        runs.end_attempt(connection, run, "lost", message)
        conclude_without_report(connection, settings, run, VerdictName.CANCELLED, CANCELLED_LOST)
    elif run.lost_attempts + 1 < settings.max_attempts:
        runs.requeue(connection, run, lost=True, message=message, after_seconds=0)
    else:
        runs.end_attempt(connection, run, "lost", message)
        history = "; ".join(runs.history(connection, run))
        conclude_without_report(
            connection, settings, run, VerdictName.ERRORED, f"all {settings.max_attempts} attempts were lost: {history}"
        )


def hand_back(connection: Connection, settings: Settings, run: Run, message: str, after_seconds: float) -> None:
    """Queues a locked, leased run again that its runner has not taken; this does not count as a lost attempt."""
    if run.cancel_requested:
        runs.end_attempt(connection, run, "cancelled", message)
        conclude_without_report(connection, settings, run, VerdictName.CANCELLED, CANCELLED_WAITING)
    else:
        runs.requeue(connection, run, lost=False, message=message, after_seconds=after_seconds)


def refuse(connection: Connection, settings: Settings, run: Run, message: str) -> None:
    """Ends a locked, leased run that its runner will not take, however often it is sent."""
    runs.end_attempt(connection, run, "handed_back", message)
    if run.cancel_requested:
        conclude_without_report(connection, settings, run, VerdictName.CANCELLED, CANCELLED_WAITING)
    else:
        conclude_without_report(connection, settings, run, VerdictName.ERRORED, message)


def request_cancel(connection: Connection, settings: Settings, run_id: str) -> None:
    """Cancels a queued run at once, and has a leased one stopped by its runner; one that is done stays as it is.

    Raises NotFound.
    """
    run = runs.locked(connection, run_id)
    if run is None:
        raise NotFound(f"there is no run {run_id}")
    if run.state == "queued":
        conclude_without_report(connection, settings, run, VerdictName.CANCELLED, CANCELLED_WAITING)
    elif run.state == "leased":
        runs.ask_cancel(connection, run)


def conclude_without_report(connection: Connection, settings: Settings, run: Run, name: VerdictName, message: str) -> None:
    """Ends a locked run by a verdict that no report decided."""
    _conclude(connection, settings, run, judge_without_report(run.gate, name, message), attempt=None, report=None)


def _conclude(
    connection: Connection, settings: Settings, run: Run, verdict: Verdict, *, attempt: int | None, report: Report | None
) -> None:
    runs.finish(connection, run)
    judged_at = verdicts.record(connection, run, verdict, attempt=attempt, report=report)
    acknowledge(connection, settings, run, verdict, report, judged_at)


def _leased_in(
    connection: Connection, run_id: str, attempt: int
) -> Run | Literal[Settlement.UNKNOWN, Settlement.REPEATED, Settlement.LATE]:
    """The run, locked, where its lease is this attempt's; else what a report of that attempt is."""
    run = runs.locked(connection, run_id)
    if run is None:
        return Settlement.UNKNOWN
    if run.state == "leased" and run.attempt == attempt:
        return run
    # The runner had the report accepted, and did not learn of it: the process ended between commit and acknowledgement.
    if verdicts.judged_attempt(connection, run_id) == attempt:
        return Settlement.REPEATED
    return Settlement.LATE


def _put_aside(
    connection: Connection,
    why: Literal[Settlement.UNKNOWN, Settlement.REPEATED, Settlement.LATE],
    run_id: str,
    attempt: int,
    raw: bytes,
) -> Settlement:
    if why is Settlement.UNKNOWN:
        verdicts.set_apart(connection, run_id=run_id, attempt=attempt, reason="unknown", message="there is no such run", report=raw)
    elif why is Settlement.LATE:
        message = "the attempt no longer held the run's lease"
        verdicts.set_apart(connection, run_id=run_id, attempt=attempt, reason="late", message=message, report=raw)
    return why


def _settle_by_its_fault(connection: Connection, settings: Settings, run_id: str, attempt: int, error: str, raw: bytes) -> Settlement:
    run_id, message = storable_message(run_id), storable_message(error)
    run = _leased_in(connection, run_id, attempt)
    if not isinstance(run, Run):
        return _put_aside(connection, run, run_id, attempt, raw)
    verdicts.set_apart(connection, run_id=run_id, attempt=attempt, reason="unstorable", message=message, report=raw)
    runs.end_attempt(connection, run, "settled", message)
    _conclude(connection, settings, run, judge_without_report(run.gate, VerdictName.ERRORED, message), attempt=attempt, report=None)
    return Settlement.UNSTORABLE


def _bytes(report: Report) -> bytes:
    """Whatever stands in it: JSON's escapes hold what UTF-8 does not."""
    return json.dumps(report.model_dump(mode="json"), ensure_ascii=True).encode()


def storable_message(message: str) -> str:
    """`message` as Postgres can hold it, cut to a length that people read."""
    return made_storable(message)[:MESSAGE_CHARACTERS]
