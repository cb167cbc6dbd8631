"""What the environment says: empty variables, secrets, and values that are wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from pydantic import SecretStr

from stringx import settings
from stringx.bearer import require_token
from stringx.cli import stringx
from stringx.errors import ConfigurationError
from stringx.runner.app import create_app
from stringx.settings import Settings

PROPERTIES = {
    "security.protocol": "SSL",
    "ssl.key.password": "hidden-1",
    "ssl.key.pem": "hidden-2",
    "sasl.oauthbearer.client.secret": "hidden-3",
}


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_token_is_no_token(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    monkeypatch.setenv("STRINGX_API_TOKEN", blank)
    with pytest.raises(ConfigurationError, match="STRINGX_API_TOKEN"):
        settings.load().required("api_token")


@pytest.mark.parametrize("blank", ["", " "])
def test_no_guard_is_made_with_a_blank_token(blank: str) -> None:
    with pytest.raises(ConfigurationError, match="STRINGX_API_TOKEN"):
        require_token(Flask("guarded"), blank, setting="STRINGX_API_TOKEN", realm="stringx", but=())
    runner: Any = None  # it is not reached
    with pytest.raises(ConfigurationError, match="STRINGX_RUNNER_TOKEN"):
        create_app(runner, Settings(runner_token=SecretStr(blank)))


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-the-file\n")
    monkeypatch.setenv("STRINGX_API_TOKEN", "")
    monkeypatch.setenv("STRINGX_API_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("STRINGX_KAFKA_BOOTSTRAP", "")
    found = settings.load()
    assert found.required("api_token") == "of-the-file"
    assert found.kafka_bootstrap == "127.0.0.1:9092"
    assert "kafka_bootstrap" not in found.model_fields_set


def test_a_blank_secret_file_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" \n")
    monkeypatch.setenv("STRINGX_RUNNER_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(ConfigurationError, match=r"STRINGX_RUNNER_TOKEN_FILE: .*token is empty"):
        settings.load()
    monkeypatch.setenv("STRINGX_TARGET_PASSWORD_FILE", str(tmp_path / "token"))
    with pytest.raises(ConfigurationError, match=r"STRINGX_TARGET_PASSWORD_FILE: .*token is empty"):
        settings.read_target_files()


def test_secrets_among_the_kafka_properties_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRINGX_KAFKA_PROPERTIES", json.dumps(PROPERTIES))
    found = settings.load()
    shown = [repr(found), str(found), *(CliRunner().invoke(stringx, ["settings", "--output", form]).stdout for form in ("table", "json"))]
    assert all("security.protocol" in text and "SSL" in text for text in shown)
    assert all("hidden" not in text for text in shown)
    assert found.kafka_client()["ssl.key.password"] == "hidden-1"


@pytest.mark.parametrize("text", ['{"ssl.key.password": "hidden"', '"hidden"', "hidden"])
def test_kafka_properties_that_cannot_be_read_do_not_show(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("STRINGX_KAFKA_PROPERTIES", text)
    result = CliRunner().invoke(stringx, ["settings"])
    assert (result.exit_code, "hidden" in result.stdout) == (0, False)
    with pytest.raises(ConfigurationError) as error:
        settings.load()
    assert str(error.value).startswith('STRINGX_KAFKA_PROPERTIES: must be an object as JSON, like {"security.protocol": ')
    assert "hidden" not in str(error.value)


def test_the_password_of_a_private_key_may_be_a_secret_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("of-the-key\n")
    monkeypatch.setenv("STRINGX_KAFKA_SSL_KEY_PASSWORD_FILE", str(tmp_path / "password"))
    found = settings.load()
    assert found.kafka_client()["ssl.key.password"] == "of-the-key"
    assert "of-the-key" not in repr(found)


@pytest.mark.parametrize("password", ["he@dden", "hid/den", "hid?den", "hid#den", "hid%zden", "hid den", "12/den", "h@dden:x"])
def test_a_database_url_with_a_special_character_is_refused_without_a_piece_of_it(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("STRINGX_DATABASE_URL", f"postgresql://user:{password}@127.0.0.1:1/stringx")
    with pytest.raises(ConfigurationError, match=r"STRINGX_DATABASE_URL: must be .*percent-encode") as error:
        settings.load()
    assert "den" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:p%40ss%2Fword@127.0.0.1:5432/stringx",
        "postgres://user:a:b!$&'()*+,;=~-._@db.example/stringx?sslmode=require",
        "postgresql+psycopg://user@[::1]:5432/stringx",
        "postgresql:///stringx?host=/run/postgresql",
    ],
)
def test_a_database_url_is_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("STRINGX_DATABASE_URL", url)
    assert settings.load().sqlalchemy_url == "postgresql+psycopg:" + url.partition(":")[2]


@pytest.mark.parametrize(
    ("variable", "value", "mend"),
    [
        ("LOG_FORMAT", "yaml", "must be json or text"),
        ("DATABASE_URL", "mysql://user@host/db", "must be postgresql://"),
        ("RUNNERS", '{"inline": "http://runner:5002"}', "'inline' is the backend itself"),
        ("RUNNERS", "http://runner:5002", 'must be an object as JSON, like {"default": "http://runner:5002"}'),
        ("TARGETS", "demo", 'must be a list as JSON, like ["demo"]'),
        ("INLINE_TARGETS", '"demo"', 'must be a list as JSON, like ["demo"]'),
        ("TARGETS.0", "[1]", "must be text"),
        (
            "RUNNERS.default",
            '{"default": ["http://a:5002", "http://b:5002"]}',
            "must be one address, as text: several replicas",
        ),
        ("KAFKA_PROPERTIES.socket.Timeout", '{"socket.Timeout": 1}', "must be text"),
    ],
)
def test_a_wrong_value_is_said_with_its_variable_and_the_fix(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, mend: str) -> None:
    monkeypatch.setenv(f"STRINGX_{variable.partition('.')[0]}", value)
    with pytest.raises(ConfigurationError, match=f"^{re.escape(f'STRINGX_{variable}: {mend}')}"):
        settings.load()
