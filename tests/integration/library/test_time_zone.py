"""The variable `stringx:time_zone` says what day it is, on each database: at the cases' now, tomorrow has begun in Tokyo."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from case import Cases, Failures, case
from library_lab import outcomes

TOKYO = {"stringx:time_zone": "Asia/Tokyo", "dbt_date:time_zone": "UTC"}

#: One check a kind of use. In UTC each of them would give the other outcome: 0 for 1, and 1 for 0.
CASES: Cases = {
    "recency": {
        "of_days": case("clocks", None, 1, where="k = 'now'", field="d", datepart="day", interval=0, ignore_time_component=True),
    },
    "expect_row_values_to_have_recent_data": {"of_hours": case("clocks", "t", 1, where="k = 'now'", datepart="hour", interval=8)},
    "expect_column_values_to_be_within_n_moving_stdevs": {
        "of_days_before_today": case("daily", "v", 0, date_column_name="d", test_periods=1, take_diffs=False, sigma_threshold=6),
    },
    "freshness_sla": {
        "of_a_day": case("clocks", "d", 1, where="k = 'now'", by="00:00"),
        "of_a_point_in_time": case("clocks", "z", 0, where="k = 'now'", by="00:00"),
        "of_its_own_time_zone": case("clocks", "d", 0, where="k = 'now'", by="00:00", time_zone="UTC"),
    },
}


@pytest.fixture(scope="module", params=["on_postgres", "on_duckdb"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Failures]:
    return outcomes(tmp_path_factory.mktemp("tokyo"), request.getfixturevalue(request.param), CASES, TOKYO)


@pytest.mark.parametrize(("check", "name"), [(check, name) for check, of_check in CASES.items() for name in of_check])
def test_a_day_begins_in_the_time_zone_of_the_variable(found: Mapping[str, Failures], check: str, name: str) -> None:
    assert found[f"{check}-{name}"] == CASES[check][name][2]
