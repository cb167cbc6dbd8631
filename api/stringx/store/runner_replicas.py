"""What the replicas of runners say of themselves, for processes that speak to none of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.postgresql import JSONB

from stringx.model import RunnerStatus, made_storable
from stringx.settings import INLINE_RUNNER
from stringx.store import runner_projects
from stringx.store.database import sql
from stringx.store.tables import runner_replicas

#: A replica that nobody has asked for so many leases is none that a dispatcher knows.
FORGOTTEN_AFTER_LEASES = 40


@dataclass(frozen=True)
class RunnerReplica:
    """A replica, as it was when a dispatcher asked it last. Times are the database's."""

    runner: str
    address: str
    #: its newest answer, without what it holds; None: it has not answered yet
    status: RunnerStatus | None
    answered_at: datetime | None
    asked_at: datetime
    #: why the newest question has no answer; None where it has
    error: str | None


def answered(connection: Connection, runner: str, address: str, status: RunnerStatus) -> None:
    """Notes what a replica has just answered. Unstorable, within `storing`, where the database cannot hold it."""
    connection.execute(
        sql("""
            insert into runner_replicas (runner, address, status, answered_at) values (:runner, :address, :status, now())
            on conflict (runner, address) do update set status = excluded.status, answered_at = now(), asked_at = now(), error = null
        """).bindparams(bindparam("status", type_=JSONB)),
        {"runner": runner, "address": address, "status": status.model_copy(update={"held": ()}).model_dump(mode="json")},
    )
    runner_projects.note(connection, runner, address, status.fingerprints)


def missed(connection: Connection, runner: str, address: str, error: str) -> None:
    """Notes that a replica was asked and did not answer; what it had said before stays."""
    connection.execute(
        sql("""
            insert into runner_replicas (runner, address, error) values (:runner, :address, :error)
            on conflict (runner, address) do update set asked_at = now(), error = excluded.error
        """),
        {"runner": runner, "address": address, "error": made_storable(error)},
    )


def forget(connection: Connection, runner: str, address: str) -> None:
    """It is there no more, and nobody is to be told that it does not answer."""
    connection.execute(delete(runner_replicas).where(runner_replicas.c.runner == runner, runner_replicas.c.address == address))


def forget_unasked(connection: Connection, lease_seconds: float) -> None:
    """Forgets those that no dispatcher knows any more: an inline one is known by its own dispatcher alone, by whose name it goes."""
    connection.execute(
        sql("""
            delete from runner_replicas
            where asked_at < now() - make_interval(secs => :leases * :lease)
               or runner = :inline and asked_at < now() - make_interval(secs => :lease) and not exists (
                    select from dispatchers where id = address and seen_at > now() - make_interval(secs => :lease)
                  )
        """),
        {"leases": FORGOTTEN_AFTER_LEASES, "lease": lease_seconds, "inline": INLINE_RUNNER},
    )


def known(connection: Connection, runner: str | None = None) -> list[RunnerReplica]:
    """The replicas of one runner, or of all, by runner and address."""
    statement = select(runner_replicas).order_by(runner_replicas.c.runner, runner_replicas.c.address)
    if runner is not None:
        statement = statement.where(runner_replicas.c.runner == runner)
    return [
        RunnerReplica(
            runner=row.runner,
            address=row.address,
            status=None if row.status is None else RunnerStatus.model_validate(row.status),
            answered_at=row.answered_at,
            asked_at=row.asked_at,
            error=row.error,
        )
        for row in connection.execute(statement)
    ]
