"""Tables that fit the terminal: no id, no name and no number is broken in its middle.

Where a listing is too wide, in this order: one column of free text goes on lines of its own, cells take their shorter form, columns
that can be done without are left out; and where even that does not fit, each row is shown as a block of `column  value`.
Away from a terminal nothing is shortened or left out, so that each row stays one line with all its columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

STYLES = {
    "open": "green",
    "closed": "red",
    "passed": "green",
    "warned": "yellow",
    "failed": "red",
    "errored": "magenta",
    "timed_out": "magenta",
    "no_checks": "magenta",
    "cancelled": "dim",
}

#: Characters of a run's id that a narrow table shows; `stringx run` finds it by them.
SHORT_ID = 8
#: Characters of a dbt project's fingerprint that tell it from others.
SHORT_FINGERPRINT = 8
#: Characters of a rule's name that a narrow table shows.
LONGEST_NAME = 44
#: Between two columns.
GAP = "  "
#: Text of several words is not squeezed below this width: one word on each line reads worse than a block.
NARROWEST_TEXT = 24

_NUMBER = re.compile(r"-?[\d.]*|null")


class Short(NamedTuple):
    """A cell with a shorter form, for where the table would not fit otherwise."""

    long: object
    short: object


def cell(value: object) -> Text:
    """A value as it is shown: None as nothing, words such as `closed` in their colour, nothing read as markup."""
    text = "" if value is None else str(value)
    # Control characters of a stranger's data must not steer the terminal.
    shown = "".join(character if character.isprintable() or character == "\n" else "�" for character in text)
    return Text(shown, style=STYLES.get(shown, ""))


def one_line(text: str | None) -> str | None:
    """Somebody's text without its line breaks, for where one line is one row."""
    return None if text is None else " ".join(text.split())


@dataclass(frozen=True)
class Listing:
    """Rows of ours, to choose from."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    #: columns that can be done without, the first one first
    optional: tuple[str, ...] = ()
    #: the column of free text that may go on lines of its own, below its row
    below: str | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        width = options.max_width
        whole = self._form(self.columns)
        if not console.is_terminal:
            yield from whole.lines(console, whole.natural, width)
            return
        for form in self._forms():
            widths = form.widths(width)
            if widths is not None:
                yield from form.lines(console, widths, width)
                return
        yield from _blocks(console, self.columns, whole.rows, width, beside=False)

    def _forms(self) -> Iterator[_Form]:
        """From the one that shows most to the one that needs least."""
        yield self._form(self.columns)
        columns = [column for column in self.columns if column != self.below]
        yield self._form(columns)
        yield self._form(columns, short=True)
        for dropped in self.optional:
            columns.remove(dropped)
            yield self._form(columns, short=True)

    def _form(self, columns: Sequence[str], *, short: bool = False) -> _Form:
        places = [self.columns.index(column) for column in columns]
        below = [] if self.below is None or self.below in columns else [self.columns.index(self.below)]
        rows = [[cell(_chosen(row[place], short=short)) for place in places] for row in self.rows]
        notes = [cell(row[place]) for row in self.rows for place in below]
        return _Form(tuple(columns), rows, notes, breakable=self.below not in columns)


@dataclass(frozen=True)
class Records:
    """Rows of somebody's table: as a table where it fits, else each column on a line, with the rows side by side."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        columns = [cell(column).plain for column in self.columns]
        rows = [[_datum(value) for value in row] for row in self.rows]
        form = _Form(columns, rows, [], breakable=False)
        widths = form.widths(options.max_width)
        if widths is not None:
            yield from form.lines(console, widths, options.max_width)
        else:
            yield from _blocks(console, columns, rows, options.max_width, beside=True)


