"""What the pool, the nursery, a generation and its workers say to one another: one JSON document per message on a Unix socket."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from stringx.model import DbtResult, Gate, ReportStatus, RunRequest, TableCatalog, Validation, Value
from stringx.runner.recording import Recording, Unprepared

#: What a worker does: dbt's invocations, or replays of what they recorded.
Role = Literal["dbt", "replay"]
ROLES: tuple[Role, ...] = ("dbt", "replay")


class ForkGeneration(Value):
    """runner → nursery: fork a generation. The file descriptor of its connection to its pool follows."""

    kind: Literal["generation wanted"] = "generation wanted"
    #: what it is called from now on
    number: int


class Start(Value):
    """pool → generation, first of all. Neither the key nor the environment is to be seen from outside."""

    kind: Literal["start"] = "start"
    #: where its workers connect
    socket: str
    key: str = Field(repr=False)
    generation: int
    project: Path
    profiles: Path
    target: str
    #: its whole environment, `packed`, in place of the nursery's
    environment: str = Field(repr=False)
    #: the generation's own folder; it makes it
    folder: Path
    #: starts the application name of every session in the target database
    session_prefix: str
    stop_grace_seconds: float


class GenerationHello(Value):
    """generation → pool, its first word."""

    kind: Literal["generation"] = "generation"
    pid: int


class GenerationGone(Value):
    """nursery → pool, on the generation's connection: it has ended, and nothing follows."""

    kind: Literal["generation gone"] = "generation gone"
    #: its exit status or signal, or why it could not be forked
    how: str


class Ready(Value):
    """generation → pool: parsed and warm."""

    kind: Literal["ready"] = "ready"
    fingerprint: str


class Failed(Value):
    """generation → pool, its last word: the project cannot be run."""

    kind: Literal["failed"] = "failed"
    message: str
    fingerprint: str | None


class Fork(Value):
    """pool → generation: fork a worker."""

    kind: Literal["fork"] = "fork"
    worker: int
    role: Role
    #: prefixes of application names whose sessions the worker ends before it takes a run: of killed predecessors
    end_sessions: tuple[str, ...]


class Interrupt(Value):
    """pool → generation: have a worker stop its run."""

    kind: Literal["interrupt"] = "interrupt"
    number: int


class Kill(Value):
    """pool → generation: end a worker; runner → nursery: end a generation with all its workers."""

    kind: Literal["kill"] = "kill"
    number: int


class Leave(Value):
    """pool → generation: stop the workers and end."""

    kind: Literal["leave"] = "leave"


class CheckGates(Value):
    """A question: what of these gates would not work?"""

    kind: Literal["gates"] = "gates"
    gates: tuple[Gate, ...]


class DescribeTable(Value):
    """A question: what is this table like?"""

    kind: Literal["table"] = "table"
    table: str


class Inquire(Value):
    """pool → generation: fork a process that answers a question, beside the workers and their runs."""

    kind: Literal["inquire"] = "inquire"
    number: int
    question: Annotated[CheckGates | DescribeTable, Field(discriminator="kind")]


class Answered(Value):
    """that process → pool, its only word."""

    kind: Literal["answered"] = "answered"
    generation: int
    number: int
    answer: Validation | TableCatalog | None = None
    #: why there is none
    error: str | None = None
    #: what was asked about is not there
    absent: bool = False


class WorkerHello(Value):
    """worker → pool: it is there, and takes runs."""

    kind: Literal["worker"] = "worker"
    generation: int
    worker: int
    #: what went wrong when it ended its predecessors' sessions
    note: str | None = None


class WorkerGone(Value):
    """generation → pool: a worker has ended."""

    kind: Literal["gone"] = "gone"
    worker: int
    #: the exit code, or minus the signal
    status: int


class Work(Value):
    """pool → dbt worker."""

    kind: Literal["work"] = "work"
    request: RunRequest
    #: whether to record what dbt sends, for replays
    record: bool


class Learn(Value):
    """pool → replay worker: a recording that it is to replay, with all that is the same for each replay."""

    kind: Literal["learn"] = "learn"
    #: what it is called from now on
    number: int
    recording: Recording
    gate: Gate


class Replay(Value):
    """pool → replay worker."""

    kind: Literal["replay"] = "replay"
    run: str
    attempt: int
    #: of the recording
    number: int
    #: of the slice, as `slice_sql.slice_values` has them
    values: tuple[str, ...]
    timeout_seconds: float


class Unreplayed(Value):
    """replay worker → pool: only dbt can tell what comes of this run."""

    kind: Literal["unreplayed"] = "unreplayed"
    run: str
    attempt: int
    #: without a value of the data
    reason: str
    #: the recording no longer fits the database
    outdated: bool


class Done(Value):
    """worker → pool: what came of the run. `status` None: it was interrupted."""

    kind: Literal["done"] = "done"
    run: str
    attempt: int
    status: ReportStatus | None
    #: of the gate that it judged by, made from its content
    gate_fingerprint: str
    message: str | None
    results: tuple[DbtResult, ...]
    #: that the run is about; None where they were not counted
    rows: int | None
    #: where they were not counted: there is one at least
    has_rows: bool = False
    notes: tuple[str, ...]
    #: where it was to be recorded: the recording, or why there is none
    recording: Recording | None = None
    unprepared: tuple[Unprepared, ...] = ()


Message = Annotated[
    ForkGeneration
    | Start
    | GenerationHello
    | GenerationGone
    | Ready
    | Failed
    | Fork
    | Interrupt
    | Kill
    | Leave
    | Inquire
    | Answered
    | WorkerHello
    | WorkerGone
    | Work
    | Learn
    | Replay
    | Unreplayed
    | Done,
    Field(discriminator="kind"),
]
_MESSAGES: TypeAdapter[Message] = TypeAdapter(Message)


def session_name(prefix: str, worker: int) -> str:
    """The application name of a worker's sessions; no worker's name starts another's."""
    return f"{prefix}:{worker}."


def send(connection: Connection, message: Message) -> None:
    """Blocks until the message is written; OSError where the other side is gone."""
    connection.send_bytes(message.model_dump_json().encode())


def receive(connection: Connection) -> Message:
    """Blocks until a message is there; EOFError or OSError where the other side is gone."""
    return _MESSAGES.validate_json(connection.recv_bytes())
