"""Which dbt project each replica of a runner has in charge of a target, and when it came to the runner: the last to come is the newest.

Time is the database's: the same for all dispatchers, whichever of them is started anew. A runner itself could not tell: after each start
it parses its project anew, and the files bear whatever times they were copied with. A project comes

- with a replica that changes to it, or is started with it, while no other one has it: now;
- with a replica that catches up with another, or is started with what another has, an old project too: when it came with that other one;
- with a replica that goes back to what is older than its own: now. What was rolled back to is the newest.

Of projects that were there before anybody looked it is not known which came first: the one that is seen last counts as the newest,
until the next change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from stringx.settings import INLINE_RUNNER
from stringx.store.database import sql


@dataclass(frozen=True)
class RunnerProject:
    """A dbt project that is in charge of a target at a replica."""

    fingerprint: str
    #: when the replica's runner got it first
    came_at: datetime

    def newer_than(self, other: RunnerProject | None) -> bool:
        """False where nothing is known of the other: one that is still parsing, say."""
        return other is not None and self.fingerprint != other.fingerprint and self.came_at > other.came_at


def note(connection: Connection, runner: str, address: str, fingerprints: Mapping[str, str | None]) -> None:
    """Notes the projects that a known replica says are in charge, by target. What it had stays while it parses its first one."""
    told = {target: fingerprint for target, fingerprint in fingerprints.items() if fingerprint is not None}
    connection.execute(
        sql("""
            insert into runner_projects as known (runner, address, target, fingerprint, came_at)
            select :runner, :address, told.target, told.fingerprint, coalesce(
                (
                    select max(came_at) from runner_projects as others
                    where others.runner = :runner and others.target = told.target and others.fingerprint = told.fingerprint
                ),
                now()
            )
            from unnest(cast(:targets as text[]), cast(:fingerprints as text[])) as told(target, fingerprint)
            on conflict (runner, address, target) do update
            set fingerprint = excluded.fingerprint,
                came_at = case when excluded.came_at > known.came_at then excluded.came_at else now() end
            where known.fingerprint <> excluded.fingerprint
        """),
        {"runner": runner, "address": address, "targets": list(told), "fingerprints": list(told.values())},
    )


# A project came to its runner when the last of the replicas that have it says so: one that went back to it made it the newest.
_IN_CHARGE = """
select project.runner, project.address, target, fingerprint, answered_at,
    max(came_at) over (partition by project.runner, target, fingerprint) as came_at
from runner_projects as project
join runner_replicas as replica on (replica.runner, replica.address) = (project.runner, project.address)
where replica.status #>> array['fingerprints', target] = fingerprint
"""


def in_charge(connection: Connection, runner: str, address: str) -> dict[str, RunnerProject]:
    """The projects of a replica by target, as it said last."""
    rows = connection.execute(
        sql(f"select * from ({_IN_CHARGE}) as known where runner = :runner and address = :address"),  # noqa: S608  # our own text
        {"runner": runner, "address": address},
    )
    return {row.target: RunnerProject(row.fingerprint, row.came_at) for row in rows}


def outdated(connection: Connection, answered_within_seconds: float) -> dict[tuple[str, str], tuple[str, ...]]:
    """By runner and address, of the replicas that answered in that time, the targets of which another one has a newer project.

    Of inline runners there are none: each dispatcher gives inline runs to its own, whatever project those of others have.
    """
    rows = connection.execute(
        sql(f"""
            select runner, address, array_agg(target order by target) as targets
            from (
                select *, came_at < max(came_at) over (partition by runner, target) as outdated
                from ({_IN_CHARGE}) as known
                where answered_at > now() - make_interval(secs => :seconds) and runner <> :inline
            ) as answering
            where outdated
            group by runner, address
        """),  # noqa: S608  # composed of this module's own text
        {"seconds": answered_within_seconds, "inline": INLINE_RUNNER},
    )
    return {(row.runner, row.address): tuple(row.targets) for row in rows}
