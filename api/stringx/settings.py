"""All settings, read from the environment here and nowhere else.

A setting `name` is the variable `STRINGX_NAME`. A secret may be given as a file instead: `STRINGX_NAME_FILE` names it
(container secrets). `reference()` lists them all; docs/reference/settings.md is held against it by a test.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from stringx.errors import ConfigurationError
from stringx.model import fault_text
from stringx.nearest import did_you_mean, nearest

PREFIX = "STRINGX_"
#: What the store calls the backend's own dbt workers: no runner may have this name.
INLINE_RUNNER = "inline"

#: Both SQLAlchemy and libpq read such a URL alike; what is beyond it they quote in their errors, a piece of the password included.
_DATABASE_URL = re.compile(
    r"""(?:postgresql|postgres|postgresql\+psycopg)://
        (?:(?:[^\s:@/?#%]|%[0-9A-Fa-f]{2})*(?::(?:[^\s@/?#%]|%[0-9A-Fa-f]{2})*)?@)?  # user:password@
        (?:(?:[\w.-]|%[0-9A-Fa-f]{2})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?              # host:port
        (?:/(?:[^\s@/?#%]|%[0-9A-Fa-f]{2})*)?(?:\?(?:[^\s@?#%]|%[0-9A-Fa-f]{2})*)?""",
    re.VERBOSE,
)
#: Names of librdkafka's properties whose values must not show.
_SECRET_PROPERTY = re.compile("password|secret|key|pem|token", re.IGNORECASE)


def _read_secret(variable: str, path: str) -> str:
    """The text of the file that `variable` names; ConfigurationError where there is none."""
    try:
        text = Path(path).read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"{variable}: cannot read {path}: {error.strerror}") from error
    if not text:
        raise ConfigurationError(f"{variable}: {path} is empty: write the secret into it")
    return text


def _one_address(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be one address, as text: several replicas of a runner are several addresses of one host name in DNS")
    return value


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads `STRINGX_<NAME>_FILE` for each secret setting."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        if field.annotation not in (SecretStr, SecretStr | None):
            return None, field_name, False
        variable = f"{PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        return _read_secret(variable, path), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """What a process of StringX is told by its environment. Frozen; passwords and tokens do not show in its `repr`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, enable_decoding=False, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    # Where things are kept
    home: Path = Field(Path("~/.stringx").expanduser(), description="What `stringx up` keeps: data, addresses, tokens.")
    log_level: str = Field("info", description="debug, info, warning or error.")
    log_format: str = Field("json", description="json, or text for people.")

    # The internal database (the backend's; the runner has no access to it)
    database_url: SecretStr | None = Field(None, description="postgresql://user:password@host:port/database of StringX's own Postgres.")
    database_pool_size: int = Field(5, ge=1, le=100, description="Connections that one process keeps.")

    # Kafka
    kafka_bootstrap: str = Field("127.0.0.1:9092", description="bootstrap.servers.")
    kafka_properties: dict[str, str] = Field(
        default_factory=dict,
        examples=[{"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"}],
        description='Further librdkafka properties as JSON: {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"}.',
    )
    kafka_sasl_username: str | None = Field(None, description="sasl.username.")
    kafka_sasl_password: SecretStr | None = Field(None, description="sasl.password.")
    kafka_ssl_key_password: SecretStr | None = Field(None, description="ssl.key.password.")
    kafka_group: str = Field("stringx", description="Consumer group of the Kafka door.")
    kafka_group_protocol: str = Field("auto", description="consumer, classic, or auto: consumer where the broker has it.")
    kafka_triggers_topic: str = Field("stringx.triggers", description="Topic that triggers are read from.")
    kafka_verdicts_topic: str = Field("stringx.verdicts", description="Topic that acknowledgements are written to.")
    kafka_dead_letters_topic: str = Field("stringx.triggers.dlq", description="Topic that refused records are written to.")
    kafka_create_topics: bool = Field(True, description="Make the topics at start where they are missing.")
    kafka_partitions: int = Field(3, ge=1, description="Partitions of a topic that is made.")
    kafka_replication: int = Field(1, ge=1, description="Replicas of a topic that is made.")
    kafka_retention_ms: int = Field(604_800_000, description="Retention of a topic that is made, in milliseconds.")
    kafka_max_record_bytes: int = Field(4_194_304, ge=1024, description="Largest record that a topic which is made lets in.")
    max_trigger_bytes: int = Field(65_536, ge=1024, description="Largest trigger that is taken, by any door; a larger one is refused.")
    dead_letter_bytes: int = Field(65_536, ge=256, description="How much of a refused record is kept.")

    # Gates
    gates_dir: Path = Field(Path("configs/gates"), description="Folder of <workspace>/<table>.yaml that `gates apply` reads.")

    # The API
    api_token: SecretStr | None = Field(None, description="Bearer token of the API.")
    api_host: str = Field("127.0.0.1", description="Address that `stringx serve` listens on.")
    api_port: int = Field(5001, ge=1, le=65535, description="Port of the API.")
    api_url: str | None = Field(
        None, description="Where the CLI finds the API; default: what `stringx up` wrote down, else 127.0.0.1 and the API's port."
    )
    api_threads: int = Field(16, ge=2, description="Threads of the API process.")
    api_waiters: int = Field(
        8, ge=0, description="Requests that may wait for a verdict at one time; beyond them a wait is answered 202 at once."
    )

    # Dispatch
    runners: dict[str, Annotated[str, BeforeValidator(_one_address)]] = Field(
        default_factory=lambda: {"default": "http://127.0.0.1:5002"},
        examples=[{"default": "http://runner:5002"}],
        description='Runners by name as JSON: {"default": "http://runner:5002"}, with one address each. Where DNS has several addresses of '
        "its host, as of `runner` after `docker compose up --scale runner=3`, each is a replica.",
    )
    runner_token: SecretStr | None = Field(None, description="Bearer token of the runner's API.")
    lease_seconds: float = Field(15.0, gt=0, description="How long a run may go without news of it before it is queued again.")
    max_attempts: int = Field(3, ge=1, description="Attempts after which a run is `errored`.")
    runner_discovery_seconds: float = Field(5.0, gt=0, description="How often runners' names are resolved again.")

    # dbt: the runner, and the backend's own workers for inline gates
    dbt_project_dir: Path = Field(Path("dbt_project"), description="The dbt project; a private copy of it is run.")
    dbt_profiles_dir: Path | None = Field(None, description="Folder of profiles.yml; default: the dbt project's.")
    targets: tuple[str, ...] = Field(
        ("demo",), examples=[["demo"]], description='Outputs of the dbt profile that the runner serves, as JSON: ["demo"].'
    )
    inline_targets: tuple[str, ...] = Field(
        (),
        examples=[["demo"]],
        description='Targets that the backend itself may run dbt on, for gates with `mode: inline`, as JSON: ["demo"].',
    )
    runner_host: str = Field("127.0.0.1", description="Address that `stringx runner` listens on.")
    runner_port: int = Field(5002, ge=1, le=65535, description="Port of the runner.")
    runner_workers: int = Field(2, ge=1, le=64, description="dbt worker processes of each target.")
    runner_replay_workers: int = Field(
        1, ge=0, le=64, description="Processes of each target that replay prepared runs; 0: dbt runs all, whatever a gate's engine is."
    )
    prepared_check_share: float = Field(
        0.01, ge=0, le=1, description="Share of the prepared runs that is repeated with dbt afterwards; a difference has dbt run the gate."
    )
    inline_workers: int = Field(1, ge=1, le=64, description="dbt worker processes of each inline target in the backend.")
    runner_queue: int = Field(100, ge=0, description="Runs that a runner holds beyond one for each worker; beyond them it answers 429.")
    runner_state_dir: Path | None = Field(
        None,
        description="Where reports are kept until acknowledged, or too old, and gates whose replays differed; default: <home>/runner.",
    )
    runner_keep_reports_days: float = Field(
        30, ge=0, description="Days after which a report that no backend has acknowledged is removed; 0: never."
    )
    worker_max_runs: int = Field(1000, ge=1, description="Runs after which a worker is replaced.")
    stop_grace_seconds: float = Field(
        5.0, gt=0, description="From asking a worker to stop a run until it is killed; also how long a process finishes what it holds."
    )

    # The docs portal
    docs_host: str = Field("127.0.0.1", description="Address that `stringx docs` listens on.")
    docs_port: int = Field(8001, ge=1, le=65535, description="Port of the dbt docs portal.")

    @field_validator("kafka_properties", "runners", "targets", "inline_targets", mode="before")
    @classmethod
    def _of_json(cls, value: object, info: ValidationInfo) -> object:
        """What a variable says is JSON, of the kind that the setting's example is of."""
        if not isinstance(value, str):
            return value
        [example] = cls.model_fields[str(info.field_name)].examples or []
        try:
            said = json.loads(value)
        except ValueError:
            said = None
        if not isinstance(said, type(example)):  # its text may hold a password
            raise ValueError(f"must be {'a list' if isinstance(example, list) else 'an object'} as JSON, like {json.dumps(example)}")
        return said

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.lower() not in ("debug", "info", "warning", "error"):
            raise ValueError("must be debug, info, warning or error")
        return value.lower()

    @field_validator("log_format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        if value not in ("json", "text"):
            raise ValueError("must be json or text")
        return value

    @field_validator("database_url")
    @classmethod
    def _readable_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _DATABASE_URL.fullmatch(value.get_secret_value()):
            raise ValueError(
                "must be postgresql://user:password@host:port/database; percent-encode what is neither a letter nor a digit in the user "
                "and the password: @ is %40, / is %2F, : is %3A, ? is %3F, # is %23, % is %25"
            )
        return value

    @field_validator("runners")
    @classmethod
    def _no_runner_named_inline(cls, value: dict[str, str]) -> dict[str, str]:
        if INLINE_RUNNER in value:
            raise ValueError(f"{INLINE_RUNNER!r} is the backend itself: call the runner something else")
        return value

    @field_validator("kafka_group_protocol")
    @classmethod
    def _known_protocol(cls, value: str) -> str:
        if value not in ("auto", "consumer", "classic"):
            raise ValueError("must be auto, consumer or classic")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the signature is pydantic-settings'
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _SecretFiles(settings_cls)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, without_secrets(value) if name == "kafka_properties" else value

    @property
    def runner_state(self) -> Path:
        return self.runner_state_dir or self.home / "runner"

    @property
    def profiles_dir(self) -> Path:
        return self.dbt_profiles_dir or self.dbt_project_dir

    @property
    def sqlalchemy_url(self) -> str:
        """`database_url` with the psycopg driver named; ConfigurationError where it is not set."""
        url = self.required("database_url")
        for scheme in ("postgresql://", "postgres://"):
            if url.startswith(scheme):
                return "postgresql+psycopg://" + url.removeprefix(scheme)
        return url

    def required(self, name: str) -> str:
        """The text of a setting that this process cannot do without; ConfigurationError names the variable where it is missing or blank."""
        value = getattr(self, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")
        if not text.strip():
            variable = f"{PREFIX}{name.upper()}"
            hint = f" (or {variable}_FILE)" if type(self).model_fields[name].annotation == SecretStr | None else ""
            raise ConfigurationError(f"{variable} is not set: set {variable}{hint}")
        return text

    def kafka_client(self, **more: str | int | bool) -> dict[str, str | int | bool]:
        """The librdkafka properties that every client of ours starts from, with `more` on top."""
        properties: dict[str, str | int | bool] = {"bootstrap.servers": self.kafka_bootstrap, **self.kafka_properties}
        if self.kafka_sasl_username is not None:
            properties["sasl.username"] = self.kafka_sasl_username
        if self.kafka_sasl_password is not None:
            properties["sasl.password"] = self.kafka_sasl_password.get_secret_value()
        if self.kafka_ssl_key_password is not None:
            properties["ssl.key.password"] = self.kafka_ssl_key_password.get_secret_value()
        return {**properties, **more}


def without_secrets(properties: Mapping[str, str]) -> dict[str, str]:
    """librdkafka's properties, to be shown: values of secret ones are masked."""
    return {name: "**********" if _SECRET_PROPERTY.search(name) else value for name, value in properties.items()}


def load(overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process. ConfigurationError names each variable that is wrong, never a secret's value."""
    unknown = unknown_settings(os.environ)
    if unknown:
        raise ConfigurationError(f"{'; '.join(unknown)}; `stringx settings` lists them")
    try:
        return Settings(**(overrides or {}))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join([PREFIX + str(fault['loc'][0]).upper(), *map(str, fault['loc'][1:])])}: {fault_text(fault)}"
            for fault in error.errors(include_input=False)
        )
        raise ConfigurationError(faults) from None


def variables() -> list[str]:
    """Every variable that is read, `_FILE` variants included."""
    secrets = [name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None]
    return sorted([f"{PREFIX}{name.upper()}" for name in Settings.model_fields] + [f"{PREFIX}{name.upper()}_FILE" for name in secrets])


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables with our prefix that no setting reads: a misspelt setting must not pass in silence.

    `STRINGX_TARGET_*` is free: a dbt profile reads its own connection from such variables.
    """
    known = set(variables())
    return sorted(name for name in environment if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}TARGET_") and name not in known)


def unknown_settings(environment: Mapping[str, str]) -> list[str]:
    """What to say of each of the unknown variables."""
    said = []
    for name in unknown_variables(environment):
        meant = did_you_mean(nearest(name, variables(), alike=0.8))
        said.append(f"{name}: no such setting" + (f", {meant}" if meant else ""))
    return said


@dataclass(frozen=True)
class Described:
    """One setting, as `stringx settings` and the reference page show it."""

    variable: str
    #: as it would be written in the environment; None where nothing is set
    default: str | None
    #: a secret may be given as a file, and never shows
    secret: bool
    description: str


def reference() -> list[Described]:
    """Every setting, in the order in which they are written above."""
    described = []
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if name == "home":
            default = "~/.stringx"  # not this user's
        if isinstance(default, (tuple, dict, bool)):
            default = json.dumps(default)
        described.append(
            Described(
                variable=f"{PREFIX}{name.upper()}",
                default=None if default is None else str(default),
                secret=field.annotation == SecretStr | None,
                description=str(field.description),
            )
        )
    return described


def read_target_files() -> None:
    """Puts the text of each file that a `STRINGX_TARGET_*_FILE` names into this process's environment, without the `_FILE`.

    A dbt profile reads its password from a variable alone; so container secrets reach it. Call it before dbt is started.
    """
    for variable in [name for name in os.environ if name.startswith(f"{PREFIX}TARGET_") and name.endswith("_FILE")]:
        os.environ[variable.removesuffix("_FILE")] = _read_secret(variable, os.environ[variable])
