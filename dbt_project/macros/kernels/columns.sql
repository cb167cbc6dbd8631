{#- A set of columns. -#}

{#- The columns of a relation, as dbt knows them: `name`, `dtype`. None while dbt parses. -#}
{% macro stringx__columns(relation) -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- if relation is string -%}
        {{ exceptions.raise_compiler_error("a part of a table has no columns of its own: leave `where` out; in a gate, `scope: table`") }}
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

{#- What is wrong with columns, as rows: of each fault a column and what it is. -#}
{% macro stringx__faults_of_columns(faults) %}

{% for column, fault in faults %}
select cast({{ stringx__text(column) }} as {{ dbt.type_string() }}) as column_name, cast({{ stringx__text(fault) }} as {{ dbt.type_string() }}) as fault
{{ "union all" if not loop.last }}
{% else %}
select cast(null as {{ dbt.type_string() }}) as column_name, cast(null as {{ dbt.type_string() }}) as fault
where 1 = 0
{% endfor %}

{% endmacro %}
