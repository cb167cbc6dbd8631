"""Tables at the widths that people have: nothing is broken in its middle, and a pipe has everything."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from stringx.cli.tables import Listing, Records, Short, cell, clock, shortened

RUN = "4501446202b8474fa79e21d0b92b63a5"
SLICE = "flight_date = 2013-02-09"
MESSAGE = "no replica of runner 'default' has target 'production' (targets: demo), and it was waited for long enough"


def shown(table: Listing | Records, width: int, *, terminal: bool = True) -> list[str]:
    console = Console(width=width, file=io.StringIO(), force_terminal=terminal, record=True)
    console.print(table, crop=False, no_wrap=True, overflow="ignore")
    return console.export_text().splitlines()


def runs(*rows: tuple[object, ...]) -> Listing:
    columns = ("run", "table", "slice", "verdict", "queued", "seconds", "message")
    return Listing(columns, rows, optional=("seconds", "queued"), below="message")


ONE = (Short(RUN[:12], RUN[:8]), "raw.flights", SLICE, "errored", Short("2013-02-09 10:00:00", "10:00"), "8.1", MESSAGE)


def test_where_there_is_room_everything_stands_in_one_line() -> None:
    head, _, line = shown(runs(ONE), 220)
    assert head.split() == ["run", "table", "slice", "verdict", "queued", "seconds", "message"]
    assert all(part in line for part in (RUN[:12], "2013-02-09 10:00:00", MESSAGE))


def test_free_text_goes_below_its_row_first() -> None:
    _, _, line, *message = shown(runs(ONE), 120)
    assert all(part in line for part in (RUN[:12], "2013-02-09 10:00:00", "8.1"))
    assert " ".join(part.strip() for part in message) == MESSAGE


def test_then_cells_get_shorter_and_then_columns_are_left_out() -> None:
    at_80 = shown(runs(ONE), 80)
    assert at_80[0].split() == ["run", "table", "slice", "verdict", "queued", "seconds"]
    assert at_80[2].split()[-2:] == ["10:00", "8.1"]
    at_70 = shown(runs(ONE), 70)
    assert at_70[0].split() == ["run", "table", "slice", "verdict", "queued"]


def test_at_last_each_row_is_a_block_with_all_its_columns() -> None:
    lines = shown(runs(ONE, ONE), 36)
    assert lines.count("run      " + RUN[:12]) == 2
    assert lines.count("verdict  errored") == 2


def test_away_from_a_terminal_a_row_is_one_line_however_long() -> None:
    _, rule, line = shown(runs(ONE), 100, terminal=False)
    assert all(part in line for part in (RUN[:12], "2013-02-09 10:00:00", "8.1", MESSAGE))
    assert len(rule) == 100


def test_an_empty_listing_is_its_head() -> None:
    assert shown(runs(), 80)[0].split() == ["run", "table", "slice", "verdict", "queued", "seconds", "message"]
    assert shown(Records((), ()), 80)[0] == ""


def test_numbers_stand_right() -> None:
    assert shown(Listing(("failures",), ((9,), (472,), (None,))), 80)[2:4] == ["       9", "     472"]


def test_words_keep_their_colour_and_what_steers_a_terminal_is_replaced() -> None:
    assert (cell("closed").style, cell("a\x1b[31mb").plain, cell("[red]x").plain) == ("red", "a�[31mb", "[red]x")


FLIGHT = (2013, None, "DL", "2013-02-09T16:00:00+00:00", "a\nb", None)
COLUMNS = ("year", "dep_time", "carrier", "time_hour", "note", "distance_in_miles")


def test_rows_of_a_table_stand_as_a_table_where_they_fit() -> None:
    head, _, line = shown(Records(COLUMNS, (FLIGHT,)), 120)
    assert head.split() == list(COLUMNS)
    assert line.split() == ["2013", "null", "DL", "2013-02-09T16:00:00+00:00", "a↵b", "null"]


def test_rows_that_are_too_wide_stand_side_by_side_with_their_columns_below_each_other() -> None:
    lines = shown(Records(COLUMNS, (FLIGHT, FLIGHT, FLIGHT)), 72)
    assert lines[0].split() == ["year", "2013", "2013"]
    assert lines[3].split() == ["time_hour", *["2013-02-09T16:00:00+00:00"] * 2]
    assert lines[6:8] == ["", "year               2013"]


@pytest.mark.parametrize("table", [runs(ONE, ONE), Records(COLUMNS, (FLIGHT, FLIGHT, FLIGHT))], ids=["listing", "records"])
def test_no_word_is_broken_at_any_width(table: Listing | Records) -> None:
    texts = [value for row in table.rows for one in row for value in (one if isinstance(one, Short) else (one,))]
    known = {*table.columns, *(word for text in texts for word in str(text).split()), "null", "a↵b"}
    for width in range(44, 220):
        lines = [line for line in shown(table, width) if not line.startswith("─")]
        assert {word for line in lines for word in line.split()} <= known, width
        assert max(len(line) for line in lines) <= width


def test_a_long_name_keeps_both_its_ends() -> None:
    name = "source_relationships_raw_flights_carrier__carrier__source_raw_airlines_"
    assert shortened("short", 10) == "short"
    assert shortened(name, 44) == "source_relationships_r…_source_raw_airlines_"


@pytest.mark.parametrize(("ago", "brief"), [(timedelta(), "%H:%M"), (timedelta(days=3), "%b %d")])
def test_a_time_is_told_by_this_machines_clock(ago: timedelta, brief: str) -> None:
    moment = datetime.now(UTC) - ago
    told = clock(moment)
    assert told is not None
    assert told == (moment.astimezone().strftime("%Y-%m-%d %H:%M:%S"), moment.astimezone().strftime(brief))
    assert clock(None) is None
