{#-
    The share of rows without a value lies between these bounds (0 to 1). Fails with the rows that there are too many of: those without
    a value, or those with one. Where there are no rows there is no share, and nothing fails.

        data_tests:
          - column_null_share_between:
              arguments: {max_value: 0.05}
-#}
{% test column_null_share_between(model, column_name, min_value=0, max_value=1, context_columns=none) %}

select {{ stringx__shown([column_name], context_columns) }}
from {{ model }}
cross join (
    select count(*) as stringx_rows, count({{ column_name }}) as stringx_values from {{ model }}
) as counted
where {{ column_name }} is null and stringx_rows - stringx_values > ({{ max_value }}) * stringx_rows
or {{ column_name }} is not null and stringx_rows - stringx_values < ({{ min_value }}) * stringx_rows

{% endtest %}
