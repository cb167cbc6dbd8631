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


def outside(table: str, column: str, least: int, most: int) -> str:
    return f"select count(*) from {table} where {{slice}} and ({column} < {least} or {column} > {most})"


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
        "as_many_flights_as_before": """
            with loaded as (select flight_date, count(*) as flights from raw.flights where {slice} group by flight_date),
            before as (
                select flight_date, count(*) as flights from raw.flights where flight_date < (select flight_date from loaded)
                group by flight_date order by flight_date desc limit 14
            )
            select count(*) from loaded
            where flights not between (select 0.6 * percentile_cont(0.5) within group (order by flights) from before)
                                  and (select 1.5 * percentile_cont(0.5) within group (order by flights) from before)
        """,
        "destination_is_known": nulls("raw.flights", "dest"),
        "origin_is_new_york": strangers("raw.flights", "origin", "'EWR', 'JFK', 'LGA'"),
        "flown_by_a_known_plane": "select count(*) from raw.flights where {slice} and dep_time is not null and tailnum is null",
        "plane_is_registered": orphans("tailnum", "raw.planes", "tailnum"),
        "destination_is_an_airport": orphans("dest", "raw.airports", "faa"),
        "flights_take_time_and_distance": "select count(*) from raw.flights where {slice} and (air_time <= 0 or distance <= 0)",
        "route_has_one_distance": """
            select count(*) from (select 1 from raw.flights group by origin, dest having min(distance) < max(distance)) as route
        """,
        "departure_delay_is_plausible": outside("raw.flights", "dep_delay", -60, 1440),
        # Iglewicz and Hoaglin's score; by the mean, where more than half of the distances are none
        "air_time_is_usual_on_its_route": """
            with flown as (select origin || dest as route, air_time from raw.flights where {slice} and air_time is not null),
            middle as (select route, percentile_cont(0.5) within group (order by air_time) as air_time from flown group by route),
            off as (select route, abs(flown.air_time - middle.air_time) as by from flown join middle using (route)),
            usual as (select route, percentile_cont(0.5) within group (order by by) as mad, avg(by) as mean from off group by route)
            select count(*) from off join usual using (route)
            where (mad <> 0 and 0.6745 * by / nullif(mad, 0) > 6) or (mad = 0 and by / nullif(1.253314 * mean, 0) > 6)
        """,
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
        "seats_are_plausible": outside("raw.planes", "seats", 1, 853),
        "manufacturer_is_named": "select count(*) from raw.planes where manufacturer ~ '^ *$'",
        "model_has_one_number_of_engines": """
            select count(*) from (select 1 from raw.planes group by model having min(engines) < max(engines)) as model
        """,
        "registry_is_complete": "select (count(*) not between 3000 and 4000)::int from raw.planes",
        "fleet_is_not_old": share("raw.planes", "year < 1985", "0.05"),
    },
    "raw.airports": {
        "source_unique_raw_airports_faa": repeated_key("raw.airports", "faa"),
        "source_not_null_raw_airports_faa": nulls("raw.airports", "faa"),
        "name_is_known": nulls("raw.airports", "name"),
        "summer_time_is_known": strangers("raw.airports", "dst", "'A', 'U', 'N'"),
        "time_zone_is_known": nulls("raw.airports", "tzone"),
        "columns_are_as_recorded": """
            select count(*) from information_schema.columns where table_schema = 'raw' and table_name = 'airports'
            having string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position)
                <> 'faa text, name text, lat double precision, lon double precision, alt integer, tz integer, dst text, tzone text'
            union all select 0
            limit 1
        """,
        "airport_is_listed_once": """
            select count(*) from (
                select 1 from raw.airports group by trim(regexp_replace(regexp_replace(lower(name), '[^a-z0-9 ]', '', 'g'), ' +', ' ', 'g'))
                having count(*) > 1
            ) as again
        """,
        "latitude_is_american": outside("raw.airports", "lat", 17, 72),
        "longitude_is_american": "select count(*) from raw.airports where lon >= -60 and lon <= 170",
    },
    "raw.weather": {
        "source_not_null_raw_weather_origin": nulls("raw.weather", "origin"),
        "source_accepted_values_raw_weather_origin__EWR__JFK__LGA": strangers("raw.weather", "origin", "'EWR', 'JFK', 'LGA'"),
        "source_not_null_raw_weather_time_hour": nulls("raw.weather", "time_hour"),
        "one_reading_an_hour": repeated("raw.weather", "origin, time_hour"),
        # each station's first reading follows upon none
        "station_reports_every_hour": """
            select count(*) - count(distinct reading.origin) from raw.weather as reading left join raw.weather as before
            on before.origin = reading.origin and before.time_hour = reading.time_hour - interval '1 hour' where before.origin is null
        """,
        "temperature_is_known": nulls("raw.weather", "temp"),
        "humidity_is_a_percentage": outside("raw.weather", "humid", 0, 100),
        "wind_is_plausible": "select count(*) from raw.weather where wind_speed >= 231",
        "dew_point_is_below_the_temperature": "select count(*) from raw.weather where dewp > temp",
        "pressure_is_mostly_known": share("raw.weather", "pressure is null", "0.15"),
    },
}
