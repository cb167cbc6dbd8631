"""What the backend says of itself, and of the runners that its dispatchers speak to."""

from __future__ import annotations

from pydantic import AwareDatetime

from stringx.model.answers import Answer
from stringx.model.reports import DistrustedGate
from stringx.model.verdicts import VerdictName


class RunsStatus(Answer):
    queued: int
    leased: int
    #: since the run that waits longest was queued first; null where none waits
    oldest_queued_seconds: float | None


class OutboxStatus(Answer):
    """Acknowledgements and dead letters that Kafka has not taken yet."""

    unpublished: int
    oldest_unpublished_seconds: float | None


class DispatcherStatus(Answer):
    """A dispatcher that was there within a lease's time."""

    dispatcher: str
    #: names of the runners that it knows
    runners: tuple[str, ...]
    inline_targets: tuple[str, ...]
    started_at: AwareDatetime
    seen_at: AwareDatetime


class RunnerReplicaStatus(Answer):
    """A replica of a runner, as it told a dispatcher last; what it tells is empty until it has answered once."""

    #: its name, or `inline`
    runner: str
    address: str
    #: it answered a dispatcher within a lease's time
    reachable: bool
    answered_at: AwareDatetime | None
    #: how old all that it tells here is
    answered_seconds_ago: float | None
    #: why the newest question has no answer; null where it has
    error: str | None
    boot: str | None
    version: str | None
    #: of all targets together, and how many of them are free
    workers: int
    free: int
    free_by_target: dict[str, int]
    #: runs that it holds for each target beyond those that execute, and how many wait there now
    queue: int
    queued_by_target: dict[str, int]
    targets: tuple[str, ...]
    #: per target, of the dbt project in charge; null while the first is being parsed
    fingerprints: dict[str, str | None]
    #: targets of which another replica of its runner has a newer dbt project in charge: that one gets the runs while it has room
    outdated: tuple[str, ...] = ()
    #: per target, why the newest dbt project is not in charge
    errors: dict[str, str]
    #: per target, the gates in force with the engine `prepared` whose replays differed from dbt, which runs them
    distrusted: dict[str, tuple[DistrustedGate, ...]]


class BackendStatus(Answer):
    version: str
    runs: RunsStatus
    #: that were stored within the last 5 minutes; every verdict is there, zeros too
    verdicts_last_5_minutes: dict[VerdictName, int]
    outbox: OutboxStatus
    #: Kafka records that were refused within the last 5 minutes
    dead_letters_last_5_minutes: int
    dispatchers: tuple[DispatcherStatus, ...]
    runners: tuple[RunnerReplicaStatus, ...]
