"""What the views work with: the settings, the database and the waiters of their application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

from stringx.settings import Settings
from stringx.web.waiting import VerdictWaiters

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True)
class Backend:
    settings: Settings
    engine: Engine
    waiters: VerdictWaiters


def backend() -> Backend:
    """Of the application that answers the present request."""
    return cast(Backend, current_app.extensions["stringx"])
