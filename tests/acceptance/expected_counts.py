"""What plain SQL says of the demo's data, rule by rule: written by hand, without dbt, its macros or the gates' arguments.

`{slice}` stands for the rows that the trigger was about, as a condition; a check that warns or passes by a share counts
nothing while the share is below its bound, as its rule says.
"""

from __future__ import annotations

from decimal import Decimal


def share(table: str, condition: str, below: str) -> str:
    """The offending rows, or none while their share of the slice is below the bound."""
    bound = Decimal(below)
    return (
        f"select case when count(*) filter (where {condition}) >= {bound} * count(*) "
        f"then count(*) filter (where {condition}) else 0 end from {table} where {{slice}}"
    )


def nulls(table: str, column: str) -> str:
    return f"select count(*) filter (where {column} is null) from {table} where {{slice}}"


def repeated(table: str, columns: str) -> str:
    return f"select count(*) from (select 1 from {table} where {{slice}} group by {columns} having count(*) > 1) as again"


def repeated_key(table: str, column: str) -> str:
    return repeated(table, column).replace("{slice}", f"{{slice}} and {column} is not null")


def strangers(table: str, column: str, known: str) -> str:
    """How many different values, as dbt's accepted_values counts."""
    return f"select count(distinct {column}) from {table} where {{slice}} and {column} not in ({known})"


def orphans(column: str, parent: str, key: str) -> str:
    unknown = f"not exists (select from {parent} where {key} = child.{column})"
    return f"select count(*) from raw.flights as child where {{slice}} and {column} is not null and {unknown}"


#: table → name of the check → SQL with one number as its answer
EXPECTED: dict[str, dict[str, str]] = {
    "raw.flights": {
        "source_not_null_raw_flights_flight_date": nulls("raw.flights", "flight_date"),
        "source_not_null_raw_flights_sched_dep_time": nulls("raw.flights", "sched_dep_time"),
        "source_not_null_raw_flights_carrier": nulls("raw.flights", "carrier"),
        "source_not_null_raw_flights_flight": nulls("raw.flights", "flight"),
        "source_relationships_raw_flights_carrier__carrier__source_raw_airlines_": orphans("carrier", "raw.airlines", "carrier"),
        "every_airport_reports_every_day": """
            select count(*) from (select distinct origin from raw.flights) as airport
            cross join (
                select day::date from generate_series((select min(flight_date) from raw.flights),
                                                      (select max(flight_date) from raw.flights), interval '1 day') as day
            ) as days
            where (days.day, airport.origin) not in (select flight_date, origin from raw.flights)
        """,
        "flight_is_unique": repeated("raw.flights", "flight_date, carrier, flight, origin"),
        "destination_is_known": nulls("raw.flights", "dest"),
        "origin_is_new_york": strangers("raw.flights", "origin", "'EWR', 'JFK', 'LGA'"),
        "flown_by_a_known_plane": "select count(*) from raw.flights where {slice} and dep_time is not null and tailnum is null",
        "plane_is_registered": orphans("tailnum", "raw.planes", "tailnum"),
        "destination_is_an_airport": orphans("dest", "raw.airports", "faa"),
        "flights_take_time_and_distance": "select count(*) from raw.flights where {slice} and (air_time <= 0 or distance <= 0)",
        "few_flights_are_cancelled": share("raw.flights", "dep_time is null", "0.25"),
        "few_flights_are_diverted": share("raw.flights", "dep_time is not null and air_time is null", "0.02"),
        "most_flights_arrive_on_time": share("raw.flights", "arr_delay > 15", "0.30"),
        "hardly_any_flight_is_hours_late": share("raw.flights", "arr_delay > 180", "0.005"),
    },
    "raw.planes": {
        "source_unique_raw_planes_tailnum": repeated_key("raw.planes", "tailnum"),
        "source_not_null_raw_planes_tailnum": nulls("raw.planes", "tailnum"),
        "tail_number_is_american": "select count(*) from raw.planes where tailnum !~ '^N[1-9][0-9A-Z]{{1,4}}$'",
        "year_is_known": nulls("raw.planes", "year"),
        "type_is_known": strangers("raw.planes", "type", "'Fixed wing multi engine', 'Fixed wing single engine', 'Rotorcraft'"),
        "seats_are_plausible": "select count(*) from raw.planes where seats < 1 or seats > 853",
        "fleet_is_not_old": share("raw.planes", "year < 1985", "0.05"),
    },
    "raw.airports": {
        "source_unique_raw_airports_faa": repeated_key("raw.airports", "faa"),
        "source_not_null_raw_airports_faa": nulls("raw.airports", "faa"),
        "name_is_known": nulls("raw.airports", "name"),
        "summer_time_is_known": strangers("raw.airports", "dst", "'A', 'U', 'N'"),
        "time_zone_is_known": nulls("raw.airports", "tzone"),
        "longitude_is_american": "select count(*) from raw.airports where lon >= -60 and lon <= 170",
    },
    "raw.weather": {
        "source_not_null_raw_weather_origin": nulls("raw.weather", "origin"),
        "source_accepted_values_raw_weather_origin__EWR__JFK__LGA": strangers("raw.weather", "origin", "'EWR', 'JFK', 'LGA'"),
        "source_not_null_raw_weather_time_hour": nulls("raw.weather", "time_hour"),
        "one_reading_an_hour": repeated("raw.weather", "origin, time_hour"),
        "temperature_is_known": nulls("raw.weather", "temp"),
        "humidity_is_a_percentage": "select count(*) from raw.weather where humid < 0 or humid > 100",
        "wind_is_plausible": "select count(*) from raw.weather where wind_speed >= 231",
        "pressure_is_mostly_known": share("raw.weather", "pressure is null", "0.15"),
    },
}
