"""What a replay worker asks of the target database: a run's statements, all on one snapshot where the database has such.

`ReplaySession` is the port. Its adapters are `PostgresSession`, which speaks to Postgres itself, and `AdapterSession`, which has
the connection of dbt's adapter for any other database.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from stringx.runner.recording import Template
from stringx.runner.samples import Sample

#: An answer is one row, or none that can be used.
KEPT_ROWS = 2


@dataclass(frozen=True)
class Question:
    """A statement of one result, with `$1` … for its arguments, each sent as text of no type."""

    sql: str
    arguments: tuple[str, ...] = ()
    #: after which it is ended; None: it may take its time. A session's last questions may have one
    limit_seconds: float | None = None


@dataclass(frozen=True)
class Answer:
    """A result, its values as int, bool, None, or bytes where they are of another type."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int | bool | bytes | None, ...], ...]


class Unanswered(Exception):
    """The database did not answer a question, or answered with an error; the message never quotes a value of the data."""

    def __init__(self, reason: str, *, outdated: bool = False, over_limit: bool = False) -> None:
        super().__init__(reason)
        #: the statement may no longer fit the database
        self.outdated = outdated
        #: it was ended at its limit
        self.over_limit = over_limit


class SessionLost(Unanswered):
    """It may answer in another session."""


class NoSample(Exception):
    """The message says why, without a value of the data."""


class ReplaySession(Protocol):
    """Asks the target database. One thread; `ask` … `sample` … `end`, over and over."""

    @property
    def excludes_writers(self) -> bool:
        """Whether nobody can write to the database before `end`: it must come before anybody is told of the answers."""

    def question(self, statement: Template, values: Sequence[str], limit_seconds: float | None = None) -> Question:
        """The statement with a slice's values, as this database takes them. Raises Unanswered where it does not."""

    def ask(self, questions: Sequence[Question]) -> Generator[Answer]:
        """The answers in order, each as soon as it is there; all from one snapshot where the database has such. Blocks.

        Connects where there is no session. Raises Unanswered: there is no session from then on. An iterator that is left before
        its end, by an interruption too, has the queries cancelled.
        """

    def sample(self, sql: str, *, limit: int, mask: Collection[str], timeout_seconds: float) -> Sample:
        """The first rows of a test's SQL, on the same snapshot, if it is still there. Raises NoSample; the next may be had."""

    def end(self) -> None:
        """Lets the snapshot go. Never raises."""

    def close(self) -> None:
        """Ends the session. Never raises."""
