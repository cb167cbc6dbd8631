"""How the user's verbs find StringX: what the settings name, else what `stringx up` wrote down on this machine."""

from __future__ import annotations

from urllib.parse import urlsplit

from stringx.client import Client
from stringx.embedded import addresses
from stringx.errors import ApiUnavailable, ConfigurationError, DatabaseUnavailable
from stringx.model import Door
from stringx.settings import Settings


def api(settings: Settings) -> Client:
    """A client of the API. ApiUnavailable where none is named and none was started, ConfigurationError where its token is not known.

    The token of `stringx up` is for the address of `stringx up` alone: it is never sent to another one.
    """
    started = addresses.read(settings.home)
    ours = f"http://127.0.0.1:{settings.api_port}"
    url = _checked(settings.api_url) if settings.api_url else started.api if started is not None else ours
    if settings.api_token is not None:
        token: str | None = settings.api_token.get_secret_value()
    elif started is not None and url.rstrip("/") == started.api.rstrip("/"):
        token = addresses.read_token(settings.home, "api")
    else:
        token = None
    if not token:
        if settings.api_url is None and started is None:
            raise ApiUnavailable(f"{nothing_serves(settings)}; for another machine's, set STRINGX_API_URL and STRINGX_API_TOKEN")
        raise ConfigurationError(f"no token is known for {url}: set STRINGX_API_TOKEN (or STRINGX_API_TOKEN_FILE) to the token of that API")
    return Client(url, token, door=Door.CLI)


def nothing_serves(settings: Settings) -> str:
    """That no `stringx up` runs from the home of these settings, in words."""
    return f"nothing serves from {settings.home}: start `stringx up`; if it was started with --home, set STRINGX_HOME to that folder"


def _checked(url: str) -> str:
    """The API's address; a path before `/v1`, as of a proxy, is part of it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(f"STRINGX_API_URL is {url!r}: write it as http://host:port or https://host")
    if parts.path.rstrip("/").endswith("/v1"):
        raise ConfigurationError(f"STRINGX_API_URL is {url!r}: leave out /v1, it is added to it")
    return url


def with_broker(settings: Settings) -> Settings:
    """The settings, with the broker of `stringx up` where they name none."""
    if "kafka_bootstrap" in settings.model_fields_set:
        return settings
    started = addresses.read(settings.home)
    return settings if started is None else settings.model_copy(update={"kafka_bootstrap": started.kafka})


def with_database(settings: Settings) -> Settings:
    """The settings, with the internal database of `stringx up`, and the targets of its backend, where they name no database.

    DatabaseUnavailable where none is named and none was started.
    """
    if settings.database_url is not None:
        return settings
    started = addresses.read(settings.home)
    if started is None or started.database is None:
        raise DatabaseUnavailable(f"{nothing_serves(settings)}; for another StringX, set STRINGX_DATABASE_URL to its internal database")
    return settings.model_copy(update={"database_url": started.database, "inline_targets": started.inline_targets})
