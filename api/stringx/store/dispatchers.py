"""Which dispatchers there are and what they serve; a queued run that none of them serves would wait for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam
from sqlalchemy.dialects.postgresql import JSONB

from stringx.settings import INLINE_RUNNER
from stringx.store.database import sql
from stringx.store.runs import Run, locked_queued

#: A dispatcher that has not been seen for so long is forgotten.
FORGOTTEN_AFTER_SECONDS = 86_400


@dataclass(frozen=True)
class Wanted:
    """Where queued runs are to be executed."""

    #: its name, or INLINE_RUNNER
    runner: str
    target: str


def register(connection: Connection, dispatcher: str, *, runners: Sequence[str], inline_targets: Sequence[str]) -> None:
    """Says that a dispatcher is there, and what it serves."""
    connection.execute(
        sql("""
            insert into dispatchers (id, runners, inline_targets) values (:id, :runners, :inline_targets)
            on conflict (id) do update set seen_at = now()
        """).bindparams(bindparam("runners", type_=JSONB), bindparam("inline_targets", type_=JSONB)),
        {"id": dispatcher, "runners": list(runners), "inline_targets": list(inline_targets)},
    )
    connection.execute(
        sql("delete from dispatchers where seen_at < now() - make_interval(secs => :seconds)"), {"seconds": FORGOTTEN_AFTER_SECONDS}
    )


def wanted(connection: Connection, *, seen_within_seconds: float) -> dict[Wanted, bool]:
    """What queued runs ask for, and whether a dispatcher seen in that time knows the runner, or serves the inline target itself."""
    rows = connection.execute(
        sql("""
            with wanted as materialized (select distinct runner, target from runs where state = 'queued')
            select runner, target, exists (
                select from dispatchers
                where seen_at > now() - make_interval(secs => :seconds)
                  and case runner when :inline then jsonb_exists(inline_targets, target) else jsonb_exists(runners, runner) end
            ) as served
            from wanted
        """),
        {"seconds": seen_within_seconds, "inline": INLINE_RUNNER},
    )
    return {Wanted(row.runner, row.target): row.served for row in rows}


def locked_wanting(connection: Connection, what: Wanted, limit: int) -> list[Run]:
    """Up to `limit` queued runs that ask for this, locked."""
    condition = "run.runner = :runner and run.target = :target"
    return locked_queued(connection, condition, {"runner": what.runner, "target": what.target}, limit)
