{#- A set of columns. `whole` is the relation where `model` may be a part of it, as a slice is: a condition has no columns to ask for. -#}

{#- The columns of a relation, as dbt knows them: `name`, `dtype`. Empty while dbt parses. -#}
{% macro stringx__columns(model, whole=none) -%}
    {%- set relation = whole or model -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- if relation is string -%}
        {{ exceptions.raise_compiler_error("the columns of a part of a table cannot be asked for: leave `where` out") }}
    {%- endif -%}
    {{ return(adapter.get_columns_in_relation(relation)) }}
{%- endmacro %}

{#- A column's name as the database has it: without the quotes that SQL needs. -#}
{% macro stringx__unquoted(column) -%}
    {%- set between = adapter.quote("x").split("x") -%}
    {%- if column[:1] == between[0] and column[-1:] == between[1] and column | length > 2 -%}
        {{ return(column[1:-1] | replace(between[1] * 2, between[1])) }}
    {%- endif -%}
    {{ return(column) }}
{%- endmacro %}

{#- These (a list of pairs of texts) as rows; none where there are none. -#}
{% macro stringx__pairs_as_rows(pairs, first, second) %}

{% for one, other in pairs %}
select cast({{ stringx__text(one) }} as {{ dbt.type_string() }}) as {{ first }}, cast({{ stringx__text(other) }} as {{ dbt.type_string() }}) as {{ second }}
{{ "union all" if not loop.last }}
{% else %}
select {{ stringx__text("") }} as {{ first }}, {{ stringx__text("") }} as {{ second }} where 1 = 0
{% endfor %}

{% endmacro %}
