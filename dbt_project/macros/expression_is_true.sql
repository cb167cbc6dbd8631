{#-
    Every row makes `expression` (SQL) true, or null; with a column, the expression follows its name. An aggregate is judged over
    all rows, or over each group. `test_condition` is what the expression is compared by. Name, arguments and meaning are those
    of dbt_utils and of dbt_expectations.

        data_tests:
          - expression_is_true:
              arguments: {expression: arr_time >= dep_time}
          - expression_is_true:
              arguments: {expression: count(distinct origin), test_condition: "= 3", group_by_columns: [flight_date]}
-#}
{% test expression_is_true(model, expression, column_name=none, test_condition="= true", group_by_columns=none, row_condition=none,
                           context_columns=none) %}
{%- if column_name is none -%}
    {{ stringx__failing_groups(model, expression, "stringx_value " ~ test_condition, group_by_columns, row_condition, context_columns) }}
{%- else -%}
    {%- set holds = "(" ~ column_name ~ " " ~ expression ~ "\n) " ~ test_condition -%}
    {{ stringx__failing_rows(model, holds, [column_name], row_condition, context_columns) }}
{%- endif -%}
{% endtest %}
