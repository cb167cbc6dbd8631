"""Slices held against a gate: known columns, values of their types, one canonical form."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stringx.errors import Invalid
from stringx.gates.slices import bind
from stringx.model import Gate, Slice
from stringx.model.slices import ColumnType

GATE = Gate(
    workspace="default",
    table="raw.orders",
    target="demo",
    slice_columns={"day": ColumnType.DATE, "at": ColumnType.TIMESTAMP, "shop": ColumnType.INTEGER, "region": ColumnType.TEXT},
)


def bound(*predicates: dict[str, object]) -> list[dict[str, object]]:
    return bind(Slice.model_validate(list(predicates)), GATE).as_json()


def refusal(*predicates: dict[str, object], gate: Gate = GATE) -> Invalid:
    with pytest.raises(Invalid) as caught:
        bind(Slice.model_validate(list(predicates)), gate)
    return caught.value


def test_the_whole_table_is_a_slice_of_any_gate() -> None:
    assert bound() == []


def test_values_become_text_of_their_columns_type_and_predicates_are_sorted() -> None:
    assert bound(
        {"column": "shop", "equals": 7},
        {"column": "region", "equals": "Île-de-France "},
        {"column": "at", "from": "2013-02-08T00:00:00-05:00", "to": "2013-02-08t12:30:00.250z"},
        {"column": "day", "equals": "2013-02-08"},
    ) == [
        {"column": "at", "from": "2013-02-08T05:00:00Z", "to": "2013-02-08T12:30:00.250000Z"},
        {"column": "day", "equals": "2013-02-08"},
        {"column": "region", "equals": "Île-de-France "},
        {"column": "shop", "equals": "7"},
    ]


def test_a_list_is_a_set_and_a_list_of_one_is_a_value() -> None:
    assert bound({"column": "shop", "in": [10, "9", 10, "09"]}) == [{"column": "shop", "in": ["9", "10"]}]
    assert bound({"column": "day", "in": ["2013-02-08", "2013-02-08"]}) == [{"column": "day", "equals": "2013-02-08"}]
    assert bound({"column": "region", "in": ["b", "a", "B"]}) == [{"column": "region", "in": ["B", "a", "b"]}]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([{"column": "a", "in": [2, "1", 2]}], [{"column": "a", "in": ["1", "2"]}], True),
        ([{"column": "a", "in": ["x"]}], {"column": "a", "equals": "x"}, True),
        ([{"column": "a", "equals": 5}, {"column": "b", "from": 1}], [{"column": "b", "from": "1"}, {"column": "a", "equals": "5"}], True),
        ([{"column": "a", "in": ["1", "2"]}], [{"column": "a", "in": ["1", "3"]}], False),
        ([{"column": "a", "from": "1"}], [{"column": "a", "to": "1"}], False),
        ([{"column": "a", "equals": "1"}], [{"column": "b", "equals": "1"}], False),
        ([], [{"column": "a", "equals": "1"}], False),
    ],
)
def test_without_a_gate_slices_are_compared_whatever_their_order(one: object, other: object, same: bool) -> None:
    assert (Slice.model_validate(one).as_written() == Slice.model_validate(other).as_written()) is same


def test_the_same_moment_in_two_zones_is_one_value() -> None:
    moments = ["2013-02-08T05:00Z", "2013-02-08T00:00:00-05:00", "2013-02-08T06:00:00.000000+0100"]
    assert bound({"column": "at", "in": moments}) == [{"column": "at", "equals": "2013-02-08T05:00:00Z"}]


@pytest.mark.parametrize(
    ("predicate", "field", "says"),
    [
        ({"column": "dya", "equals": "2013-02-08"}, "slice.0.column", "did you mean `day`?"),
        ({"column": "flight_date", "equals": "x"}, "slice.0.column", "it slices by at, day, region, shop"),
        ({"column": "Day", "equals": "2013-02-08"}, "slice.0.column", "does not slice by 'Day'"),
        ({"column": "day; drop table x", "equals": "x"}, "slice.0.column", "does not slice by"),
        ({"column": "day", "equals": "2013-02-30"}, "slice.0.equals", "2013-02-30 is not a date that exists"),
        ({"column": "day", "equals": "2013-2-8"}, "slice.0.equals", "must be a date"),
        ({"column": "day", "equals": "20130208"}, "slice.0.equals", "must be a date"),
        ({"column": "day", "equals": "2013-W06-5"}, "slice.0.equals", "must be a date"),
        ({"column": "day", "equals": "٢٠١٣-٠٢-٠٨"}, "slice.0.equals", "must be a date"),
        ({"column": "day", "equals": 20130208}, "slice.0.equals", "must be a date"),
        ({"column": "day", "equals": "2013-02-08T00:00:00Z"}, "slice.0.equals", "must be a date"),
        ({"column": "day", "in": ["2013-02-08", "2013-02-29"]}, "slice.0.in.1", "is not a date that exists"),
        ({"column": "day", "from": "2013-02-08", "to": "2013-02-08"}, "slice.0.to", "must be after 'from' (2013-02-08)"),
        ({"column": "day", "from": "2013-02-09", "to": "2013-02-08"}, "slice.0.to", "must be after 'from'"),
        ({"column": "day", "to": "0000-01-01"}, "slice.0.to", "is not a date that exists"),
        ({"column": "at", "equals": "2013-02-08T05:00:00"}, "slice.0.equals", "does not say which time zone"),
        ({"column": "at", "equals": "2013-02-08"}, "slice.0.equals", "must be a point in time"),
        ({"column": "at", "equals": "2013-02-08T25:00:00Z"}, "slice.0.equals", "is not a point in time that exists"),
        ({"column": "at", "equals": "2013-02-08T05:00:00.1234567Z"}, "slice.0.equals", "at most six digits"),
        ({"column": "at", "equals": "0001-01-01T00:00:00+01:00"}, "slice.0.equals", "is not a point in time that exists"),
        ({"column": "at", "equals": 1360299600}, "slice.0.equals", "must be a point in time"),
        ({"column": "shop", "equals": "seven"}, "slice.0.equals", "must be an integer"),
        ({"column": "shop", "equals": "7.0"}, "slice.0.equals", "must be an integer"),
        ({"column": "shop", "equals": "\u0667"}, "slice.0.equals", "must be an integer"),
        ({"column": "shop", "equals": 2**63}, "slice.0.equals", "larger than an integer"),
        ({"column": "shop", "equals": "9" * 19}, "slice.0.equals", "larger than an integer"),
        ({"column": "shop", "from": 7, "to": 7}, "slice.0.to", "must be after 'from' (7)"),
        ({"column": "region", "equals": 7}, "slice.0.equals", 'write "7"'),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field_and_the_fix(predicate: dict[str, object], field: str, says: str) -> None:
    error = refusal(predicate)
    assert error.field == field
    assert says in error.reason


def test_a_column_stands_once() -> None:
    error = refusal({"column": "shop", "from": 1}, {"column": "shop", "to": 5})
    assert (error.field, error.reason) == ("slice.1.column", "stands twice: a column has one predicate")


def test_a_gate_without_slice_columns_takes_the_whole_table_alone() -> None:
    whole = Gate(workspace="default", table="raw.orders", target="demo")
    assert bind(Slice(()), whole) == Slice(())
    assert "has no slice columns" in refusal({"column": "day", "equals": "2013-02-08"}, gate=whole).reason


# --- the canonical form ----------------------------------------------------------------------------------------------

_zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_days = st.dates()
_moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31))  # noqa: DTZ001  # the zone is drawn apart
_integers = st.integers(-(2**63), 2**63 - 1)
_texts = st.text(max_size=50).filter(lambda text: "\x00" not in text and text.encode(errors="replace").decode() == text)


def _written(moment: datetime, zone: timezone) -> str:
    return moment.replace(tzinfo=UTC).astimezone(zone).isoformat()


@given(st.lists(_moments, min_size=1, max_size=5), st.data())
def test_neither_order_nor_repetition_nor_zone_makes_another_slice(moments: list[datetime], data: st.DataObject) -> None:
    again = data.draw(st.permutations(moments + moments[:1]))
    one: dict[str, object] = {"column": "at", "in": [_written(moment, data.draw(_zones)) for moment in moments]}
    other: dict[str, object] = {"column": "at", "in": [_written(moment, data.draw(_zones)) for moment in again]}
    assert bound(one) == bound(other)


@given(_days, _integers, _texts, st.permutations([0, 1, 2]))
def test_neither_the_order_of_predicates_nor_the_way_of_writing_makes_another_slice(
    day: date, shop: int, region: str, order: list[int]
) -> None:
    predicates: list[dict[str, object]] = [
        {"column": "day", "in": [day.isoformat()]},
        {"column": "shop", "equals": str(shop)},
        {"column": "region", "equals": region},
    ]
    plain: list[dict[str, object]] = [
        {"column": "day", "equals": day.isoformat()},
        {"column": "region", "in": [region]},
        {"column": "shop", "equals": shop},
    ]
    one = bind(Slice.model_validate([predicates[place] for place in order]), GATE)
    assert one.key == bind(Slice.model_validate(plain), GATE).key


@given(st.lists(_integers, min_size=2, max_size=5, unique=True))
def test_other_values_make_another_slice(values: list[int]) -> None:
    keys = {bind(Slice.model_validate({"column": "shop", "equals": value}), GATE).key for value in values}
    assert len(keys) == len(values)


@given(st.data())
def test_the_canonical_form_of_a_canonical_form_is_itself(data: st.DataObject) -> None:
    moments = sorted(data.draw(st.lists(_moments, min_size=2, max_size=2, unique=True)))
    slice_ = Slice.model_validate(
        [
            {"column": "at", "from": _written(moments[0], data.draw(_zones)), "to": _written(moments[1], data.draw(_zones))},
            {"column": "shop", "in": data.draw(st.lists(_integers, min_size=1, max_size=4))},
            {"column": "region", "from": data.draw(_texts)},
        ]
    )
    once = bind(slice_, GATE)
    assert bind(once, GATE) == once
    assert Slice.model_validate(once.as_json()) == once
