"""The rule library as a gate file sees it: which checks there are, under which names, and what is wrong with the use of one.

Each check is a dbt generic test: one of dbt's four, or a macro of the dbt project. A gate may also name a test of the user's own
project; nothing is known of its arguments then, and the rule has to say what it measures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from stringx.gates.rule_library import bounds
from stringx.gates.rule_library.check import Argument, Check, Column, Counted, Origin
from stringx.gates.rule_library.expectations import EXPECTATIONS
from stringx.gates.rule_library.of_dbt import OF_DBT
from stringx.gates.rule_library.of_dbt_utils import OF_DBT_UTILS
from stringx.gates.rule_library.own import OWN
from stringx.nearest import did_you_mean, nearest

__all__ = [
    "LIBRARY",
    "SHORT_NAMES",
    "Argument",
    "Check",
    "Column",
    "Counted",
    "Origin",
    "call_faults",
    "faults",
    "meant",
    "public_name",
    "unknown",
]

#: What YAML merges other fields in by.
MERGE_KEY = "<<"

#: By the public name.
LIBRARY: Mapping[str, Check] = {**OF_DBT, **OF_DBT_UTILS, **EXPECTATIONS, **OWN}

#: Short name → public name.
SHORT_NAMES: Mapping[str, str] = {check.short: name for name, check in LIBRARY.items() if check.short is not None}


def public_name(name: str) -> str:
    """The public name of a check that was called by its short one; any other name as it is."""
    return SHORT_NAMES.get(name, name)


def faults(
    name: str, *, column: bool, arguments: Mapping[str, object], elsewhere: Collection[str] = ()
) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong with a rule's use of a check of the library: where within the rule, and what, with the fix. `elsewhere`: arguments
    that the rule has in another place, of which its reader is told there."""
    check = LIBRARY[name]
    needed = {argument: known.required for argument, known in check.arguments.items()}
    found = call_faults(name, check.column, needed, column=column, given=arguments, elsewhere=elsewhere)
    fitting: dict[str, object] = {}
    for argument, value in arguments.items():
        if argument not in check.arguments:
            continue
        if misfits := list(check.arguments[argument].sort.faults(value)):
            found += [(("arguments", argument, *inner), fault) for inner, fault in misfits]
        else:
            fitting[argument] = value
    found += [(("arguments", argument), fault) for argument, fault in bounds.faults(fitting, check.arguments)]
    if check.needs_one_of and _said(arguments, check.arguments, elsewhere).isdisjoint(check.needs_one_of):
        found.append((("arguments",), f"{name} needs one of the arguments {', '.join(f'`{one}`' for one in check.needs_one_of)}, or all"))
    return found


def call_faults(
    name: str, about: Column, takes: Mapping[str, bool], *, column: bool, given: Iterable[str], elsewhere: Collection[str] = ()
) -> list[tuple[tuple[str | int, ...], str]]:
    """As `faults`, of a test that `takes` these arguments, each with whether it must be given: what the names alone tell."""
    given = list(given)
    found: list[tuple[tuple[str | int, ...], str]] = []
    if about is Column.REQUIRED and not column:
        found.append((("check",), f"{name} is about one column: say which with `column`"))
    if about is Column.NONE and column:
        found.append((("column",), f"{name} is not about one column: leave `column` out"))
    found += [(("arguments", one), unknown("argument", one, takes, f"{name} takes")) for one in given if one not in takes]
    said = _said(given, takes, elsewhere)
    missing = [argument for argument, required in takes.items() if required and argument not in said]
    if missing:
        found.append(
            (("arguments",), f"{name} needs the argument{'s' if len(missing) > 1 else ''} {', '.join(f'`{one}`' for one in missing)}")
        )
    return found


def _said(given: Iterable[str], known: Collection[str], elsewhere: Collection[str]) -> set[str]:
    """The arguments that a rule has: one whose name is misspelt is not missing too."""
    given = list(given)
    return {*given, *elsewhere, *meant(given, known)}


def meant(given: Iterable[str], known: Collection[str]) -> set[str]:
    """The known names that were probably meant by those of the given that there are not: by a merge key, any."""
    given = list(given)
    if MERGE_KEY in given:
        return set(known)
    return {near for name in given if name not in known and (near := nearest(name, sorted(known)))}


def unknown(what: str, name: str, known: Iterable[str], there_are: str) -> str:
    """The sentence about a name that there is not."""
    if name == MERGE_KEY:
        return f"`{MERGE_KEY}` merges fields in, which is not read here: write out what it stands for"
    known = sorted(known)
    hint = did_you_mean(nearest(name, known)) or f"{there_are} {', '.join(f'`{one}`' for one in known) or 'none'}"
    return f"unknown {what} `{name}`: {hint}"
