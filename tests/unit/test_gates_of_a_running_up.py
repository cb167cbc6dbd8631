"""`stringx gates apply` finds the internal database of the `stringx up` that runs on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from stringx.cli import connection
from stringx.embedded import addresses
from stringx.embedded.addresses import Addresses
from stringx.errors import DatabaseUnavailable
from stringx.settings import Settings

URL = "postgresql://stringx:hidden@127.0.0.1:54310/stringx"
STARTED = Addresses(
    api="http://127.0.0.1:5001",
    runner="http://127.0.0.1:5002",
    docs="http://127.0.0.1:8001",
    kafka="127.0.0.1:9092",
    kafka_kind="apache",
    database=SecretStr(URL),
    inline_targets=("demo",),
)


def test_the_database_of_up_is_taken_with_the_targets_that_its_backend_has(tmp_path: Path) -> None:
    addresses.write(tmp_path, STARTED)
    settings = connection.with_database(Settings(home=tmp_path))
    assert settings.required("database_url") == URL
    assert settings.inline_targets == ("demo",)


def test_a_database_that_the_settings_name_is_kept(tmp_path: Path) -> None:
    addresses.write(tmp_path, STARTED)
    named = Settings(home=tmp_path, database_url=SecretStr("postgresql://u:p@elsewhere/stringx"), inline_targets=("mine",))
    assert connection.with_database(named) == named


def test_without_up_it_says_what_to_start_or_to_set(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable) as error:
        connection.with_database(Settings(home=tmp_path))
    assert f"nothing serves from {tmp_path}: start `stringx up`" in str(error.value)
    assert "STRINGX_HOME" in str(error.value)
    assert "STRINGX_DATABASE_URL" in str(error.value)


def test_the_password_is_for_the_owner_of_the_file_alone(tmp_path: Path) -> None:
    addresses.write(tmp_path, STARTED)
    assert (tmp_path / "addresses.json").stat().st_mode & 0o077 == 0
    assert "hidden" not in repr(addresses.read(tmp_path))
