"""Both engines without the pool: a generation and its workers, told what to do by a test in the pool's stead."""

from __future__ import annotations

import secrets
import uuid
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

from stringx.model import Gate, RunRequest, Slice
from stringx.runner import messages
from stringx.runner.environment import environment_for_dbt, packed
from stringx.runner.nursery import Nursery
from stringx.runner.recording import Recording
from stringx.runner.slice_sql import slice_values

PROJECT = Path(__file__).parent / "project"


def gate(*rules: dict[str, Any], **fields: Any) -> Gate:
    """Its samples hold all rows that fail."""
    samples = {"rows": 100}
    values = {"workspace": "default", "table": "raw.things", "target": "lab", "rules": list(rules), "samples": samples, **fields}
    return Gate.model_validate(values)


def selecting(*selectors: str, **fields: Any) -> Gate:
    return gate(select=[{"select": selector, "kind": "engineering"} for selector in selectors], **fields)


def rule(name: str, check: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "check": check, "kind": "engineering", "dimension": "validity", "level": "column", "severity": "error", **fields}


def request(gate: Gate, slice_: object = ()) -> RunRequest:
    return RunRequest(
        run=uuid.uuid4().hex,
        attempt=1,
        gate=gate,
        gate_version=1,
        gate_fingerprint=gate.fingerprint,
        slice=Slice.model_validate(slice_),
        timeout_seconds=120,
    )


class Engines:
    """One generation with a worker for dbt and one for replays. Ends with `close`."""

    def __init__(self, project: Path, folder: Path) -> None:
        """Blocks until the project is parsed and the workers are there. `folder` is short: it holds a socket."""
        key = secrets.token_bytes(16)
        self._listener = Listener(str(folder / "socket"), family="AF_UNIX", authkey=key)
        start = messages.Start(
            socket=str(folder / "socket"),
            key=key.hex(),
            generation=1,
            project=project,
            profiles=project,
            target="lab",
            environment=packed(environment_for_dbt()),
            folder=folder / "generation",
            session_prefix="stringx-differential",
            stop_grace_seconds=5,
        )
        self._nursery = Nursery()
        self._generation = self._nursery.fork(start)
        assert isinstance(self._generation.hear(), messages.GenerationHello)
        ready = self._generation.hear()
        assert isinstance(ready, messages.Ready), ready
        self._dbt = self._fork(1, "dbt")
        self._replays = self._fork(2, "replay")
        self._learned: list[Recording] = []

    def _fork(self, number: int, role: messages.Role) -> Connection:
        self._generation.say(messages.Fork(worker=number, role=role, end_sessions=()))
        connection = self._listener.accept()
        assert isinstance(messages.receive(connection), messages.WorkerHello)
        return connection

    def dbt(self, request: RunRequest, *, record: bool = False) -> messages.Done:
        messages.send(self._dbt, messages.Work(request=request, record=record))
        done = messages.receive(self._dbt)
        assert isinstance(done, messages.Done)
        return done

    def replay(self, request: RunRequest, recording: Recording) -> messages.Done | messages.Unreplayed:
        if recording not in self._learned:
            self._learned.append(recording)
            learn = messages.Learn(number=len(self._learned), recording=recording, gate=request.gate)
            messages.send(self._replays, learn)
        replay = messages.Replay(
            run=request.run,
            attempt=request.attempt,
            number=self._learned.index(recording) + 1,
            values=slice_values(request.slice),
            timeout_seconds=request.timeout_seconds,
        )
        messages.send(self._replays, replay)
        done = messages.receive(self._replays)
        assert isinstance(done, (messages.Done, messages.Unreplayed))
        return done

    def close(self) -> None:
        for connection in (self._dbt, self._replays):
            connection.close()
        self._listener.close()
        self._generation.say(messages.Leave())
        while not isinstance(gone := self._generation.hear(), messages.GenerationGone):
            continue
        assert gone.how == "exit status 0"
        self._nursery.close()
        assert self._nursery.join(30)
