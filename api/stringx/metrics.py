"""The backend's metrics as Prometheus reads them: the text format 0.0.4 of a status. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format. All of it is read from the database, where every
process of the backend has written it down: no process counts for itself, so that none of it is lost or counted twice, however many
there are and whenever they were started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from stringx.model import BackendStatus, RunnerReplicaStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: The values of a metric's labels, and its number.
Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True)
class Metric:
    name: str
    kind: Literal["gauge", "counter"]
    meaning: str
    #: names of the labels
    labels: tuple[str, ...]
    samples: Callable[[BackendStatus], Iterator[Sample]]


def _one(value: Callable[[BackendStatus], float | None]) -> Callable[[BackendStatus], Iterator[Sample]]:
    """A single number; where there is nothing that waits, it waits for 0 seconds."""
    return lambda status: iter([((), value(status) or 0)])


def _each_runner(value: Callable[[RunnerReplicaStatus], float | None]) -> Callable[[BackendStatus], Iterator[Sample]]:
    """A number for each replica that has one."""

    def samples(status: BackendStatus) -> Iterator[Sample]:
        for replica in status.runners:
            number = value(replica)
            if number is not None:
                yield (replica.runner, replica.address), number

    return samples


def _each_target(value: Callable[[RunnerReplicaStatus, str], float]) -> Callable[[BackendStatus], Iterator[Sample]]:
    """A number for each target of each replica, as it said last."""
    return lambda status: (
        ((replica.runner, replica.address, target), value(replica, target)) for replica in status.runners for target in replica.targets
    )


_RUNNER = ("runner", "address")
_TARGET = ("runner", "address", "target")

METRICS = (
    Metric("stringx_runs_queued", "gauge", "Runs that wait.", (), _one(lambda status: status.runs.queued)),
    Metric("stringx_runs_leased", "gauge", "Runs that a runner has.", (), _one(lambda status: status.runs.leased)),
    Metric(
        "stringx_runs_oldest_queued_seconds",
        "gauge",
        "Since the run that waits longest was queued; 0 where none waits.",
        (),
        _one(lambda status: status.runs.oldest_queued_seconds),
    ),
    Metric(
        "stringx_verdicts_last_5_minutes",
        "gauge",
        "Verdicts that were stored within the last 5 minutes.",
        ("verdict",),
        lambda status: (((verdict.value,), count) for verdict, count in status.verdicts_last_5_minutes.items()),
    ),
    Metric(
        "stringx_outbox_unpublished", "gauge", "Records that Kafka has not taken yet.", (), _one(lambda status: status.outbox.unpublished)
    ),
    Metric(
        "stringx_outbox_oldest_unpublished_seconds",
        "gauge",
        "Since the oldest of them was written; 0 where there is none.",
        (),
        _one(lambda status: status.outbox.oldest_unpublished_seconds),
    ),
    Metric(
        "stringx_dead_letters_last_5_minutes",
        "gauge",
        "Kafka records that were refused within the last 5 minutes.",
        (),
        _one(lambda status: status.dead_letters_last_5_minutes),
    ),
    Metric(
        "stringx_dispatchers",
        "gauge",
        "Dispatchers that were there within a lease's time.",
        (),
        _one(lambda status: len(status.dispatchers)),
    ),
    Metric(
        "stringx_runner_up",
        "gauge",
        "Whether a runner's replica answered a dispatcher within a lease's time.",
        _RUNNER,
        _each_runner(lambda replica: replica.reachable),
    ),
    Metric(
        "stringx_runner_answered_seconds_ago",
        "gauge",
        "How old all that is told of a runner's replica is.",
        _RUNNER,
        _each_runner(lambda replica: replica.answered_seconds_ago),
    ),
    Metric(
        "stringx_runner_free_workers",
        "gauge",
        "Workers that are idle, those of dbt and those that replay.",
        _TARGET,
        _each_target(lambda replica, target: replica.free_by_target.get(target, 0)),
    ),
    Metric(
        "stringx_runner_waiting_runs",
        "gauge",
        "Runs that wait at a runner for a worker.",
        _TARGET,
        _each_target(lambda replica, target: replica.queued_by_target.get(target, 0)),
    ),
    Metric(
        "stringx_runner_project_error",
        "gauge",
        "1 where the newest dbt project is not in charge, since it does not parse.",
        _TARGET,
        _each_target(lambda replica, target: target in replica.errors),
    ),
    Metric(
        "stringx_prepared_distrusted_gates",
        "gauge",
        "Gates in force that dbt runs because replays of them differed from it.",
        _TARGET,
        _each_target(lambda replica, target: len(replica.distrusted.get(target, ()))),
    ),
)


def exposition(status: BackendStatus) -> str:
    """All metrics, each with its meaning and kind."""
    return "".join(f"{line}\n" for metric in METRICS for line in _lines(metric, status))


def _lines(metric: Metric, status: BackendStatus) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.meaning}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for values, number in metric.samples(status):
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(metric.labels, values, strict=True))
        yield f"{metric.name}{f'{{{labels}}}' if labels else ''} {float(number)!r}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
