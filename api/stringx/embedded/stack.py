"""All of StringX on one machine, as `stringx up` runs it: servers, the runner, the backend's processes, each told only what it needs.

The processes are the same commands that a composition runs. The target's credentials go to the runner, the docs portal and, for
inline gates, the dispatcher; the internal database's go to the backend alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx2
import psycopg
from pydantic import SecretStr

from stringx.embedded import addresses, demo
from stringx.embedded.addresses import Addresses
from stringx.embedded.child import Child, ChildFailed
from stringx.embedded.home import Home
from stringx.embedded.kafka import Broker, choose_broker
from stringx.embedded.ports import next_free, one_start_at_a_time
from stringx.embedded.postgres import SUPERUSER, EmbeddedPostgres
from stringx.embedded.profile import unset_variables
from stringx.embedded.supervisor import Stage, Supervisor
from stringx.settings import PREFIX, Settings

DATABASE = "stringx"
TARGET_DATABASE = "demo"
POSTGRES_PORT = 54310
KAFKA_PORT = 9092
#: How long a process may take until it answers.
READY_SECONDS = 120.0
#: How often in a row a process may end by itself before the start is given up.
FAILURES_AT_START = 3

#: What each process is not told, by prefixes of the settings' names; everything else of the environment is passed on.
_WITHHELD = {
    "runner": ("DATABASE_", "KAFKA_", "API_TOKEN"),
    "docs": ("DATABASE_", "KAFKA_", "API_TOKEN", "RUNNER_TOKEN"),
    "consume": ("TARGET_", "API_TOKEN", "RUNNER_TOKEN"),
    "dispatch": ("API_TOKEN",),
    "serve": ("TARGET_", "RUNNER_TOKEN"),
    "migrate": ("TARGET_", "KAFKA_", "API_TOKEN", "RUNNER_TOKEN"),
    "gates": ("TARGET_", "KAFKA_", "API_TOKEN"),
}


@dataclass
class Stack:
    """`start` blocks until everything serves; afterwards `supervisor.check()` wants to be called often, from the same thread."""

    settings: Settings
    home: Home
    #: load the demo's data, and serve its target
    demo: bool
    #: one line of progress for people
    say: Callable[[str], None]
    supervisor: Supervisor = field(init=False)
    addresses: Addresses = field(init=False)
    #: for people: which broker was taken, and why
    broker_kind: str = field(init=False, default="")
    #: the gates of the files, by workspace and table, once they are in force; empty where they could not be applied
    gates: list[tuple[str, str]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.say)
        self._variables: dict[str, str] = {}
        self._children: dict[str, Child] = {}
        #: what the backend's processes are told, and what `addresses.json` says
        self._inline_targets = self.settings.inline_targets

    def start(self) -> None:
        """Raises ChildFailed where a part does not come up."""
        with one_start_at_a_time(self.say):
            self._start()

    def _start(self) -> None:
        for name in ("api", "runner"):
            if getattr(self.settings, f"{name}_token") is None:
                addresses.ensure_token(self.home.folder, "api" if name == "api" else "runner")
                self._variables[f"{name.upper()}_TOKEN_FILE"] = str(self.home.folder / "tokens" / name)
        self._settle_ports()
        self._start_postgres()
        self._start_process("runner", Stage.RUNNER)  # before Kafka: it parses the dbt project meanwhile
        bootstrap, kind = self._start_broker()
        self.addresses = Addresses(
            api=_url(self.settings.api_host, self._variables["API_PORT"]),
            runner=_url(self.settings.runner_host, self._variables["RUNNER_PORT"]),
            docs=_url(self.settings.docs_host, self._variables["DOCS_PORT"]),
            kafka=bootstrap,
            kafka_kind=kind,
            database=SecretStr(self._variables["DATABASE_URL"]),
            inline_targets=self._inline_targets,
            demo=self.has_demo,
        )
        self._variables["RUNNERS"] = json.dumps({**self.settings.runners, "default": self.addresses.runner})
        self._variables["KAFKA_BOOTSTRAP"] = bootstrap
        self._run("migrate")
        # Not until it has parsed the dbt project: runs wait for that, and where it cannot be parsed they say why.
        self._wait_until_ready("runner", f"{self.addresses.runner}/livez")
        if unset := self.unset_target:  # dbt would say the first of them, once for each run
            self.say(f"no data is connected: {self._profile} reads {', '.join(unset)}, not set here.")
            self.say("Set them to a database of yours (docs/how-to/your-own-data.md), or start with --demo.")
        self._apply_gates()  # asks the runner for its targets
        for name in ("serve", "dispatch", "consume"):
            self._start_process(name, Stage.BACKEND)
        self._wait_until_ready("serve", f"{self.addresses.api}/readyz")
        self._start_process("docs", Stage.BACKEND)  # last: it keeps a core busy at first, and nothing waits for what it makes
        self._wait_until_ready("docs", f"{self.addresses.docs}/livez")  # it listens
        addresses.write(self.home.folder, self.addresses)

    def stop(self, grace_seconds: float) -> None:
        self.supervisor.stop(grace_seconds)
        (self.home.folder / "addresses.json").unlink(missing_ok=True)

    @property
    def unset_target(self) -> list[str]:
        """What the dbt profile reads of the environment and is not set: without it dbt connects to nothing."""
        served = {*self.settings.targets, *self.settings.inline_targets}
        return unset_variables(self._profile, served, self._environment("runner"))

    @property
    def _profile(self) -> Path:
        return self.settings.profiles_dir / "profiles.yml"

    @property
    def has_demo(self) -> bool:
        """The demo's data is there, also of an earlier start, and is what dbt connects to."""
        return "TARGET_DBNAME" in self._variables

    # --- servers ---

    def _settle_ports(self) -> None:
        taken: set[int] = set()
        for name, what, wanted in (
            ("API_PORT", "the API", self.settings.api_port),
            ("RUNNER_PORT", "the runner", self.settings.runner_port),
            ("DOCS_PORT", "the docs portal", self.settings.docs_port),
        ):
            port = next_free(wanted, but=frozenset(taken))
            if port != wanted:
                self.say(f"port {wanted} is taken: {what} is on {port}")
            taken.add(port)
            self._variables[name] = str(port)

    def _start_postgres(self) -> None:
        """The internal database where none was named, and the demo's target: also that of an earlier start."""
        if self.settings.database_url is not None:
            self._variables["DATABASE_URL"] = self.settings.database_url.get_secret_value()
            self.say("the internal database is the one that was named")
            if not self.demo and not self.home.postgres.exists():
                return
        port = next_free(POSTGRES_PORT)
        server = EmbeddedPostgres(self.home.postgres, port=port)
        self.say(f"starting Postgres on port {port}")
        self.supervisor.start("postgres", server, Stage.SERVER)
        if self.settings.database_url is None:
            server.ensure_login(DATABASE)
            server.ensure_database(DATABASE, DATABASE)
            self._variables["DATABASE_URL"] = server.url(DATABASE, DATABASE)
        if self.demo or (server.has_database(TARGET_DATABASE) and f"{PREFIX}TARGET_HOST" not in os.environ):
            self._prepare_target(server)

    def _prepare_target(self, server: EmbeddedPostgres) -> None:
        self.say("loading the demo's data where it is not there")
        server.ensure_database(TARGET_DATABASE, SUPERUSER)
        demo.load(server.url(TARGET_DATABASE))
        server.ensure_login(demo.READER)
        parts = psycopg.conninfo.conninfo_to_dict(server.url(TARGET_DATABASE, demo.READER))
        for name in ("host", "port", "user", "password", "dbname"):
            self._variables[f"TARGET_{name.upper()}"] = str(parts[name])
        self._inline_targets = tuple(dict.fromkeys([*self.settings.inline_targets, TARGET_DATABASE]))
        self._variables["INLINE_TARGETS"] = json.dumps(self._inline_targets)

    def _start_broker(self) -> tuple[str, Literal["apache", "memory", "named"]]:
        if "kafka_bootstrap" in self.settings.model_fields_set:
            self.broker_kind = f"the one that was named, {self.settings.kafka_bootstrap}"
            self.say(f"broker: {self.broker_kind}")
            return self.settings.kafka_bootstrap, "named"
        self.say("looking for a broker (Apache Kafka's jars are fetched once)")
        broker, kind = choose_broker(self.home.broker, port=next_free(KAFKA_PORT))
        self.supervisor.start("kafka", broker, Stage.SERVER, restarted=lambda: self._broker_restarted(broker))
        (self.home.broker / "address").write_text(broker.bootstrap)
        self.broker_kind = f"{kind}, {broker.bootstrap}"
        self.say(f"broker: {self.broker_kind}")
        if broker.kind == "apache" and not broker.bootstrap.endswith(f":{KAFKA_PORT}"):
            self.say(f"port {KAFKA_PORT} is taken: Kafka is on {broker.bootstrap}")
        return broker.bootstrap, broker.kind

    def _broker_restarted(self, broker: Broker) -> None:
        """librdkafka's cluster comes back on another port: its clients are started again with that."""
        if broker.bootstrap == self.addresses.kafka:
            return
        (self.home.broker / "address").write_text(broker.bootstrap)
        self._variables["KAFKA_BOOTSTRAP"] = broker.bootstrap
        self.addresses = self.addresses.model_copy(update={"kafka": broker.bootstrap})
        addresses.write(self.home.folder, self.addresses)
        for name in ("consume", "dispatch"):
            self._children[name].environment = self._environment(name)
            self.supervisor.restart(name)
        self.say(f"the broker is on {broker.bootstrap} now, without the records that it had")

    # --- processes ---

    def _environment(self, process: str) -> dict[str, str]:
        ours = {
            "HOME": str(self.home.folder),
            "GATES_DIR": str(self.settings.gates_dir.absolute()),
            "DBT_PROJECT_DIR": str(self.settings.dbt_project_dir.absolute()),
            **self._variables,
        }
        environment = {**os.environ, **{PREFIX + name: value for name, value in ours.items()}}
        withheld = tuple(PREFIX + name for name in _WITHHELD[process])
        return {name: value for name, value in environment.items() if not name.startswith(withheld)}

    def _start_process(self, name: str, stage: Stage) -> None:
        child = Child(name, [sys.executable, "-m", "stringx", name], folder=self.home.processes, environment=self._environment(name))
        self._children[name] = child
        self.supervisor.start(name, child, stage)

    def _apply_gates(self) -> None:
        """Puts the gates of the files in force, over what somebody applied from elsewhere, and says each that changes.

        Files with errors change nothing: what was applied before stays in force, and the errors are shown.
        """
        try:
            changes = json.loads(self._run("gates", "apply", "--output", "json"))["changes"]
        except ChildFailed as error:
            self.say(str(error))
            self.say("the gates stay as they were")
            return
        self.gates = [(change["workspace"], change["table"]) for change in changes]
        for change in changes:
            if change["action"] != "unchanged":
                self.say(f"  {change['workspace']}/{change['table']}: {change['action']}, version {change['version']}")

    def _run(self, *command: str) -> str:
        """The stdout of a command that ends, whose other words are said; ChildFailed with them where it fails."""
        self.say(f"stringx {' '.join(command)}")
        done = subprocess.run(
            [sys.executable, "-m", "stringx", *command],
            env=self._environment(command[0]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ChildFailed(f"`stringx {' '.join(command)}` failed:\n{done.stderr or done.stdout}".rstrip())
        for line in done.stderr.splitlines():  # what it could not do, and did not fail for
            self.say(line)
        return done.stdout

    def _wait_until_ready(self, name: str, url: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        with httpx2.Client(timeout=2.0, trust_env=False) as client:
            while True:
                self.supervisor.check()
                try:
                    if client.get(url).status_code == httpx2.codes.OK:
                        return
                except httpx2.TransportError:
                    pass  # it does not listen yet
                if self.supervisor.failures(name) >= FAILURES_AT_START or time.monotonic() > deadline:
                    child = self._children[name]
                    raise ChildFailed(f"{name} does not come up; {child.log} ends with:\n{child.last_words()}")
                time.sleep(0.1)  # a server does not tell its starter that it listens


def _url(host: str, port: str) -> str:
    """Where this machine finds a server that listens on `host`."""
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"  # noqa: S104  # compared, not listened on
