"""What a person types after `stringx trigger`, and what the exit code then says."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from stringx import cli
from stringx.cli import connection, main, stringx
from stringx.cli.slices import read_slice
from stringx.cli.told import Told
from stringx.errors import ConfigurationError, KafkaUnavailable
from stringx.model import Decision, Predicate, Slice, VerdictName
from stringx.settings import Settings, load

#: the bodies that would be sent, and how long each is waited for
Sent = list[tuple[dict[str, Any], float | None]]


def predicates(*options: str) -> list[dict[str, Any]]:
    return read_slice(options, None).as_json()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), []),
        (("flight_date=2013-02-08",), [{"column": "flight_date", "equals": "2013-02-08"}]),
        ((" hour = 5 ",), [{"column": "hour", "equals": "5"}]),
        (("note=a=b in c",), [{"column": "note", "equals": "a=b in c"}]),
        (("d>=2013-02-01", "d<2013-03-01"), [{"column": "d", "from": "2013-02-01", "to": "2013-03-01"}]),
        (("d<2013-03-01",), [{"column": "d", "to": "2013-03-01"}]),
        (("carrier in UA,DL, AA",), [{"column": "carrier", "in": ["UA", "DL", "AA"]}]),
        (("carrier IN (UA,DL)",), [{"column": "carrier", "in": ["UA", "DL"]}]),
        (("d>=1", "c=2", "d<3"), [{"column": "d", "from": "1", "to": "3"}, {"column": "c", "equals": "2"}]),
    ],
)
def test_a_slice_is_read_as_people_write_it(options: tuple[str, ...], expected: list[dict[str, Any]]) -> None:
    assert predicates(*options) == expected


@pytest.mark.parametrize(
    ("options", "mend"),
    [
        (("flight_date",), "column=value"),
        (("",), "column=value"),
        (("=5",), "column=value"),
        (("d=",), "value is missing"),
        (("d>5",), "half-open"),
        (("d<=5",), "half-open"),
        (("d!=5",), "no comparison !="),
        (("d==5",), "no comparison =="),
        (("d>=1", "d>=2"), "has this end already"),
    ],
)
def test_a_slice_that_cannot_be_read_says_how_to_write_it(options: tuple[str, ...], mend: str) -> None:
    with pytest.raises(click.UsageError, match=mend):
        predicates(*options)


def test_a_slice_may_be_json_and_is_one_or_the_other() -> None:
    one = read_slice((), '{"column": "d", "equals": 5}')
    assert one == read_slice((), '[{"column": "d", "equals": 5}]') == Slice((Predicate(column="d", equals=5),))
    for document in ("{", '{"column": "d"}', '{"column": "d", "equals": 1.5}', "7"):
        with pytest.raises(click.UsageError, match="--slice-json"):
            read_slice((), document)
    with pytest.raises(click.UsageError, match="one of them"):
        read_slice(("d=5",), "[]")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ('{"column": 5, "equals": 1}', "--slice-json: slice.0.column: must be text"),
        ('[{"column": "d", "equals": 1.5}]', "--slice-json: slice.0.equals: must be text or a whole number"),
        ('[{"column": "d", "equal": 1}]', "--slice-json: slice.0.equal: no such field: did you mean `equals`?"),
        ("5", "--slice-json: slice: must be a predicate or a list of predicates"),
    ],
)
def test_what_is_wrong_with_a_slice_in_json_is_told_as_of_a_trigger(document: str, says: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        read_slice((), document)
    assert refused.value.message.startswith(says)


@given(st.text(max_size=30))
def test_any_text_is_a_slice_or_a_usage_error(text: str) -> None:
    try:
        (predicate,) = read_slice((text,), None)
    except click.UsageError:
        return
    assert predicate.column in text


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What the command would send, and how long it would wait; nothing is sent."""
    calls: Sent = []

    def over_http(_settings: object, body: Any, wait: float | None) -> Told:
        calls.append((body.as_json(), wait))
        return Told("accepted", body.table, str(body.slice), {"sent": True}, "r" * 32, VerdictName.PASSED, Decision.OPEN)

    monkeypatch.setattr("stringx.cli.trigger._over_http", over_http)
    return calls


def run(*words: str) -> Result:
    return CliRunner().invoke(stringx, ["trigger", *words])


@pytest.mark.parametrize(
    ("words", "wait"),
    [
        (("raw.flights",), None),
        (("raw.flights", "--wait"), 600.0),
        (("--wait", "raw.flights"), 600.0),
        (("--wait", "5", "raw.flights"), 5.0),
        (("raw.flights", "--wait=2.5"), 2.5),
        (("raw.flights", "--wait", "--output", "json"), 600.0),
    ],
)
def test_wait_may_name_its_seconds(sent: Sent, words: tuple[str, ...], wait: float | None) -> None:
    assert run(*words).exit_code == 0
    assert sent[0][1] == wait


@pytest.mark.parametrize(
    "words",
    [
        "raw.flights --wait abc",
        "--wait 5m raw.flights",
        "raw.flights --wait=soon",
        "raw.flights --wait=nan",
        "raw.flights --wait -1",
        "--wait -0.5 raw.flights",
    ],
)
def test_a_wait_that_is_no_number_of_seconds_says_how_to_write_it(sent: Sent, words: str) -> None:
    result = run(*words.split())
    assert (result.exit_code, sent) == (2, [])
    assert "write --wait alone for 600 seconds" in result.stderr


