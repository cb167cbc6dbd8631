{#-
    Each value lies between `min_value` and `max_value` (numbers or SQL, either may be left out); with `strictly`, it is neither of
    them. Nulls pass. Fails with the rows outside.

        columns:
          - name: sched_dep_time
            data_tests:
              - expect_column_values_to_be_between:
                  arguments: {min_value: 0, max_value: 2359}
-#}
{% test expect_column_values_to_be_between(model, column_name, min_value=none, max_value=none, row_condition=none, strictly=false,
                                           context_columns=none) %}
{{ stringx__failing_rows(model, stringx__between(column_name, min_value, max_value, strictly), [column_name], row_condition, context_columns) }}
{% endtest %}

{#-
    The same of any SQL, over each row; an aggregate is judged over all rows, or over each group of `group_by_columns`.

        data_tests:
          - expression_between:
              arguments: {expression: arr_delay - dep_delay, min_value: -120, max_value: 240}
-#}
{% test expression_between(model, expression, min_value=none, max_value=none, group_by_columns=none, row_condition=none, strictly=false,
                           context_columns=none) %}
{{ stringx__groups_outside(model, expression, min_value, max_value, group_by_columns, row_condition, strictly, context_columns) }}
{% endtest %}

{#-
    Each value is in the list, and a null is not; or none is. `quote_values`: the list holds texts; without it, SQL. Fails with the
    rows for which it is not so.

        columns:
          - name: origin
            data_tests:
              - expect_column_values_to_be_in_set:
                  arguments: {value_set: [EWR, JFK, LGA]}
-#}
{% test expect_column_values_to_be_in_set(model, column_name, value_set, quote_values=true, row_condition=none, context_columns=none) %}
{{ stringx__failing_rows(model, stringx__is_in(column_name, value_set, quote_values), [column_name], row_condition, context_columns) }}
{% endtest %}

{% test expect_column_values_to_not_be_in_set(model, column_name, value_set, quote_values=true, row_condition=none, context_columns=none) %}
{%- set holds = "not " ~ stringx__is_in(column_name, value_set, quote_values) -%}
{{ stringx__failing_rows(model, holds, [column_name], row_condition, context_columns) }}
{% endtest %}

{#-
    Every row has a value, or none has. Fails with the rows for which it is not so.

        columns:
          - name: dep_time
            data_tests:
              - expect_column_values_to_not_be_null:
                  arguments: {row_condition: arr_time is not null}
-#}
{% test expect_column_values_to_be_null(model, column_name, row_condition=none, context_columns=none) %}
{{ stringx__failing_rows(model, column_name ~ " is null", [column_name], row_condition, context_columns) }}
{% endtest %}

{% test expect_column_values_to_not_be_null(model, column_name, row_condition=none, context_columns=none) %}
{{ stringx__failing_rows(model, column_name ~ " is not null", [column_name], row_condition, context_columns) }}
{% endtest %}

{#-
    No value occurs twice; nulls may. Fails with one row for each value that does; of a slice, also with those that occur once more outside
    it, in `whole`, which a gate gives.

        columns:
          - name: tailnum
            data_tests:
              - expect_column_values_to_be_unique
-#}
{% test expect_column_values_to_be_unique(model, column_name, row_condition=none, whole=none) %}
{{ stringx__repeated_in_some(model, [column_name], "all_values_are_missing", row_condition, whole) }}
{% endtest %}

{#-
    No two values differ in capital letters alone. Fails with one row that counts the spellings, or, with
    `display_inconsistent_columns`, with one for each value that has several. `n_records`: the rows that have such a value.

        columns:
          - name: dest
            data_tests:
              - expect_column_values_to_have_consistent_casing:
                  arguments: {display_inconsistent_columns: true}
-#}
{% test expect_column_values_to_have_consistent_casing(model, column_name, display_inconsistent_columns=false) %}
{% if display_inconsistent_columns -%}
select lower({{ column_name }}) as stringx_value, count(distinct {{ column_name }}) as spellings, count(*) as n_records
from {{ model }}
group by lower({{ column_name }})
having count(distinct {{ column_name }}) > 1
{%- else -%}
select
    sum(spellings) as spellings,
    count(*) as spellings_in_lower_case,
    sum(case when spellings > 1 then n_records end) as n_records
from (
    select count(distinct {{ column_name }}) as spellings, count(*) as n_records
    from {{ model }}
    where {{ column_name }} is not null
    group by lower({{ column_name }})
) as by_value
having sum(spellings) <> count(*)
{%- endif %}
{% endtest %}

{#-
    In the order of `sort_column` (the column itself where there is none), each value is larger than the one before it, or smaller;
    without `strictly`, it may be the same. With `group_by`, in each group by itself; with `step`, it differs by that much. Nulls
    pass, and so does the value after one. Fails with the rows that break the order; `stringx_before` is the value before.

        columns:
          - name: flight_date
            data_tests:
              - expect_column_values_to_be_increasing:
                  arguments: {sort_column: time_hour, strictly: false, group_by: [origin]}
-#}
{% test expect_column_values_to_be_increasing(model, column_name, sort_column=none, strictly=true, row_condition=none, group_by=none, step=none,
                                              context_columns=none) %}
{%- set step_holds = " and stringx_value - stringx_before = " ~ step if step else "" -%}
{%- set holds = "stringx_value " ~ (">" if strictly else ">=") ~ " stringx_before" ~ step_holds -%}
{{ stringx__rows_out_of_order(model, column_name, holds, sort_column, row_condition, group_by, context_columns) }}
{% endtest %}

{% test expect_column_values_to_be_decreasing(model, column_name, sort_column=none, strictly=true, row_condition=none, group_by=none, step=none,
                                              context_columns=none) %}
{%- set step_holds = " and stringx_before - stringx_value = " ~ step if step else "" -%}
{%- set holds = "stringx_value " ~ ("<" if strictly else "<=") ~ " stringx_before" ~ step_holds -%}
{{ stringx__rows_out_of_order(model, column_name, holds, sort_column, row_condition, group_by, context_columns) }}
{% endtest %}

{#- The rows for which `holds` is false, a condition on `stringx_value` and on the value in the row before, `stringx_before`. -#}
{% macro stringx__rows_out_of_order(model, column_name, holds, sort_column, row_condition, group_by, context_columns) %}
{%- set sort_column = sort_column or column_name -%}
select *
from (
    select
        {% for column in ((group_by or []) + [sort_column] + (context_columns or [])) | unique %}{{ column }}, {% endfor %}
        {{ column_name }} as stringx_value,
        lag({{ column_name }}) over (
            {% if group_by %}partition by {{ group_by | join(", ") }}{% endif %}
            order by {{ sort_column }}
        ) as stringx_before
    from {{ model }}
    where {{ stringx__only(row_condition) }}
) as in_order
where stringx_before is not null
and not ({{ holds }})
{% endmacro %}
