"""What gates are held against before they are applied: what the settings name, and the targets that the runners say they have."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache

from stringx.cli import runners
from stringx.embedded import addresses
from stringx.errors import RunnerUnavailable
from stringx.gates.served import Served
from stringx.settings import Settings

#: Longest wait for a runner's answer: gates are applied before the runners are up, too.
ANSWER_SECONDS = 1.0


def served(settings: Settings, warn: Callable[[str], None]) -> Served:
    """What the backend of these settings serves, that of `stringx up` on this machine where they name no database.

    A runner is asked for its targets when a gate names it; `warn` is called with a line where it cannot be asked.
    """
    started = addresses.read(settings.home) if settings.database_url is None else None
    inline_targets = settings.inline_targets if started is None or started.database is None else started.inline_targets
    known = runners.known(settings)

    def unasked(runner: str, error: RunnerUnavailable) -> None:
        warn(f"whether the runner `{runner}` has the targets of its gates was not checked: {error}")

    return Served(inline_targets, known.urls, _asked_once(known, unasked), settings.kafka_triggers_topic)


def by_runners(settings: Settings) -> Served:
    """What the runners alone serve, for gates that are then held against their targets: whoever could not be asked is named there."""
    known = runners.known(settings)
    return Served(runners=known.urls, targets_of=_asked_once(known, lambda *_: None), triggers_topic=settings.kafka_triggers_topic)


def _asked_once(known: runners.Runners, unasked: Callable[[str, RunnerUnavailable], None]) -> Callable[[str], Collection[str] | None]:
    @cache
    def targets_of(runner: str) -> Collection[str] | None:
        try:
            return known.targets(runner, answer_seconds=ANSWER_SECONDS)
        except RunnerUnavailable as error:
            unasked(runner, error)
            return None

    return targets_of
