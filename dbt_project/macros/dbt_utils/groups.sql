{#-
    At least one row has a value; with `group_by_columns`, one of each group. Fails with the groups that have none. A table without
    rows fails, but has no groups that could.

        data_tests:
          - at_least_one:
              arguments: {group_by_columns: [carrier]}
-#}
{% test at_least_one(model, column_name, group_by_columns=[]) %}
{% if group_by_columns %}
select {{ group_by_columns | join(", ") }}, count(*) as n_records
from {{ model }}
group by {{ group_by_columns | join(", ") }}
having count({{ column_name }}) = 0
{% else %}
-- looks no further than the first value
select (select count(*) from {{ model }}) as n_records
where not exists (select 1 from {{ model }} where {{ column_name }} is not null)
{% endif %}
{% endtest %}


{#-
    Values are not all the same; with `group_by_columns`, not those of any group. Nulls are no values. Fails with the groups that
    have one value alone.

        data_tests:
          - not_constant:
              arguments: {group_by_columns: [flight_date]}
-#}
{% test not_constant(model, column_name, group_by_columns=[]) %}

select {% for column in group_by_columns %}{{ column }}, {% endfor %}count({{ column_name }}) as n_values, count(*) as n_records
from {{ model }}
{% if group_by_columns %}group by {{ group_by_columns | join(", ") }}{% endif %}
having count(distinct {{ column_name }}) = 1

{% endtest %}


{#-
    The share of rows that have a value is within these bounds (0 to 1); with `group_by_columns`, in each group. Fails with the groups
    for which it is not. Where there are no rows there is no share, and nothing fails.

        data_tests:
          - not_null_proportion:
              arguments: {at_least: 0.95}
-#}
{% test not_null_proportion(model, column_name, at_least=none, at_most=1, group_by_columns=[]) %}
{%- if at_least is none -%}
    {{ exceptions.raise_compiler_error("not_null_proportion needs the argument `at_least`, as 0.95") }}
{%- endif %}

select *
from (
    select {% for column in group_by_columns %}{{ column }}, {% endfor %}count({{ column_name }}) as n_values, count(*) as n_records
    from {{ model }}
    {% if group_by_columns %}group by {{ group_by_columns | join(", ") }}{% endif %}
) as counted
-- multiplied, not divided: there may be no rows, and thirds
where n_values < ({{ at_least }}) * n_records or n_values > ({{ at_most }}) * n_records

{% endtest %}


{#-
    The greatest `field` (a column, or SQL) is not older than that many days, hours, …; with `group_by_columns`, in each group. Fails
    with the groups for which it is, and where there is none at all.

        data_tests:
          - recency:
              arguments: {field: time_hour, datepart: hour, interval: 6}
-#}
{% test recency(model, field, datepart, interval, ignore_time_component=false, group_by_columns=[]) %}
{%- set type = "date" if ignore_time_component else dbt.type_timestamp() -%}
{%- set threshold = "cast(" ~ dbt.dateadd(datepart, interval * -1, stringx__now()) ~ " as " ~ type ~ ")" -%}
{%- set most_recent = "max(" ~ field ~ ")" -%}
{%- if ignore_time_component -%}{%- set most_recent = "cast(" ~ most_recent ~ " as date)" -%}{%- endif %}

select *, {{ threshold }} as threshold
from (
    select {% for column in group_by_columns %}{{ column }}, {% endfor %}{{ most_recent }} as most_recent
    from {{ model }}
    {% if group_by_columns %}group by {{ group_by_columns | join(", ") }}{% endif %}
) as grouped
where most_recent < {{ threshold }}
{% if not flags.EMPTY %}or most_recent is null{# `dbt build --empty` has no rows on purpose #}{% endif %}

{% endtest %}
