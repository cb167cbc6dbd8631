"""What pydantic finds is told in plain words, whatever the type of the field."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import pytest
from pydantic import Field, StrictBool, StrictInt, StrictStr, ValidationError

from stringx.model import Value, fault_text


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(Value):
    number: StrictInt = 0


class Everything(Value):
    text: Annotated[StrictStr, Field(min_length=1, max_length=3)] = "a"
    whole: Annotated[int, Field(ge=1, lt=10)] = 1
    number: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = 1.0
    flag: StrictBool = True
    colour: Colour = Colour.RED
    items: Annotated[tuple[StrictInt, ...], Field(min_length=1, max_length=2)] = (1,)
    names: dict[str, int] = Field(default_factory=dict)
    inner: Inner = Inner()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"text": 1}, "must be text"),
        ({"text": ""}, "must not be empty"),
        ({"text": "abcd"}, "must not be longer than 3 characters"),
        ({"whole": "x"}, "must be a whole number"),
        ({"whole": 1.5}, "must be a whole number"),
        ({"whole": []}, "must be a whole number"),
        ({"whole": "9" * 5000}, "is a number with too many digits"),
        ({"whole": 0}, "must be at least 1"),
        ({"whole": 10}, "must be less than 10"),
        ({"number": "x"}, "must be a number"),
        ({"number": []}, "must be a number"),
        ({"number": float("nan")}, "must be a number"),
        ({"number": 0}, "must be more than 0.0"),
        ({"number": 11}, "must be at most 10.0"),
        ({"flag": "maybe"}, "must be true or false"),
        ({"colour": "green"}, "must be 'red' or 'blue'"),
        ({"items": "x"}, "must be a list"),
        ({"items": ()}, "must not be empty"),
        ({"items": (1, 2, 3)}, "must have at most 2 items"),
        ({"names": []}, "must be an object: names with values"),
        ({"inner": 5}, "must be an object: names with values"),
        ({"inner": {"numbr": 5}}, "is no field here: take it out, or correct its name"),
    ],
)
def test_a_value_that_does_not_fit_is_told_how_it_must_be(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Everything.model_validate(given)
    (fault,) = refused.value.errors()
    assert fault_text(fault) == told


def test_what_is_no_json_is_told_where() -> None:
    with pytest.raises(ValidationError) as refused:
        Everything.model_validate_json("{")
    (fault,) = refused.value.errors()
    assert fault_text(fault).startswith("must be JSON: EOF while parsing")
