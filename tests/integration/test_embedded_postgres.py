"""A Postgres of our own: with passwords, on this machine alone, and back after every kind of end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from stringx.embedded.child import ChildFailed, identity
from stringx.embedded.home import Home
from stringx.embedded.ports import HOST
from stringx.embedded.postgres import EmbeddedPostgres

FAST = {"fsync": "off"}


def wait_for(condition: Callable[[], object], timeout_seconds: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Any user may pass through it."""
    path = Path(tempfile.mkdtemp(prefix="stringx-postgres-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder / "postgres", options=FAST)
    server.start()
    yield server
    server.terminate()


def written(server: EmbeddedPostgres) -> list[tuple[int]]:
    with psycopg.connect(server.url()) as connection:
        return connection.execute("select number from kept").fetchall()


def keep_a_row(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url()) as connection:
        connection.execute("create table kept as select 42 as number")


def test_it_listens_on_this_machine_alone_and_wants_a_password(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("show listen_addresses").fetchone() == (HOST,)
        assert connection.execute("show unix_socket_directories").fetchone() == ("",)
        rules = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
        assert rules == [("scram-sha-256",)]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres:guess@{HOST}:{server.port}/postgres")


def test_passwords_are_in_a_private_file_and_the_first_one_in_no_other(server: EmbeddedPostgres) -> None:
    file = server.folder / "passwords.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in server.folder.rglob("initial-password")] == []
    assert server.url().split(":")[2].split("@")[0] not in server.folder.joinpath("postgres.log").read_text()


def test_as_root_it_runs_as_somebody_else(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    owner = Path(f"/proc/{server.pid}").stat().st_uid
    assert owner != 0
    if os.geteuid() != 0:
        assert owner == os.geteuid()


def test_a_login_enters_its_own_database_and_no_other(server: EmbeddedPostgres) -> None:
    server.ensure_login("one")
    server.ensure_login("two")
    server.ensure_database("of_one", "one")
    server.ensure_login("one")
    server.ensure_database("of_one", "one")
    with psycopg.connect(server.url("of_one", "one")) as connection:
        connection.execute("create table mine ()")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(server.url("of_one", "two"))


def test_a_second_start_finds_the_first_one_s_data(server: EmbeddedPostgres) -> None:
    keep_a_row(server)
    server.ensure_login("one")
    port = server.port
    server.close()
    assert server.join(30.0)
    again = EmbeddedPostgres(server.folder, port=port, options=FAST)
    again.start()
    assert again.port == port
    assert written(again) == [(42,)]
    psycopg.connect(again.url("postgres", "one")).close()
    again.close()
    assert again.join(30.0)


def test_after_a_kill_the_next_start_waits_for_what_was_left(server: EmbeddedPostgres) -> None:
    keep_a_row(server)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    again = EmbeddedPostgres(server.folder, port=server.port, options=FAST)
    again.start()
    assert written(again) == [(42,)]
    again.terminate()


def test_it_ends_with_an_owner_that_is_killed_and_starts_again(folder: Path) -> None:
    home = folder / "postgres"
    program = f"""
import pathlib, time
from stringx.embedded.postgres import EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path({str(home)!r}), options={FAST!r})
server.start()
print(server.pid, server.port, flush=True)
time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, port = (int(word) for word in owner.stdout.readline().split())
        owner.kill()
    again = EmbeddedPostgres(home, port=port, options=FAST)
    again.start()
    assert again.pid != pid
    assert identity(pid) is None
    again.terminate()


def test_a_server_that_lives_on_is_ended_by_the_next_start(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    again = EmbeddedPostgres(server.folder, options=FAST)
    (server.folder / "postgres.pid").unlink()  # all that is left to know it by is Postgres' own pid file
    again.start()
    assert server.join(0.0)
    assert again.running
    again.terminate()


def test_a_first_start_that_was_killed_halfway_is_made_anew(folder: Path) -> None:
    half = folder / "postgres" / "server" / "data.unfinished"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    server = EmbeddedPostgres(folder / "postgres", options=FAST)
    server.start()
    keep_a_row(server)
    server.terminate()


def test_a_port_that_is_taken_for_good_is_said(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        server = EmbeddedPostgres(folder / "postgres", port=taken.getsockname()[1], options=FAST)
        with pytest.raises(ChildFailed, match="is taken by another program"):
            server.start(timeout_seconds=0.1)
    assert not server.running


def test_a_home_that_nobody_else_can_reach_keeps_its_data_elsewhere_and_knows_where(folder: Path) -> None:
    home = Home(folder / "private")
    home.folder.mkdir(mode=0o700)
    server = EmbeddedPostgres(home.postgres, options=FAST)
    server.start()
    keep_a_row(server)
    server.close()
    assert server.join(30.0)
    record = home.postgres / "place"
    assert record.exists() == (os.geteuid() == 0)
    place = Path(record.read_text()) if record.exists() else home.postgres / "server"
    assert (place / "data" / "PG_VERSION").exists()
    server.start()
    assert written(server) == [(42,)]
    server.close()
    assert server.join(30.0)
    home.empty()
    assert not place.exists()
    assert not home.postgres.exists()
