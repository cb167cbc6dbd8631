{#-
    The newest value of a timestamp or date that does not lie in the future is at most so many dateparts old. An empty table is not
    recent. Fails with one row. Now is told as `stringx__now` says.

        columns:
          - name: time_hour
            data_tests:
              - expect_row_values_to_have_recent_data:
                  arguments: {datepart: day, interval: 1}
-#}
{% test expect_row_values_to_have_recent_data(model, column_name, datepart, interval, row_condition=none) %}
{%- set newest = "max(" ~ stringx__timestamp(column_name) ~ ")" -%}
select {{ newest }} as newest
from {{ model }}
where {{ stringx__only(row_condition) }}
and {{ stringx__timestamp(column_name) }} <= {{ stringx__now() }}
having coalesce({{ newest }}, {{ stringx__timestamp("'1970-01-01'") }}) < {{ stringx__ago(datepart, interval) }}
{% endtest %}

{#-
    The same for each group that has such a value. Fails with one row for each that is older.

        data_tests:
          - expect_grouped_row_values_to_have_recent_data:
              arguments: {group_by: [origin], timestamp_column: time_hour, datepart: day, interval: 1}
-#}
{% test expect_grouped_row_values_to_have_recent_data(model, group_by, timestamp_column, datepart, interval, row_condition=none) %}
{%- set newest = "max(" ~ stringx__timestamp(timestamp_column) ~ ")" -%}
select {% for column in group_by or [] %}{{ column }}, {% endfor %}{{ newest }} as newest
from {{ model }}
where {{ stringx__only(row_condition) }}
and {{ stringx__timestamp(timestamp_column) }} <= {{ stringx__now() }}
{% if group_by %}group by {{ group_by | join(", ") }}{% endif %}
having {{ newest }} < {{ stringx__ago(datepart, interval) }}
{% endtest %}

{#- Each group that has such a value. -#}
{% macro stringx__each_group_until_now(model, group_by, timestamp_column, row_condition=none) %}
{%- do kwargs -%}
{%- set until_now = stringx__only(row_condition) ~ " and " ~ stringx__timestamp(timestamp_column) ~ " <= " ~ stringx__now() -%}
{{ stringx__each_group(model, group_by, row_condition=until_now) }}
{% endmacro %}

{#- The moment so many dateparts ago. -#}
{% macro stringx__ago(datepart, interval) -%}
    {{ return(stringx__timestamp(stringx__later(stringx__now(), interval * -1, datepart))) }}
{%- endmacro %}

{#-
    There is a row for every so many dateparts (`interval`, 1 where it is left out), from the first day of the data, or
    `test_start_date`, up to and without its last, or `test_end_date`. Fails with one row for each period without any: `date_day` (by the
    date part) is its start. `exclusion_condition` (SQL, on that column) says which periods need no row. A row at `infinity` is in no
    period.

        data_tests:
          - expect_row_values_to_have_data_for_every_n_datepart:
              arguments:
                date_col: flight_date
                date_part: day
                exclusion_condition: "not (extract(dow from date_day) = 0)"
-#}
{% test expect_row_values_to_have_data_for_every_n_datepart(model, date_col, date_part="day", interval=none, row_condition=none,
                                                            exclusion_condition=none, test_start_date=none, test_end_date=none) -%}
{{ stringx__periods_of_days(model, date_col, date_part, interval, row_condition, exclusion_condition, test_start_date, test_end_date) }}
{% endtest %}

{#- The periods that need a row and have none; with `each`, all that need one. -#}
{% macro stringx__periods_of_days(model, date_col, date_part, interval, row_condition, exclusion_condition, test_start_date, test_end_date,
                                  each=false) -%}
{%- for day in [test_start_date, test_end_date] if "infinity" in day | string | lower -%}
    {{ exceptions.raise_compiler_error("`test_start_date` and `test_end_date` must be days of the calendar, got " ~ day) }}
{%- endfor -%}
{%- set moment = stringx__timestamp(dbt.date_trunc(date_part, date_col)) -%}
{%- set start = stringx__text(test_start_date) if test_start_date else "(select cast(min(moment) as date) from rows_at)" -%}
{%- set end = stringx__text(test_end_date) if test_end_date else "(select cast(max(moment) as date) from rows_at)" -%}
with rows_at as (
    select distinct {{ moment }} as moment
    from {{ model }}
    where {{ stringx__only(row_condition) }} and {{ stringx__is_finite(moment) }}
),
bounds as (
    select
        {{ stringx__timestamp(dbt.date_trunc(date_part, stringx__timestamp(start))) }} as first_moment,
        {{ stringx__timestamp(dbt.date_trunc(date_part, stringx__timestamp(end))) }} as end_moment
)
select *
from (
    select period as date_{{ date_part }}, true as is_missing, 0 as row_cnt
    from (
        {{ stringx__periods("rows_at", "bounds", date_part, interval or 1, each) }}
    ) as gaps
) as periods
where {{ stringx__only(exclusion_condition) }}
-- Of many that are missing, the sample shows the first.
order by date_{{ date_part }}
{%- endmacro %}

{#- Each period that needs a row. -#}
{% macro stringx__each_period(model, date_col, date_part="day", interval=none, row_condition=none, exclusion_condition=none, test_start_date=none,
                              test_end_date=none) %}
{{ stringx__periods_of_days(model, date_col, date_part, interval, row_condition, exclusion_condition, test_start_date, test_end_date, each=true) }}
{% endmacro %}
