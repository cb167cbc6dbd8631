"""Which dispatchers there are and what they serve; a queued run that none of them serves would wait for ever."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from stringx.store.runs import Run, locked_queued

#: A dispatcher that has not been seen for so long is forgotten.
FORGOTTEN_AFTER_SECONDS = 86_400


def register(connection: Connection, dispatcher: str, *, runners: Sequence[str], inline_targets: Sequence[str]) -> None:
    """Says that a dispatcher is there, and what it serves."""
    connection.execute(
        text("""
            insert into dispatchers (id, runners, inline_targets) values (:id, :runners, :inline_targets)
            on conflict (id) do update set seen_at = now()
        """).bindparams(bindparam("runners", type_=JSONB), bindparam("inline_targets", type_=JSONB)),
        {"id": dispatcher, "runners": list(runners), "inline_targets": list(inline_targets)},
    )
    connection.execute(
        text("delete from dispatchers where seen_at < now() - make_interval(secs => :seconds)"), {"seconds": FORGOTTEN_AFTER_SECONDS}
    )


def locked_unserved(connection: Connection, *, waiting_seconds: float, limit: int) -> list[Run]:
    """Runs that have waited so long, and no dispatcher seen in that time knows their runner or serves their inline target; locked."""
    return locked_queued(
        connection,
        """
            run.queued_at < now() - make_interval(secs => :waiting_seconds) and not exists (
                select from dispatchers
                where seen_at > now() - make_interval(secs => :waiting_seconds)
                  and case run.runner when 'inline' then jsonb_exists(inline_targets, run.target) else jsonb_exists(runners, run.runner) end
            )
        """,
        {"waiting_seconds": waiting_seconds},
        limit,
    )


def locked_for_other_targets(
    connection: Connection, *, runner: str, targets: Sequence[str], waiting_seconds: float, limit: int
) -> list[Run]:
    """Runs for a runner that have waited so long and ask for none of its targets; locked."""
    return locked_queued(
        connection,
        "run.runner = :runner and run.target <> all(:targets) and run.queued_at < now() - make_interval(secs => :waiting_seconds)",
        {"runner": runner, "targets": list(targets), "waiting_seconds": waiting_seconds},
        limit,
    )
