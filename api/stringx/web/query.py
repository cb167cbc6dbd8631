"""The base of what a request may ask for behind its `?`."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from stringx.model import Value
from stringx.triggers.fields import no_such, shown

#: The type of pydantic's fault for a parameter that there is not; its context has the `name`.
UNKNOWN_PARAMETER = "unknown_parameter"


class Query(Value):
    """Parameters with their defaults. One that there is not is refused: a misspelt filter would answer everything."""

    @model_validator(mode="before")
    @classmethod
    def _has_only_what_there_is(cls, given: dict[str, Any]) -> dict[str, Any]:
        for name in given:
            if name not in cls.model_fields:
                told = {"name": shown(name), "reason": no_such("query parameter", name, cls.model_fields)}
                raise PydanticCustomError(UNKNOWN_PARAMETER, "{reason}", told)
        return given


class NoParameters(Query):
    """Of a request that has none."""