@dataclass(frozen=True)
class _Form:
    """One way of showing a table."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]
    #: what is shown below each row; empty where nothing is
    notes: Sequence[Text]
    #: whether its text may be broken between words
    breakable: bool

    @property
    def natural(self) -> list[int]:
        """Widths with which no cell is broken."""
        return [
            max([cell_len(column), *(_widest(row[place].plain.split("\n")) for row in self.rows)])
            for place, column in enumerate(self.columns)
        ]

    def widths(self, bound: int) -> list[int] | None:
        """Widths that add up to `bound` at most, None where there are none."""
        widths = self.natural
        words = [_widest(word for row in self.rows for word in row[place].plain.split()) for place in range(len(widths))]
        least = [max(word, min(width, NARROWEST_TEXT)) for word, width in zip(words, widths, strict=True)]
        if _total(least if self.breakable else widths) > bound:
            return None
        while _total(widths) > bound:
            place = max((place for place, width in enumerate(widths) if width > least[place]), key=widths.__getitem__)
            widths[place] -= 1
        return widths

    def lines(self, console: Console, widths: Sequence[int], bound: int) -> Iterator[Text]:
        right = [all(_NUMBER.fullmatch(row[place].plain) for row in self.rows) for place in range(len(widths))]
        yield _line([Text(column, style="bold") for column in self.columns], widths, right)
        yield Text("─" * min(_total(widths), bound))
        for row, note in zip_longest(self.rows, self.notes):
            wrapped = [one.wrap(console, width) for one, width in zip(row, widths, strict=True)]
            for parts in zip_longest(*wrapped, fillvalue=Text()):
                yield _line(parts, widths, right)
            if note:
                yield from hanging(console, Text(GAP), note, bound)


def _blocks(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Text]], bound: int, *, beside: bool) -> Iterator[Text]:
    """A line for each column; with `beside` as many rows side by side as fit. Where a single one does not fit, its text is wrapped."""
    name_width = _widest(columns)
    waiting = [(row, _widest(line for value in row for line in value.plain.split("\n"))) for row in rows]
    while waiting:
        count = 1
        while beside and count < len(waiting) and _total([name_width, *(width for _, width in waiting[: count + 1])]) <= bound:
            count += 1
        taken, waiting = waiting[:count], waiting[count:]
        widths = [width for _, width in taken]
        for column, *values in zip(columns, *(row for row, _ in taken), strict=True):
            name = Text.assemble((column, "bold"), " " * (name_width - cell_len(column)), GAP)
            if count > 1:
                yield Text.assemble(name, _line(values, widths, [False] * count))
            elif values[0]:
                yield from hanging(console, name, values[0], bound)
        if waiting:
            yield Text()


def _line(cells: Iterable[Text], widths: Sequence[int], right: Sequence[bool]) -> Text:
    line = Text()
    for place, (one, width, stands_right) in enumerate(zip(cells, widths, right, strict=True)):
        room = " " * (width - cell_len(one.plain))
        line.append(GAP if place else "")
        line.append_text(Text.assemble(room, one) if stands_right else Text.assemble(one, room))
    line.rstrip()
    return line


def hanging(console: Console, head: Text, text: Text, bound: int) -> Iterator[Text]:
    """The text after `head`, wrapped between words, its further lines below its first one."""
    indent = cell_len(head.plain)
    for number, line in enumerate(text.wrap(console, max(bound - indent, 1))):
        line.rstrip()
        yield Text.assemble(" " * indent if number else head, line)


def clock(moment: datetime | None) -> Short | None:
    """By this machine's clock; briefly the time where it is today, else the day."""
    if moment is None:
        return None
    local = moment.astimezone()
    today = datetime.now().astimezone().date()
    return Short(f"{local:%Y-%m-%d %H:%M:%S}", f"{local:%H:%M}" if local.date() == today else f"{local:%b %d}")


def shortened(text: str, width: int) -> str:
    """A long name with its middle left out: names of dbt tests differ at both ends."""
    head = width // 2
    return text if len(text) <= width else f"{text[:head]}…{text[len(text) - (width - head - 1) :]}"


def _datum(value: object) -> Text:
    """A value of somebody's table on one line; that it is missing shows."""
    return Text("null", style="dim") if value is None else Text(cell(value).plain.replace("\n", "↵"))


def _chosen(value: object, *, short: bool) -> object:
    return (value.short if short else value.long) if isinstance(value, Short) else value


def _widest(texts: Iterable[str]) -> int:
    return max((cell_len(text) for text in texts), default=0)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)
