{#-
    What was agreed on the age of data: on each of these `weekdays`, when the clocks of `time_zone` show `by`, the column reaches that
    day, or the day so many `days_behind` it. Judged is the last such moment that has passed. Dates, and times without a time zone, are
    taken as they stand; without `time_zone`, the time of the database's session counts, or that of the variable `stringx:time_zone`.
    Fails with one row: how far the column reaches, and how far it had to by when.

        data_tests:
          - freshness_sla:
              arguments: {by: "08:00", time_zone: America/New_York, weekdays: [monday, thursday], days_behind: 1}
-#}
{% test freshness_sla(model, column_name, by, time_zone=none, weekdays=none, days_behind=0) %}
{%- if by is not string or not modules.re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", by) -%}
    {{ exceptions.raise_compiler_error("`by` must be a time of day between quotes, as \"08:00\", got " ~ by) }}
{%- endif -%}
{%- set minutes = (by[:2] | int) * 60 + (by[3:] | int) -%}
{%- set zone = time_zone or stringx__time_zone() -%}
{%- set days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] -%}
{%- set numbers = [] -%}
{%- for weekday in weekdays or days -%}
    {%- if weekday | lower not in days -%}
        {{ exceptions.raise_compiler_error("`weekdays` must be of " ~ days | join(", ") ~ ", got " ~ weekday) }}
    {%- endif -%}
    {%- do numbers.append(days.index(weekday | lower) + 1) -%}
{%- endfor %}

with clock as (
    select {{ stringx__at_time_zone(dbt.current_timestamp(), zone) }} as shown
),

-- the same time of the last eight days: on one of them it has passed, whatever the weekdays
days as (
    {%- for back in range(8) %}
    select shown, {{ stringx__timestamp(dbt.dateadd("day", -back, dbt.date_trunc("day", "shown"))) }} as day from clock
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

moments as (
    select shown, {{ dbt.dateadd("minute", minutes, "day") }} as due_at
    from days
    where extract(isodow from day) in ({{ numbers | join(", ") }})
)

select most_recent, due_on, due_at
from (
    select {{ stringx__on_the_clocks("max(" ~ column_name ~ ")", zone) }} as most_recent from {{ model }}
) as found
cross join (
    select max(due_at) as due_at, cast({{ dbt.dateadd("day", -days_behind, "max(due_at)") }} as date) as due_on
    from moments
    where due_at <= shown
) as agreed
where most_recent is null or cast(most_recent as date) < due_on

{% endtest %}


{#- A date, a timestamp or a point in time, whichever it is, as a timestamp without zone: a point in time as those clocks show it. -#}
{% macro stringx__on_the_clocks(value, time_zone) -%}
    {{ return(adapter.dispatch("stringx__on_the_clocks")(value, time_zone)) }}
{%- endmacro %}

{% macro default__stringx__on_the_clocks(value, time_zone) -%}
    {{ return(stringx__at_time_zone(value, time_zone)) }}
{%- endmacro %}

{% macro postgres__stringx__on_the_clocks(value, time_zone, type_of="pg_typeof") -%}
    {%- set is_point = "lower(cast(" ~ type_of ~ "(" ~ value ~ ") as text)) = 'timestamp with time zone'" -%}
    {%- set point = stringx__at_time_zone("cast(" ~ value ~ " as timestamp with time zone)", time_zone) -%}
    {{ return("case when " ~ is_point ~ " then " ~ point ~ " else " ~ stringx__timestamp(value) ~ " end") }}
{%- endmacro %}

{% macro duckdb__stringx__on_the_clocks(value, time_zone) -%}
    {{ return(postgres__stringx__on_the_clocks(value, time_zone, type_of="typeof")) }}
{%- endmacro %}
