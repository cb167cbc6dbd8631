{#-
    A slice has about as many rows as those before it: not fewer than `at_least` times the median of the `slices` last ones, nor more
    than `at_most` times. Slices are the values of the column (days, months, load numbers), in their order; those that have no rows are
    none. Where there are no earlier ones, nothing is expected. Fails with each slice that has too few rows or too many.

    `whole` is the table with all of its slices, where `model` is one of them, as in a gate.

        data_tests:
          - row_count_like_before:
              arguments: {slices: 14, at_least: 0.8, at_most: 1.25}
-#}
{% test row_count_like_before(model, column_name, slices=7, at_least=0.5, at_most=2, whole=none) %}

{{ stringx__slices_expected(model, column_name, slices, whole) }}

select *
from expected
where n_records < ({{ at_least }}) * median_before or n_records > ({{ at_most }}) * median_before

{% endtest %}


{#- `expected`: the slices of `model` that have earlier ones, and the median of these. -#}
{% macro stringx__slices_expected(model, column_name, slices, whole) -%}
with counted as (
    select {{ column_name }} as slice_value, count(*) as n_records, row_number() over (order by {{ column_name }}) as place
    from {{ whole or model }}
    where {{ column_name }} is not null
    group by {{ column_name }}
),

expected as (
    select
        counted.slice_value,
        counted.n_records,
        count(*) as n_slices_before,
        {{ stringx__percentile("earlier.n_records", 0.5) }} as median_before
    from counted
    join counted as earlier on earlier.place between counted.place - {{ slices }} and counted.place - 1
    where counted.slice_value in (select {{ column_name }} from {{ model }})
    group by counted.slice_value, counted.n_records
)
{%- endmacro %}


{#- Each slice that is compared with earlier ones. -#}
{% macro stringx__each_slice(model, column_name, slices=7, whole=none) %}
{%- do kwargs %}

{{ stringx__slices_expected(model, column_name, slices, whole) }}

select slice_value
from expected

{% endmacro %}
