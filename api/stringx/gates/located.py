"""YAML as plain data together with the place of everything in it, and with what YAML would quietly read otherwise as a fault.

YAML 1.1, which PyYAML reads, takes `no` for false and `1:30` for 90. Such text is refused with the way to write it; so is what a
configuration file has no need of: aliases, tags, nesting without end, and Jinja's brackets.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import yaml

from stringx.model import storable

#: The names and numbers that lead from the top of a document to one value.
Path = tuple[str | int, ...]

DEEPEST = 50

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Which type YAML takes plain text for.
_RESOLVER: Any = yaml.resolver.Resolver()
#: What Jinja would render, which no gate may hold.
JINJA = ("{{", "{%", "{#")
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
OCTAL = re.compile(r"0o[0-7]+")
#: What a number begins with.
_NUMERIC = frozenset("+-.0123456789")
LARGEST_INTEGER = 2**63 - 1
_TAG = "tag:yaml.org,2002:"


class Place(NamedTuple):
    """Line and column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Misread:
    """Text that YAML takes for something else."""

    text: str
    #: what YAML takes it for, and the same as data
    taken_for: str
    value: object
    #: how that is written
    fix: str

    @property
    def message(self) -> str:
        """Where it is not known what is expected."""
        return f"{self.prefix}: {self.fix}, or '{self.text}' in quotes for the text"

    @property
    def is_number(self) -> bool:
        """Whether a number was meant, in all likelihood; of `1:30`, which is 90, it was a time."""
        return self.taken_for == str(self.value) and ":" not in self.text

    @property
    def prefix(self) -> str:
        return f"YAML reads `{self.text}` as {self.taken_for}"


#: What is wrong: with which value, where, and what would mend it.
Fault = tuple[Path, Place, str]
Found = list[Fault]


@dataclass
class Located:
    """One document."""

    data: Any = None
    #: where each value stands
    values: dict[Path, Place] = field(default_factory=dict)
    #: where the name of each field stands
    names: dict[Path, Place] = field(default_factory=dict)
    #: what is wrong with the text; `data` then holds a stand-in there
    faults: Found = field(default_factory=list)
    #: those of the faults that depend on what is expected there, by their places
    misread: dict[Place, Misread] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """Where a value stands; of one that is missing, where what should hold it stands."""
        while path not in self.values and path:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))

    def place_of_name(self, path: Path) -> Place:
        return self.names.get(path) or self.place(path)


def pointer(path: Path) -> str:
    """The path as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def read(text: str) -> Located:
    """The document in `text`. Never raises for what is in it: all faults are in `faults`."""
    located = Located()
    if odd := _NOT_YAML.search(text):
        before = text[: odd.start()]
        place = Place(before.count("\n") + 1, odd.start() - (before.rfind("\n") + 1) + 1)
        located.faults.append(((), place, f"holds the character U+{ord(odd[0]):04X}, which YAML does not allow: take it out"))
        return located
    try:
        located.data = _Reader(located, text).document()
    except _Unreadable as unreadable:
        located.faults.append(((), unreadable.place, str(unreadable)))
    except yaml.MarkedYAMLError as error:
        located.faults.append(((), _place(error.problem_mark or error.context_mark), _told(error, text)))
    return located


class _Unreadable(ValueError):
    """What is not read any further."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)


