{#- An aggregate compared: the groups of `model` (all of its rows are one where `group_by` is none) for whose `value` (SQL)
    `holds` is false, a condition on `stringx_value`; where it is null, a group passes. A value that is no aggregate is taken for
    each row. -#}
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
where not (stringx_value {{ holds }})

{% endmacro %}
