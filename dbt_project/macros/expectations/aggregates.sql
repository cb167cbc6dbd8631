{#-
    An aggregate of a column, over all rows or over each group of `group_by`, lies between `min_value` and `max_value` (numbers or SQL,
    either may be left out); with `strictly`, it is neither of them. Fails with one row for each group that is outside. An
    aggregate of no values is null, and passes.

        columns:
          - name: distance
            data_tests:
              - expect_column_mean_to_be_between:
                  arguments: {min_value: 500, max_value: 2000, group_by: [origin], row_condition: dep_time is not null}
-#}
{% test expect_column_min_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ stringx__groups_outside(model, "min(" ~ column_name ~ ")", min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_max_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ stringx__groups_outside(model, "max(" ~ column_name ~ ")", min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_mean_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ stringx__groups_outside(model, "avg(" ~ column_name ~ ")", min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_median_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ stringx__groups_outside(model, stringx__percentile(column_name, 0.5), min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{#- `quantile` is a share: 0.95 for the value below which 95 % of the values lie. -#}
{% test expect_column_quantile_values_to_be_between(model, column_name, quantile, min_value=none, max_value=none, group_by=none,
                                                    row_condition=none, strictly=false) %}
{{ stringx__groups_outside(model, stringx__percentile(column_name, quantile), min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{#- The standard deviation of a sample. -#}
{% test expect_column_stdev_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ stringx__groups_outside(model, "stddev(" ~ column_name ~ ")", min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_column_sum_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ stringx__groups_outside(model, "sum(" ~ column_name ~ ")", min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{#- How many different values there are; null is none. -#}
{% test expect_column_unique_value_count_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none, row_condition=none,
                                                       strictly=false) %}
{{ stringx__groups_outside(model, "count(distinct " ~ column_name ~ ")", min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{#- The number of different values by the number of values: 1 where no value repeats. -#}
{% test expect_column_proportion_of_unique_values_to_be_between(model, column_name, min_value=none, max_value=none, group_by=none,
                                                                row_condition=none, strictly=false) %}
{%- set proportion -%}
cast(count(distinct {{ column_name }}) as {{ dbt.type_float() }}) / nullif(count({{ column_name }}), 0)
{%- endset -%}
{{ stringx__groups_outside(model, proportion, min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{#-
    The number of different values of a column, over all rows or over each group, compared with `value` (a number or SQL). Fails with
    one row for each group where it is another.

        columns:
          - name: origin
            data_tests:
              - expect_column_distinct_count_to_equal:
                  arguments: {value: 3, group_by: [flight_date]}
-#}
{% test expect_column_distinct_count_to_equal(model, column_name, value, group_by=none, row_condition=none) %}
{{ stringx__failing_groups(model, "count(distinct " ~ column_name ~ ")", stringx__compared("stringx_value", "=", value), group_by, row_condition) }}
{% endtest %}

{% test expect_column_distinct_count_to_be_greater_than(model, column_name, value, group_by=none, row_condition=none) %}
{{ stringx__failing_groups(model, "count(distinct " ~ column_name ~ ")", stringx__compared("stringx_value", ">", value), group_by, row_condition) }}
{% endtest %}

{% test expect_column_distinct_count_to_be_less_than(model, column_name, value, group_by=none, row_condition=none) %}
{{ stringx__failing_groups(model, "count(distinct " ~ column_name ~ ")", stringx__compared("stringx_value", "<", value), group_by, row_condition) }}
{% endtest %}

{#-
    The values of a column, once each, compared with a list: fails with each value that is not in the list (a null is not), with
    each that only the list has, or with both. `quote_values`: the list holds texts; without it, SQL.

        columns:
          - name: origin
            data_tests:
              - expect_column_distinct_values_to_equal_set:
                  arguments: {value_set: [EWR, JFK, LGA]}
-#}
{% test expect_column_distinct_values_to_be_in_set(model, column_name, value_set, quote_values=true, row_condition=none) %}
select found, n_records
from (
    {{ stringx__found_and_wanted(model, column_name, value_set, quote_values, row_condition) }}
) as both_sets
where wanted is null
{% endtest %}

{% test expect_column_distinct_values_to_contain_set(model, column_name, value_set, quote_values=true, row_condition=none) %}
select wanted
from (
    {{ stringx__found_and_wanted(model, column_name, value_set, quote_values, row_condition) }}
) as both_sets
where found is null and wanted is not null
{% endtest %}

{% test expect_column_distinct_values_to_equal_set(model, column_name, value_set, quote_values=true, row_condition=none) %}
select found, wanted
from (
    {{ stringx__found_and_wanted(model, column_name, value_set, quote_values, row_condition) }}
) as both_sets
where found is null or wanted is null
{% endtest %}

{#- Each value of the list. -#}
{% macro stringx__each_wanted_value(model, column_name, value_set, quote_values=true, row_condition=none) %}

select wanted
from (
    {{ stringx__found_and_wanted(model, column_name, value_set, quote_values, row_condition) }}
) as both_sets
where wanted is not null

{% endmacro %}

{#- Each value that the list or the column has. -#}
{% macro stringx__each_found_or_wanted_value(model, column_name, value_set, quote_values=true, row_condition=none) %}
{{ stringx__found_and_wanted(model, column_name, value_set, quote_values, row_condition) }}
{% endmacro %}

{#-
    The value that is the `top_n`-th by how often it occurs is in the list. `quote_values`: the list holds texts; without it, SQL, and
    both sides are taken as `data_type`. Fails with that value. Among values that occur as often, the smaller one comes first.

        columns:
          - name: dest
            data_tests:
              - expect_column_most_common_value_to_be_in_set:
                  arguments: {value_set: [ATL, ORD], top_n: 1}
-#}
{% test expect_column_most_common_value_to_be_in_set(model, column_name, value_set, top_n, quote_values=true, data_type="decimal",
                                                     row_condition=none) %}
{%- set value = column_name if quote_values else "cast(" ~ column_name ~ " as " ~ data_type ~ ")" -%}
select stringx_value, stringx_count
from (
    select
        {{ value }} as stringx_value,
        count(*) as stringx_count,
        row_number() over (order by count(*) desc, {{ value }}) as place
    from {{ model }}
    where {{ stringx__only(row_condition) }}
    group by {{ value }}
) as placed
where place = {{ top_n }}
and stringx_value not in (
    {% for one in stringx__listed(value_set, quote_values) %}
    select {{ one if quote_values else "cast(" ~ one ~ " as " ~ data_type ~ ")" }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)
{% endtest %}
