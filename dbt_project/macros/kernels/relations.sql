{#- Two relations compared: the same groups of both (all rows are one where `group_by` is none), each with its `value` (SQL) in
    `value_a` and `value_b`; null where a group is in the other only. A group by nulls is the same as no other. -#}
{% macro stringx__two_relations(model, value, compare_model, compare_value, group_by=none, compare_group_by=none, row_condition=none,
                                compare_row_condition=none) %}
{%- set columns = group_by or [] %}

select
    {% for column in columns %}coalesce(a.group_{{ loop.index }}, b.group_{{ loop.index }}) as group_{{ loop.index }}, {% endfor %}
    a.stringx_value as value_a,
    b.stringx_value as value_b
from (
    {{ stringx__grouped(model, value, columns, row_condition) }}
) as a
{{ "full outer" if columns else "cross" }} join (
    {{ stringx__grouped(compare_model, compare_value, compare_group_by or columns, compare_row_condition) }}
) as b
{% for column in columns %}{{ "on" if loop.first else "and" }} a.group_{{ loop.index }} = b.group_{{ loop.index }} {% endfor %}

{% endmacro %}

{#- The groups of a relation, as `group_1`…, each with its `value` (SQL) as `stringx_value`. -#}
{% macro stringx__grouped(model, value, group_by=none, row_condition=none) %}
    select
        {% for column in group_by or [] %}{{ column }} as group_{{ loop.index }}, {% endfor %}
        (
            {{ value }}
        ) as stringx_value
    from {{ model }}
    where {{ stringx__only(row_condition) }}
    {% if group_by %}group by {% for column in group_by %}{{ loop.index }}{{ ", " if not loop.last }}{% endfor %}{% endif %}
{% endmacro %}
