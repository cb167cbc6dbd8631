{#- An aggregate judged: the groups of `model` (all of its rows are one where `group_by` is none) for which `holds` is false, a
    condition on `stringx_value`, which is `value` (SQL) of the group; where it is null, a group passes. A value that is no aggregate
    is taken for each row, and `context_columns` stand beside it. -#}
{% macro stringx__failing_groups(model, value, holds, group_by=none, row_condition=none, context_columns=none) %}

select *
from (
    {{ stringx__valued(model, value, group_by, row_condition, context_columns) }}
) as valued
where not ({{ holds }})

{% endmacro %}

{#- What is judged: each group, or all rows as one, or, of a value that is no aggregate, each row. -#}
{% macro stringx__valued(model, value, group_by=none, row_condition=none, context_columns=none) -%}
    select
        {% for column in ((group_by or []) + (context_columns or [])) | unique %}{{ column }}, {% endfor %}
        (
            {{ value }}
        ) as stringx_value
    from {{ model }}
    where {{ stringx__only(row_condition) }}
    {% if group_by %}group by {{ group_by | join(", ") }}{% endif %}
{%- endmacro %}

{#- The same for bounds of the value. -#}
{% macro stringx__groups_outside(model, value, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false,
                                 context_columns=none) %}
{%- set holds = stringx__between("stringx_value", min_value, max_value, strictly) -%}
{{ stringx__failing_groups(model, value, holds, group_by, row_condition, context_columns) }}
{% endmacro %}

{#- What a share of failures is of, where it is neither rows nor the whole: a row for each thing that a check looks at, in the `stringx__each_…`
    macros. They are called with all arguments of the rule, and name those that they need; the others are in `kwargs`. -#}

{#- Each group of a check with `group_by` or `group_by_columns`. -#}
{% macro stringx__each_group(model, group_by=none, group_by_columns=none, row_condition=none) %}
{%- do kwargs -%}
{%- set columns = (group_by or group_by_columns) | join(", ") %}

select {{ columns }}
from {{ model }}
where {{ stringx__only(row_condition) }}
group by {{ columns }}

{% endmacro %}

{#- Each value of an expression. Whether that is an aggregate, the database knows. -#}
{% macro stringx__each_value_of_sql(model, expression, group_by_columns=none, row_condition=none) %}
{%- do kwargs %}

    {{ stringx__valued(model, expression, group_by_columns, row_condition) }}

{% endmacro %}
