{#-
    The table has the recorded columns (a mapping of their names to types, by whatever name the database knows these: `int` for
    `integer`) and, unless `allow_new_columns`, no others. A type without a length or a precision stands for any. Fails with each
    column that is missing, is new or has another type. It is about the whole table: what is in it does not matter.

        data_tests:
          - no_schema_drift:
              arguments: {columns: {carrier: text, name: text}}
-#}
{% test no_schema_drift(model, columns, allow_new_columns=false) %}
{%- if model is string -%}
    {{ exceptions.raise_compiler_error("no_schema_drift is about the whole table: leave `where` out; in a gate, say `scope: table`") }}
{%- endif %}

{{ stringx__recorded_and_found(model, columns, allow_new_columns) }}
where recorded_type is null or found_type is null or not case recorded.column_name
    {%- for name, type in columns.items() %}
    when {{ stringx__text(name) }} then {{ stringx__is_type("found_type", type) }}
    {%- endfor %}
end

{% endtest %}


{#- The columns that are recorded and, unless `allow_new_columns`, those that the table has, with their types side by side. -#}
{% macro stringx__recorded_and_found(model, columns, allow_new_columns=false) -%}
select coalesce(recorded.column_name, found.column_name) as column_name, recorded_type, found_type
from (
    {%- for name, type in columns.items() %}
    select {{ stringx__text(name) }} as column_name, {{ stringx__text(type) }} as recorded_type
    {{ "union all" if not loop.last }}
    {%- endfor %}
) as recorded
{{ "left" if allow_new_columns else "full" }} join (
    {{ stringx__columns_and_types(model) }}
) as found on found.column_name = recorded.column_name
{%- endmacro %}


{#- The columns of a relation, with their types as the database tells them. -#}
{% macro stringx__columns_and_types(relation) -%}
    {{ return(adapter.dispatch("stringx__columns_and_types")(relation)) }}
{%- endmacro %}

{% macro default__stringx__columns_and_types(relation) %}
    select column_name, data_type as found_type
    from information_schema.columns
    where table_schema = {{ stringx__text(relation.schema) }}
    and table_name = {{ stringx__text(relation.identifier) }}
    {% if relation.database %}and table_catalog = {{ stringx__text(relation.database) }}{% endif %}
{% endmacro %}

{#- With lengths and precisions, and of materialized views too. -#}
{% macro postgres__stringx__columns_and_types(relation) %}
    select cast(attname as text) as column_name, format_type(atttypid, atttypmod) as found_type
    from pg_attribute
    where attrelid = cast({{ stringx__text(relation) }} as regclass) and attnum > 0 and not attisdropped
{% endmacro %}


{#- The condition that a type which the database tells is the one that is called so. -#}
{% macro stringx__is_type(found, type) -%}
    {{ return(adapter.dispatch("stringx__is_type")(found, type)) }}
{%- endmacro %}

{% macro default__stringx__is_type(found, type) -%}
    {{ return("lower(" ~ found ~ ") = " ~ stringx__text(type | lower)) }}
{%- endmacro %}

{% macro postgres__stringx__is_type(found, type) -%}
    {%- set same = "regexp_replace(" ~ found ~ ", '[(].*[)]', '') = format_type(cast(" ~ stringx__text(type) ~ " as regtype), null)" -%}
    {%- set size = modules.re.search("[(].*[)]", type) -%}
    {{ return(same ~ " and position(" ~ stringx__text(size.group() | replace(" ", "")) ~ " in " ~ found ~ ") > 0" if size else same) }}
{%- endmacro %}

{% macro duckdb__stringx__is_type(found, type) -%}
    {%- set meant = "typeof(cast(null as " ~ type ~ "))" -%}
    {%- if "(" in type -%}{{ return(found ~ " = " ~ meant) }}{%- endif -%}
    {{ return("regexp_replace(" ~ found ~ ", '[(].*[)]', '') = regexp_replace(" ~ meant ~ ", '[(].*[)]', '')") }}
{%- endmacro %}
