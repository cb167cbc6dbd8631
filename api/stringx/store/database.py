"""The internal database: the engine, transactions, migrations, and who this installation is.

Functions of `store` take a `Connection` and never commit; `transaction` does, once, for its whole block.
"""

from __future__ import annotations

import select
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path

import psycopg
import sqlalchemy
from sqlalchemy import Connection, Engine, TextClause, create_engine, event, func, insert, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from stringx.errors import ConfigurationError, DatabaseUnavailable, Unstorable
from stringx.settings import Settings
from stringx.store import tables

#: A run was queued, or its cancellation asked for.
RUNS_CHANNEL = "stringx_runs"
#: Something is to be published.
OUTBOX_CHANNEL = "stringx_outbox"
#: A verdict was stored; the payload is the run's id.
VERDICTS_CHANNEL = "stringx_verdicts"

#: Advisory locks of ours are pairs: one of these, and a key within it.
MIGRATION_LOCK = 1_937_009_001
INSTALLATION_LOCK = 1_937_009_002
IDENTITY_LOCK = 1_937_009_003
SLICE_LOCK = 1_937_009_004
OUTBOX_LOCK = 1_937_009_005
#: Two `gates apply` go one after the other, so that versions are numbered without gaps.
GATES_LOCK = 1_937_009_006

#: SQLSTATE classes of values that no second try would store: wrong data, limits of the server's formats.
_UNSTORABLE_CLASSES = ("22", "54")
#: read_only_sql_transaction: the connection leads to what has become a standby.
_STANDBY = "25006"

#: A server that is gone without a word is noticed within about half a minute; a process that stopped within a transaction
#: does not hold its locks for longer than a minute.
CONNECT_ARGUMENTS: dict[str, str | int] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "options": "-c timezone=UTC -c idle_in_transaction_session_timeout=60000",
}


def connect(settings: Settings) -> Engine:
    """A pool of connections to the internal database; nothing is opened until the first transaction.

    In a forked child call `engine.dispose(close=False)` before the first use.
    """
    engine = create_engine(
        settings.sqlalchemy_url,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_size,
        pool_timeout=10,
        # The one that was used last is warm: it has its statements prepared, and the server's caches.
        pool_use_lifo=True,
        # What somebody sent does not belong into error messages.
        hide_parameters=True,
        connect_args={**CONNECT_ARGUMENTS, "application_name": "stringx"},
    )
    _try_talking_connections(engine)
    return engine


def _try_talking_connections(engine: Engine) -> None:
    """Has a connection of the pool tried before its use where the server has said something: mostly that it is gone.

    SQLAlchemy's own `pool_pre_ping` asks the server before every transaction, which costs each of them a round trip; a server
    that stops, or ends a session, closes it, and a closed socket is seen without asking.
    """

    def note(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["used"] = True

    def attempt(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        if "used" not in record.info:  # it has just been made
            return
        try:
            if _has_something_to_read(connection):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # All that are as old go with it; the pool then tries a new one.
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", attempt)


def _has_something_to_read(connection: DBAPIConnection) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def require(settings: Settings, named_by: str) -> None:
    """Blocks for some seconds at most; DatabaseUnavailable where the internal database cannot be connected to, which `named_by` named."""
    url = make_url(settings.sqlalchemy_url).set(drivername="postgresql")
    try:
        psycopg.connect(url.render_as_string(hide_password=False), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        reason = (str(error).strip().splitlines() or ["no answer"])[0]
        where = url.set(query={}).render_as_string()  # the password does not show
        raise DatabaseUnavailable(f"{named_by}: {where} cannot be connected to ({reason}): start it, or name another") from error


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """BEGIN … COMMIT, rolled back when the block raises; DatabaseUnavailable where trying again later is right."""
    with _told_as_unavailable(engine), engine.begin() as connection:
        yield connection


@contextmanager
def alone(engine: Engine, lock: int) -> Iterator[Connection | None]:
    """A connection that commits each statement, and holds an advisory lock for the whole block; None where another has it.

    DatabaseUnavailable where trying again later is right; the lock is gone then, as the connection is.
    """
    with _told_as_unavailable(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(func.pg_try_advisory_lock(lock, 0).select()).scalar_one():
            yield None
            return
        try:
            yield connection
        finally:
            # The lock is the session's: it ends with the connection, which must not go back into the pool.
            connection.invalidate()


@contextmanager
def _told_as_unavailable(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        if isinstance(error, DBAPIError) and _sqlstate(error) == _STANDBY:
            engine.dispose()  # the others lead there, too, and stay open
        if _is_unavailable(error):
            raise DatabaseUnavailable(f"database: {_first_line(error)}") from error
        raise


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """A part of a transaction that can fail alone; `Unstorable` where the database cannot hold one of its values."""
    with storing(), connection.begin_nested():
        yield


@contextmanager
def storing() -> Iterator[None]:
    """`Unstorable` where the database cannot hold a value of the block; the transaction can then only be rolled back."""
    try:
        yield
    except DBAPIError as error:
        if _sqlstate(error)[:2] in _UNSTORABLE_CLASSES or isinstance(error, sqlalchemy.exc.DataError):
            raise Unstorable(f"cannot be stored: {_first_line(error)}") from error
        raise
    except UnicodeEncodeError as error:
        raise Unstorable("cannot be stored: not valid Unicode") from error


def _is_unavailable(error: DBAPIError | PoolTimeoutError) -> bool:
    if isinstance(error, PoolTimeoutError) or error.connection_invalidated:
        return True
    if _sqlstate(error) == _STANDBY:
        return True
    # psycopg files deadlocks, shutdowns and a full disk under OperationalError too: all of them pass.
    return isinstance(error, (OperationalError, InterfaceError)) and _sqlstate(error)[:2] not in _UNSTORABLE_CLASSES


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _first_line(error: DBAPIError | PoolTimeoutError) -> str:
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0]


@cache
def sql(statement: str) -> TextClause:
    """A statement as SQLAlchemy takes it: searched for its parameters once, and not each time that it is executed."""
    return text(statement)


def now(connection: Connection) -> datetime:
    """The time of the transaction, by the database's clock: what the times that it stores by default are."""
    found: datetime = connection.execute(func.now().select()).scalar_one()
    return found


def notify(connection: Connection, channel: str, payload: str = "") -> None:
    """Wakes whoever listens on `channel`, once this transaction has committed."""
    connection.execute(func.pg_notify(channel, payload).select())


def migrate(engine: Engine) -> None:
    """Brings the database to the newest migration, in one transaction; several processes may call it at one time."""
    # Here alone: loading it takes a tenth of a second, for which every command would wait.
    import alembic.command
    import alembic.config
    import alembic.util

    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with transaction(engine) as connection:
        connection.execute(func.pg_advisory_xact_lock(MIGRATION_LOCK, 0).select())
        config.attributes["connection"] = connection
        try:
            alembic.command.upgrade(config, "head")
        except alembic.util.CommandError as error:
            raise ConfigurationError(
                f"the database's migrations are not this program's (is it older than the database?): {error}"
            ) from error


def installation_id(connection: Connection) -> str:
    """Who this backend is to the runners; made at the first call, and the same ever after."""
    found = connection.execute(tables.installation.select()).scalar()
    if found is None:
        connection.execute(func.pg_advisory_xact_lock(INSTALLATION_LOCK, 0).select())
        found = connection.execute(tables.installation.select()).scalar()
    if found is None:
        found = uuid.uuid4().hex
        connection.execute(insert(tables.installation).values(id=found))
    return str(found)
