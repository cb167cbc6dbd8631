{#- An aggregate judged: the groups of `model` (all of its rows are one where `group_by` is none) for which `holds` is false, a
    condition on `stringx_value`, which is `value` (SQL) of the group; where it is null, a group passes. A value that is no aggregate
    is taken for each row, and `context_columns` stand beside it. -#}
{% macro stringx__failing_groups(model, value, holds, group_by=none, row_condition=none, context_columns=none) %}

select *
from (
    select
        {% for column in ((group_by or []) + (context_columns or [])) | unique %}{{ column }}, {% endfor %}
        (
            {{ value }}
        ) as stringx_value
    from {{ model }}
    where {{ stringx__only(row_condition) }}
    {% if group_by %}group by {{ group_by | join(", ") }}{% endif %}
) as valued
where not ({{ holds }})

{% endmacro %}

{#- The same for bounds of the value. -#}
{% macro stringx__groups_outside(model, value, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false,
                                 context_columns=none) %}
{%- set holds = stringx__between("stringx_value", min_value, max_value, strictly) -%}
{{ stringx__failing_groups(model, value, holds, group_by, row_condition, context_columns) }}
{% endmacro %}
