{#-
    What was agreed on the age of data: on each of these `weekdays`, when the clocks of `time_zone` show `by`, the column reaches that
    day, or the day so many `days_behind` it. Judged is the last such moment that has passed. Dates, and times without a time zone, are
    taken as they stand; without `time_zone`, the time of the database's session counts, or that of the variable `stringx:time_zone`.
    Fails with one row: how far the column reaches, and how far it had to by when.

        data_tests:
          - freshness_sla:
              arguments: {by: "08:00", time_zone: America/New_York, weekdays: [monday, tuesday, wednesday, thursday, friday], days_behind: 1}
-#}
{% test freshness_sla(model, column_name, by, time_zone=none, weekdays=none, days_behind=0) %}
{%- set zone = time_zone or stringx__time_zone() -%}
{%- set hour, minute = by.split(":") -%}
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

-- the same moment of the last eight days, of which one has passed whatever the weekdays
moments as (
    {%- for back in range(8) %}
    select
        shown,
        {{ dbt.dateadd("minute", (hour | int) * 60 + (minute | int), stringx__timestamp(dbt.dateadd("day", -back, dbt.date_trunc("day", "shown")))) }} as due_at
    from clock
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select most_recent, due_on, due_at
from (
    select {{ stringx__on_the_clocks("max(" ~ column_name ~ ")", zone) }} as most_recent from {{ model }}
) as found
cross join (
    select max(due_at) as due_at, cast({{ dbt.dateadd("day", -days_behind, "max(due_at)") }} as date) as due_on
    from moments
    where due_at <= shown and extract(isodow from due_at) in ({{ numbers | join(", ") }})
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
