{#- A row predicate: the rows of `model` for which `holds` (SQL) is false; where it is null, a row passes. They are shown with
    `columns` and `context_columns` (lists of SQL), or whole where there are none. -#}
{% macro stringx__failing_rows(model, holds, columns=none, row_condition=none, context_columns=none) %}

select {{ stringx__shown(columns, context_columns) }}
from {{ model }}
where {{ stringx__only(row_condition) }}
and not (
    {{ holds }}
)

{% endmacro %}

{#- What a sample of rows shows: these columns, each of them once; all where none is named. -#}
{% macro stringx__shown(columns=none, context_columns=none) -%}
    {{ return(((columns or []) + (context_columns or [])) | unique | join(", ") or "*") }}
{%- endmacro %}
