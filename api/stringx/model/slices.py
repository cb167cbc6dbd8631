"""The part of a table that a trigger is about."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, RootModel, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from stringx.model.values import ColumnName, Scalar, Value, canonical_json, fingerprint


class ColumnType(StrEnum):
    """The type that a gate gives a slice column; values are checked against it, and bound as text of it."""

    DATE = "date"
    TIMESTAMP = "timestamp"
    INTEGER = "integer"
    TEXT = "text"


class Predicate(Value):
    """One column with a value, a list of values, or a half-open range `[from, to)` (either end may be left open)."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["equals"]},
                {"required": ["in"]},
                {"anyOf": [{"required": ["from"]}, {"required": ["to"]}]},
            ]
        }
    )
    column: ColumnName
    equals: Scalar | None = None
    one_of: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=1000)] | None = Field(default=None, alias="in")
    start: Scalar | None = Field(default=None, alias="from")
    stop: Scalar | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _exactly_one_form(self) -> Self:
        forms = [self.equals is not None, self.one_of is not None, self.start is not None or self.stop is not None]
        if sum(forms) != 1:
            raise ValueError("must have exactly one of 'equals', 'in', or 'from'/'to'")
        return self

    def __str__(self) -> str:
        if self.equals is not None:
            return f"{self.column} = {self.equals}"
        if self.one_of is not None:
            return f"{self.column} in ({', '.join(str(value) for value in self.one_of)})"
        ends = [
            f"{self.column} >= {self.start}" if self.start is not None else "",
            f"{self.column} < {self.stop}" if self.stop is not None else "",
        ]
        return " and ".join(end for end in ends if end)


class Slice(RootModel[tuple[Predicate, ...]]):
    """The part of a table that a trigger is about: all its predicates hold. No predicate: the whole table."""

    model_config = ConfigDict(frozen=True)
    root: Annotated[tuple[Predicate, ...], Field(max_length=20)] = ()

    @model_validator(mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, data: Any) -> Any:
        return [data] if isinstance(data, dict) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A list of predicates, or a predicate for a list of one."""
        listed = handler.resolve_ref_schema(handler(core_schema))
        described = {name: listed.pop(name) for name in ("title", "description", "default") if name in listed}
        one = listed["items"]
        alternatives = [one, dict(listed)]
        listed.clear()
        listed.update({**described, "anyOf": alternatives})
        return listed

    def __iter__(self) -> Iterator[Predicate]:  # type: ignore[override]  # a slice is its predicates, not its fields
        return iter(self.root)

    def __bool__(self) -> bool:
        return bool(self.root)

    def __str__(self) -> str:
        return " and ".join(str(predicate) for predicate in self.root) or "whole table"

    def as_json(self) -> list[dict[str, Any]]:
        return [predicate.as_json() for predicate in self.root]

    def as_written(self) -> list[dict[str, Any]]:
        """Equal for slices that say the same whatever their gate is: in any order, each value of a list once, a list of one or that
        one, a number or its text. What only a column's type can tell to be the same stays apart here (`gates.slices.bind`)."""
        return sorted((_as_written(predicate) for predicate in self.root), key=canonical_json)

    @property
    def key(self) -> str:
        """What two slices are compared by; equal for equal slices once `gates.slices.bind` made them canonical."""
        return fingerprint(self.as_json())


def _as_written(predicate: Predicate) -> dict[str, Any]:
    if predicate.one_of is not None:
        values = sorted({str(value) for value in predicate.one_of})
        return {"column": predicate.column, "equals": values[0]} if len(values) == 1 else {"column": predicate.column, "in": values}
    return {name: str(value) for name, value in predicate.as_json().items()}
