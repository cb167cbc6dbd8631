{#-
    Values lie between the bounds (SQL: a number, another column, …), of which one can be left out; nulls pass. Fails with the rows
    whose value does not.

        data_tests:
          - accepted_range:
              arguments: {min_value: 0, max_value: distance, inclusive: false}
-#}
{% test accepted_range(model, column_name, min_value=none, max_value=none, inclusive=true, context_columns=none) %}
{{ stringx__failing_rows(
    model, stringx__between(column_name, min_value, max_value, strictly=not inclusive), [column_name], context_columns=context_columns
) }}
{% endtest %}


{#-
    None of these values is there. Fails with each of them that is, once. `quote: false` takes them as SQL.

        data_tests:
          - not_accepted_values:
              arguments: {values: [XXX, "?"]}
-#}
{% test not_accepted_values(model, column_name, values, quote=true) %}
{%- set refused = [] -%}
{%- for value in values -%}{%- do refused.append(stringx__text(value) if quote else value) -%}{%- endfor %}

select {{ column_name }} as value_field, count(*) as n_records
from {{ model }}
where {{ column_name }} in ({{ refused | join(", ") }})
group by {{ column_name }}

{% endtest %}


{#-
    No text is empty, nor, with `trim_whitespace`, made of blanks alone; nulls pass. Fails with the rows whose text is.

        data_tests:
          - not_empty_string
-#}
{% test not_empty_string(model, column_name, trim_whitespace=true, context_columns=none) %}
{%- set text = "trim(" ~ column_name ~ ")" if trim_whitespace else column_name -%}
{{ stringx__failing_rows(model, text ~ " <> ''", [column_name], context_columns=context_columns) }}
{% endtest %}
