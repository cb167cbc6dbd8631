"""The composition root: builds the object of each process from its settings. Nothing is built at import.

Each function imports what it builds when it is called, so that a process loads only what it runs. Fakes enter here, by
calling the constructors with others.
"""

from __future__ import annotations

import socket
import uuid
from functools import partial
from typing import TYPE_CHECKING

from stringx.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

    from stringx.dispatch.dispatcher import Dispatcher
    from stringx.runner.portal import DocsPortal
    from stringx.runner.service import Runner
    from stringx.triggers.kafka import KafkaDoor


def kafka_door(settings: Settings) -> KafkaDoor:
    """What `stringx consume` runs."""
    from stringx.store import database
    from stringx.triggers.kafka import KafkaDoor

    return KafkaDoor(settings, database.connect(settings))


def dispatcher(settings: Settings) -> Dispatcher:
    """What `stringx dispatch` runs, with dbt workers of its own where the settings name inline targets."""
    from stringx.acks.kafka import kafka_publisher
    from stringx.dispatch.dispatcher import Dispatcher
    from stringx.runner.client import HttpRunner
    from stringx.store import database

    token = settings.required("runner_token")
    return Dispatcher(
        settings,
        database.connect(settings),
        _inline_runner(settings) if settings.inline_targets else None,
        connect=lambda address: HttpRunner(address, token, beat_seconds=settings.lease_seconds / 3),
        publisher=partial(kafka_publisher, settings),
    )


def api_app(settings: Settings) -> Flask:
    """What `stringx serve` runs under gunicorn."""
    from stringx.store import database
    from stringx.web.app import create_app

    return create_app(settings, database.connect(settings))


def runner(settings: Settings) -> Runner:
    """What `stringx runner` runs behind `runner_app`; start it before there are threads, since it forks."""
    from stringx.runner.service import Runner

    return Runner(
        settings,
        targets=settings.targets,
        workers=settings.runner_workers,
        state_dir=settings.runner_state,
        address=f"http://{settings.runner_host}:{settings.runner_port}",
    )


def runner_app(settings: Settings, runner: Runner) -> Flask:
    """The HTTP API in front of a runner that was started."""
    from stringx.runner.app import create_app

    return create_app(runner, settings)


def docs_portal(settings: Settings) -> DocsPortal:
    """What `stringx docs` runs behind `docs_app`."""
    from stringx.runner.portal import DocsPortal

    return DocsPortal(settings)


def docs_app(portal: DocsPortal) -> Flask:
    """The pages in front of a portal that was started."""
    from stringx.runner.portal import create_app

    return create_app(portal)


def _inline_runner(settings: Settings) -> Runner:
    from stringx.runner.service import Runner

    return Runner(
        settings,
        targets=settings.inline_targets,
        workers=settings.inline_workers,
        state_dir=settings.home / "inline",
        # Of this process alone: after a restart nobody renews what the old one had leased.
        address=f"inline:{socket.gethostname()}:{uuid.uuid4().hex}",
    )
