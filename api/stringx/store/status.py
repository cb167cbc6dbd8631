"""How the backend does: the queue, the outbox, what dispatchers and runners said of themselves. Reads only."""

from __future__ import annotations

import importlib.metadata
from datetime import datetime, timedelta

from sqlalchemy import Connection

from stringx.model import (
    BackendStatus,
    DispatcherStatus,
    DistrustedGate,
    Engine,
    OutboxStatus,
    RunnerReplicaStatus,
    RunsStatus,
    VerdictName,
)
from stringx.store import gates, runner_projects, runner_replicas
from stringx.store.database import now, sql
from stringx.store.runner_replicas import RunnerReplica

# Each part by an index of its own: none of it may cost more as the history grows.
_COUNTS = """
select
    (select count(*) from runs where state = 'queued') as queued,
    (select count(*) from runs where state = 'leased') as leased,
    (select extract(epoch from now() - min(queued_at)) from runs where state = 'queued') as oldest_queued_seconds,
    (select count(*) from outbox where published_at is null) as unpublished,
    (select extract(epoch from now() - min(created_at)) from outbox where published_at is null) as oldest_unpublished_seconds,
    (select count(*) from dead_letters where received_at > now() - interval '5 minutes') as recent_dead_letters
"""


def status(connection: Connection, lease_seconds: float) -> BackendStatus:
    """`lease_seconds`: what was not heard of for so long is not there."""
    counts = connection.execute(sql(_COUNTS)).one()
    dispatchers = connection.execute(
        sql("""
            select id as dispatcher, runners, inline_targets, started_at, seen_at
            from dispatchers where seen_at > now() - make_interval(secs => :seconds) order by id
        """),
        {"seconds": lease_seconds},
    ).mappings()
    return BackendStatus(
        version=importlib.metadata.version("stringx"),
        runs=RunsStatus(queued=counts.queued, leased=counts.leased, oldest_queued_seconds=counts.oldest_queued_seconds),
        verdicts_last_5_minutes=_recent_verdicts(connection),
        outbox=OutboxStatus(unpublished=counts.unpublished, oldest_unpublished_seconds=counts.oldest_unpublished_seconds),
        dead_letters_last_5_minutes=counts.recent_dead_letters,
        dispatchers=tuple(DispatcherStatus.model_validate(dict(row)) for row in dispatchers),
        runners=_replicas(connection, lease_seconds),
    )


def _recent_verdicts(connection: Connection) -> dict[VerdictName, int]:
    rows = connection.execute(
        sql("select verdict, count(*) as stored from verdicts where judged_at > now() - interval '5 minutes' group by verdict")
    )
    return dict.fromkeys(VerdictName, 0) | {VerdictName(row.verdict): row.stored for row in rows}


def _replicas(connection: Connection, lease_seconds: float) -> tuple[RunnerReplicaStatus, ...]:
    replicas, at = runner_replicas.known(connection), now(connection)
    distrusted = [one for replica in replicas if replica.status for ones in replica.status.distrusted.values() for one in ones]
    # A runner also tells of earlier versions of gates, and of other backends' gates.
    versions = gates.current_of(connection, {(one.workspace, one.table.lower()) for one in distrusted})
    replayed = {key: version.fingerprint for key, version in versions.items() if version.gate.engine is Engine.PREPARED}

    def told_of(targets: dict[str, tuple[DistrustedGate, ...]]) -> dict[str, tuple[DistrustedGate, ...]]:
        kept = {
            target: tuple(one for one in ones if replayed.get((one.workspace, one.table.lower())) == one.gate_fingerprint)
            for target, ones in targets.items()
        }
        return {target: ones for target, ones in kept.items() if ones}

    outdated = runner_projects.outdated(connection, lease_seconds)
    return tuple(
        _replica(
            replica,
            at,
            lease_seconds,
            outdated=outdated.get((replica.runner, replica.address), ()),
            distrusted=told_of(replica.status.distrusted) if replica.status else {},
        )
        for replica in replicas
    )


def _replica(
    replica: RunnerReplica,
    at: datetime,
    lease_seconds: float,
    *,
    outdated: tuple[str, ...],
    distrusted: dict[str, tuple[DistrustedGate, ...]],
) -> RunnerReplicaStatus:
    told, answered_at = replica.status, replica.answered_at
    return RunnerReplicaStatus(
        runner=replica.runner,
        address=replica.address,
        reachable=answered_at is not None and at - answered_at < timedelta(seconds=lease_seconds),
        answered_at=answered_at,
        answered_seconds_ago=None if answered_at is None else (at - answered_at).total_seconds(),
        error=replica.error,
        boot=told.boot if told else None,
        version=told.version if told else None,
        workers=told.workers if told else 0,
        free=told.free if told else 0,
        free_by_target=told.free_by_target if told else {},
        queue=told.queue if told else 0,
        queued_by_target=told.queued_by_target if told else {},
        targets=told.targets if told else (),
        fingerprints=told.fingerprints if told else {},
        outdated=outdated,
        errors=told.errors if told else {},
        distrusted=distrusted,
    )
