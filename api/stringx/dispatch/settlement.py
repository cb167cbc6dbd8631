"""How a run ends: by a report, or without one. Each function here is part of one transaction of its caller.

A run gets its verdict, its check results and the acknowledgements of all its triggers together, once: the run's row is
locked, only a leased run in the reported attempt is settled, and the verdict's primary key is the run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeGuard

from sqlalchemy import Connection

from stringx.dispatch.acknowledgement import acknowledgements
from stringx.errors import NotFound
from stringx.model import Report, UnreadableReport, Verdict, VerdictName, made_storable
from stringx.settings import Settings
from stringx.store import runs, verdicts
from stringx.store.runs import Held, Run
from stringx.store.verdicts import Judged
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


@dataclass(frozen=True)
class Settled:
    """A report that was taken."""

    settlement: Settlement
    #: None where there is none
    run: Run | None


def settle(connection: Connection, settings: Settings, reports: Sequence[Report]) -> list[Settled]:
    """Makes each report its run's verdict, or sets it apart where the run is no longer leased in the reported attempt.

    In as many statements as for one. Within `storing` or a `savepoint` it raises Unstorable where the database cannot hold one of
    them, and nothing of all is stored: then settle each alone, and call `settle_unstorable` for that one.
    """
    found = verdicts.awaited(connection, [report.run for report in reports])
    judged: dict[Held, Judged] = {}
    settled = []
    for report in reports:
        awaited, held = found.get(report.run), (report.run, report.attempt)
        run = None if awaited is None else awaited.run
        if held in judged:
            settlement = Settlement.REPEATED
        elif awaited is not None and _is_leased_in(awaited.run, report.attempt):
            judged[held] = Judged(awaited, judge(awaited.run.gate, report, awaited.run.slice), report.attempt, report)
            settlement = Settlement.JUDGED
        else:
            settlement = _put_aside(connection, run, report.run, report.attempt, _bytes(report))
        settled.append(Settled(settlement, run))
    if judged:
        _conclude(connection, settings, list(judged.values()))
    return settled


def settle_unstorable(connection: Connection, settings: Settings, report: Report, error: str) -> Settled:
    """Keeps the bytes of a report that could not be stored, and makes its run `errored`, saying why."""
    return _settle_by_its_fault(
        connection, settings, report.run, report.attempt, f"the report could not be stored: {error}", _bytes(report)
    )


def settle_unreadable(connection: Connection, settings: Settings, report: UnreadableReport) -> Settled:
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
    _end(connection, settings, run, judge_without_report(run.gate, name, message), attempt=None)


def _end(connection: Connection, settings: Settings, run: Run, verdict: Verdict, *, attempt: int | None) -> None:
    """`run` is locked: what waits for it is complete."""
    _conclude(connection, settings, [Judged(verdicts.awaited(connection, [run.id])[run.id], verdict, attempt, None)])


def _conclude(connection: Connection, settings: Settings, judged: Sequence[Judged]) -> None:
    verdicts.conclude(connection, judged, acknowledgements(settings, judged))


def _is_leased_in(run: Run | None, attempt: int) -> TypeGuard[Run]:
    return run is not None and run.state == "leased" and run.attempt == attempt


def _put_aside(connection: Connection, run: Run | None, run_id: str, attempt: int, raw: bytes) -> Settlement:
    """Keeps a report that changes nothing, unless its verdict is there; `run`, locked, is not leased in that attempt."""
    if run is None:
        verdicts.set_apart(connection, run_id=run_id, attempt=attempt, reason="unknown", message="there is no such run", report=raw)
        return Settlement.UNKNOWN
    # The runner had the report accepted, and did not learn of it: the process ended between commit and acknowledgement.
    if verdicts.judged_attempt(connection, run_id) == attempt:
        return Settlement.REPEATED
    message = "the attempt no longer held the run's lease"
    verdicts.set_apart(connection, run_id=run_id, attempt=attempt, reason="late", message=message, report=raw)
    return Settlement.LATE


def _settle_by_its_fault(connection: Connection, settings: Settings, run_id: str, attempt: int, error: str, raw: bytes) -> Settled:
    run_id, message = storable_message(run_id), storable_message(error)
    run = runs.locked(connection, run_id)
    if not _is_leased_in(run, attempt):
        return Settled(_put_aside(connection, run, run_id, attempt, raw), run)
    verdicts.set_apart(connection, run_id=run_id, attempt=attempt, reason="unstorable", message=message, report=raw)
    runs.end_attempt(connection, run, "settled", message)
    _end(connection, settings, run, judge_without_report(run.gate, VerdictName.ERRORED, message), attempt=attempt)
    return Settled(Settlement.UNSTORABLE, run)


def _bytes(report: Report) -> bytes:
    """Whatever stands in it: JSON's escapes hold what UTF-8 does not."""
    return json.dumps(report.model_dump(mode="json"), ensure_ascii=True).encode()


def storable_message(message: str) -> str:
    """`message` as Postgres can hold it, cut to a length that people read."""
    return made_storable(message)[:MESSAGE_CHARACTERS]
