"""What `stringx gates apply` holds gates against: what the settings name, and the targets that the runners say they have."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache

from stringx.embedded import addresses
from stringx.errors import RunnerUnavailable
from stringx.gates.served import Served
from stringx.settings import Settings

#: Longest wait for a runner's answer: gates are applied before the runners are up, too.
ANSWER_SECONDS = 1.0
#: Who asks: nobody's runs are held under this name.
_ASKING = "gates-apply"


def served(settings: Settings, warn: Callable[[str], None]) -> Served:
    """What the backend of these settings serves, that of `stringx up` on this machine where they name no database.

    A runner is asked for its targets when a gate names it; `warn` is called with a line where it cannot be asked.
    """
    started = addresses.read(settings.home) if settings.database_url is None else None
    runners = dict(settings.runners)
    token = settings.runner_token.get_secret_value() if settings.runner_token is not None else None
    inline_targets = settings.inline_targets
    if started is not None and started.database is not None:
        runners["default"] = started.runner
        inline_targets = started.inline_targets

    def token_of(url: str) -> str | None:
        # The token of `stringx up` is for its own runner alone.
        return token or (addresses.read_token(settings.home, "runner") if started is not None and url == started.runner else None)

    @cache
    def targets_of(runner: str) -> Collection[str] | None:
        try:
            return _targets(runners[runner], token_of(runners[runner]))
        except RunnerUnavailable as error:
            warn(f"whether the runner `{runner}` has the targets of its gates was not checked: {error}")
            return None

    return Served(inline_targets, runners, targets_of)


def _targets(url: str, token: str | None) -> Collection[str]:
    """The targets of all replicas; RunnerUnavailable where one of them does not answer."""
    from stringx.dispatch.discovery import resolve
    from stringx.runner.client import HttpRunner

    if not token:
        raise RunnerUnavailable("STRINGX_RUNNER_TOKEN is not set")
    targets: set[str] = set()
    for address in resolve(url):
        runner = HttpRunner(address, token, beat_seconds=ANSWER_SECONDS)
        try:
            targets.update(runner.status(_ASKING).targets)
        finally:
            runner.close()
    return targets
