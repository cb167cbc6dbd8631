{#-
    The number of rows lies between `min_value` and `max_value` (either may be left out; with `strictly`, it is neither of them), or
    is `value`; of the table, or of each group that there is. Fails with one row for each group where it is another.

        data_tests:
          - expect_table_row_count_to_be_between:
              arguments: {min_value: 1, group_by: [origin]}
-#}
{% test expect_table_row_count_to_be_between(model, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false) %}
{{ stringx__groups_outside(model, "count(*)", min_value, max_value, group_by, row_condition, strictly) }}
{% endtest %}

{% test expect_table_row_count_to_equal(model, value, group_by=none, row_condition=none) %}
{{ stringx__failing_groups(model, "count(*)", stringx__compared("stringx_value", "=", value), group_by, row_condition) }}
{% endtest %}

{#-
    The table has as many rows as another, times `factor`; of both, or of each group. What `compare_…` does not say is as of this
    table. Fails with one row for each group where it is not so, those that are in one of the tables only among them.

        data_tests:
          - expect_table_row_count_to_equal_other_table:
              arguments: {compare_model: ref('flights'), group_by: [carrier]}
-#}
{% test expect_table_row_count_to_equal_other_table(model, compare_model, group_by=none, compare_group_by=none, factor=1, row_condition=none,
                                                    compare_row_condition=none) %}
{{ stringx__values_apart(model, "count(*)", compare_model, "count(*) * " ~ factor, group_by, compare_group_by, row_condition, compare_row_condition) }}
{% endtest %}

{% test expect_table_row_count_to_equal_other_table_times_factor(model, compare_model, factor, group_by=none, compare_group_by=none,
                                                                 row_condition=none, compare_row_condition=none) %}
{{ stringx__values_apart(model, "count(*)", compare_model, "count(*) * " ~ factor, group_by, compare_group_by, row_condition, compare_row_condition) }}
{% endtest %}

{#-
    An aggregate (SQL) has the same value here and in another table, or, as `equal_expression`, in the same one; of all rows, or of each
    group. What `compare_…` does not say is as of this table. The values may be apart by `tolerance`, or, where it is given, by
    `tolerance_percent` of this table's value (0.01 for 1 %). No value counts as 0. Fails with one row for each group where they are
    further apart; `value_a` is this table's.

        data_tests:
          - expect_table_aggregation_to_equal_other_table:
              arguments:
                expression: sum(distance)
                compare_model: ref('flights')
                group_by: [carrier]
                tolerance_percent: 0.01
-#}
{% test expect_table_aggregation_to_equal_other_table(model, expression, compare_model, compare_expression=none, group_by=none,
                                                      compare_group_by=none, row_condition=none, compare_row_condition=none, tolerance=0.0,
                                                      tolerance_percent=none) %}
{{ stringx__values_apart(model, expression, compare_model, compare_expression or expression, group_by, compare_group_by, row_condition,
                         compare_row_condition, tolerance, tolerance_percent) }}
{% endtest %}

{% test equal_expression(model, expression, compare_model=none, compare_expression=none, group_by=none, compare_group_by=none,
                         row_condition=none, compare_row_condition=none, tolerance=0.0, tolerance_percent=none) %}
{{ stringx__values_apart(model, expression, compare_model or model, compare_expression or expression, group_by, compare_group_by, row_condition,
                         compare_row_condition, tolerance, tolerance_percent) }}
{% endtest %}

{#-
    A column has as many different values as a column of another table (of the same name, where `compare_column_name` is empty).
    Fails with one row.

        columns:
          - name: carrier
            data_tests:
              - expect_column_distinct_count_to_equal_other_table:
                  arguments: {compare_model: ref('airlines'), compare_column_name: carrier}
-#}
{% test expect_column_distinct_count_to_equal_other_table(model, compare_model, column_name, compare_column_name, row_condition=none,
                                                          compare_row_condition=none) %}
{{ stringx__values_apart(model, "count(distinct " ~ column_name ~ ")", compare_model, "count(distinct " ~ (compare_column_name or column_name) ~ ")",
                         row_condition=row_condition, compare_row_condition=compare_row_condition) }}
{% endtest %}

{#- The groups whose values in two relations are further apart than the tolerance; what `compare_…` does not say is as of `model`. -#}
{% macro stringx__values_apart(model, value, compare_model, compare_value, group_by=none, compare_group_by=none, row_condition=none,
                               compare_row_condition=none, tolerance=0.0, tolerance_percent=none) %}
{%- set apart = "abs(coalesce(value_a, 0) - coalesce(value_b, 0))" -%}
select *, {{ apart }} as apart
from (
    {{ stringx__two_relations(model, value, compare_model, compare_value, group_by, compare_group_by or group_by, row_condition,
                              compare_row_condition or row_condition) }}
) as compared
where
{% if tolerance_percent %}
    {{ apart }} / abs(nullif(value_a * 1.0, 0)) > {{ tolerance_percent }}
    or (coalesce(value_a, 0) = 0 and {{ apart }} > 0)
{% else %}
    {{ apart }} > {{ tolerance }}
{% endif %}
{% endmacro %}

{#- Each group that one of two tables has. -#}
{% macro stringx__each_group_of_two(model, compare_model=none, group_by=none, compare_group_by=none, row_condition=none, compare_row_condition=none) %}
{%- do kwargs -%}
{{ stringx__two_relations(model, "count(*)", compare_model or model, "count(*)", group_by, compare_group_by or group_by, row_condition,
                          compare_row_condition or row_condition) }}
{% endmacro %}
