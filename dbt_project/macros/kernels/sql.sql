{#- Pieces of SQL that the checks are made of. What a gate or a YAML file says in SQL stands in brackets on lines of its own: it
    may hold an `or`, or end in a comment. -#}

{#- A value as the literal of a text: `it's` as 'it''s'. -#}
{% macro stringx__text(value) -%}
    {{ return("'" ~ dbt.escape_single_quotes(value | string) ~ "'") }}
{%- endmacro %}

{#- The condition that keeps the rows that a check is about; true where there is none. -#}
{% macro stringx__only(row_condition=none) -%}
    {{ return("(\n" ~ row_condition ~ "\n)" if row_condition else "1 = 1") }}
{%- endmacro %}

{#- The condition that `value` (SQL) lies between the bounds, each of them SQL or none; with `strictly`, the bounds lie outside. -#}
{% macro stringx__between(value, min_value=none, max_value=none, strictly=false) -%}
    {%- if min_value is none and max_value is none -%}
        {{ exceptions.raise_compiler_error("say `min_value`, `max_value` or both") }}
    {%- endif -%}
    {%- set equal = "" if strictly else "=" -%}
    {%- set bounds = [] -%}
    {%- if min_value is not none -%}{%- do bounds.append(stringx__compared(value, ">" ~ equal, min_value)) -%}{%- endif -%}
    {%- if max_value is not none -%}{%- do bounds.append(stringx__compared(value, "<" ~ equal, max_value)) -%}{%- endif -%}
    {{ return(bounds | join(" and ")) }}
{%- endmacro %}

{#- The condition that `value` (SQL) compares so with a number or other SQL. -#}
{% macro stringx__compared(value, operator, other) -%}
    {{ return(value ~ " " ~ operator ~ " (\n" ~ other ~ "\n)") }}
{%- endmacro %}

{#- These values as a list of SQL: each a text where `quote`, else SQL as it stands. -#}
{% macro stringx__listed(values, quote=true) -%}
    {%- set listed = [] -%}
    {%- for value in values -%}
        {%- do listed.append("cast(" ~ stringx__text(value) ~ " as " ~ dbt.type_string() ~ ")" if quote else value | string) -%}
    {%- endfor -%}
    {{ return(listed) }}
{%- endmacro %}

{#- These columns, as they are written, quoted where `quote`. -#}
{% macro stringx__quoted(columns, quote=false) -%}
    {%- set quoted = [] -%}
    {%- for column in columns -%}{%- do quoted.append(adapter.quote(column) if quote else column) -%}{%- endfor -%}
    {{ return(quoted) }}
{%- endmacro %}
