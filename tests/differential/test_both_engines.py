"""Both engines say the same of every test configuration, whatever the data and the slice."""

from __future__ import annotations

import os
from typing import Any

import psycopg
import pytest
from differential_lab import Engines, gate, request, rule, selecting
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stringx.model import DbtStatus, Gate
from stringx.runner.messages import Done, Unreplayed
from stringx.runner.prepared import outcome
from stringx.runner.recording import Recording

#: States of the data for each gate. Without a number, the same few in each run.
EXAMPLES = os.environ.get("DIFFERENTIAL_EXAMPLES")

tried = settings(
    max_examples=int(EXAMPLES or 5),
    derandomize=EXAMPLES is None,
    database=None,
    # A failing example is shown as it is: each costs dbt's time, and shrinking takes hundreds.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

TYPES = {"day": "date", "seen": "timestamp", "id": "integer", "grp": "integer", "name": "text", "Mixed Case": "text"}

texts = st.sampled_from(["a", "b%", "ü", "it's", "", " ", "a\\b", "🦉🦉", "NULL", "%s$1", "x"]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=5
)
integers = st.integers(-3, 8)
days = st.sampled_from(["2013-01-01", "2013-01-02", "2013-01-03", "0044-03-15 BC", "infinity"])
moments = st.sampled_from(["2013-01-01T00:00:00Z", "2013-01-01T00:00:00+05:30", "2013-07-01T12:00:00.000001-04:00"])


def perhaps(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def rows_of(amounts: list[str], days: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Rows of raw.things, in the order of its columns."""
    return st.lists(
        st.tuples(
            perhaps(integers),
            perhaps(st.sampled_from(["0", "-1", "1", "2.50", "12345678901234567890.5", *amounts])),
            perhaps(st.sampled_from(["NaN", "Infinity", "-Infinity", "-0", "0.1", "3"])),
            perhaps(texts),
            perhaps(days),
            perhaps(st.booleans()),
            perhaps(moments),
            perhaps(integers),
            perhaps(texts),
        ),
        max_size=12,
    )


rows = rows_of(["NaN", "1e-20"], days)

#: Of each shape one: what is recorded for some values is replayed for all others.
SLICES: dict[str, st.SearchStrategy[list[dict[str, Any]]]] = {
    "the whole table": st.just([]),
    "a day": days.map(lambda day: [{"column": "day", "equals": day}]),
    "names": st.tuples(texts, texts).map(lambda names: [{"column": "name", "in": list(names)}]),
    "ids and a name": st.tuples(integers, integers, texts).map(
        lambda values: [{"column": "id", "from": values[0], "to": values[1]}, {"column": "Mixed Case", "equals": values[2]}]
    ),
    "moments": moments.map(lambda moment: [{"column": "seen", "from": moment}]),
}

GATES: dict[str, Gate] = {
    "tests of the project": selecting("tag:matrix", slice_columns=TYPES),
    "tests by the gate's severity": gate(
        select=[{"select": "tag:matrix", "kind": "engineering", "severity": "warn"}],
        slice_columns=TYPES,
        samples={"rows": 3, "mask": ["name"]},
    ),
    "tests of the whole table": gate(
        select=[{"select": "tag:matrix", "kind": "engineering", "scope": "table"}, {"select": "things_none", "kind": "business"}],
        slice_columns=TYPES,
    ),
    "singular tests": selecting("as_many_groups", "recent_are_named", slice_columns=TYPES),
    "rules": gate(
        rule("known", "not_null", column="amount", severity="warn", threshold={"warn": 1, "error": 3}),
        rule("once", "unique", column="id"),
        rule("once_where", "unique", column="Mixed Case", row_condition="flag or name is null"),
        rule("listed", "accepted_values", column="name", arguments={"values": ["a", "it's", "%", "\\", "ü"]}),
        rule("numbers", "accepted_values", column="grp", arguments={"values": [1, 2, -3], "quote": False}, scope="table"),
        rule("groups", "relationships", column="grp", arguments={"to": "raw.groups", "field": "id"}),
        rule("holds", "holds", arguments={"expression": "name like '%a_%' or score <> 'NaN'"}, row_condition="amount <> 'NaN'"),
        rule("average", "not_above_average", column="amount"),
        slice_columns=TYPES,
    ),
    "shares of the rows": gate(
        rule("known", "not_null", column="amount", threshold={"error": "5%"}),
        rule("some_known", "not_null", column="amount", row_condition="flag -- set", severity="warn"),
        rule("all_known", "not_null", column="amount", scope="table", row_condition="id > 0"),
        rule("once", "unique", column="id"),
        rule("counted", "not_null", column="name", threshold={"error": 3}),
        threshold={"warn": "10%"},
        slice_columns=TYPES,
    ),
    "keys that repeat": gate(
        rule("once", "unique", column="Mixed Case", row_condition="id > 0 -- not all"),
        rule("once_in_all", "unique", column="name", scope="table"),
        select=[{"select": "source_unique_raw_things_id", "kind": "engineering"}],
        slice_columns=TYPES,
    ),
    "a table that is in the database alone": gate(
        rule("known", "not_null", column="amount", threshold={"error": "5%"}),
        rule("once", "unique", column="id"),
        rule("groups", "relationships", column="grp", arguments={"to": "raw.groups", "field": "id"}),
        relation="plain",
        slice_columns=TYPES,
    ),
    "a model": selecting("tag:matrix", table="lab.listed", slice_columns=TYPES),
    "an ephemeral model": selecting("tag:matrix", table="lab.recent", slice_columns=TYPES),
}

#: Tests whose count or judgement dbt reads in ways of its own: a replay may leave them to dbt.
UNCERTAIN = [
    "things_sum_as_numeric",
    "things_sum_with_nan",
    "things_count_as_text",
    "things_judged_by_text",
    "things_judged_by_number",
    "things_divided",
]


def store(database: psycopg.Connection, things: list[tuple[Any, ...]]) -> None:
    with database.transaction(), database.cursor() as cursor:
        cursor.execute("truncate raw.things")
        # Each as text, as a column of its type reads it.
        cursor.executemany("insert into raw.things values (%s, %s, %s, %s, %s, %s, %s, %s, %s)", things)


class Book:
    """The recordings that a test has made, by what they are good for."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self._recordings: dict[object, Recording] = {}

    def compare(self, gate: Gate, slice_: list[dict[str, Any]]) -> tuple[Done, Done | Unreplayed | None]:
        """What dbt says, and a replay; None where dbt's run could not be recorded, for it could not be judged."""
        run = request(gate, slice_)
        key = (gate.fingerprint, tuple((one.column, one.equals is None, one.one_of is None, one.start is None) for one in run.slice))
        by_dbt = self.engines.dbt(run, record=key not in self._recordings)
        assert by_dbt.unprepared == ()
        if by_dbt.recording is not None:
            self._recordings[key] = by_dbt.recording
        if key not in self._recordings:
            return by_dbt, None
        return by_dbt, self.engines.replay(run, self._recordings[key])

    def check(self, gate: Gate, slice_: list[dict[str, Any]]) -> None:
        """Both judge, and say the same; no test fails more than it looked at."""
        by_dbt, replayed = self.compare(gate, slice_)
        assert by_dbt.status == "completed", by_dbt.message
        assert isinstance(replayed, Done), (replayed, [(one.test, one.message) for one in by_dbt.results if one.status == "error"])
        assert outcome(replayed) == outcome(by_dbt)
        assert (replayed.status, replayed.message) == (by_dbt.status, by_dbt.message)
        assert shown(replayed, gate) == shown(by_dbt, gate)
        assert [one.test for one in by_dbt.results if one.rows is not None and (one.failures is None or one.failures > one.rows)] == []

    def check_where_replayed(self, gate: Gate, slice_: list[dict[str, Any]]) -> None:
        """A replay that judges says what dbt says, of a gate with one test; what it is not certain of it leaves to dbt."""
        by_dbt, replayed = self.compare(gate, slice_)
        if isinstance(replayed, Done):
            assert outcome(replayed) == outcome(by_dbt)
            (result,) = by_dbt.results
            assert result.status is not DbtStatus.ERROR


@pytest.fixture(scope="session")
def book(engines: Engines) -> Book:
    return Book(engines)


def shown(done: Done, gate: Gate) -> list[tuple[object, ...]]:
    """All else that a report shows, in any order of the rows. Of more of them than a sample holds, the database gives any."""

    def told(sample: tuple[object, ...]) -> object:
        return sorted(map(repr, sample)) if len(sample) < gate.samples.rows else len(sample)

    return [(one.sql, one.columns, told(one.sample)) for one in done.results]


@pytest.mark.parametrize("what", GATES)
def test_a_replay_says_what_dbt_says(what: str, book: Book, database: psycopg.Connection) -> None:
    @tried
    @given(rows, st.one_of(*SLICES.values()))
    def says_the_same(things: list[tuple[Any, ...]], slice_: list[dict[str, Any]]) -> None:
        store(database, things)
        book.check(GATES[what], slice_)

    says_the_same()


def test_a_replay_says_what_dbt_says_or_leaves_it_to_dbt(book: Book, database: psycopg.Connection) -> None:
    @tried
    @given(st.sampled_from(UNCERTAIN), rows, SLICES["names"])
    def says_no_other(name: str, things: list[tuple[Any, ...]], slice_: list[dict[str, Any]]) -> None:
        store(database, things)
        book.check_where_replayed(selecting(name, slice_columns=TYPES), slice_)

    says_no_other()
