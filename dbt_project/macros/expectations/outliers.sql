{#-
    The column's sum of each group lies within so many standard deviations of the mean of these sums. Without `group_by` there is one
    sum, which is its own mean. Fails with one row for each group further out.

        columns:
          - name: distance
            data_tests:
              - expect_column_values_to_be_within_n_stdevs:
                  arguments: {group_by: [flight_date], sigma_threshold: 3}
-#}
{% test expect_column_values_to_be_within_n_stdevs(model, column_name, group_by=none, sigma_threshold=3) %}
select *
from (
    select *, (stringx_value - mean) / nullif(deviation, 0) as sigma
    from (
        select *, avg(stringx_value) over () as mean, stddev(stringx_value) over () as deviation
        from (
            select {% for column in group_by or [] %}{{ column }}, {% endfor %}sum({{ column_name }}) as stringx_value
            from {{ model }}
            {% if group_by %}group by {{ group_by | join(", ") }}{% endif %}
        ) as summed
    ) as measured
) as judged
where abs(sigma) > {{ sigma_threshold }}
{% endtest %}

{#-
    The column's sum of each of the last `test_periods` periods, today's not among them, lies within so many standard deviations of
    the mean of the `trend_periods` before it. What is measured is the logarithm of the sum (`take_logs`), and how it differs from that
    of `lookback_periods` before (`take_diffs`); in each group by itself. Fails with one row for each period further out.

        columns:
          - name: distance
            data_tests:
              - expect_column_values_to_be_within_n_moving_stdevs:
                  arguments: {date_column_name: flight_date, period: day, trend_periods: 7, test_periods: 14, sigma_threshold: 3}
-#}
{% test expect_column_values_to_be_within_n_moving_stdevs(model, column_name, date_column_name, group_by=none, period="day", lookback_periods=1,
                                                          trend_periods=7, test_periods=14, sigma_threshold=3, sigma_threshold_upper=none,
                                                          sigma_threshold_lower=none, take_diffs=true, take_logs=true) %}
{%- set groups = group_by or [] -%}
{%- set in_order = ("partition by " ~ groups | join(", ") ~ " " if groups else "") ~ "order by metric_period" -%}
{%- set before = "(" ~ in_order ~ " rows between " ~ trend_periods ~ " preceding and 1 preceding)" -%}
select *
from (
    select *, (measure - mean) / nullif(deviation, 0) as sigma
    from (
        select *, avg(measure) over {{ before }} as mean, stddev(measure) over {{ before }} as deviation
        from (
            select
                *,
                {{ stringx__measure("stringx_value", take_logs) }}
                {% if take_diffs %}
                - {{ stringx__measure("lag(stringx_value, " ~ lookback_periods ~ ") over (" ~ in_order ~ ")", take_logs) }}
                {% endif %}
                as measure
            from (
                select
                    {{ dbt.date_trunc(period, date_column_name) }} as metric_period,
                    {% for column in groups %}{{ column }}, {% endfor %}
                    sum({{ column_name }}) as stringx_value
                from {{ model }}
                group by {{ dbt.date_trunc(period, date_column_name) }}{% for column in groups %}, {{ column }}{% endfor %}
            ) as summed
        ) as measured
    ) as compared
) as judged
where {{ stringx__of_last_periods("metric_period", period, test_periods) }}
and not (
    sigma >= {{ sigma_threshold_lower or sigma_threshold * -1 }}
    and sigma <= {{ sigma_threshold_upper or sigma_threshold }}
)
{% endtest %}

{#- The condition that a period is one of the last, today's not among them. -#}
{% macro stringx__of_last_periods(metric_period, period, test_periods) -%}
{%- set today = dbt.date_trunc(period, stringx__now()) -%}
{{ metric_period }} >= {{ stringx__timestamp(stringx__later(today, test_periods * -1, period)) }}
and {{ metric_period }} < {{ today }}
{%- endmacro %}

{#- Each period that is judged, in each group. -#}
{% macro stringx__each_last_period(model, date_column_name, group_by=none, period="day", test_periods=14) %}
{%- do kwargs -%}
{%- set metric_period = dbt.date_trunc(period, date_column_name) %}

select {{ metric_period }} as metric_period
from {{ model }}
where {{ stringx__of_last_periods(metric_period, period, test_periods) }}
group by {{ ([metric_period] + (group_by or [])) | join(", ") }}

{% endmacro %}

{#- A sum, or its logarithm; 0 where there is none. -#}
{% macro stringx__measure(value, take_logs) -%}
    {{ return("coalesce(" ~ ("ln(nullif(" ~ value ~ ", 0))" if take_logs else value) ~ ", 0)") }}
{%- endmacro %}
