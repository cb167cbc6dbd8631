{#-
    The rows of this table and of `compare_model` belong to each other by their keys (nulls are equal), and agree in the `compare_columns`:
    numbers within `tolerance`. Fails with each key that only one of them has, that one of them has more than once, or whose values
    do not agree (a null and a value do not).

    `slice_columns`: columns by which a slice is cut, in both tables. Of the other table, only rows whose values in them are found in
    this one take part; without them, all do.

        data_tests:
          - reconciles_by_keys:
              arguments: {compare_model: source('raw', 'payments'), key_columns: [payment_id], compare_columns: [amount], tolerance: 0.01}
-#}
{% test reconciles_by_keys(model, compare_model, key_columns, compare_columns=[], tolerance=0, slice_columns=[]) %}
{%- set keys = key_columns | join(", ") %}

select *
from (
    select
        {{ keys }},
        sum(stringx_here) as rows_here,
        sum(stringx_there) as rows_there
        {%- for column in compare_columns %},
        max(case when stringx_here = 1 then {{ column }} end) as here_{{ loop.index }},
        max(case when stringx_there = 1 then {{ column }} end) as there_{{ loop.index }}
        {%- endfor %}
    from (
        select {{ (key_columns + compare_columns) | unique | join(", ") }}, 1 as stringx_here, 0 as stringx_there from {{ model }}
        union all
        select {{ (key_columns + compare_columns) | unique | join(", ") }}, 0 as stringx_here, 1 as stringx_there
        from {{ stringx__same_slice(model, compare_model, slice_columns) }}
    ) as of_both
    group by {{ keys }}
) as by_key
where rows_here <> 1
or rows_there <> 1
{%- for column in compare_columns %}
or {{ stringx__differ("here_" ~ loop.index, "there_" ~ loop.index, tolerance) }}
{%- endfor %}

{% endtest %}