def test_every_option_ends_up_in_the_trigger(sent: Sent) -> None:
    where = ["--workspace", "team", "--reply-to", "t.v", "--slice", "d=5"]
    what = ["--id", "load-1", "--priority", "-5", "--engine", "dbt", "--metadata", "a=1", "--metadata", "b=x=y"]
    result = run("raw.flights", *where, *what, "--output", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"sent": True})
    body = sent[0][0]
    assert body == {
        "table": "raw.flights",
        "slice": [{"column": "d", "equals": "5"}],
        "id": "load-1",
        "source": "cli",
        "workspace": "team",
        "reply_to": "t.v",
        "priority": -5,
        "engine": "dbt",
        "metadata": {"a": "1", "b": "x=y"},
    }


def test_a_trigger_without_an_id_gets_a_new_one_each_time(sent: Sent) -> None:
    run("raw.flights")
    run("raw.flights")
    assert sent[0][0]["id"] != sent[1][0]["id"]


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_id_is_refused(sent: Sent, empty: str) -> None:
    """A job whose variable is not set would otherwise be judged as often as it is started."""
    result = run("raw.flights", "--id", empty)
    assert (result.exit_code, sent) == (2, [])
    assert "'--id': it is empty: give what stays the same" in result.stderr


@pytest.mark.parametrize("words", ["", "raw.flights --wait=soon", "raw.flights --wait=-1", "raw.flights --metadata a", "raw.flights -x"])
def test_wrong_usage_is_exit_code_2(words: str) -> None:
    assert run(*words.split()).exit_code == 2


def told(state: Any = "accepted", verdict: VerdictName | None = None, decision: Decision | None = None) -> Told:
    return Told(state, "raw.flights", "whole table", {}, None, verdict, decision)


@pytest.mark.parametrize(
    ("known", "code"),
    [
        (told(verdict=VerdictName.PASSED, decision=Decision.OPEN), 0),
        (told(verdict=VerdictName.WARNED, decision=Decision.OPEN), 0),
        (told(verdict=VerdictName.ERRORED, decision=Decision.OPEN), 0),
        (told(verdict=VerdictName.FAILED, decision=Decision.CLOSED), 1),
        (told("refused"), 2),
        (told(verdict=VerdictName.ERRORED, decision=Decision.CLOSED), 3),
        (told(verdict=VerdictName.TIMED_OUT, decision=Decision.CLOSED), 3),
        (told(verdict=VerdictName.NO_CHECKS, decision=Decision.CLOSED), 3),
        (told(verdict=VerdictName.CANCELLED, decision=Decision.CLOSED), 3),
        (told("unmatched"), 3),
        (told(), 4),
        (told("sent"), 4),
    ],
)
def test_the_exit_code_of_a_wait_is_a_gates(known: Told, code: int) -> None:
    assert known.exit_code == code


@pytest.mark.parametrize(("error", "code"), [(KafkaUnavailable("no broker"), 3), (RuntimeError("a bug"), 3)])
def test_what_breaks_is_never_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    """1 says "closed by rules": neither a part that is away nor a fault of ours may look like it."""

    def broken(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli.stringx, "main", broken)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert str(error) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "meant"),
    [(("trigr",), "'trigger'"), (("runs", "--wrkspace", "w"), "'--workspace'"), (("gates", "aply"), "'apply'")],
)
def test_a_mistyped_verb_or_option_names_the_closest_one(words: tuple[str, ...], meant: str) -> None:
    result = CliRunner().invoke(stringx, words)
    assert (result.exit_code, f"Did you mean {meant}" in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("word", ["xyz", "-1", "1.5", "0x1"])
def test_an_id_of_a_dead_letter_is_a_number(word: str) -> None:
    result = CliRunner().invoke(stringx, ["dead-letters", "--", word])
    assert (result.exit_code, "ids of dead letters are numbers" in result.stderr) == (2, True)


@pytest.mark.parametrize("url", ["127.0.0.1:5001", "ftp://127.0.0.1", "http://", "http://h:1?x=1", "http://127.0.0.1:5001/v1/"])
def test_an_address_of_the_api_that_is_none_is_refused_by_the_name_of_its_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"STRINGX_API_URL is .*(write it as http://host:port|leave out /v1)"):
        connection.api(Settings(api_url=url, api_token=SecretStr("t")))


def test_a_setting_that_does_not_exist_is_told_with_the_closest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRINGX_API_TOKN", "1")
    monkeypatch.setenv("STRINGX_FOO", "1")
    listed = CliRunner().invoke(stringx, ["settings", "--output", "json"])
    told = ["STRINGX_API_TOKN: no such setting, did you mean `STRINGX_API_TOKEN`?", "STRINGX_FOO: no such setting"]
    assert (listed.exit_code, listed.stderr.splitlines()) == (0, [f"stringx: {one}" for one in told])
    assert json.loads(listed.stdout)
    with pytest.raises(ConfigurationError, match=r"did you mean `STRINGX_API_TOKEN`\?; STRINGX_FOO"):
        load()


def test_settings_are_listed_with_defaults_and_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRINGX_API_TOKEN", "secret-of-the-tests")
    monkeypatch.setenv("STRINGX_API_PORT", "5999")
    monkeypatch.setenv("STRINGX_RUNNER_TOKEN_FILE", "/run/secrets/runner")
    table = CliRunner().invoke(stringx, ["settings"])
    document = CliRunner().invoke(stringx, ["settings", "--output", "json"])
    assert (table.exit_code, document.exit_code) == (0, 0)
    assert "secret-of-the-tests" not in table.stdout + document.stdout
    listed = {setting["variable"]: setting for setting in json.loads(document.stdout)}
    assert (listed["STRINGX_API_PORT"]["default"], listed["STRINGX_API_PORT"]["set"]) == ("5001", "5999")
    assert (listed["STRINGX_API_TOKEN"]["set"], listed["STRINGX_RUNNER_TOKEN"]["set"]) == ("(secret)", "(file /run/secrets/runner)")
    assert all(variable in table.stdout for variable in listed)
