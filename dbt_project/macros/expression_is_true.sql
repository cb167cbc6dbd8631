{#-
    Every row makes `expression` (SQL) true, or null; with a column, the expression follows its name. Fails with the rows for
    which it is false. Name, arguments and meaning are those of dbt_utils.

        data_tests:
          - expression_is_true:
              arguments: {expression: arr_time >= dep_time}
-#}
{% test expression_is_true(model, expression, column_name=none) %}

select *
from {{ model }}
where not (
    {% if column_name is not none %}{{ column_name }} {% endif %}{{ expression }}
)

{% endtest %}
