"""What a runner found of a gate stands at the line and column of the thing that is meant."""

from __future__ import annotations

import pytest

from stringx.gates.on_target import problems
from stringx.model import TargetFault

TEXT = """\
table: raw.rows
target: demo
slice:
  columns:
    day: date
samples:
  mask: [email, phone]
select:
  - select: tag:nightly
  - kind: business
    select: tag:daily
rules:
  - name: first
    check: not_null
    column: id
  - check: holds
    context_columns:
      - a
      - b
    name: second
  - name: third
    check: unique_combination_of_columns
    columns: [a, b]
"""


@pytest.mark.parametrize(
    ("fault", "place"),
    [
        ({"field": ("table",)}, (1, 8)),
        ({"field": ("target",)}, (2, 9)),
        ({"field": ("slice", "columns", "day"), "of_name": True}, (5, 5)),
        ({"field": ("slice", "columns", "day")}, (5, 10)),
        ({"field": ("samples", "mask", 1)}, (7, 17)),
        ({"select": "tag:daily"}, (10, 5)),
        ({"rule": "first", "field": ("column",)}, (15, 13)),
        ({"rule": "second", "field": ("context_columns", 1)}, (19, 9)),
        ({"rule": "second"}, (16, 5)),
        # `columns` is what the file has in place of the argument.
        ({"rule": "third", "field": ("arguments", "combination_of_columns", 1)}, (23, 18)),
        # Where the file says it in other words, what it stands in.
        ({"rule": "first", "field": ("context_columns", 0)}, (13, 5)),
        ({"rule": "made_of_several"}, (13, 3)),
        ({}, (1, 1)),
    ],
)
def test_a_fault_is_at_its_place(fault: dict[str, object], place: tuple[int, int]) -> None:
    (found,) = problems(TEXT, "raw.rows.yaml", [TargetFault.model_validate({**fault, "message": "is not there"})])
    assert (found.line, found.column) == place
    assert str(found).startswith(f"raw.rows.yaml:{place[0]}:{place[1]}: ")
    assert found.message == (f"rule `{fault['rule']}`: is not there" if "rule" in fault else "is not there")


def test_faults_come_in_the_order_of_the_file() -> None:
    faults = [TargetFault(rule="second", message="b"), TargetFault(field=("table",), message="a")]
    assert [one.line for one in problems(TEXT, "f", faults)] == [1, 16]
