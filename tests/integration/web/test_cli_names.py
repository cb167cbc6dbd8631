"""What a person names and there is not, and how much of a refused record there is."""

from __future__ import annotations

import json

import pytest
from commands import run
from served import Served

from stringx import inbox
from stringx.errors import Malformed
from stringx.inbox import RefusedRecord
from stringx.store.database import transaction
from stringx.triggers.record import KafkaRecord, Legible


@pytest.mark.parametrize(
    ("value", "kept"), [("é" * 50, "the first 64 of its 100 bytes"), (b"\xff" * 100, "the first 64 of its 100 bytes"), ("a", "of 1 bytes")]
)
def test_a_dead_letter_says_how_much_of_its_value_was_kept(served: Served, value: str | bytes, kept: str) -> None:
    raw = value.encode() if isinstance(value, str) else value
    record = KafkaRecord("stringx.triggers", None, 0, 1, 1, None, raw, ())
    settings = served.settings.model_copy(update={"dead_letter_bytes": 64})
    with transaction(served.engine) as connection:
        inbox.refuse(connection, settings, RefusedRecord(record, Legible()), Malformed("must be JSON"))
    (letter,) = served.client.dead_letters().dead_letters
    assert f"value, {kept}" in run(served, "dead-letters", str(letter.id))[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("runs", "--table", "raw.flight"), "there is no gate and no run of table raw.flight; did you mean `raw.flights`?"),
        (("runs", "--table", "sales.x", "--decision", "open"), "there is no gate and no run of table sales.x; there are: raw.flights"),
        (("runs", "-w", "defualt"), "there is no gate and no run in workspace defualt; did you mean `default`?"),
        (("gates", "list", "--workspace", "nope"), "there is no gate and no run in workspace nope; there are: default"),
    ],
)
def test_a_filter_that_nothing_has_names_what_was_probably_meant(served: Served, words: tuple[str, ...], told: str) -> None:
    code, out, err = run(served, *words, "--output", "json")
    assert (code, err.splitlines()) == (0, [f"stringx: {told}"])
    assert not any(json.loads(out).values())
    assert run(served, "runs", "--table", "RAW.flights")[2] == ""  # it has no run yet


@pytest.mark.parametrize("verb", ["run", "rerun", "cancel"])
def test_an_empty_id_of_a_run_is_wrong_usage(served: Served, verb: str) -> None:
    code, out, err = run(served, verb, " ")
    assert (code, out, "`stringx runs` lists them" in err) == (2, "", True)
