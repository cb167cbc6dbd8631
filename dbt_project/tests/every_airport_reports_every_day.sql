{{ config(tags=['business']) }}

-- From the first day that is there to the last, flights left each of New York's three airports: a day that is missing at one of
-- them is a load that never came. Returns the days and airports without any flight.
with airports as (
    select distinct origin from {{ source('raw', 'flights') }}
),

days as (
    select generate_series(min(flight_date), max(flight_date), interval '1 day')::date as flight_date
    from {{ source('raw', 'flights') }}
)

select days.flight_date, airports.origin
from days
cross join airports
where not exists (
    select 1
    from {{ source('raw', 'flights') }} as flights
    where flights.flight_date = days.flight_date and flights.origin = airports.origin
)
