"""What is wrong with a field of a trigger, in words of our own that say how it should be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stringx.errors import Invalid
from stringx.model import Predicate, TriggerBody, fault_text, made_storable
from stringx.nearest import did_you_mean, nearest


def shown(name: str) -> str:
    """A name out of somebody's document as it can be shown and stored."""
    return made_storable(name)[:200]


def kind(value: object) -> str:
    return {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}.get(type(value), "a number")


def no_such(what: str, name: str, known: Iterable[str]) -> str:
    """What to say of a name that there is not: the one that was probably meant, and all that there are."""
    known = sorted(known)
    meant = did_you_mean(nearest(name, known))
    there_are = f"here are {', '.join(known) or 'none'}"
    return f"no such {what}: {meant} T{there_are}" if meant else f"no such {what}; t{there_are}"


def refuse_fields(error: ValidationError) -> NoReturn:
    """Invalid for the first wrong field, in our own words; the others are named."""
    by_field: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    # A name that is misspelt first: it says why another field is missing.
    for fault in sorted(error.errors(include_url=False, include_input=False), key=lambda fault: fault["type"] != "extra_forbidden"):
        by_field.setdefault(_field(fault), []).append(fault)
    (field, faults), *others = by_field.items()
    kinds = {fault["type"] for fault in faults}
    if {"string_type", "int_type"} <= kinds:
        why = "must be text or a whole number"
    else:
        # Of the branches of a union, the one that says more than "another type".
        telling = [fault for fault in faults if fault["type"] not in ("string_type", "int_type")] or faults
        why = reason(telling[0], field)
    if others:
        why += f" (also wrong: {', '.join(_dotted(other) for other, _ in others[:5])}{', …' if len(others) > 5 else ''})"
    raise Invalid(why, field=_dotted(field)) from error


def _field(fault: ErrorDetails) -> tuple[int | str, ...]:
    """Where the fault stands in the document: pydantic's path without the names of a union's branches."""
    path = fault["loc"]
    if path[:1] == ("slice",):
        return tuple(part for part in path if not isinstance(part, str) or (part != "int" and not part.startswith("function-")))
    return tuple(part for part in path if part != "[key]")


def _dotted(path: tuple[int | str, ...]) -> str:
    return shown(".".join(str(part) for part in path))


def reason(fault: ErrorDetails, field: tuple[int | str, ...] = ()) -> str:
    """What is wrong with a field, and so how it should be; as `fault_text` has it, but for what a trigger's sender knows otherwise."""
    match fault["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            model = Predicate if len(field) > 1 else TriggerBody
            return no_such("field", str(field[-1]) if field else "", (info.alias or name for name, info in model.model_fields.items()))
        case "tuple_type" if field == ("slice",):
            return "must be a predicate or a list of predicates; leave it out for the whole table"
        case _:
            return fault_text(fault)
