{#-
    Ranges, each from `lower_bound_column` to `upper_bound_column` (columns, or SQL), do not overlap the next one by their lower bounds;
    with `partition_by` (SQL), among those that are equal in it. Bounds must be known, and the lower one lies below the upper one,
    or, with `zero_length_range_allowed`, at it. `gaps` between ranges are `allowed`, `not_allowed` or `required`. Fails with each range
    that breaks one of these. Unknown ends and ranges within longer ones: `no_overlapping_ranges`, `no_gaps_between_ranges`.

        data_tests:
          - mutually_exclusive_ranges:
              arguments: {lower_bound_column: valid_from, upper_bound_column: valid_to, partition_by: tailnum, gaps: not_allowed}
-#}
{% test mutually_exclusive_ranges(
    model, lower_bound_column, upper_bound_column, partition_by=none, gaps="allowed", zero_length_range_allowed=false
) %}
{%- set before_the_next = {"not_allowed": "=", "allowed": "<=", "required": "<"} -%}
{%- if gaps not in before_the_next -%}
    {{ exceptions.raise_compiler_error("`gaps` must be allowed, not_allowed or required, got " ~ gaps) }}
{%- endif -%}
{%- set partition = "partition by " ~ partition_by if partition_by else "" -%}
{%- set in_order = partition ~ " order by " ~ lower_bound_column ~ ", " ~ upper_bound_column %}

select *
from (
    select
        {% if partition_by %}{{ partition_by }},{% endif %}
        {{ lower_bound_column }} as lower_bound,
        {{ upper_bound_column }} as upper_bound,
        lead({{ lower_bound_column }}) over ({{ in_order }}) as next_lower_bound,
        -- tells the last range from one before an unknown bound
        lead(1) over ({{ in_order }}) as has_next
    from {{ model }}
) as ranges
where not coalesce(lower_bound {{ "<=" if zero_length_range_allowed else "<" }} upper_bound, false)
or not coalesce(upper_bound {{ before_the_next[gaps] }} next_lower_bound, has_next is null)

{% endtest %}


{#-
    Each value is the one before it plus `interval` (numbers), or plus that many of `datepart` (dates and times), in the order of the
    values; with `group_by_columns`, within each group. Nulls pass. Fails with the rows after a gap or a repetition.

        data_tests:
          - sequential_values:
              arguments: {interval: 1, datepart: hour, group_by_columns: [origin]}
-#}
{% test sequential_values(model, column_name, interval=1, datepart=none, group_by_columns=[]) %}
{%- set expected = "previous_value + " ~ interval -%}
{%- set found = "this_value" -%}
{%- if datepart -%}
    {%- set expected = "cast(" ~ dbt.dateadd(datepart, interval, "previous_value") ~ " as " ~ dbt.type_timestamp() ~ ")" -%}
    {%- set found = "cast(this_value as " ~ dbt.type_timestamp() ~ ")" -%}
{%- endif %}

select *
from (
    select
        {% for column in group_by_columns %}{{ column }}, {% endfor %}
        {{ column_name }} as this_value,
        lag({{ column_name }}) over (
            {% if group_by_columns %}partition by {{ group_by_columns | join(", ") }}{% endif %}
            order by {{ column_name }}
        ) as previous_value
    from {{ model }}
) as in_order
where not ({{ found }} = {{ expected }})

{% endtest %}
