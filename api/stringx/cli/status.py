"""`stringx status`: how the backend and its runners do, and what is amiss with them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from stringx import settings
from stringx.cli import connection
from stringx.cli.output import output_option, print_json, print_table
from stringx.cli.tables import SHORT_FINGERPRINT
from stringx.model import BackendStatus, RunnerReplicaStatus
from stringx.reasons import number


@click.command()
@output_option
def status(output: str) -> None:
    """How the backend and the replicas of its runners do: what waits, who answers, which dbt project is in charge, what is amiss."""
    with connection.api(settings.load()) as client:
        found = client.status()
    if output == "json":
        print_json(found.as_json())
        return
    print_table(["backend", ""], _backend(found))
    if found.runners:
        print_table(["runner", "address", "answers", "free", "waiting", "targets", "dbt project"], [_replica(one) for one in found.runners])
    for line in _amiss(found):
        click.echo(line)


def _backend(found: BackendStatus) -> Iterator[tuple[str, str]]:
    yield "version", found.version
    yield "runs", f"{found.runs.queued} queued{_since(found.runs.oldest_queued_seconds)}, {found.runs.leased} executing"
    verdicts = ", ".join(f"{count} {name}" for name, count in found.verdicts_last_5_minutes.items() if count)
    yield "verdicts, last 5 minutes", verdicts or "none"
    yield "acknowledgements", f"{found.outbox.unpublished} to be published{_since(found.outbox.oldest_unpublished_seconds)}"
    yield "dead letters, last 5 minutes", str(found.dead_letters_last_5_minutes)
    yield "dispatchers", ", ".join(one.dispatcher for one in found.dispatchers) or "none"


def _since(seconds: float | None) -> str:
    return "" if seconds is None else f", the oldest for {seconds:.0f} s"


def _replica(one: RunnerReplicaStatus) -> tuple[object, ...]:
    projects = (f"{target}: {name[:SHORT_FINGERPRINT] if name else 'being parsed'}" for target, name in one.fingerprints.items())
    return (
        one.runner,
        one.address,
        "yes" if one.reachable else "no",
        f"{one.free} of {one.workers}",
        sum(one.queued_by_target.values()),
        ", ".join(one.targets),
        ", ".join(projects),
    )


def _amiss(found: BackendStatus) -> Iterator[str]:
    """What somebody should look at, each in words; an error as it is."""
    if not found.dispatchers:
        yield "\nNo dispatcher is there: nothing is judged. Start `stringx dispatch`."
    for one in found.runners:
        where = f"{one.runner} at {one.address}"
        if not one.reachable:
            yield f"\n{where} does not answer: {one.error or 'it was not asked yet'}"
        for target, error in one.errors.items():
            judging = "the one before judges" if one.fingerprints.get(target) else "nothing can be judged on it"
            yield f"\n{where}: the newest dbt project is not in charge of the target {target}, {judging}:\n{error}"
        for target, gates in one.distrusted.items():
            names = ", ".join(f"{gate.workspace}/{gate.table}" for gate in gates)
            yield f"\n{where}: on the target {target} dbt runs {number(len(gates), 'gate')} whose replays differed from it: {names}"
    projects: dict[tuple[str, str], dict[str, bool]] = {}
    for one in found.runners:
        for target, fingerprint in one.fingerprints.items():
            if one.reachable and fingerprint:
                projects.setdefault((one.runner, target), {})[fingerprint] = target in one.outdated
    for (runner, target), outdated in projects.items():
        if len(outdated) > 1:
            newest = [fingerprint[:SHORT_FINGERPRINT] for fingerprint, old in outdated.items() if not old]
            # None is known to be the newest of inline runners, and of replicas that only dispatchers of an earlier version ask.
            given = f" The newest, {newest[0]}, is given the runs while it has room." if len(newest) == 1 else ""
            yield f"\nThe replicas of {runner} have {len(outdated)} different dbt projects in charge of the target {target}.{given}"
