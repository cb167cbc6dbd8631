"""One verb per process: each loads its settings, builds what it runs, and stops cleanly on SIGTERM and SIGINT with exit code 0."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Protocol

import click

from stringx import logs, wiring
from stringx import settings as settings_module
from stringx.settings import Settings

#: Beyond the grace that a process has for what it holds: closing connections and clients.
CLOSING_SECONDS = 5.0
#: Threads of the runner's API: each dispatcher holds one or two for its long poll.
RUNNER_THREADS = 16
#: Longer than dispatchers keep a connection that rests: with gunicorn's 2 s most triggers would open a new one.
RUNNER_KEEP_ALIVE_SECONDS = 75
DOCS_THREADS = 4
#: A trigger goes from thread to thread: the next one need not wait for Python's 5 ms until the one before lets it run.
SWITCH_SECONDS = 0.0005


class Process(Protocol):
    """What `consume` and `dispatch` run."""

    def start(self) -> None: ...
    def wait(self, timeout_seconds: float | None = None) -> bool: ...
    def close(self) -> None: ...
    def join(self, timeout_seconds: float) -> bool: ...
    def terminate(self) -> None: ...


@click.command()
def consume() -> None:
    """Take triggers from Kafka: the door."""
    settings = _settings("consume")
    _run(wiring.kafka_door(settings), settings)


@click.command()
def dispatch() -> None:
    """Have runs executed, settle their reports, publish acknowledgements."""
    settings = _settings("dispatch")
    settings_module.read_target_files()  # for gates with `mode: inline`
    _run(wiring.dispatcher(settings), settings)


@click.command()
def serve() -> None:
    """Serve the HTTP API."""
    from stringx.cli import gunicorn_server
    from stringx.cli.gunicorn_server import Built

    settings = _settings("serve")
    settings.required("api_token")

    def build() -> Built:
        app = wiring.api_app(settings)
        waiters = app.extensions["stringx"].waiters
        return Built(app, close=waiters.close, finish=waiters.join)

    gunicorn_server.serve(
        build,
        host=settings.api_host,
        port=settings.api_port,
        threads=settings.api_threads,
        grace_seconds=settings.stop_grace_seconds,
    )


@click.command()
def runner() -> None:
    """Execute runs with dbt: the DataOps service."""
    from stringx.cli import gunicorn_server
    from stringx.cli.gunicorn_server import Built

    settings = _settings("runner")
    settings.required("runner_token")
    settings_module.read_target_files()

    def build() -> Built:
        service = wiring.runner(settings)
        service.start()  # forks its workers: before gunicorn starts a thread

        def finish(grace_seconds: float) -> None:
            if not service.join(grace_seconds):
                service.terminate()

        return Built(wiring.runner_app(settings, service), close=service.close, finish=finish)

    gunicorn_server.serve(
        build,
        host=settings.runner_host,
        port=settings.runner_port,
        threads=RUNNER_THREADS,
        grace_seconds=settings.stop_grace_seconds,
        keep_alive_seconds=RUNNER_KEEP_ALIVE_SECONDS,
    )


@click.command()
def docs() -> None:
    """Serve the dbt docs portal."""
    from stringx.cli import gunicorn_server
    from stringx.cli.gunicorn_server import Built

    settings = _settings("docs")
    settings_module.read_target_files()

    def build() -> Built:
        portal = wiring.docs_portal(settings)
        portal.start()

        return Built(wiring.docs_app(portal), close=portal.close, finish=portal.join)

    gunicorn_server.serve(
        build,
        host=settings.docs_host,
        port=settings.docs_port,
        threads=DOCS_THREADS,
        grace_seconds=settings.stop_grace_seconds,
    )


@click.command()
def migrate() -> None:
    """Bring the internal database to this version's tables."""
    from stringx.store import database

    engine = database.connect(_settings("migrate"))
    database.migrate(engine)
    engine.dispose()


def _settings(process: str) -> Settings:
    """The settings of this process, which is set up by them."""
    settings = settings_module.load()
    logs.configure(settings, process)
    sys.setswitchinterval(SWITCH_SECONDS)
    return settings


def _run(process: Process, settings: Settings) -> None:
    """Until a signal; exit code 0 then, and 1 where the process ended by itself or had to be cut off."""
    asked = threading.Event()

    def close(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        process.close()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, close)
    process.start()
    while not process.wait(1.0):  # not for ever: a handler runs only when the main thread comes round
        pass
    ended = process.join(settings.stop_grace_seconds + CLOSING_SECONDS)
    if not ended:
        process.terminate()
    sys.exit(0 if ended and asked.is_set() else 1)
