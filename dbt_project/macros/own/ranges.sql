{#-
    Ranges, each from its lower bound up to, not including, its upper one, have nothing in common; with `group_by_columns`, within each
    group. With `upper_bound_included`, each holds its upper bound too. A null is no bound: the range has no beginning or no end. A
    range that ends before it begins holds nothing. Fails with the rows that begin within an earlier one, however long before.

        data_tests:
          - no_overlapping_ranges:
              arguments: {lower_bound_column: valid_from, upper_bound_column: valid_to, group_by_columns: [tailnum]}
-#}
{% test no_overlapping_ranges(
    model, lower_bound_column, upper_bound_column, group_by_columns=[], upper_bound_included=false, context_columns=none
) %}

select {{ stringx__shown(group_by_columns + [lower_bound_column, upper_bound_column], context_columns) }}
from {{ stringx__ranges(model, lower_bound_column, upper_bound_column, group_by_columns, upper_bound_included) }}
where stringx_earlier > 0 and (
    stringx_endless > 0
    or {{ lower_bound_column }} is null
    or {{ lower_bound_column }} {{ "<=" if upper_bound_included else "<" }} stringx_covered_to
)

{% endtest %}


{#-
    Ranges, each from its lower bound up to, not including, its upper one, leave nothing out between the first and the last; with
    `group_by_columns`, within each group. With `upper_bound_included` each holds its upper bound too, and the next may begin one
    later (whole numbers, dates). A null is no bound, and a range that ends before it begins holds nothing. Fails with the rows
    that begin after a gap.

        data_tests:
          - no_gaps_between_ranges:
              arguments: {lower_bound_column: valid_from, upper_bound_column: valid_to, group_by_columns: [tailnum]}
-#}
{% test no_gaps_between_ranges(
    model, lower_bound_column, upper_bound_column, group_by_columns=[], upper_bound_included=false, context_columns=none
) %}

select {{ stringx__shown(group_by_columns + [lower_bound_column, upper_bound_column, "stringx_covered_to"], context_columns) }}
from {{ stringx__ranges(model, lower_bound_column, upper_bound_column, group_by_columns, upper_bound_included) }}
where stringx_earlier > 0
and stringx_endless = 0
and {{ lower_bound_column }} > stringx_covered_to{{ " + 1" if upper_bound_included }}

{% endtest %}


{#- The rows whose range holds something, in order, each with what is known of the earlier ones: how many they are, how many have
    no end, and how far the others reach. -#}
{% macro stringx__ranges(model, lower_bound_column, upper_bound_column, group_by_columns, upper_bound_included) -%}
{%- set earlier -%}
    over (
            {% if group_by_columns %}partition by {{ group_by_columns | join(", ") }}{% endif %}
            order by {{ lower_bound_column }} nulls first, {{ upper_bound_column }}
            rows between unbounded preceding and 1 preceding
        )
{%- endset -%}
(
    select
        *,
        count(*) {{ earlier }} as stringx_earlier,
        sum(case when {{ upper_bound_column }} is null then 1 else 0 end) {{ earlier }} as stringx_endless,
        max({{ upper_bound_column }}) {{ earlier }} as stringx_covered_to
    from {{ model }}
    where {{ lower_bound_column }} is null
    or {{ upper_bound_column }} is null
    or {{ lower_bound_column }} {{ "<=" if upper_bound_included else "<" }} {{ upper_bound_column }}
) as ranges
{%- endmacro %}
