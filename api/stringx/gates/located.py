"""YAML as plain data together with the place of everything in it, and with what YAML would quietly read otherwise as a fault.

YAML 1.1, which PyYAML reads, takes `no` for false and `1:30` for 90. Such text is refused with the way to write it; so is what a
configuration file has no need of: aliases, tags, nesting without end, and Jinja's brackets.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from stringx.model import storable

#: The names and numbers that lead from the top of a document to one value.
Path = tuple[str | int, ...]

DEEPEST = 50

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_JINJA = ("{{", "{%", "{#")
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ALIAS = re.compile(r"(?<!\S)\*|(?<=[\[{,:?-])\*")
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


@dataclass
class Located:
    """One document."""

    data: Any = None
    #: where each value stands
    values: dict[Path, Place] = field(default_factory=dict)
    #: where the name of each field stands
    names: dict[Path, Place] = field(default_factory=dict)
    #: what is wrong with the text: of which value, where, and what would mend it; `data` then holds a stand-in there
    faults: list[tuple[Path, Place, str]] = field(default_factory=list)

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
        located.faults += _unwanted(text) if _may_hold_unwanted(text) else []
        node = None if located.faults else yaml.compose(text, _LOADER)
    except yaml.MarkedYAMLError as error:
        located.faults.append(((), _place(error.problem_mark or error.context_mark), _told(error, text)))
        return located
    if node is not None:
        reader = _Reader(located)
        reader.checks_texts = _may_hold_refused(text)
        located.data = reader.value(node, ())
    return located


def _may_hold_unwanted(text: str) -> bool:
    """False for most files, at a glance: going through all of YAML's events takes as long as composing the document.

    Within a block, what is nested begins further to the right, but for a list right below its field.
    """
    indent = max((len(line) - len(line.lstrip(" \t?-")) for line in text.splitlines()), default=0)
    return ("*" in text and bool(_ALIAS.search(text))) or 2 * (indent + 1) + text.count("[") + text.count("{") > DEEPEST


def _may_hold_refused(text: str) -> bool:
    """Whether one of its texts may be refused; without an escape each is a part of the whole."""
    return not text.isascii() or "\\" in text or any(mark in text for mark in _JINJA)


def _unwanted(text: str) -> list[tuple[Path, Place, str]]:
    """Aliases, and nesting that composing the document could not bear."""
    faults: list[tuple[Path, Place, str]] = []
    depth = 0
    for event in yaml.parse(text, _LOADER):
        if isinstance(event, yaml.AliasEvent):
            faults.append(
                ((), _place(event.start_mark), f"`*{event.anchor}` is an alias, which is not taken here: write out what it stands for")
            )
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                return [*faults, ((), _place(event.start_mark), f"is nested more than {DEEPEST} deep")]
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return faults


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)


def _told(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    if mark is not None:
        line = text.splitlines()[mark.line : mark.line + 1]
        if line and line[0][mark.column : mark.column + 1] == "\t":
            return "holds a tab: indent with spaces"
    context = f" {error.context}" if error.context else ""
    return f"is not YAML:{context} {error.problem or ''}".rstrip()


class _Reader:
    """Turns nodes into data, and notes where everything stands."""

    def __init__(self, located: Located) -> None:
        self._located = located
        #: False where it is known of all that none is refused
        self.checks_texts = True

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._located.values[path] = _place(node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            if node.tag != f"{_TAG}seq":
                self._fault(path, node, f"has the tag `{node.tag}`: leave it out")
            return [self.value(item, (*path, number)) for number, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        if node.tag != f"{_TAG}map":
            self._fault(path, node, f"has the tag `{node.tag}`: leave it out")
        found: dict[str, Any] = {}
        for key, item in node.value:
            name = self._scalar(key, (*path, key.value)) if isinstance(key, yaml.ScalarNode) else None
            if not isinstance(name, str):
                self._fault(path, key, "a field's name must be text: put it in quotes")
                continue
            if name in found:
                first = self._located.names[(*path, name)].line
                self._fault(path, key, f"`{name}` stands twice, first in line {first}: leave one of them out")
                continue
            self._located.names[(*path, name)] = _place(key.start_mark)
            found[name] = self.value(item, (*path, name))
        return found

    def _scalar(self, node: Any, path: Path) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        plain = not node.style  # None, or the empty text where libyaml read it
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
                self._fault(
                    path, node, f"YAML reads `{text}` as {_as_boolean(text)}: write true or false, or '{text}' in quotes for the text"
                )
            case "int" | "float":
                self._fault(
                    path, node, f"YAML reads `{text}` as {_as_number(text, kind)}: write that number, or '{text}' in quotes for the text"
                )
            case "str" if plain and text[:1] in _NUMERIC and (FLOAT.fullmatch(text) or OCTAL.fullmatch(text)):
                self._fault(path, node, f"YAML reads `{text}` as text: write the number in digits, or '{text}' in quotes for the text")
            case "str" | "timestamp" | "value" | "merge":
                if self.checks_texts:
                    self._check_text(node, path)
            case _:
                self._fault(path, node, f"has the tag `{node.tag}`: leave it out")
        return text

    def _integer(self, node: Any, path: Path) -> int | str:
        text: str = node.value
        if len(text) > 20 or abs(int(text)) > LARGEST_INTEGER:
            self._fault(path, node, "is larger than an integer can be: put it in quotes for the text")
            return text
        return int(text)

    def _check_text(self, node: Any, path: Path) -> None:
        if "{" in node.value:
            for mark in _JINJA:
                if mark in node.value:
                    self._fault(path, node, f"holds `{mark}`: what is written in a gate is never rendered as Jinja; take it out")
        try:
            storable(node.value)
        except ValueError as error:
            self._fault(path, node, str(error))

    def _fault(self, path: Path, node: yaml.Node, message: str) -> None:
        self._located.faults.append((path, _place(node.start_mark), message))


def _float(text: str) -> float | int:
    """As jsonb would give it back, so that a gate's fingerprint stays the same: no -0.0, and large ones as integers."""
    number = float(text) + 0.0
    return int(number) if abs(number) >= 1e15 else number


def _as_boolean(text: str) -> str:
    return "true" if text.lower() in ("yes", "on") else "false"


def _as_number(text: str, kind: str) -> str:
    read = yaml.safe_load(text) if len(text) < 50 else None
    if read is None or (isinstance(read, float) and not math.isfinite(read)):
        return "no finite number"
    return f"{read}" if isinstance(read, (int, float)) else f"a {kind}"