def _told(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    if mark is not None:
        line = text.splitlines()[mark.line : mark.line + 1]
        if line and line[0][mark.column : mark.column + 1] == "\t":
            return "holds a tab: indent with spaces"
        if error.problem == "found unknown escape character":
            return r"holds a `\` between double quotes, where YAML reads it as the start of an escape: put the text in single quotes"
    context = f" {error.context}" if error.context else ""
    return f"is not YAML:{context} {error.problem or ''}".rstrip()


class _Reader:
    """Turns the events of YAML's parser into data, and notes where everything stands."""

    def __init__(self, located: Located, text: str) -> None:
        self._located = located
        # As `yaml.parse` does, which looks twice at each event.
        self._events = iter(_LOADER(text).get_event, None)
        self._depth = 0

    def document(self) -> Any:
        """The data of the one document that there is; None of none."""
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        data = self._value(next(self._events), ())
        next(self._events)  # the document's end
        further = next(self._events)
        if not isinstance(further, yaml.StreamEndEvent):
            raise _Unreadable(_place(further.start_mark), "begins a second document: a file holds one")
        return data

    def _value(self, event: Any, path: Path) -> Any:
        self._located.values[path] = _place(event.start_mark)
        match event:
            case yaml.MappingStartEvent():
                return self._collection(event, path, self._mapping)
            case yaml.SequenceStartEvent():
                return self._collection(event, path, self._sequence)
            case yaml.AliasEvent():
                self._fault(path, event, f"`*{event.anchor}` is an alias, which is not taken here: write out what it stands for")
                return None
            case _:
                return self._scalar(event, path)

    def _collection(self, event: Any, path: Path, read: Callable[[Path], Any]) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _Unreadable(_place(event.start_mark), f"is nested more than {DEEPEST} deep")
        if event.tag is not None:
            self._fault(path, event, _tagged(event.tag))
        data = read(path)
        self._depth -= 1
        return data

    def _sequence(self, path: Path) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, len(found))))
        return found

    def _mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            name = self._name(key, path)
            item = next(self._events)
            if not isinstance(name, str):
                self._fault(path, key, "a field's name must be text: put it in quotes")
                self._pass_over(item)
            elif name in found:
                first = self._located.names[(*path, name)].line
                self._fault(path, key, f"`{name}` stands twice, first in line {first}: leave one of them out")
                self._pass_over(item)
            else:
                here = (*path, name)
                self._located.names[here] = _place(key.start_mark)
                found[name] = self._value(item, here)
        return found

    def _name(self, key: Any, path: Path) -> Any:
        if isinstance(key, yaml.ScalarEvent):
            return self._scalar(key, (*path, key.value))
        self._pass_over(key)
        return None

    def _pass_over(self, event: Any) -> None:
        """Reads past the value that begins with this event."""
        deep = int(isinstance(event, yaml.CollectionStartEvent))
        while deep:
            event = next(self._events)
            deep += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)

    def _scalar(self, node: Any, path: Path) -> Any:
        text: str = node.value
        plain = not node.style  # None, or the empty text where libyaml read it
        if node.tag is not None:
            self._fault(path, node, _tagged(node.tag, of_text=text if plain else None))
            return text
        kind = _resolved(text, node.implicit).removeprefix(_TAG)
        match kind:
            case "null":
                return None
            case "bool" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "int" if _INTEGER.fullmatch(text):
                return self._integer(node, path)
            case "float" if FLOAT.fullmatch(text) and math.isfinite(float(text)):
                return _float(text)
            case "bool":
                value = text.lower() in ("yes", "on")
                self._misread(path, node, Misread(text, "true" if value else "false", value, "write true or false"))
            case "int" | "float":
                number = _as_number(text)
                taken_for = "no finite number" if number is None else f"{number}"
                self._misread(path, node, Misread(text, taken_for, number, "write that number"))
            case "str" if plain and text[:1] in _NUMERIC and (FLOAT.fullmatch(text) or OCTAL.fullmatch(text)):
                self._misread(path, node, Misread(text, "text", 0, "write the number in digits"))
            case _:  # text, and what is one here: a date, and the `=` and `<<` of YAML 1.1
                self._check_text(node, path)
        return text

    def _integer(self, node: Any, path: Path) -> int | str:
        text: str = node.value
        if len(text) > 20 or abs(int(text)) > LARGEST_INTEGER:
            self._fault(path, node, "is larger than an integer can be: put it in quotes for the text")
            return text
        return int(text)

    def _check_text(self, node: Any, path: Path) -> None:
        if "{" in node.value:
            for mark in JINJA:
                if mark in node.value:
                    self._fault(path, node, f"holds `{mark}`: what is written in a gate is never rendered as Jinja; take it out")
        if node.style == '"':  # an escape stands for what the file itself could not hold
            try:
                storable(node.value)
            except ValueError as error:
                self._fault(path, node, str(error))

    def _misread(self, path: Path, node: Any, misread: Misread) -> None:
        self._located.misread[_place(node.start_mark)] = misread
        self._fault(path, node, misread.message)

    def _fault(self, path: Path, node: Any, message: str) -> None:
        self._located.faults.append((path, _place(node.start_mark), message))


@lru_cache(maxsize=1024)  # of a thousand files most texts are names of fields, which come again and again
def _resolved(text: str, implicit: tuple[bool, bool]) -> str:
    return str(_RESOLVER.resolve(yaml.ScalarNode, text, implicit))


def _tagged(tag: str, *, of_text: str | None = None) -> str:
    """What is said of a tag; `of_text` is the text without quotes that it makes something else of."""
    fix = "leave it out"
    if tag == f"{_TAG}str" and of_text is not None and _resolved(of_text, (True, False)) != tag:
        fix += f", and write '{of_text}' in quotes"
    return f"has the tag `{'!!' + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag}`: {fix}"


def _float(text: str) -> float | int:
    """As jsonb would give it back, so that a gate's fingerprint stays the same: no -0.0, and large ones as integers."""
    number = float(text) + 0.0
    return int(number) if abs(number) >= 1e15 else number


def _as_number(text: str) -> int | float | None:
    """What YAML makes of the text of a number; None where that is none, or not finite."""
    read = yaml.safe_load(text) if len(text) < 50 else None
    return read if isinstance(read, (int, float)) and math.isfinite(read) else None
