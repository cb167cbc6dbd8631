"""What dbt sent for the tests of one run, as values: statements with holes where the slice's values go. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from pydantic import model_validator

from stringx.model import LookedAt, Severity, Value
from stringx.runner.slice_sql import quoted


class Template(Value):
    """A statement with holes: `segments[0]`, a hole, `segments[1]`, … Each hole is for one of the slice's values."""

    segments: tuple[str, ...]
    #: per hole, the place of its value among the slice's; a value may stand in several holes, or in none
    places: tuple[int, ...]

    @model_validator(mode="after")
    def _one_hole_between_two_segments(self) -> Self:
        if len(self.segments) != len(self.places) + 1:
            raise ValueError(f"{len(self.places)} holes lie between {len(self.places) + 1} segments, not {len(self.segments)}")
        return self

    def bound(self) -> str:
        """With `$1`, `$2` …: a number per hole, for one value may be compared with columns of several types."""
        # Between spaces: a parameter must not touch a word, as a literal may.
        return self._filled(lambda hole: f" ${hole + 1} ")

    def arguments(self, values: Sequence[str]) -> tuple[str, ...]:
        """The values of `bound()`, in order."""
        return tuple(values[place] for place in self.places)

    def literal(self, values: Sequence[str]) -> str:
        """With the values quoted, as dbt was given them."""
        return self._filled(lambda hole: quoted(values[self.places[hole]]))

    def _filled(self, hole_text: Callable[[int], str]) -> str:
        parts = [self.segments[0]]
        for hole, segment in enumerate(self.segments[1:]):
            parts += (hole_text(hole), segment)
        return "".join(parts)


class RecordedTest(Value):
    """One test as dbt ran it."""

    #: the name of the gate's rule, or None for a selected test
    rule: str | None = None
    #: the selector that chose it, or None for a rule's
    select: str | None = None
    #: dbt's name of the test
    test: str
    #: False: the slice was not laid on
    sliced: bool
    severity: Severity
    #: what dbt sent, without its query comment: one row of failures, should_warn, should_error
    statement: Template
    #: the test's own SQL, whose rows are the failures: what a report shows, and what a sample is taken of
    compiled: Template
    #: where the rule's threshold is a share: as `statement`, its failures what the test looked at
    rows: Template | None = None
    #: what these are, where it is to be told
    looked_at: LookedAt | None = None
    #: the test's own conditions, which its messages quote
    warn_if: str
    error_if: str


class Unprepared(Value):
    """Why a test stays with dbt."""

    test: str
    reason: str


class Recording(Value):
    """The tests of one gate version under one dbt project for one shape of slice, in the order of the report's results.

    It is good for the generation that made it: some of what dbt reads is settled when the project is parsed.
    """

    gate_fingerprint: str
    project_fingerprint: str
    #: of the slice: columns, operators, types and numbers of values (`slice_sql.shape`)
    shape: tuple[str, ...]
    tests: tuple[RecordedTest, ...]
    #: of the rows that the run is about; None where the table is none that rows can be counted of
    count: Template | None = None
