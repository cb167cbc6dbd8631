"""The runners that the user's verbs speak to: by the names that the settings give them, or that of `stringx up` on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from stringx.cli.connection import nothing_serves
from stringx.cli.output import warn
from stringx.embedded import addresses
from stringx.errors import ConfigurationError, RunnerBusy, RunnerUnavailable, RunnerUnreachable
from stringx.nearest import did_you_mean, nearest
from stringx.settings import Settings

if TYPE_CHECKING:
    from stringx.runner.client import HttpRunner

#: Who asks for a status: nobody's runs are held under this name.
ASKING = "stringx-cli"
#: Longest wait for a runner that answers others.
BUSY_SECONDS = 60.0

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Runners:
    """Where they serve, and what they are asked with."""

    #: by name; one may be of several replicas
    urls: Mapping[str, str]
    _token: str | None
    #: of `stringx up` on this machine, and the token that is for it alone
    _started: tuple[str, str | None] | None
    #: what is said where there is no token
    _why_unasked: str

    @contextmanager
    def replicas(self, name: str, *, answer_seconds: float | None = None) -> Iterator[list[HttpRunner]]:
        """All replicas of a runner. ConfigurationError for a name that there is not, RunnerUnavailable without a token or an address,
        and RunnerUnreachable, with what to do about it, where a replica that is asked is not there."""
        from stringx.dispatch.discovery import resolve
        from stringx.runner.client import ANSWER_SECONDS, HttpRunner
        from stringx.runner.wire import NotConnected

        if name not in self.urls:
            hint = did_you_mean(nearest(name, self.urls)) or f"there are {', '.join(self.urls) or 'none'}"
            raise ConfigurationError(f"STRINGX_RUNNERS has no runner {name}: {hint}")
        url = self.urls[name]
        token = self._token or (self._started[1] if self._started is not None and url == self._started[0] else None)
        if not token:
            raise RunnerUnavailable(self._why_unasked)
        with ExitStack() as opened:
            replicas = [HttpRunner(address, token, beat_seconds=answer_seconds or ANSWER_SECONDS) for address in resolve(url)]
            for replica in replicas:
                opened.callback(replica.close)
            try:
                yield replicas
            except RunnerUnreachable as error:
                if not isinstance(error.__cause__, NotConnected):
                    raise
                raise RunnerUnreachable(f"the runner `{name}` is not there: {error}: start it, or correct STRINGX_RUNNERS") from error

    def targets(self, name: str, *, answer_seconds: float) -> frozenset[str]:
        """Those that its replicas say they have. Raises as `replicas` does, and RunnerUnavailable where one does not answer in time."""
        with self.replicas(name, answer_seconds=answer_seconds) as replicas:
            return frozenset(target for replica in replicas for target in replica.status(ASKING).targets)


def known(settings: Settings) -> Runners:
    """Those of the settings, and that of `stringx up` on this machine where they name no database."""
    started = addresses.read(settings.home) if settings.database_url is None else None
    urls = dict(settings.runners)
    if started is not None and started.database is not None:
        urls["default"] = started.runner
    token = settings.runner_token.get_secret_value() if settings.runner_token is not None else None
    why_unasked = "STRINGX_RUNNER_TOKEN is not set"
    if started is None and settings.database_url is None and "runners" not in settings.model_fields_set:
        why_unasked = f"{nothing_serves(settings)}; for another StringX's runners, set STRINGX_RUNNERS and STRINGX_RUNNER_TOKEN"
    ours = None if started is None else (started.runner, addresses.read_token(settings.home, "runner"))
    return Runners(urls, token, ours, why_unasked)


def first_answer(replicas: Sequence[HttpRunner], ask: Callable[[HttpRunner], Answer]) -> Answer:
    """Of the first replica that answers: all have the same dbt project, or will soon. RunnerUnavailable where none does. Waits where
    they answer others: a runner answers few questions at a time."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return _asked_in_turn(replicas, ask)
        except RunnerBusy as error:
            if time.monotonic() > until:
                raise
            time.sleep(error.retry_after_seconds)  # its own Retry-After: nothing else tells when it has room


def _asked_in_turn(replicas: Sequence[HttpRunner], ask: Callable[[HttpRunner], Answer]) -> Answer:
    *others, last = replicas
    for replica in others:
        try:
            return ask(replica)
        except RunnerUnavailable as error:
            warn(f"the next replica is asked: {error}")
    return ask(last)
