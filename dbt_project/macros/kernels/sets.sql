{#- A set of values: those of a column and those of a list, once each, side by side in `found` and `wanted`; null where the other has
    it alone. `n_records`: how many rows have the one that was found. `quote`: the list holds texts, else SQL. -#}
{% macro stringx__found_and_wanted(model, column_name, value_set, quote=true, row_condition=none) %}

select *
from (
    select {{ column_name }} as found, count(*) as n_records
    from {{ model }}
    where {{ stringx__only(row_condition) }}
    group by {{ column_name }}
) as of_column
full outer join (
    {% for value in stringx__listed(value_set, quote) %}
    select {{ value }} as wanted
    {{ "union" if not loop.last }}
    {% endfor %}
) as of_list on of_column.found = of_list.wanted

{% endmacro %}

{#- The condition that a value, null or not, is among these. -#}
{% macro stringx__is_in(value, value_set, quote=true) -%}
    {{ return("coalesce(" ~ value ~ " in (" ~ stringx__listed(value_set, quote) | join(", ") ~ "), false)") }}
{%- endmacro %}
